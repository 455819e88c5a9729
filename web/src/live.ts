// What is known of a live stream: its status and rates, the last minute of motion, what is not drawn yet.
import type { PictureMessage, PoseMessage } from "./net/decode";
import { PICTURE_COLUMNS, type Hello, type Status } from "./net/protocol.generated";
import { STAGES, StreamMeter, type LiveStats } from "./net/stats";
import { LiveAngles } from "./panels/angle-source";
import { MotionBuffer } from "./recording/motion-buffer";
import type { Skeleton } from "./skeleton";

export class Live {
  readonly angles: LiveAngles;
  readonly motion = new MotionBuffer();
  status: Status = { type: "status", text: "ok", ended: false, failures: [] };
  private readonly meters: readonly StreamMeter[];
  /** "source id" -> scores of that person's joints in the newest picture; poses come without. */
  private scores = new Map<string, Float32Array>();
  /** The message of each source that the scene has and no picture shows yet. */
  private readonly undrawn = new Map<number, { message: PoseMessage; arrivedMs: number }>();

  constructor(hello: Hello, skeleton: Skeleton) {
    this.angles = new LiveAngles(skeleton);
    this.meters = hello.sources.map(() => new StreamMeter(hello.server_ns, performance.now()));
  }

  arrived(message: PoseMessage): void {
    const arrivedMs = performance.now();
    for (const person of message.people) person.scores = this.scores.get(`${person.source} ${person.id}`) ?? null;
    this.meters[message.source]!.arrived(message, arrivedMs);
    this.undrawn.set(message.source, { message, arrivedMs });
    this.angles.add(message);
    this.motion.add(message);
  }

  /** A picture of a source has come. */
  pictureArrived({ source, people }: PictureMessage): void {
    for (const key of this.scores.keys()) if (key.startsWith(`${source} `)) this.scores.delete(key);
    for (const { id, keypoints } of people) {
      this.scores.set(`${source} ${id}`, keypoints.filter((_, i) => i % PICTURE_COLUMNS === PICTURE_COLUMNS - 1));
    }
  }

  /** A picture was drawn. Returns the messages that it shows for the first time. */
  drawn(): PoseMessage[] {
    const taken = [...this.undrawn.values()];
    this.undrawn.clear();
    // The picture reaches the screen before the next one is started.
    requestAnimationFrame(() => {
      const nowMs = performance.now();
      for (const { message, arrivedMs } of taken) this.meters[message.source]!.shown(message, arrivedMs, nowMs);
    });
    return taken.map(({ message }) => message);
  }

  /** Of each source. */
  stats(): LiveStats[] {
    const nowMs = performance.now();
    return this.meters.map((meter) => meter.stats(nowMs));
  }

  /** ms of each of STAGES, of all sources together. */
  stages(): number[][] {
    const nowMs = performance.now();
    const each = this.meters.map((meter) => meter.stages(nowMs));
    return STAGES.map((_, stage) => each.flatMap((stages) => stages[stage]!));
  }
}
