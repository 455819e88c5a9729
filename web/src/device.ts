// Whether there is a graphics card. Without one, every triangle and canvas takes processor time from finding people.

/** Whether the browser draws in software. */
export const DRAWS_IN_SOFTWARE = drawsInSoftware();

/** A context for drawing that changes all the time. In software it bypasses the graphics pipeline. */
export function context2D(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  return canvas.getContext("2d", { willReadFrequently: DRAWS_IN_SOFTWARE })!;
}

function drawsInSoftware(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  const names = context?.getExtension("WEBGL_debug_renderer_info");
  const renderer: unknown = names && context?.getParameter(names.UNMASKED_RENDERER_WEBGL);
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(String(renderer));
}

/** Give a canvas the pixels that it covers. Returns their count and how many a CSS pixel has; null while it is hidden. */
export function fitCanvas(canvas: HTMLCanvasElement): { width: number; height: number; ratio: number } | null {
  const ratio = Math.min(devicePixelRatio, 2);
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (width === 0 || height === 0) return null;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  return { width, height, ratio };
}
