// poses.npz, formats 1 and 2: a row for each frame and column of people; id -1 means that nobody was seen.
import { readNpz, type NpyArray } from "./npz";
import type { RecordingData } from "./recording";

/** Throws an Error that says what is wrong with the file. */
export function readNpzRecording(file: ArrayBuffer): RecordingData {
  const arrays = readNpz(file);
  const joints = take(arrays, "joint_names", Array, 1).data as string[];
  const poses = take(arrays, "poses_3d", Float32Array, 4);
  const [frames, columns, count] = poses.shape as [number, number, number];
  const size = take(arrays, "image_size", Int32Array, 1).data;
  const ids = take(arrays, "track_ids", Int32Array, 2).data;
  const data = {
    joints,
    parents: Array.from(take(arrays, "parents", Int16Array, 1).data),
    imageSize: [size[0]!, size[1]!] as [number, number],
    timesS: take(arrays, "timestamps_s", Float64Array, 1).data,
    frameIds: take(arrays, "frame_ids", BigInt64Array, 1).data,
    ids,
    roots: take(arrays, "root_3d", Float32Array, 3).data,
    poses: poses.data,
    confidence: take(arrays, "confidence", Float32Array, 3).data,
    keypoints: take(arrays, "keypoints_2d", Float32Array, 4).data,
    bones: arrays.has("rotations")
      ? {
          names: take(arrays, "bone_names", Array, 1).data as string[],
          rotations: take(arrays, "rotations", Float32Array, 4).data,
          lengths: take(arrays, "bone_lengths", Float32Array, 2).data,
          contacts: take(arrays, "contacts", Float32Array, 3).data,
        }
      : null,
    worlds: arrays.has("world_from_camera") ? take(arrays, "world_from_camera", Float32Array, 3).data : null,
    meta: readMeta((take(arrays, "meta", Array, 0).data as string[])[0]!),
    damage: "",
  };
  const people = frames * columns;
  const expected: [string, number, number][] = [
    ["joint_names", joints.length, count],
    ["parents", data.parents.length, count],
    ["poses_3d", data.poses.length, people * count * 3],
    ["root_3d", data.roots.length, people * 3],
    ["confidence", data.confidence.length, people * count],
    ["keypoints_2d", data.keypoints.length, people * count * 3],
    ["track_ids", ids.length, people],
    ["frame_ids", data.frameIds.length, frames],
    ["timestamps_s", data.timesS.length, frames],
    ["rotations", data.bones?.rotations.length ?? 0, people * 4 * (data.bones?.names.length ?? 0)],
    ["bone_lengths", data.bones?.lengths.length ?? 0, columns * (data.bones?.names.length ?? 0)],
    ["contacts", data.bones?.contacts.length ?? 0, data.bones ? 4 * people : 0],
    ["world_from_camera", data.worlds?.length ?? 0, data.worlds ? 16 * frames : 0],
  ];
  const wrong = expected.find(([, is, should]) => is !== should);
  if (wrong) throw new Error(`its arrays do not match in size (${wrong[0]})`);

  const rows: number[] = [];
  const starts = new Uint32Array(frames + 1);
  for (let frame = 0; frame < frames; frame++) {
    for (let row = frame * columns; row < (frame + 1) * columns; row++) if (ids[row]! >= 0) rows.push(row);
    starts[frame + 1] = rows.length;
  }
  return { ...data, starts, rows: Uint32Array.from(rows) };
}

function readMeta(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new Error("its metadata (meta) is not valid JSON");
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
    throw new Error(`its array ${name} does not have the type or shape of a poses.npz`);
  }
  return { shape: array.shape, data: array.data as T };
}
