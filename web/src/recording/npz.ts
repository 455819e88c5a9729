// Reads NumPy's .npz: a zip of .npy arrays. Only the types that a poses.npz uses.
import { unzipSync } from "fflate";

export type NumericArray = Float32Array | Float64Array | Int16Array | Int32Array | BigInt64Array;

export interface NpyArray {
  shape: number[];
  /** Numbers in C order, or strings. */
  data: NumericArray | string[];
}

const NUMERIC: Record<string, new (buffer: ArrayBuffer) => NumericArray> = {
  "<f4": Float32Array,
  "<f8": Float64Array,
  "<i2": Int16Array,
  "<i4": Int32Array,
  "<i8": BigInt64Array,
};

/** name -> array. Throws an Error that says what is wrong with the file. */
export function readNpz(file: ArrayBuffer): Map<string, NpyArray> {
  let members: Record<string, Uint8Array>;
  try {
    members = unzipSync(new Uint8Array(file));
  } catch {
    throw new Error("it is not an .npz file, or it is damaged");
  }
  return new Map(
    Object.entries(members).map(([name, bytes]) => [name.replace(/\.npy$/, ""), readNpy(name, bytes)]),
  );
}

function readNpy(name: string, bytes: Uint8Array): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 12 || String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY") {
    throw new Error(`its member ${name} is not an array`);
  }
  const major = view.getUint8(6);
  const start = major === 1 ? 10 : 12;
  const headerBytes = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  // The header is a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
  const header = new TextDecoder().decode(bytes.subarray(start, start + headerBytes));
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (descr === undefined || shapeText === undefined || !/'fortran_order':\s*False/.test(header)) {
    throw new Error(`its array ${name} is stored in a layout that this page cannot read`);
  }
  const shape = shapeText.split(",").flatMap((part) => (part.trim() ? [Number(part)] : []));
  const count = shape.reduce((product, n) => product * n, 1);
  const body = bytes.slice(start + headerBytes).buffer;

  const text = /^<U(\d+)$/.exec(descr);
  const itemBytes = text ? 4 * Number(text[1]) : Number(descr.slice(2));
  if (body.byteLength !== count * itemBytes) throw new Error(`its array ${name} is cut off`);
  if (text) return { shape, data: readStrings(new Uint32Array(body), count) };
  const type = NUMERIC[descr];
  if (!type) throw new Error(`its array ${name} has type ${descr}, which this page cannot read`);
  return { shape, data: new type(body) };
}

/** NumPy's fixed-width UTF-32 text, padded with zeros. */
function readStrings(codes: Uint32Array, count: number): string[] {
  const width = count > 0 ? codes.length / count : 0;
  return Array.from({ length: count }, (_, i) => {
    const item = codes.subarray(i * width, (i + 1) * width);
    const end = item.indexOf(0);
    let text = "";
    for (const code of end < 0 ? item : item.subarray(0, end)) text += String.fromCodePoint(code);
    return text;
  });
}
