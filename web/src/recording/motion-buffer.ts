// The last minute of live motion, so that it can be saved after something interesting has happened.
import type { PoseFrame } from "../pose";

export const KEPT_S = 60;

export class MotionBuffer {
  private readonly bySource = new Map<number, PoseFrame[]>();

  add(frame: PoseFrame): void {
    const frames = this.bySource.get(frame.source) ?? [];
    const last = frames.at(-1);
    if (last && frame.timeS <= last.timeS) frames.length = 0; // the source has started again
    frames.push(frame);
    while (frame.timeS - frames[0]!.timeS > KEPT_S) frames.shift();
    this.bySource.set(frame.source, frames);
  }

  clear(): void {
    this.bySource.clear();
  }

  get frames(): PoseFrame[] {
    return [...this.bySource.values()].flat();
  }
}
