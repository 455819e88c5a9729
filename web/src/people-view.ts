// All people of a frame in the 3D scene: bones, trails, names, the floor under them and the camera that follows.
import { Vector3 } from "three";
import { Floor } from "./floor";
import type { Labels } from "./labels";
import { LEAST_CONFIDENCE, placePerson, type PlacedPerson, type PoseFrame } from "./pose";
import type { Skeleton } from "./skeleton";
import { SkeletonView } from "./skeleton-view";
import type { Extent, Stage, View } from "./stage";
import { Trails } from "./trails";

/** What one person fills, with raised and stretched arms. */
const PERSON: Extent = { height: 1.1, width: 0.95 };
/** The middle of a standing person. */
const MIDDLE_HEIGHT_M = 0.9;
/** Over the highest joint: the head is larger than its joint. */
const HEAD_ROOM_M = 0.2;
/** People may move this far before the camera follows: a still picture is pleasant to look at. */
const FREE_M = 0.25;
const FOLLOW_EASE_S = 0.5;
/** Somebody who leaves the screen is caught up with in this time. */
const CATCH_UP_S = 0.08;
/** How far out (1: the edge of what is free) somebody begins to leave the screen, and leaves it. */
const [LEAVING, LEFT] = [0.8, 1];

export class PeopleView {
  follow = true;
  private parts: { skeleton: Skeleton; bones: SkeletonView; trails: Trails; floor: Floor } | null = null;
  private frame: PoseFrame | null = null;
  private people: PlacedPerson[] = [];
  private trailsShown = true;
  /** Where the camera looks; null until somebody was seen. */
  private centre: Vector3 | null = null;
  private extent = PERSON;

  constructor(
    private readonly stage: Stage,
    private readonly labels: Labels,
  ) {
    stage.addUpdater((seconds) => this.update(seconds));
  }

  /** Forget everything and begin with a skeleton. */
  reset(skeleton: Skeleton): void {
    if (this.parts) {
      this.stage.people.remove(this.parts.bones.object, this.parts.trails.object);
      this.parts.bones.dispose();
      this.parts.trails.dispose();
    }
    const parts = { skeleton, bones: new SkeletonView(skeleton), trails: new Trails(skeleton), floor: new Floor(skeleton) };
    parts.trails.object.visible = this.trailsShown;
    this.stage.people.add(parts.bones.object, parts.trails.object);
    this.parts = parts;
    this.frame = null;
    this.people = [];
    this.centre = null;
    this.stage.draw();
  }

  /** Show a frame in the next picture. */
  show(frame: PoseFrame): void {
    this.frame = frame;
    this.stage.draw();
  }

  set trails(shown: boolean) {
    this.trailsShown = shown;
    if (this.parts) this.parts.trails.object.visible = shown;
    this.stage.draw();
  }

  look(view: View): void {
    this.stage.look(view, this.centre ?? this.stage.target.clone(), this.extent);
  }

  private update(seconds: number): boolean {
    if (!this.parts) return false;
    const { skeleton, bones, trails, floor } = this.parts;
    if (this.frame) {
      const { people, timeS } = this.frame;
      this.frame = null;
      this.people = people.map(placePerson);
      bones.update(this.people);
      trails.update(this.people, timeS);
      floor.observe(this.people, timeS);
    }
    const settling = floor.ease(seconds);
    this.stage.people.position.y = -floor.height;
    const moving = this.moveCamera(seconds);
    this.stage.people.updateMatrixWorld();
    this.stage.camera.updateMatrixWorld();
    this.labels.update(this.people, skeleton);
    return settling || moving;
  }

  /** Keep people in the middle; true while the camera is on its way. */
  private moveCamera(seconds: number): boolean {
    const bounds = this.bounds();
    if (!bounds) return false;
    if (!this.centre) {
      this.centre = bounds.centre;
      this.extent = bounds.extent;
      this.stage.open(this.centre, this.extent);
      this.stage.light(this.centre, this.extent.width);
      return false;
    }
    const urgency = Math.min(1, Math.max(0, (this.reach() - LEAVING) / (LEFT - LEAVING)));
    const ease = 1 - Math.exp(-seconds / (FOLLOW_EASE_S + urgency * (CATCH_UP_S - FOLLOW_EASE_S)));
    const free = FREE_M * (1 - urgency);
    const beyond = (gap: number): number => Math.max(0, Math.abs(gap) - free) * Math.sign(gap);
    const move = bounds.centre.sub(this.centre);
    const moveLeft = beyond(move.length());
    const before = this.extent;
    const taller = beyond(bounds.extent.height - before.height);
    const wider = beyond(bounds.extent.width - before.width);
    this.extent = { height: before.height + ease * taller, width: before.width + ease * wider };
    this.centre.add(move.setLength(ease * moveLeft));
    if (this.follow) {
      this.stage.follow(move);
      this.stage.resizeView(before, this.extent);
    }
    this.stage.light(this.centre, this.extent.width);
    return Math.max(moveLeft, Math.abs(taller), Math.abs(wider)) > 0.01;
  }

  /** How far out the outermost joint is on the screen: 1 at the edge of what is free. */
  private reach(): number {
    return Math.max(...this.knownPoints().map((point) => this.stage.reach(point)));
  }

  /** All joints of all people, in the scene. */
  private knownPoints(): Vector3[] {
    const { position } = this.stage.people;
    return this.people.flatMap(({ points, confidence }) =>
      [...confidence.keys()]
        .filter((joint) => confidence[joint]! >= LEAST_CONFIDENCE)
        .map((joint) => new Vector3().fromArray(points, 3 * joint).add(position)),
    );
  }

  /** What all people fill, around the middle of people who stand. */
  private bounds(): { centre: Vector3; extent: Extent } | null {
    const roots = this.people.flatMap((person) => {
      const joint = person.confidence.findIndex((sure) => sure >= LEAST_CONFIDENCE);
      return joint < 0 ? [] : [new Vector3(person.points[3 * joint], 0, person.points[3 * joint + 2])];
    });
    if (roots.length === 0) return null;
    const centre = roots.reduce((sum, root) => sum.add(root), new Vector3()).divideScalar(roots.length);
    const spread = Math.max(...roots.map((root) => root.distanceTo(centre)));
    centre.y = MIDDLE_HEIGHT_M;
    const outermost = Math.max(...this.knownPoints().map((point) => Math.abs(point.y - MIDDLE_HEIGHT_M)));
    const height = Math.max(PERSON.height, outermost + HEAD_ROOM_M);
    return { centre, extent: { height, width: PERSON.width + spread } };
  }
}
