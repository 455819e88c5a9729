// The socket's messages: bytes in, values out. The layout is generated from the server's protocol.py.
import {
  BONE_COLUMNS,
  CONTACT_COUNT,
  HEADER_BYTES,
  HEADER_OFFSET,
  KIND_PICTURE,
  KIND_POSES,
  PERSON_BYTES,
  PERSON_OFFSET,
  PICTURE_COLUMNS,
  POSE_COLUMNS,
  PROTOCOL_VERSION,
  WORLD_FLOATS,
  type Hello,
  type Recording,
  type Status,
} from "./protocol.generated";
import type { Body, Person, Person2D, PoseFrame } from "../pose";

export interface PoseMessage extends PoseFrame {
  kind: "poses";
  /** The server's clock, milliseconds. */
  captureMs: number;
  estimateMs: number;
  sendMs: number;
}

export interface PictureMessage {
  kind: "picture";
  source: number;
  frameId: number;
  people: Person2D[];
  jpeg: Blob;
}

/** A text message; one of an unknown type is an error. */
export function decodeText(text: string): Hello | Status | Recording {
  const message = JSON.parse(text) as Hello | Status | Recording;
  if (message.type !== "hello" && message.type !== "status" && message.type !== "recording") {
    throw new Error("a message of unknown type");
  }
  return message;
}

/** joints: how many each person must have; sources: how many there are; both from the hello. */
export function decodeBinary(data: ArrayBuffer, joints: number, sources: number): PoseMessage | PictureMessage {
  if (data.byteLength < HEADER_BYTES) throw new Error("a message shorter than its header");
  const view = new DataView(data);
  const version = view.getUint8(HEADER_OFFSET.version);
  const kind = view.getUint8(HEADER_OFFSET.kind);
  const personCount = view.getUint16(HEADER_OFFSET.person_count, true);
  const jointCount = view.getUint16(HEADER_OFFSET.joint_count, true);
  if (version !== PROTOCOL_VERSION) throw new Error(`a message of protocol version ${version}`);
  if (personCount > 0 && jointCount !== joints) {
    throw new Error(`people with ${jointCount} joints instead of ${joints}`);
  }
  const source = view.getUint16(HEADER_OFFSET.source, true);
  if (source >= sources) throw new Error(`a message from source ${source}, which the server did not announce`);
  if (kind === KIND_POSES) return decodePoses(view, source, personCount, joints, view.getUint16(HEADER_OFFSET.bone_count, true));
  if (kind === KIND_PICTURE) return decodePicture(view, source, personCount, joints);
  throw new Error(`a message of unknown kind ${kind}`);
}

function decodePoses(view: DataView, source: number, personCount: number, joints: number, bones: number): PoseMessage {
  const people: Person[] = [];
  let offset = HEADER_BYTES + 4 * WORLD_FLOATS;
  const world = readFloats(view, HEADER_BYTES, WORLD_FLOATS);
  for (let i = 0; i < personCount; i++) {
    const id = view.getInt32(offset + PERSON_OFFSET.track_id, true);
    const root = readFloats(view, offset + PERSON_OFFSET.root, 3);
    offset += PERSON_BYTES;
    const ofJoints = readFloats(view, offset, joints * POSE_COLUMNS);
    offset += 4 * joints * POSE_COLUMNS;
    const body = makeBody(readFloats(view, offset, bones * BONE_COLUMNS), readFloats(view, offset + 4 * bones * BONE_COLUMNS, CONTACT_COUNT));
    offset += 4 * (bones * BONE_COLUMNS + CONTACT_COUNT);
    people.push({ source, id, root, joints: ofJoints, scores: null, body });
  }
  const captureMs = readMs(view, HEADER_OFFSET.capture_ns);
  return {
    kind: "poses",
    source,
    frameId: Number(view.getBigInt64(HEADER_OFFSET.frame_id, true)),
    timeS: captureMs / 1000,
    captureMs,
    estimateMs: readMs(view, HEADER_OFFSET.estimate_ns),
    sendMs: readMs(view, HEADER_OFFSET.send_ns),
    world: world.every(Number.isFinite) ? world : null,
    people,
  };
}

function decodePicture(view: DataView, source: number, personCount: number, joints: number): PictureMessage {
  const people: Person2D[] = [];
  let offset = HEADER_BYTES;
  for (let i = 0; i < personCount; i++) {
    const id = view.getInt32(offset, true);
    people.push({ source, id, keypoints: readFloats(view, offset + 4, joints * PICTURE_COLUMNS) });
    offset += 4 + 4 * joints * PICTURE_COLUMNS;
  }
  return {
    kind: "picture",
    source,
    frameId: Number(view.getBigInt64(HEADER_OFFSET.frame_id, true)),
    people,
    jpeg: new Blob([new Uint8Array(view.buffer as ArrayBuffer, offset)], { type: "image/jpeg" }),
  };
}

/** null where no body was fitted. */
function makeBody(rows: Float32Array, contacts: Float32Array): Body | null {
  if (rows.length === 0 || !rows.every(Number.isFinite)) return null;
  const isLength = (i: number): boolean => i % BONE_COLUMNS === BONE_COLUMNS - 1;
  return { rotations: rows.filter((_, i) => !isLength(i)), lengths: rows.filter((_, i) => isLength(i)), contacts };
}

function readMs(view: DataView, offset: number): number {
  return Number(view.getBigInt64(offset, true)) / 1e6;
}

function readFloats(view: DataView, offset: number, count: number): Float32Array {
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = view.getFloat32(offset + 4 * i, true);
  return out;
}
