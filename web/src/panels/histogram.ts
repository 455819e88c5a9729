// Latency by stage: a histogram for each, on one logarithmic axis so that they can be compared.
import { context2D, fitCanvas } from "../device";
import { STAGES } from "../net/stats";
import { element } from "../dom";

/** The axis, ms, and its lines. */
const [LEAST_MS, MOST_MS] = [0.1, 2000];
const LINES_MS = [1, 10, 100, 1000];
const BINS = 44;

interface Row {
  median: HTMLElement;
  plot: HTMLCanvasElement;
  row: HTMLElement;
}

export class LatencyHistogram {
  private readonly rows: readonly Row[];

  constructor() {
    const body = element("stages-body");
    this.rows = STAGES.map(([name, meaning]) => {
      const row = document.createElement("tr");
      row.title = meaning;
      const heading = document.createElement("th");
      heading.scope = "row";
      heading.textContent = name;
      const plot = document.createElement("canvas");
      plot.ariaHidden = "true";
      const [middle, median] = [document.createElement("td"), document.createElement("td")];
      middle.append(plot);
      row.append(heading, middle, median);
      body.append(row);
      return { median, plot, row };
    });
  }

  /** ms of each of STAGES. */
  show(stages: readonly (readonly number[])[]): void {
    this.rows.forEach(({ median, plot, row }, i) => {
      const sorted = [...stages[i]!].sort((a, b) => a - b);
      const at = (share: number): number | undefined => sorted[Math.floor(share * (sorted.length - 1))];
      median.textContent = inMs(at(0.5));
      row.title = `${STAGES[i]![1]}. 95 % take at most ${inMs(at(0.95))}`;
      draw(plot, sorted);
    });
  }
}

function inMs(ms: number | undefined): string {
  return ms === undefined ? "–" : `${ms < 9.95 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

/** 0..1 on the axis. */
function place(ms: number): number {
  const share = Math.log(Math.max(ms, LEAST_MS) / LEAST_MS) / Math.log(MOST_MS / LEAST_MS);
  return Math.min(1, share);
}

function draw(canvas: HTMLCanvasElement, values: readonly number[]): void {
  const fitted = fitCanvas(canvas);
  if (!fitted) return;
  const { width, height, ratio } = fitted;
  const context = context2D(canvas);
  const style = getComputedStyle(canvas);
  context.clearRect(0, 0, width, height);
  context.fillStyle = style.getPropertyValue("--line");
  for (const ms of LINES_MS) context.fillRect(Math.round(place(ms) * width), 0, ratio, height);
  context.fillRect(0, height - ratio, width, ratio);
  const counts = new Array<number>(BINS).fill(0);
  for (const ms of values) counts[Math.min(BINS - 1, Math.floor(place(ms) * BINS))]!++;
  const most = Math.max(1, ...counts);
  context.fillStyle = style.color;
  counts.forEach((count, i) => {
    if (count === 0) return;
    const tall = Math.max(1.5 * ratio, (count / most) * (height - ratio));
    context.fillRect((i / BINS) * width, height - tall, Math.max(1, width / BINS - ratio / 2), tall);
  });
}
