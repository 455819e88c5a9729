// The samples that the angle plots show: the past of a live stream, past and future in a recording.
import { AngleMeter, upOf, type AngleSample } from "./angles";
import { isSame, placePerson, type PoseFrame, type Who } from "../pose";
import type { Recording } from "../recording/recording";
import type { Skeleton } from "../skeleton";

/** What the plots show, seconds. */
export const WINDOW_S = 6;

export interface AngleWindow {
  samples: readonly AngleSample[];
  fromS: number;
  toS: number;
  /** The moment whose numbers are shown. */
  nowS: number;
}

/** The last seconds of everybody who was seen live. */
export class LiveAngles {
  private readonly meter: AngleMeter;
  private readonly past = new Map<string, AngleSample[]>();
  private readonly nowS = new Map<number, number>();

  constructor(skeleton: Skeleton) {
    this.meter = new AngleMeter(skeleton);
  }

  add({ source, timeS, people, world }: PoseFrame): void {
    this.nowS.set(source, timeS);
    for (const person of people) {
      const key = `${person.source} ${person.id}`;
      const samples = this.past.get(key) ?? [];
      samples.push(this.meter.measure(placePerson(person), timeS, upOf(world)));
      this.past.set(key, samples);
    }
    for (const [key, samples] of this.past) {
      if (!key.startsWith(`${source} `)) continue;
      while (samples.length > 0 && !(Math.abs(timeS - samples[0]!.timeS) <= WINDOW_S)) samples.shift();
      if (samples.length === 0) this.past.delete(key);
    }
  }

  of({ source, id }: Who): AngleWindow {
    const nowS = this.nowS.get(source) ?? 0;
    return { samples: this.past.get(`${source} ${id}`) ?? [], fromS: nowS - WINDOW_S, toS: nowS, nowS };
  }
}

/** The seconds around a moment of a recording. */
export class RecordedAngles {
  private readonly meter: AngleMeter;
  private readonly known = new Map<string, AngleSample | null>();

  constructor(
    private readonly recording: Recording,
    skeleton: Skeleton,
  ) {
    this.meter = new AngleMeter(skeleton);
  }

  of(who: Who, index: number): AngleWindow {
    const nowS = this.recording.timesS[index]!;
    const [fromS, toS] = [nowS - WINDOW_S / 2, nowS + WINDOW_S / 2];
    const samples: AngleSample[] = [];
    for (let i = this.recording.indexAt(fromS); i < this.recording.length && this.recording.timesS[i]! <= toS; i++) {
      const sample = this.sample(who, i);
      if (sample) samples.push(sample);
    }
    return { samples, fromS, toS, nowS };
  }

  private sample(who: Who, index: number): AngleSample | null {
    const key = `${who.id} ${index}`;
    let sample = this.known.get(key);
    if (sample === undefined) {
      const { people, timeS, world } = this.recording.frame(index);
      const person = people.find((one) => isSame(one, who));
      sample = person ? this.meter.measure(placePerson(person), timeS, upOf(world)) : null;
      this.known.set(key, sample);
    }
    return sample;
  }
}
