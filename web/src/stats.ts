// The figures of a live stream.
import type { PoseMessage } from "./decode";
import { ServerClock } from "./clock";

const WINDOW_MS = 2000;
/** Over less time there is no rate: messages that waited come all at once. */
const LEAST_SPAN_MS = 1000;

export interface Figures {
  /** Frames per second that the source delivers; null until it is known. */
  sourceFps: number | null;
  /** Poses per second that reach this page. */
  poseRate: number | null;
  /** Capture to screen, median of the last seconds. */
  latencyMs: number | null;
  /** Frames of the source that never came as poses. */
  dropped: number;
  /** The same as a share of all frames since the start. */
  droppedShare: number;
}

export class LiveStats {
  private readonly clock = new ServerClock();
  /** Those of the window and the last one before it, so that a pause counts, too. */
  private arrivals: { frameId: number; captureMs: number; pageMs: number }[] = [];
  private latencies: { ms: number; pageMs: number }[] = [];
  private lastFrameId: number | null = null;
  private dropped = 0;
  private received = 0;

  constructor(serverNs: number, pageMs: number) {
    this.clock.sample(serverNs / 1e6, pageMs);
  }

  /** A message has come. */
  arrived(message: PoseMessage, pageMs: number): void {
    this.clock.sample(message.sendMs, pageMs);
    const gap = this.lastFrameId === null ? 1 : message.frameId - this.lastFrameId;
    if (gap > 0) this.dropped += gap - 1;
    else this.arrivals = []; // the source has started again
    this.lastFrameId = message.frameId;
    this.received++;
    this.arrivals.push({ frameId: message.frameId, captureMs: message.captureMs, pageMs });
  }

  /** It is on the screen. */
  shown(message: PoseMessage, pageMs: number): void {
    this.latencies.push({ ms: Math.max(0, pageMs - this.clock.toPage(message.captureMs)), pageMs });
  }

  figures(nowMs: number): Figures {
    const recent = (entry: { pageMs: number }): boolean => nowMs - entry.pageMs < WINDOW_MS;
    this.arrivals = this.arrivals.filter((entry, i, all) => recent(entry) || i === all.length - 1 || recent(all[i + 1]!));
    this.latencies = this.latencies.filter(recent);
    const first = this.arrivals[0];
    const last = this.arrivals.at(-1);
    const rate = (count: number, spanMs: number): number | null => (spanMs < LEAST_SPAN_MS ? null : (1000 * count) / spanMs);
    const sorted = this.latencies.map((entry) => entry.ms).sort((a, b) => a - b);
    return {
      sourceFps: first && last ? rate(last.frameId - first.frameId, last.captureMs - first.captureMs) : null,
      poseRate: first && last ? rate(this.arrivals.length - 1, last.pageMs - first.pageMs) : null,
      latencyMs: sorted[Math.floor(sorted.length / 2)] ?? null,
      dropped: this.dropped,
      droppedShare: this.dropped / Math.max(1, this.dropped + this.received),
    };
  }
}
