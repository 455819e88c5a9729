import { strToU8, zipSync } from "fflate";
import { expect, test } from "vitest";
import { readNpz } from "./npz";

/** A .npy file, as NumPy writes it. */
function npy(descr: string, shape: string, body: Uint8Array, { fortran = "False", major = 1 } = {}): Uint8Array {
  const header = strToU8(`{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }\n`);
  const lengthBytes = major === 1 ? 2 : 4;
  const file = new Uint8Array(8 + lengthBytes + header.length + body.length);
  file.set([0x93, ...strToU8("NUMPY"), major, 0]);
  const view = new DataView(file.buffer);
  if (major === 1) view.setUint16(8, header.length, true);
  else view.setUint32(8, header.length, true);
  file.set(header, 8 + lengthBytes);
  file.set(body, 8 + lengthBytes + header.length);
  return file;
}

const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const zip = (members: Record<string, Uint8Array>): ArrayBuffer => zipSync(members).buffer as ArrayBuffer;

test.each([
  ["<f4", Float32Array.from([0.5, -1, NaN, 3])],
  ["<f8", Float64Array.from([0.1, 1e300, -0, 4])],
  ["<i2", Int16Array.from([-1, 0, 32767, -32768])],
  ["<i4", Int32Array.from([-1, 0, 2147483647, 5])],
  ["<i8", BigInt64Array.from([-1n, 0n, 9007199254740993n, 1n])],
])("%s keeps its values and its shape", (descr, values) => {
  for (const major of [1, 2]) {
    const array = readNpz(zip({ "x.npy": npy(descr, "2, 2", bytesOf(values), { major }) })).get("x")!;
    expect(array.shape).toEqual([2, 2]);
    expect(array.data).toEqual(values);
  }
});

test("strings are UTF-32, padded with zeros; a scalar has no shape", () => {
  const codes = Uint32Array.from([..."hip\0\0", ..."🦶é\0\0\0"].map((c) => c.codePointAt(0)!));
  const arrays = readNpz(zip({ "a.npy": npy("<U5", "2,", bytesOf(codes)), "b.npy": npy("<U2", "", bytesOf(codes.slice(0, 2))) }));
  expect(arrays.get("a")).toEqual({ shape: [2], data: ["hip", "🦶é"] });
  expect(arrays.get("b")).toEqual({ shape: [], data: ["hi"] });
});

test("an empty array is no damage", () => {
  expect(readNpz(zip({ "x.npy": npy("<f4", "0, 3", new Uint8Array()) })).get("x")).toEqual({ shape: [0, 3], data: new Float32Array() });
});

test.each([
  ["it is not an .npz file", strToU8("no zip at all").slice().buffer as ArrayBuffer],
  ["its member x.npy is not an array", zip({ "x.npy": strToU8("something else") })],
  ["its array x.npy is cut off", zip({ "x.npy": npy("<f4", "3,", new Uint8Array(8)) })],
  ["its array x.npy is stored in a layout", zip({ "x.npy": npy("<f4", "2,", new Uint8Array(8), { fortran: "True" }) })],
  ["its array x.npy has type >f4", zip({ "x.npy": npy(">f4", "2,", new Uint8Array(8)) })],
])("damage is named: %s", (message, file) => {
  expect(() => readNpz(file)).toThrow(message);
});
