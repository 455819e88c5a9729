// session.rtpose: chunks with checksums, written while live. Of a damaged file, everything before the damage is shown.
// The layout is that of rtpose/recordings/rtpose_file.py.
import { crc32 } from "./crc32";
import type { RecordingData } from "./recording";

export const RTPOSE_MAGIC = "RTPOSE1\n";
const CHUNK_HEAD_BYTES = 9;
const [HEAD, FRAMES, END] = [1, 2, 3];
const FRAME_HEAD_BYTES = 20;
const PERSON_HEAD_BYTES = 32;
const ROOT_OFFSET = 20;
/** x y z confidence u v score. */
const JOINT_COLUMNS = 7;

interface Head {
  format: number;
  joint_names: string[];
  parents: number[];
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
    else if (chunk.kind === FRAMES && head) frames.add(chunk.payload, head.joint_names.length);
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
    bones: null,
    worlds: null,
    meta: { ...head.meta, ...meta },
    damage,
    ...frames.finish(),
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
  const { joint_names: joints, parents, image_size: size } = head;
  if (head.format !== 1) throw new Error(`it has format ${head.format}; this page reads format 1`);
  if (!Array.isArray(joints) || !Array.isArray(parents) || joints.length !== parents.length || size?.length !== 2) {
    throw new Error("its header does not name the joints");
  }
  return { format: 1, joint_names: joints, parents, image_size: size, meta: head.meta ?? {} };
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

  add(payload: Uint8Array<ArrayBuffer>, jointCount: number): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    let at = 0;
    try {
      while (at < payload.byteLength) {
        this.timesS.push(view.getFloat64(at, true));
        this.frameIds.push(view.getBigInt64(at + 8, true));
        const people = view.getUint16(at + 16, true);
        if (people > 0 && view.getUint16(at + 18, true) !== jointCount) {
          throw new Error("its people do not have the joints that its header names");
        }
        at += FRAME_HEAD_BYTES;
        for (let i = 0; i < people; i++) {
          this.ids.push(view.getInt32(at, true));
          for (let axis = 0; axis < 3; axis++) this.roots.push(view.getFloat32(at + ROOT_OFFSET + 4 * axis, true));
          at += PERSON_HEAD_BYTES;
          const end = at + 4 * JOINT_COLUMNS * jointCount;
          if (end > payload.byteLength) throw new RangeError();
          this.joints.push(new Float32Array(payload.slice(at, end).buffer)); // a copy: the bytes may not be aligned
          at = end;
        }
        this.starts.push(this.ids.length);
      }
    } catch (error) {
      if (error instanceof RangeError) throw new Error("one of its frames is too short");
      throw error;
    }
  }

  finish(): Pick<
    RecordingData,
    "timesS" | "frameIds" | "starts" | "rows" | "ids" | "roots" | "poses" | "confidence" | "keypoints"
  > {
    const pick = (columns: readonly number[]): Float32Array => {
      const width = columns.length;
      const count = this.joints.reduce((sum, row) => sum + row.length / JOINT_COLUMNS, 0);
      const out = new Float32Array(count * width);
      let at = 0;
      for (const row of this.joints) {
        for (let joint = 0; joint < row.length; joint += JOINT_COLUMNS) {
          for (const column of columns) out[at++] = row[joint + column]!;
        }
      }
      return out;
    };
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
    };
  }
}
