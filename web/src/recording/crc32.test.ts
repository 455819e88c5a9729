import { expect, test } from "vitest";
import { crc32 } from "./crc32";

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

// The values are those of Python's zlib.crc32.
test.each([
  ["", 0],
  ["a", 0xe8b7be43],
  ["123456789", 0xcbf43926],
  ["The quick brown fox jumps over the lazy dog", 0x414fa339],
])("of %j", (text, sum) => {
  expect(crc32(ascii(text))).toBe(sum);
});

test("of all bytes, and of a part of a buffer", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  expect(crc32(bytes)).toBe(0x29058c73);
  expect(crc32(bytes.subarray(49, 58))).toBe(0xcbf43926); // "123456789"
});
