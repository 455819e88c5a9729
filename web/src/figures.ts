// How people look: one of the styles.
import type { Group } from "three";
import { Mannequins } from "./mannequins";
import type { PlacedPerson } from "./pose";
import type { Values } from "./settings";
import type { Skeleton } from "./skeleton";
import { StickFigures } from "./stick-figures";

/** People at once in one source; more are not drawn. */
const MOST_PEOPLE = 16;

export interface Figures {
  readonly object: Group;
  /** The same, to be pressed flat on the ground. */
  readonly shadow: Group;
  update(people: readonly PlacedPerson[]): void;
  dispose(): void;
}

export function makeFigures(style: Values["style"], skeleton: Skeleton): Figures {
  // A mannequin has a trunk, arms and legs; other skeletons are drawn as they are.
  if (style === "mannequin" && Mannequins.fits(skeleton)) return new Mannequins(skeleton, MOST_PEOPLE);
  return new StickFigures(skeleton, style === "bones", MOST_PEOPLE);
}
