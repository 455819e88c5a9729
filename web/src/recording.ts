// A poses.npz in memory, frame by frame.
import { readNpz, type NpyArray } from "./npz";
import type { Person, Person2D, PoseFrame } from "./pose";

export class Recording {
  readonly joints: string[];
  readonly parents: number[];
  /** Width and height of the picture, px. */
  readonly imageSize: [number, number];
  /** Seconds of each frame, rising. */
  readonly timesS: Float64Array;
  /** Free text out of `meta`. */
  readonly estimator: string | undefined;
  readonly assumptions: string[];
  /** Frames that the source had and the file has not. */
  readonly dropped: number;

  private readonly poses: Float32Array;
  private readonly roots: Float32Array;
  private readonly confidence: Float32Array;
  private readonly keypoints: Float32Array;
  private readonly ids: Int32Array;
  private readonly frameIds: BigInt64Array;
  private readonly columns: number;

  /** Throws an Error that says what is wrong with the file. */
  constructor(file: ArrayBuffer) {
    const arrays = readNpz(file);
    const names = take(arrays, "joint_names", Array, 1);
    const poses = take(arrays, "poses_3d", Float32Array, 4);
    const [frames, columns, joints] = poses.shape as [number, number, number];
    this.columns = columns;
    this.joints = names.data as string[];
    this.poses = poses.data;
    this.roots = take(arrays, "root_3d", Float32Array, 3).data;
    this.confidence = take(arrays, "confidence", Float32Array, 3).data;
    this.keypoints = take(arrays, "keypoints_2d", Float32Array, 4).data;
    this.ids = take(arrays, "track_ids", Int32Array, 2).data;
    this.frameIds = take(arrays, "frame_ids", BigInt64Array, 1).data;
    this.timesS = take(arrays, "timestamps_s", Float64Array, 1).data;
    this.parents = Array.from(take(arrays, "parents", Int16Array, 1).data);
    const size = take(arrays, "image_size", Int32Array, 1).data;
    this.imageSize = [size[0]!, size[1]!];

    const people = frames * columns;
    const expected: [string, number, number][] = [
      ["joint_names", this.joints.length, joints],
      ["parents", this.parents.length, joints],
      ["root_3d", this.roots.length, people * 3],
      ["confidence", this.confidence.length, people * joints],
      ["keypoints_2d", this.keypoints.length, people * joints * 3],
      ["track_ids", this.ids.length, people],
      ["frame_ids", this.frameIds.length, frames],
      ["timestamps_s", this.timesS.length, frames],
    ];
    const wrong = expected.find(([, is, should]) => is !== should);
    if (wrong) throw new Error(`its arrays do not fit together (${wrong[0]})`);
    if (frames === 0) throw new Error("it holds no frames");

    const meta = JSON.parse((take(arrays, "meta", Array, 0).data as string[])[0]!) as Record<string, unknown>;
    this.estimator = typeof meta["estimator"] === "string" ? meta["estimator"] : undefined;
    this.assumptions = Array.isArray(meta["assumptions"]) ? meta["assumptions"].map(String) : [];
    this.dropped = Number(this.frameIds[frames - 1]! - this.frameIds[0]!) + 1 - frames;
  }

  get length(): number {
    return this.timesS.length;
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
    let count = 0;
    for (let p = 0; p < this.columns; p++) if (this.seen(index, p)) count++;
    return count;
  }

  frame(index: number): PoseFrame {
    const people: Person[] = [];
    const count = this.joints.length;
    this.forEachSeen(index, (row) => {
      const joints = new Float32Array(count * 4);
      for (let j = 0; j < count; j++) {
        const at = row * count + j;
        joints.set(this.poses.subarray(3 * at, 3 * at + 3), 4 * j);
        joints[4 * j + 3] = this.confidence[at]!;
      }
      people.push({ id: this.ids[row]!, root: this.roots.subarray(3 * row, 3 * row + 3), joints });
    });
    return { frameId: Number(this.frameIds[index]), timeS: this.timesS[index]!, people };
  }

  people2D(index: number): Person2D[] {
    const people: Person2D[] = [];
    const width = this.joints.length * 3;
    this.forEachSeen(index, (row) => {
      people.push({ id: this.ids[row]!, keypoints: this.keypoints.subarray(row * width, (row + 1) * width) });
    });
    return people;
  }

  private seen(index: number, column: number): boolean {
    return this.ids[index * this.columns + column]! >= 0;
  }

  private forEachSeen(index: number, use: (row: number) => void): void {
    for (let p = 0; p < this.columns; p++) if (this.seen(index, p)) use(index * this.columns + p);
  }
}

function take<T extends NpyArray["data"]>(
  arrays: Map<string, NpyArray>,
  name: string,
  type: (new (length: number) => T) | ArrayConstructor,
  dimensions: number,
): { shape: number[]; data: T } {
  const array = arrays.get(name);
  if (!array) throw new Error(`it has no array ${name}`);
  if (!(array.data instanceof type) || array.shape.length !== dimensions) {
    throw new Error(`its array ${name} has another type or shape than a poses.npz of format 1`);
  }
  return { shape: array.shape, data: array.data as T };
}
