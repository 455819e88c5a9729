// The position in a recording and how it advances. No drawing, no page elements.
import type { Recording } from "./recording";

export class Playback {
  playing = true;
  speed = 1;
  loop = true;
  /** Seconds, on the recording's clock. */
  timeS: number;

  constructor(private readonly recording: Recording) {
    this.timeS = recording.timesS[0]!;
  }

  get index(): number {
    return this.recording.indexAt(this.timeS);
  }

  /** Advance by `seconds` of real time. */
  advance(seconds: number): void {
    if (!this.playing) return;
    const { startS, endS } = this;
    this.timeS += seconds * this.speed;
    if (this.timeS < endS) return;
    if (this.loop && endS > startS) {
      this.timeS = startS + ((this.timeS - startS) % (endS - startS));
    } else {
      this.timeS = endS;
      this.playing = false;
    }
  }

  /** Play or pause; playing at the end starts again. */
  toggle(): void {
    if (!this.playing && this.index === this.recording.length - 1) this.timeS = this.startS;
    this.playing = !this.playing;
  }

  /** Pause and go to a frame. */
  seek(index: number): void {
    this.playing = false;
    this.timeS = this.recording.timesS[Math.min(Math.max(index, 0), this.recording.length - 1)]!;
  }

  /** Pause and move by some seconds. */
  skip(seconds: number): void {
    this.playing = false;
    this.timeS = Math.min(Math.max(this.timeS + seconds, this.startS), this.endS);
  }

  private get startS(): number {
    return this.recording.timesS[0]!;
  }

  /** The last frame is shown as long as the one before it. */
  private get endS(): number {
    const times = this.recording.timesS;
    const last = times[times.length - 1]!;
    return times.length > 1 ? last + (last - times[times.length - 2]!) : last;
  }
}
