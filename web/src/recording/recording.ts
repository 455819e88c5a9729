// A recording in memory, frame by frame, whatever file it came in.
import type { Body, Person, Person2D, PoseFrame } from "../pose";

/** What a file holds. A row is one person in one frame. */
export interface RecordingData {
  joints: string[];
  parents: number[];
  /** Width and height of the picture, px. */
  imageSize: [number, number];
  /** Seconds of each frame, rising. */
  timesS: Float64Array;
  frameIds: BigInt64Array;
  /** Rows of the people of frame i: rows[starts[i]] … rows[starts[i + 1] - 1]. */
  starts: Uint32Array;
  rows: Uint32Array;
  /** Of each row: id, x y z, and for each joint x y z, 0..1, x y score. */
  ids: Int32Array;
  roots: Float32Array;
  poses: Float32Array;
  confidence: Float32Array;
  keypoints: Float32Array;
  /**
   * In files with bodies, of each row: quaternions w x y z of the bones, NaN where a person has none, and 4 contacts.
   * Lengths: a set of each row, or of each of as many rows as a frame has columns.
   */
  bones: { names: string[]; rotations: Float32Array; lengths: Float32Array; contacts: Float32Array } | null;
  /** Of each frame, 4x4 by rows, NaN while it is not known; see `PoseFrame`. */
  worlds: Float32Array | null;
  /** How it was made. */
  meta: Record<string, unknown>;
  /** What is wrong with the file, to follow its name: "was cut off"; "" if it is whole. */
  damage: string;
}

export class Recording {
  readonly estimator: string;
  readonly assumptions: string[];
  /** Source frames that are missing from the file. */
  readonly dropped: number;

  constructor(private readonly data: RecordingData) {
    const { meta, frameIds } = data;
    if (this.length === 0) throw new Error("it has no frames");
    this.estimator = typeof meta["estimator"] === "string" ? meta["estimator"] : "";
    this.assumptions = Array.isArray(meta["assumptions"]) ? meta["assumptions"].map(String) : [];
    this.dropped = Number(frameIds[this.length - 1]! - frameIds[0]!) + 1 - this.length;
  }

  get joints(): readonly string[] {
    return this.data.joints;
  }

  get parents(): readonly number[] {
    return this.data.parents;
  }

  get imageSize(): readonly [number, number] {
    return this.data.imageSize;
  }

  /** Names of the bones; none in files without bodies. */
  get bones(): readonly string[] {
    return this.data.bones?.names ?? [];
  }

  get timesS(): Float64Array {
    return this.data.timesS;
  }

  get damage(): string {
    return this.data.damage;
  }

  get length(): number {
    return this.data.timesS.length;
  }

  /** Frames per second, median, so that a pause in the recording does not count. */
  get fps(): number | null {
    const gaps = Array.from(this.timesS.subarray(1), (t, i) => t - this.timesS[i]!).sort((a, b) => a - b);
    const gap = gaps[Math.floor(gaps.length / 2)];
    return gap ? 1 / gap : null;
  }

  /** The frame that is shown at a time: the last one that is not later. */
  indexAt(timeS: number): number {
    let low = 0;
    let high = this.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.timesS[middle]! <= timeS) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** How many people a frame has. */
  peopleAt(index: number): number {
    return this.data.starts[index + 1]! - this.data.starts[index]!;
  }

  frame(index: number): PoseFrame {
    const { ids, roots, poses, confidence, keypoints } = this.data;
    const count = this.joints.length;
    const people = this.rowsOf(index).map((row): Person => {
      const joints = new Float32Array(count * 4);
      const scores = new Float32Array(count);
      for (let j = 0; j < count; j++) {
        const at = row * count + j;
        joints.set(poses.subarray(3 * at, 3 * at + 3), 4 * j);
        joints[4 * j + 3] = confidence[at]!;
        scores[j] = keypoints[3 * at + 2]!;
      }
      return { source: 0, id: ids[row]!, root: roots.subarray(3 * row, 3 * row + 3), joints, scores, body: this.bodyOf(row) };
    });
    const world = this.data.worlds?.subarray(16 * index, 16 * index + 16);
    return {
      source: 0,
      frameId: Number(this.data.frameIds[index]),
      timeS: this.timesS[index]!,
      world: world?.every(Number.isFinite) ? world : null,
      people,
    };
  }

  people2D(index: number): Person2D[] {
    const width = this.joints.length * 3;
    return this.rowsOf(index).map((row) => ({
      source: 0,
      id: this.data.ids[row]!,
      keypoints: this.data.keypoints.subarray(row * width, (row + 1) * width),
    }));
  }

  private bodyOf(row: number): Body | null {
    if (!this.data.bones) return null;
    const { names, rotations, lengths, contacts } = this.data.bones;
    const own = rotations.subarray(4 * names.length * row, 4 * names.length * (row + 1));
    if (!own.every(Number.isFinite)) return null;
    const at = (names.length * row) % lengths.length;
    return { rotations: own, lengths: lengths.subarray(at, at + names.length), contacts: contacts.subarray(4 * row, 4 * row + 4) };
  }

  private rowsOf(index: number): number[] {
    const { rows, starts } = this.data;
    return Array.from(rows.subarray(starts[index], starts[index + 1]));
  }
}
