// What every style of figures offers to the scene.
import type { Group } from "three";
import type { PlacedPerson } from "../pose";

export interface Figures {
  readonly object: Group;
  /** The same shapes once more, to be pressed flat on the ground; invisible where there is no graphics card. */
  readonly shadow: Group;
  update(people: readonly PlacedPerson[]): void;
  dispose(): void;
}
