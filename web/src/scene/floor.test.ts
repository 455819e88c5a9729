import { beforeEach, expect, test } from "vitest";
import type { PlacedPerson } from "../pose";
import { makeSkeleton } from "../skeleton";
import { Floor } from "./floor";

const ANKLE_M = 0.08;
const skeleton = makeSkeleton(["root", "left_foot", "right_foot"], [-1, 0, 0], new Map());
let floor: Floor;

beforeEach(() => {
  floor = new Floor(skeleton);
});

/** Somebody whose root and feet are at these heights; sure: confidence of the feet. */
function person(root: number, left: number, right: number, sure = 0.9): PlacedPerson {
  return {
    source: 0,
    id: 1,
    points: Float32Array.from([0, root, -3, 0, left, -3, 0, right, -3]),
    confidence: Float32Array.from([0.9, sure, sure]),
    sure: Uint8Array.from([1, Number(sure > 0.5), Number(sure > 0.5)]),
    body: null,
  };
}

test("it is an ankle's height below the lower foot, from the first frame on", () => {
  floor.observe([person(-0.3, -1.1, -1.2)], 0);
  expect(floor.height).toBeCloseTo(-1.2 - ANKLE_M, 5);
  expect(floor.ease(1)).toBe(false);
});

test("without sure feet a standing person's root says where it is, until feet are seen", () => {
  floor.observe([person(-0.3, -1.1, -1.2, 0.3)], 0);
  expect(floor.height).toBeCloseTo(-0.3 - 0.93, 5);
  floor.observe([person(-0.3, -1.4, -1.4)], 0.2);
  expect(floor.height).toBeCloseTo(-1.4 - ANKLE_M, 5);
});

test("it eases to a lower floor and comes to rest there", () => {
  floor.observe([person(-0.3, -1.2, -1.2)], 0);
  for (let step = 1; step <= 60; step++) floor.observe([person(-0.5, -1.5, -1.5)], step / 10);
  expect(floor.height).toBeCloseTo(-1.2 - ANKLE_M, 5); // only ease() moves it
  expect(floor.ease(0.6)).toBe(true);
  expect(floor.height).toBeCloseTo(-1.2 - ANKLE_M - 0.3 * (1 - Math.exp(-1)), 4);
  for (let i = 0; i < 30; i++) floor.ease(0.3);
  expect(floor.ease(0.1)).toBe(false);
  expect(floor.height).toBeCloseTo(-1.5 - ANKLE_M, 3);
});

test("a few feet under the floor are errors", () => {
  for (let step = 0; step < 40; step++) floor.observe([person(-0.3, step % 10 === 0 ? -2 : -1.2, -1.2)], step / 10);
  for (let i = 0; i < 30; i++) floor.ease(0.3);
  expect(floor.height).toBeCloseTo(-1.2 - ANKLE_M, 3);
});

test("nobody changes nothing", () => {
  const before = floor.height;
  floor.observe([], 0);
  expect(floor.ease(1)).toBe(false);
  expect(floor.height).toBe(before);
});
