// What gets words over the scene.
import type { Vector3 } from "three";
import type { PlacedPerson } from "../pose";
import type { Skeleton } from "../skeleton";

/** Words at a place in the scene. */
export interface Mark {
  text: string;
  at: Vector3;
}

/** People whose joints and ids can be labelled. */
export interface LabelledPeople {
  readonly skeleton: Skeleton;
  readonly people: readonly PlacedPerson[];
  /** Added to their points: where they stand in the scene. */
  readonly offset: Vector3;
}
