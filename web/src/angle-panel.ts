// Joint angles as numbers and small plots.
import { ANGLES, SIDES, type AngleSample } from "./angles";
import { WINDOW_S, type AngleWindow } from "./angle-source";
import { context2D } from "./device";
import { SURE_CONFIDENCE } from "./pose";
import { element } from "./ui";

/** Numbers that change more often cannot be read, and plots cost time. */
const EVERY_MS = 80;
/** The plots reach from 0 to here, degrees. */
const [MOST, MOST_LEAN] = [180, 90];
/** A gap this long in what is known is a gap in the plot. */
const GAP_S = 0.25;

interface Cell {
  value: HTMLElement;
  plot: HTMLCanvasElement;
  most: number;
}

export class AnglePanel {
  private readonly cells: readonly Cell[];
  private next: { who: string; window: AngleWindow } | null = null;
  private waiting = false;

  constructor() {
    const body = element("angles-body");
    this.cells = ANGLES.flatMap((name, i) => {
      const row = document.createElement("tr");
      const heading = document.createElement("th");
      heading.scope = "row";
      heading.textContent = name;
      row.append(heading);
      body.append(row);
      const sides = i < ANGLES.length - 1 ? SIDES : ["middle"];
      return sides.map((side) => makeCell(row, side, i));
    });
  }

  /** The angles of a person; null if there is nobody. */
  show(who: string, window: AngleWindow | null): void {
    this.next = { who, window: window ?? { samples: [], fromS: 0, toS: WINDOW_S, nowS: 0 } };
    if (this.waiting) return;
    this.waiting = true;
    setTimeout(() => {
      this.waiting = false;
      if (element("angles").offsetParent !== null || element("angles").offsetHeight > 0) this.draw();
    }, EVERY_MS);
  }

  private draw(): void {
    const { who, window } = this.next!;
    const title = who ? `Angles · ${who}` : "Angles";
    if (element("angles-title").textContent !== title) element("angles-title").textContent = title;
    const now = window.samples.findLast((sample) => sample.timeS <= window.nowS);
    const fresh = now && window.nowS - now.timeS < GAP_S ? now : undefined;
    this.cells.forEach(({ value, plot, most }, i) => {
      const degrees = fresh?.degrees[i] ?? NaN;
      const text = Number.isFinite(degrees) ? `${Math.round(degrees)}°` : "–";
      if (value.textContent !== text) value.textContent = text;
      value.classList.toggle("guess", Number.isFinite(degrees) && fresh!.confidence[i]! < SURE_CONFIDENCE);
      drawPlot(plot, window, i, most);
    });
  }
}

function makeCell(row: HTMLElement, side: string, index: number): Cell {
  const cell = document.createElement("td");
  cell.className = side;
  const value = document.createElement("output");
  const plot = document.createElement("canvas");
  plot.ariaHidden = "true";
  cell.append(value, plot);
  if (side === "middle") (cell as HTMLTableCellElement).colSpan = 2;
  row.append(cell);
  return { value, plot, most: index < ANGLES.length - 1 ? MOST : MOST_LEAN };
}

function drawPlot(canvas: HTMLCanvasElement, { samples, fromS, toS, nowS }: AngleWindow, index: number, most: number): void {
  const ratio = Math.min(devicePixelRatio, 2);
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (width === 0) return;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = context2D(canvas);
  const style = getComputedStyle(canvas);
  const x = (timeS: number): number => ((timeS - fromS) / (toS - fromS)) * width;
  const y = (degrees: number): number => height - ratio - (Math.min(degrees, most) / most) * (height - 2 * ratio);
  context.clearRect(0, 0, width, height);
  context.strokeStyle = style.getPropertyValue("--line");
  context.lineWidth = ratio;
  context.beginPath();
  for (const share of [0, 0.5]) {
    context.moveTo(0, y(share * most));
    context.lineTo(width, y(share * most));
  }
  if (nowS < toS) {
    context.moveTo(x(nowS), 0);
    context.lineTo(x(nowS), height);
  }
  context.stroke();

  context.strokeStyle = style.color;
  context.lineWidth = 1.4 * ratio;
  context.lineJoin = "round";
  let last: AngleSample | null = null;
  for (const faint of [false, true]) {
    context.globalAlpha = faint ? 0.4 : 1;
    context.beginPath();
    last = null;
    for (const sample of samples) {
      const degrees = sample.degrees[index]!;
      const known = Number.isFinite(degrees) && sample.confidence[index]! < SURE_CONFIDENCE === faint;
      if (!known) {
        last = null;
        continue;
      }
      if (last && sample.timeS - last.timeS < GAP_S) context.lineTo(x(sample.timeS), y(degrees));
      else context.moveTo(x(sample.timeS), y(degrees));
      last = sample;
    }
    context.stroke();
  }
  context.globalAlpha = 1;
}
