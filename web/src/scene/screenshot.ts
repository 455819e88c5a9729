// The scene as a PNG: what the canvas shows, with the names that lie over it.
import type { Label } from "./labels";
import type { Stage } from "./stage";

export async function takeScreenshot(stage: Stage, labels: readonly Label[]): Promise<Blob> {
  const { clientWidth } = stage.canvas;
  const picture = stage.capture();
  const context = picture.getContext("2d")!;
  const pixels = picture.width / clientWidth;
  const style = getComputedStyle(document.documentElement);
  context.scale(pixels, pixels);
  context.textBaseline = "middle";
  for (const { text, x, y, kind, color, flipped } of labels) {
    context.font = `${kind === "strong" ? "600 12px" : "11px"} ${style.fontFamily}`;
    const width = context.measureText(text).width + 12;
    const left = flipped ? x - width - 10 : x + 8;
    if (kind !== "mark") {
      context.fillStyle = style.getPropertyValue("--label");
      context.beginPath();
      context.roundRect(left, y - 9, width, 18, 6);
      context.fill();
      context.fillStyle = color;
      context.fillRect(left, y - 5, 2, 10);
    }
    context.fillStyle = style.getPropertyValue(kind === "mark" ? "--quiet" : "--text");
    context.fillText(text, left + 6, y);
  }
  return new Promise((resolve, reject) => {
    picture.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser could not encode the PNG"))), "image/png");
  });
}
