// Where the people of a source are in the scene: on the floor that rtpose has found, or, until it has, on the one that
// the page takes from their feet. From one to the other it glides, so that nobody jumps.
import { Matrix4, Quaternion, Vector3 } from "three";
import { Floor } from "./floor";
import { VIEWER_FROM_CAMERA, type PlacedPerson } from "../pose";
import type { Skeleton } from "../skeleton";

/** Seconds in which a place follows what is newly known. */
const EASE_S = 0.6;
/** What is left of a way, metres and radians, is not gone. */
const [NEAR_M, NEAR_RAD] = [0.002, 0.001];

export class Place {
  /** Scene from viewer axes. */
  readonly matrix = new Matrix4();
  private readonly floor: Floor;
  private readonly position = new Vector3();
  private readonly turn = new Quaternion();
  private known: { position: Vector3; turn: Quaternion } | null = null;
  private begun = false;

  constructor(skeleton: Skeleton) {
    this.floor = new Floor(skeleton);
  }

  /** People at a time of the source. world: see `PoseFrame`. */
  observe(people: readonly PlacedPerson[], timeS: number, world: ArrayLike<number> | null): void {
    this.floor.observe(people, timeS);
    if (world) {
      const matrix = new Matrix4().fromArray(Array.from(world)).transpose().multiply(VIEWER_FROM_CAMERA);
      this.known = { position: new Vector3(), turn: new Quaternion() };
      matrix.decompose(this.known.position, this.known.turn, new Vector3());
    }
    if (this.begun || people.length === 0) return;
    this.begun = true;
    this.ease(Infinity); // nobody has been seen yet
  }

  /** Move towards what is known; true while it is still moving. */
  ease(seconds: number): boolean {
    const moving = this.floor.ease(seconds);
    const share = 1 - Math.exp(-seconds / EASE_S);
    if (!this.known) {
      this.position.set(0, -this.floor.height, 0);
      this.turn.identity();
    } else {
      this.position.lerp(this.known.position, share);
      this.turn.slerp(this.known.turn, share);
    }
    this.matrix.makeRotationFromQuaternion(this.turn).setPosition(this.position);
    if (!this.known) return moving;
    return this.position.distanceTo(this.known.position) > NEAR_M || this.turn.angleTo(this.known.turn) > NEAR_RAD;
  }
}
