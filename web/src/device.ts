// What the browser draws with. Without a graphics card every triangle and every canvas costs the processor time that
// finding people needs.

/** Whether the browser draws in software. */
export const DRAWS_IN_SOFTWARE = drawsInSoftware();

/** For drawing that changes all the time: in software it is kept out of the detour over the graphics pipeline. */
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
