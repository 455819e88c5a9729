// The figures of a style, for a skeleton.
import type { Values } from "../settings";
import type { Skeleton } from "../skeleton";
import type { Figures } from "./figures";
import { Mannequins } from "./mannequins";
import { StickFigures } from "./stick-figures";

/** People drawn at once in one source; more are left out. */
export const MOST_PEOPLE = 16;

export function makeFigures(style: Values["style"], skeleton: Skeleton): Figures {
  // A mannequin has a trunk, arms and legs; other skeletons are drawn as sticks.
  if (style === "mannequin" && Mannequins.fits(skeleton)) return new Mannequins(skeleton, MOST_PEOPLE);
  return new StickFigures(skeleton, style === "bones", MOST_PEOPLE);
}
