// Where the panels are, for the scene to stay clear of them.
import type { Edges } from "../scene/stage";

/** The notice counts once it has made room: before that it is all there is. */
const PANELS = ".panel, #top, #tools [role=group], .filled #notice";

/** What the panels cover: each takes a strip of the edge where that costs the least. */
export function coveredEdges(): Edges {
  const covered: Edges = { left: 0, right: 0, top: 0, bottom: 0 };
  for (const panel of document.querySelectorAll(PANELS)) {
    const box = panel.getBoundingClientRect();
    if (box.width === 0) continue; // hidden
    const strips: Edges = {
      left: box.right / innerWidth,
      right: 1 - box.left / innerWidth,
      top: box.bottom / innerHeight,
      bottom: 1 - box.top / innerHeight,
    };
    const edges = Object.keys(strips) as (keyof Edges)[];
    const edge = edges.reduce((best, other) => (strips[other] < strips[best] ? other : best));
    covered[edge] = Math.max(covered[edge], strips[edge]);
  }
  return covered;
}

/** Call `act` when a panel changes its size, or is shown or hidden. */
export function onLayoutChange(act: () => void): void {
  const observer = new ResizeObserver(act);
  for (const panel of document.querySelectorAll(`${PANELS}, #notice`)) observer.observe(panel);
}
