// What is known of a live stream while it runs: figures, the last minute, what is still to be drawn.
import { LiveAngles } from "./angle-source";
import type { PoseMessage } from "./decode";
import { MotionBuffer } from "./motion-buffer";
import type { Hello, Status } from "./protocol.generated";
import type { Skeleton } from "./skeleton";
import { LiveStats, STAGES } from "./stats";

export class Live {
  readonly angles: LiveAngles;
  readonly motion = new MotionBuffer();
  status: Status = { type: "status", text: "ok", ended: false, failures: [] };
  private readonly stats: readonly LiveStats[];
  /** Of each source, what was given to the scene and is not in a picture yet. */
  private readonly undrawn = new Map<number, { message: PoseMessage; arrivedMs: number }>();

  constructor(hello: Hello, skeleton: Skeleton) {
    this.angles = new LiveAngles(skeleton);
    this.stats = hello.sources.map(() => new LiveStats(hello.server_ns, performance.now()));
  }

  arrived(message: PoseMessage): void {
    const arrivedMs = performance.now();
    this.stats[message.source]!.arrived(message, arrivedMs);
    this.undrawn.set(message.source, { message, arrivedMs });
    this.angles.add(message);
    this.motion.add(message);
  }

  /** A picture was drawn: what is in it that was not before. */
  drawn(): PoseMessage[] {
    const taken = [...this.undrawn.values()];
    this.undrawn.clear();
    // The picture is handed to the screen before the next one is begun.
    requestAnimationFrame(() => {
      const nowMs = performance.now();
      for (const { message, arrivedMs } of taken) this.stats[message.source]!.shown(message, arrivedMs, nowMs);
    });
    return taken.map(({ message }) => message);
  }

  figures(): ReturnType<LiveStats["figures"]>[] {
    const nowMs = performance.now();
    return this.stats.map((stats) => stats.figures(nowMs));
  }

  /** ms of each of STAGES, of all sources. */
  stages(): number[][] {
    const nowMs = performance.now();
    const each = this.stats.map((stats) => stats.stages(nowMs));
    return STAGES.map((_, stage) => each.flatMap((stages) => stages[stage]!));
  }
}
