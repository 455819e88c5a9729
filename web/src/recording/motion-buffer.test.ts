import { expect, test } from "vitest";
import type { PoseFrame } from "../pose";
import { KEPT_S, MotionBuffer } from "./motion-buffer";

const frame = (timeS: number, source = 0): PoseFrame => ({ source, frameId: Math.round(100 * timeS), timeS, world: null, people: [] });
const times = (buffer: MotionBuffer, source = 0): number[] =>
  buffer.frames.filter((of) => of.source === source).map((of) => of.timeS);

test("the last minute is kept, and not more", () => {
  const buffer = new MotionBuffer();
  for (let second = 0; second <= 100; second++) buffer.add(frame(second));
  expect(times(buffer)).toEqual(Array.from({ length: KEPT_S + 1 }, (_, i) => 100 - KEPT_S + i));
});

test("a source that starts again begins a new motion; the others keep theirs", () => {
  const buffer = new MotionBuffer();
  for (const second of [5, 6, 7]) {
    buffer.add(frame(second, 0));
    buffer.add(frame(second, 1));
  }
  buffer.add(frame(0.5, 1));
  expect(times(buffer, 0)).toEqual([5, 6, 7]);
  expect(times(buffer, 1)).toEqual([0.5]);
});

test("a frame whose time stands still starts the motion again", () => {
  const buffer = new MotionBuffer();
  for (const second of [1, 2, 2]) buffer.add(frame(second));
  expect(times(buffer)).toEqual([2]);
});

test("cleared, it is empty", () => {
  const buffer = new MotionBuffer();
  buffer.add(frame(1));
  buffer.clear();
  expect(buffer.frames).toEqual([]);
});
