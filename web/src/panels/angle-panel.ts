// Joint angles as numbers and small plots over time.
import { ANGLES, SIDES, type AngleSample } from "./angles";
import { WINDOW_S, type AngleWindow } from "./angle-source";
import { context2D, DRAWS_IN_SOFTWARE, fitCanvas } from "../device";
import { element } from "../dom";

/** Numbers that change faster cannot be read, and plots take time to draw. */
const EVERY_MS = DRAWS_IN_SOFTWARE ? 200 : 80;
/** The plots reach from 0 to here, degrees. */
const [MOST, MOST_LEAN] = [180, 90];
/** Samples farther apart than this are not joined. */
const GAP_S = 0.25;
/** Left of each plot, for the numbers of its axis, px. */
const AXIS_PX = 24;
const AXIS_FONT_PX = 8.5;

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

  /** The seconds at both ends of the plots. */
  private showAxis({ fromS, toS, nowS }: AngleWindow): void {
    const at = (timeS: number): string => {
      const seconds = Math.round(timeS - nowS);
      return `${seconds < 0 ? "−" : seconds > 0 ? "+" : ""}${Math.abs(seconds)}`;
    };
    const text = [at(fromS), `${at(toS)} s`];
    for (const cell of element("angles-axis").querySelectorAll("td div")) {
      text.forEach((word, i) => {
        if (cell.children[i]!.textContent !== word) cell.children[i]!.textContent = word;
      });
    }
  }

  private draw(): void {
    const { who, window } = this.next!;
    const title = who ? `Angles · ${who}` : "Angles";
    if (element("angles-title").textContent !== title) element("angles-title").textContent = title;
    this.showAxis(window);
    const now = window.samples.findLast((sample) => sample.timeS <= window.nowS);
    const fresh = now && window.nowS - now.timeS < GAP_S ? now : undefined;
    this.cells.forEach(({ value, plot, most }, i) => {
      const degrees = fresh?.degrees[i] ?? NaN;
      const text = Number.isFinite(degrees) ? `${Math.round(degrees)}°` : "–";
      if (value.textContent !== text) value.textContent = text;
      value.classList.toggle("guess", Number.isFinite(degrees) && !fresh!.sure[i]);
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
  const fitted = fitCanvas(canvas);
  if (!fitted) return;
  const { width, height, ratio } = fitted;
  const context = context2D(canvas);
  const style = getComputedStyle(canvas);
  const left = AXIS_PX * ratio;
  const edge = 0.65 * AXIS_FONT_PX * ratio; // half a number's height, over and under the plot
  const x = (timeS: number): number => left + ((timeS - fromS) / (toS - fromS)) * (width - left);
  const y = (degrees: number): number => height - edge - (Math.min(Math.max(degrees, 0), most) / most) * (height - 2 * edge);
  context.clearRect(0, 0, width, height);
  context.strokeStyle = style.getPropertyValue("--line");
  context.lineWidth = ratio;
  context.beginPath();
  for (const share of [0, 0.5, 1]) {
    context.moveTo(left, y(share * most));
    context.lineTo(width, y(share * most));
  }
  if (nowS < toS) {
    context.moveTo(x(nowS), 0);
    context.lineTo(x(nowS), height);
  }
  context.stroke();
  context.font = `${AXIS_FONT_PX * ratio}px ${style.fontFamily}`;
  context.fillStyle = style.getPropertyValue("--quiet");
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const degrees of [0, most]) context.fillText(`${degrees}°`, left - 3 * ratio, y(degrees));

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
      const known = Number.isFinite(degrees) && !sample.sure[index] === faint;
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
