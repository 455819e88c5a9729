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
