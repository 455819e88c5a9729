import { expect, test } from "vitest";
import { AdaptiveRatio } from "./adaptive-ratio";

const [QUICK, FINE, SLOW] = [8, 19, 60];

/** Draw for some seconds, a picture every 20 ms. Returns when it ends, ms. */
function draw(pixels: AdaptiveRatio, waitedMs: number, fromMs: number, seconds: number): number {
  const untilMs = fromMs + 1000 * seconds;
  for (let nowMs = fromMs; nowMs < untilMs; nowMs += 20) pixels.observe(waitedMs, nowMs);
  return untilMs;
}

test("late pictures get fewer pixels, down to the least", () => {
  const pixels = new AdaptiveRatio(0.6, 1);
  draw(pixels, SLOW, 0, 1);
  expect(pixels.ratio).toBeLessThan(1);
  draw(pixels, SLOW, 1000, 30);
  expect(pixels.ratio).toBe(0.6);
});

test("pictures in time change nothing, and one late picture neither", () => {
  const pixels = new AdaptiveRatio(0.6, 1);
  let nowMs = draw(pixels, FINE, 0, 20);
  pixels.observe(100, nowMs);
  nowMs = draw(pixels, FINE, nowMs, 20);
  expect(pixels.ratio).toBe(1);
});

test("with time left the pixels come back; where they are too many again, the next trial is later", () => {
  const pixels = new AdaptiveRatio(0.6, 1);
  let nowMs = draw(pixels, SLOW, 0, 30);
  nowMs = draw(pixels, QUICK, nowMs, 9);
  expect(pixels.ratio).toBeGreaterThan(0.6);
  nowMs = draw(pixels, SLOW, nowMs, 3);
  expect(pixels.ratio).toBe(0.6);
  nowMs = draw(pixels, QUICK, nowMs, 10);
  expect(pixels.ratio).toBe(0.6);
  draw(pixels, QUICK, nowMs, 120);
  expect(pixels.ratio).toBe(1);
});
