import { expect, test } from "vitest";
import { isSure, placePerson } from "./pose";

test("a limb that the picture shows is drawn in full although its depth is uncertain", () => {
  expect(isSure(0.2, 0.97)).toBe(true);
});

test("a limb that the picture hides is faint, whatever is thought of its place", () => {
  expect(isSure(0.6, 0.2)).toBe(false);
});

test("where nobody told the picture's score, the probability decides", () => {
  expect([0.2, 0.3].map((confidence) => isSure(confidence, undefined))).toEqual([false, true]);
  expect(isSure(0.3, NaN)).toBe(true);
});

test("a joint without a place is not sure", () => {
  const joints = Float32Array.from([NaN, 0, 0, 0.9, 0, 0, 0, 0.9]);
  const placed = placePerson({ source: 0, id: 1, root: [0, 0, 3], joints, scores: Float32Array.from([1, 1]), body: null });
  expect(Array.from(placed.sure)).toEqual([0, 1]);
});
