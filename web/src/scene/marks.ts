// What gets words over the scene.
import type { Matrix4, Vector3 } from "three";
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
  /** Scene from their axes. */
  readonly place: Matrix4;
}
