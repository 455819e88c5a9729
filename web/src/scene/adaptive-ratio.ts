// How many pixels the scene is drawn with: fewer where pictures come late (software rendering, an old laptop, 4K), and
// more again once there is time for them.

/** Pictures that come later than this after they were asked for are too much for the machine. */
const SLOW_MS = 24;
/** Pictures that come within this leave time for more pixels. */
const QUICK_MS = 14;
/** The share that one picture has in the mean. */
const SHARE = 0.06;
const STEP = 0.84;
/** After a change the machine has this long to settle. */
const SETTLE_MS = 1000;
/** More pixels are tried after this long, and after twice as long each time that they were too many. */
const FIRST_TRIAL_MS = 8000;

export class AdaptiveRatio {
  /** Pixels drawn for each pixel of the page, along one side. */
  ratio: number;
  private waitMs = (SLOW_MS + QUICK_MS) / 2;
  private changedMs = -Infinity;
  private trialMs = FIRST_TRIAL_MS;
  private raised = false;

  /** It stays between the two, and starts with the most. */
  constructor(
    private readonly least: number,
    private readonly most: number,
  ) {
    this.ratio = most;
  }

  /** A picture came `waitedMs` after it was asked for. Returns whether the ratio has changed. */
  observe(waitedMs: number, nowMs: number): boolean {
    const sinceMs = nowMs - this.changedMs;
    if (sinceMs < SETTLE_MS) return false;
    this.waitMs += SHARE * (waitedMs - this.waitMs);
    if (this.waitMs > SLOW_MS && this.ratio > this.least) {
      if (this.raised) this.trialMs *= 2;
      this.raised = false;
      this.change(Math.max(this.least, this.ratio * STEP), nowMs);
      return true;
    }
    if (this.waitMs < QUICK_MS && this.ratio < this.most && sinceMs > this.trialMs) {
      this.raised = true;
      this.change(Math.min(this.most, this.ratio / STEP), nowMs);
      return true;
    }
    return false;
  }

  private change(ratio: number, nowMs: number): void {
    this.ratio = ratio;
    this.changedMs = nowMs;
    this.waitMs = (SLOW_MS + QUICK_MS) / 2;
  }
}
