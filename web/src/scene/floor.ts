// Where the floor is, by the feet that were seen: nobody tells the page how high the camera stands.
import type { PlacedPerson } from "../pose";
import type { Skeleton } from "../skeleton";

/** The ankle joint of a standing adult is this far above the ground. */
const ANKLE_HEIGHT_M = 0.08;
/** Root above the floor, as long as no foot was seen. */
const STANDING_ROOT_M = 0.93;
/** Seconds of feet that count, in steps, so that the rate of the source does not matter. */
const MEMORY_S = 5;
const STEP_S = 0.1;
/** The share of steps that may lie under the floor: they are taken for errors. */
const TRIM = 0.15;
/** Seconds in which the floor follows its estimate. */
const EASE_S = 0.6;

export class Floor {
  /** The floor's height in the viewer's axes (the camera is at 0), metres. */
  height = -1.2;
  private samples: { timeS: number; lowest: number }[] = [];
  private settled = false;

  constructor(private readonly skeleton: Skeleton) {}

  /** People at a time of the source. */
  observe(people: readonly PlacedPerson[], timeS: number): void {
    const lowest = this.lowestFoot(people);
    if (Number.isFinite(lowest)) {
      const open = this.samples.at(-1);
      // Steps stay known over a jump in a recording and leave as new ones come.
      if (open && Math.abs(timeS - open.timeS) < STEP_S) open.lowest = Math.min(open.lowest, lowest);
      else this.samples.push({ timeS, lowest });
      if (this.samples.length > MEMORY_S / STEP_S) this.samples.shift();
    }
    if (!this.settled) {
      const target = this.target(people);
      if (target === null) return;
      this.height = target;
      this.settled = this.samples.length > 0;
    }
  }

  /** Move towards the estimate; true while it is still moving. */
  ease(seconds: number): boolean {
    const target = this.target([]);
    if (target === null) return false;
    const gap = target - this.height;
    this.height += gap * (1 - Math.exp(-seconds / EASE_S));
    return Math.abs(gap) > 0.002;
  }

  private target(people: readonly PlacedPerson[]): number | null {
    if (this.samples.length > 0) {
      const sorted = this.samples.map((sample) => sample.lowest).sort((a, b) => a - b);
      return sorted[Math.floor(sorted.length * TRIM)]! - ANKLE_HEIGHT_M;
    }
    const roots = people.map((person) => person.points[1]!).filter(Number.isFinite);
    return roots.length > 0 ? Math.min(...roots) - STANDING_ROOT_M : null;
  }

  private lowestFoot(people: readonly PlacedPerson[]): number {
    let lowest = Infinity;
    for (const person of people) {
      for (const joint of this.skeleton.feet) {
        if (person.sure[joint]) lowest = Math.min(lowest, person.points[3 * joint + 1]!);
      }
    }
    return lowest;
  }
}
