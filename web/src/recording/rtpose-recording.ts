// session.rtpose, formats 1 and 2: chunks with checksums, written while live. Of a damaged file, everything before the
// damage is shown.
// The layout is that of rtpose/recordings/rtpose_file.py.
import { crc32 } from "./crc32";
import type { RecordingData } from "./recording";

export const RTPOSE_MAGIC = "RTPOSE1\n";
const CHUNK_HEAD_BYTES = 9;
const [HEAD, FRAMES, END] = [1, 2, 3];
/** Of format 1; in format 2, the count of bones follows, then world_from_camera. */
const FRAME_HEAD_BYTES = 20;
const WORLD_OFFSET = 24;
const WORLD_FLOATS = 16;
const PERSON_HEAD_BYTES = 32;
const ROOT_OFFSET = 20;
/** x y z confidence u v score. */
const JOINT_COLUMNS = 7;
/** w x y z length. */
const BONE_COLUMNS = 5;
const CONTACT_COUNT = 4;

interface Head {
  format: number;
  joint_names: string[];
  parents: number[];
  /** None in format 1. */
  bone_names: string[];
  image_size: [number, number];
  meta: Record<string, unknown>;
}

/** Throws an Error that says what is wrong with the file. */
export function readRtposeRecording(file: ArrayBuffer): RecordingData {
  let head: Head | null = null;
  let meta: Record<string, unknown> = {};
  let ended = false;
  const frames = new Frames();
  let at = RTPOSE_MAGIC.length;
  for (;;) {
    const chunk = readChunk(file, at);
    if (!chunk) break;
    if (chunk.kind === HEAD && !head) head = readHead(chunk.payload);
    else if (chunk.kind === FRAMES && head) frames.add(chunk.payload, head);
    else if (chunk.kind === END) {
      meta = (readJson(chunk.payload) as { meta?: Record<string, unknown> }).meta ?? {};
      ended = true;
    }
    at += CHUNK_HEAD_BYTES + chunk.payload.byteLength;
  }
  if (!head) throw new Error("it has no readable frames");
  const whole = at === file.byteLength;
  const damage = whole && ended ? "" : whole ? "was not closed properly" : "was cut off or is damaged";
  return {
    joints: head.joint_names,
    parents: head.parents,
    imageSize: head.image_size,
    meta: { ...head.meta, ...meta },
    damage,
    ...frames.finish(head.bone_names),
  };
}

/** null at the end of the file, or if the rest is damaged. */
function readChunk(file: ArrayBuffer, at: number): { kind: number; payload: Uint8Array<ArrayBuffer> } | null {
  if (file.byteLength - at < CHUNK_HEAD_BYTES) return null;
  const view = new DataView(file, at);
  const length = view.getUint32(0, true);
  if (length > view.byteLength - CHUNK_HEAD_BYTES) return null;
  const kindAndPayload = new Uint8Array(file, at + 8, length + 1);
  if (crc32(kindAndPayload) !== view.getUint32(4, true)) return null;
  return { kind: kindAndPayload[0]!, payload: kindAndPayload.subarray(1) };
}

function readHead(payload: Uint8Array): Head {
  const head = readJson(payload) as Partial<Head>;
  const { format, joint_names: joints, parents, bone_names: bones = [], image_size: size } = head;
  if (format !== 1 && format !== 2) throw new Error(`it has format ${format}; this page reads formats 1 and 2`);
  if (!Array.isArray(joints) || !Array.isArray(parents) || joints.length !== parents.length || size?.length !== 2) {
    throw new Error("its header does not name the joints");
  }
  if (format === 2 && !(Array.isArray(bones) && bones.length)) throw new Error("its header does not name the bones");
  return { format, joint_names: joints, parents, bone_names: bones, image_size: size, meta: head.meta ?? {} };
}

function readJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(payload));
  } catch {
    throw new Error("its metadata is not valid JSON");
  }
}

/** Collects frames as they are read. */
class Frames {
  private readonly timesS: number[] = [];
  private readonly frameIds: bigint[] = [];
  private readonly starts: number[] = [0];
  private readonly ids: number[] = [];
  private readonly roots: number[] = [];
  private readonly joints: Float32Array[] = [];
  private readonly bones: Float32Array[] = [];
  private readonly contacts: Float32Array[] = [];
  private readonly worlds: Float32Array[] = [];

  add(payload: Uint8Array<ArrayBuffer>, head: Head): void {
    const jointCount = head.joint_names.length;
    const boneCount = head.bone_names.length;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    let at = 0;
    const takeFloats = (count: number): Float32Array => {
      if (at + 4 * count > payload.byteLength) throw new RangeError();
      at += 4 * count;
      return new Float32Array(payload.slice(at - 4 * count, at).buffer); // a copy: the bytes may not be aligned
    };
    try {
      while (at < payload.byteLength) {
        this.timesS.push(view.getFloat64(at, true));
        this.frameIds.push(view.getBigInt64(at + 8, true));
        const people = view.getUint16(at + 16, true);
        if (people > 0 && view.getUint16(at + 18, true) !== jointCount) {
          throw new Error("its people do not have the joints that its header names");
        }
        if (head.format === 2) {
          if (people > 0 && view.getUint16(at + 20, true) !== boneCount) {
            throw new Error("its people do not have the bones that its header names");
          }
          at += WORLD_OFFSET;
          this.worlds.push(takeFloats(WORLD_FLOATS));
        } else at += FRAME_HEAD_BYTES;
        for (let i = 0; i < people; i++) {
          this.ids.push(view.getInt32(at, true));
          for (let axis = 0; axis < 3; axis++) this.roots.push(view.getFloat32(at + ROOT_OFFSET + 4 * axis, true));
          at += PERSON_HEAD_BYTES;
          this.joints.push(takeFloats(JOINT_COLUMNS * jointCount));
          if (head.format === 2) {
            this.bones.push(takeFloats(BONE_COLUMNS * boneCount));
            this.contacts.push(takeFloats(CONTACT_COUNT));
          }
        }
        this.starts.push(this.ids.length);
      }
    } catch (error) {
      if (error instanceof RangeError) throw new Error("one of its frames is too short");
      throw error;
    }
  }

  finish(bones: string[]): Omit<RecordingData, "joints" | "parents" | "imageSize" | "meta" | "damage"> {
    const pick = (columns: readonly number[]): Float32Array => pickColumns(this.joints, JOINT_COLUMNS, columns);
    return {
      timesS: Float64Array.from(this.timesS),
      frameIds: BigInt64Array.from(this.frameIds),
      starts: Uint32Array.from(this.starts),
      rows: Uint32Array.from(this.ids.keys()),
      ids: Int32Array.from(this.ids),
      roots: Float32Array.from(this.roots),
      poses: pick([0, 1, 2]),
      confidence: pick([3]),
      keypoints: pick([4, 5, 6]),
      bones: bones.length
        ? {
            names: bones,
            rotations: pickColumns(this.bones, BONE_COLUMNS, [0, 1, 2, 3]),
            lengths: pickColumns(this.bones, BONE_COLUMNS, [4]),
            contacts: pickColumns(this.contacts, CONTACT_COUNT, [0, 1, 2, 3]),
          }
        : null,
      worlds: bones.length ? pickColumns(this.worlds, WORLD_FLOATS, [...Array(WORLD_FLOATS).keys()]) : null,
    };
  }
}

/** Some columns of tables with rows of `width` numbers, one table after the other. */
function pickColumns(tables: Float32Array[], width: number, columns: readonly number[]): Float32Array {
  const count = tables.reduce((sum, table) => sum + table.length / width, 0);
  const out = new Float32Array(count * columns.length);
  let at = 0;
  for (const table of tables) {
    for (let row = 0; row < table.length; row += width) {
      for (const column of columns) out[at++] = table[row + column]!;
    }
  }
  return out;
}
