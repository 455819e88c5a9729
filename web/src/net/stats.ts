// Rates and latencies of one source of a live stream.
import type { PoseMessage } from "./decode";
import { ServerClock } from "./clock";

const WINDOW_MS = 2000;
/** The histograms show this much. */
const STAGES_WINDOW_MS = 10_000;
/** No rate over less time: messages that were queued arrive all at once. */
const LEAST_SPAN_MS = 1000;

/** Where the time between capture and screen goes. */
export const STAGES = [
  ["Estimate", "From frame capture to poses"],
  ["Send", "From poses to message"],
  ["Network", "From the server to this page, beyond the fastest message of the last minute"],
  ["Draw", "From arrival to screen"],
] as const;

export interface LiveStats {
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

export class StreamMeter {
  private readonly clock = new ServerClock();
  /** Those of the window and the last one before it, so that a pause counts. */
  private arrivals: { frameId: number; captureMs: number; pageMs: number }[] = [];
  private latencies: { ms: number; stages: number[]; pageMs: number }[] = [];
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

  /** It came at `arrivedMs` and is on the screen. */
  shown(message: PoseMessage, arrivedMs: number, pageMs: number): void {
    const stages = [
      message.estimateMs - message.captureMs,
      message.sendMs - message.estimateMs,
      arrivedMs - this.clock.toPage(message.sendMs),
      pageMs - arrivedMs,
    ];
    this.latencies.push({ ms: Math.max(0, pageMs - this.clock.toPage(message.captureMs)), stages, pageMs });
    while (pageMs - this.latencies[0]!.pageMs > STAGES_WINDOW_MS) this.latencies.shift();
  }

  /** ms of each of STAGES, for every frame of the last seconds. */
  stages(nowMs: number): number[][] {
    const recent = this.latencies.filter((entry) => nowMs - entry.pageMs < STAGES_WINDOW_MS);
    return STAGES.map((_, i) => recent.map((entry) => entry.stages[i]!));
  }

  stats(nowMs: number): LiveStats {
    const recent = (entry: { pageMs: number }): boolean => nowMs - entry.pageMs < WINDOW_MS;
    this.arrivals = this.arrivals.filter((entry, i, all) => recent(entry) || i === all.length - 1 || recent(all[i + 1]!));
    const first = this.arrivals[0];
    const last = this.arrivals.at(-1);
    const rate = (count: number, spanMs: number): number | null => (spanMs < LEAST_SPAN_MS ? null : (1000 * count) / spanMs);
    const sorted = this.latencies.filter(recent).map((entry) => entry.ms).sort((a, b) => a - b);
    return {
      sourceFps: first && last ? rate(last.frameId - first.frameId, last.captureMs - first.captureMs) : null,
      poseRate: first && last ? rate(this.arrivals.length - 1, last.pageMs - first.pageMs) : null,
      latencyMs: sorted[Math.floor(sorted.length / 2)] ?? null,
      dropped: this.dropped,
      droppedShare: this.dropped / Math.max(1, this.dropped + this.received),
    };
  }
}
