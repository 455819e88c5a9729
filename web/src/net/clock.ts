/**
 * Relates the server's clock to the page's. Every message gives page time - server time plus the time it was on its way;
 * the smallest of the last minute is nearest to the truth (on loopback a fraction of a millisecond off), and old
 * ones are forgotten because clocks drift.
 */
export class ServerClock {
  private readonly buckets: { startMs: number; offsetMs: number }[] = [];

  /** A message that was sent at `serverMs` arrived at `pageMs`. */
  sample(serverMs: number, pageMs: number): void {
    const offsetMs = pageMs - serverMs;
    const last = this.buckets.at(-1);
    if (!last || pageMs - last.startMs > BUCKET_MS) {
      this.buckets.push({ startMs: pageMs, offsetMs });
      if (this.buckets.length > BUCKETS) this.buckets.shift();
    } else if (offsetMs < last.offsetMs) {
      last.offsetMs = offsetMs;
    }
  }

  /** A time of the server on the page's clock. */
  toPage(serverMs: number): number {
    return serverMs + Math.min(...this.buckets.map((bucket) => bucket.offsetMs));
  }
}

const BUCKET_MS = 10_000;
const BUCKETS = 6;
