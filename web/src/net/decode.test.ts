import { expect, test } from "vitest";
import { decodeBinary, decodeText, type PictureMessage, type PoseMessage } from "./decode";
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
} from "./protocol.generated";

const JOINTS = 3;
const BONES = 2;
const BODY_BYTES = 4 * (BONES * BONE_COLUMNS + CONTACT_COUNT);
const WORLD_BYTES = 4 * WORLD_FLOATS;

interface Changes {
  version?: number;
  kind?: number;
  people?: number;
  joints?: number;
  source?: number;
}

function message(bytes: number, { version = PROTOCOL_VERSION, kind = KIND_POSES, people = 0, joints = JOINTS, source = 0 }: Changes): DataView {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES + bytes + (kind === KIND_POSES ? WORLD_BYTES : 0)));
  view.setUint8(HEADER_OFFSET.version, version);
  view.setUint8(HEADER_OFFSET.kind, kind);
  view.setUint16(HEADER_OFFSET.person_count, people, true);
  view.setUint16(HEADER_OFFSET.joint_count, joints, true);
  view.setUint16(HEADER_OFFSET.bone_count, kind === KIND_POSES ? BONES : 0, true);
  view.setUint16(HEADER_OFFSET.source, source, true);
  view.setBigInt64(HEADER_OFFSET.frame_id, 1234567890123n, true);
  view.setBigInt64(HEADER_OFFSET.capture_ns, 5_000_000_000n, true);
  view.setBigInt64(HEADER_OFFSET.estimate_ns, 5_020_000_000n, true);
  view.setBigInt64(HEADER_OFFSET.send_ns, 5_020_500_000n, true);
  return view;
}

const decode = (view: DataView, sources = 2): PoseMessage | PictureMessage => decodeBinary(view.buffer as ArrayBuffer, JOINTS, sources);

test("poses: every person with id, root and joints, and the frame's times", () => {
  const size = PERSON_BYTES + 4 * JOINTS * POSE_COLUMNS + BODY_BYTES;
  const view = message(2 * size, { people: 2, source: 1 });
  for (const [person, id] of [7, -1].entries()) {
    const at = HEADER_BYTES + WORLD_BYTES + person * size;
    view.setInt32(at + PERSON_OFFSET.track_id, id, true);
    for (let axis = 0; axis < 3; axis++) view.setFloat32(at + PERSON_OFFSET.root + 4 * axis, person + axis / 4, true);
    for (let i = 0; i < JOINTS * POSE_COLUMNS; i++) view.setFloat32(at + PERSON_BYTES + 4 * i, 100 * person + i, true);
    // The first has a body, the second none.
    for (let i = 0; i < BODY_BYTES / 4; i++) view.setFloat32(at + size - BODY_BYTES + 4 * i, person ? NaN : i, true);
  }
  for (let i = 0; i < WORLD_FLOATS; i++) view.setFloat32(HEADER_BYTES + 4 * i, i, true);
  const poses = decode(view) as PoseMessage;
  expect(poses).toMatchObject({ kind: "poses", source: 1, frameId: 1234567890123, timeS: 5, captureMs: 5000, estimateMs: 5020, sendMs: 5020.5 });
  expect(poses.people.map((person) => [person.source, person.id])).toEqual([[1, 7], [1, -1]]);
  expect([...Array.from(poses.people[1]!.root)]).toEqual([1, 1.25, 1.5]);
  expect(poses.people[1]!.body).toBeNull();
  expect([...poses.people[0]!.body!.rotations]).toEqual([0, 1, 2, 3, 5, 6, 7, 8]);
  expect([...poses.people[0]!.body!.lengths]).toEqual([4, 9]);
  expect([...poses.people[0]!.body!.contacts]).toEqual([10, 11, 12, 13]);
  expect([...poses.world!]).toEqual(Array.from({ length: WORLD_FLOATS }, (_, i) => i));
  expect([...poses.people[1]!.joints]).toEqual(Array.from({ length: JOINTS * POSE_COLUMNS }, (_, i) => 100 + i));
});

test("a picture: the people's keypoints, and the JPEG behind them", async () => {
  const size = 4 + 4 * JOINTS * PICTURE_COLUMNS;
  const view = message(size + 3, { kind: KIND_PICTURE, people: 1 });
  view.setInt32(HEADER_BYTES, 9, true);
  for (let i = 0; i < JOINTS * PICTURE_COLUMNS; i++) view.setFloat32(HEADER_BYTES + 4 + 4 * i, i / 2, true);
  new Uint8Array(view.buffer).set([0xff, 0xd8, 0xff], HEADER_BYTES + size);
  const picture = decode(view) as PictureMessage;
  expect(picture).toMatchObject({ kind: "picture", source: 0, frameId: 1234567890123 });
  expect(picture.people[0]!.id).toBe(9);
  expect([...picture.people[0]!.keypoints]).toEqual(Array.from({ length: JOINTS * PICTURE_COLUMNS }, (_, i) => i / 2));
  expect([...new Uint8Array(await picture.jpeg.arrayBuffer())]).toEqual([0xff, 0xd8, 0xff]);
});

test("nobody in it: no joint count is needed", () => {
  const unknown = message(0, { joints: 0 });
  unknown.setFloat32(HEADER_BYTES, NaN, true);
  expect(decode(unknown)).toMatchObject({ people: [], world: null });
});

test.each([
  ["of protocol version 99", message(0, { version: 99 })],
  ["people with 5 joints instead of 3", message(500, { people: 1, joints: 5 })],
  ["source 2", message(0, { source: 2 })],
  ["unknown kind 77", message(0, { kind: 77 })],
])("refused: %s", (words, view) => {
  expect(() => decode(view)).toThrow(words);
});

test("a message that is cut off is an error", () => {
  expect(() => decode(new DataView(new ArrayBuffer(HEADER_BYTES - 1)))).toThrow("shorter than its header");
  expect(() => decode(message(10, { people: 1 }))).toThrow(RangeError);
});

test("text messages are told apart by their type", () => {
  expect(decodeText('{"type":"status","text":"ok","ended":false}')).toEqual({ type: "status", text: "ok", ended: false });
  expect(() => decodeText('{"type":"taken","counter":1}')).toThrow("unknown type");
  expect(() => decodeText("{")).toThrow(SyntaxError);
});
