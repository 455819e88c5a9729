// All people in the 3D scene: a lane for each source, names, the scale, and the camera that follows.
import { Vector3, type Matrix4 } from "three";
import type { Labels } from "./labels";
import { Lane, middleOf } from "./lane";
import { isSame, LEAST_CONFIDENCE, type PlacedPerson, type PoseFrame, type Who } from "../pose";
import { Scale } from "./scale";
import type { Values } from "../settings";
import type { Skeleton } from "../skeleton";
import type { Extent, Stage, View } from "./stage";
import { DARK, type Palette } from "../theme";

/** What one person fills, with raised and stretched arms. */
const PERSON: Extent = { height: 1.1, width: 0.95 };
/** The middle of a standing person. */
const MIDDLE_HEIGHT_M = 0.9;
/** Over the highest joint: the head is larger than its joint. */
const HEAD_ROOM_M = 0.2;
/** People may move this far before the camera follows, which keeps the picture calm. */
const FREE_M = 0.25;
const FOLLOW_EASE_S = 0.5;
/** The same for somebody who leaves the screen. */
const CATCH_UP_S = 0.08;
/** How far out (1: the edge of what is free) somebody begins to leave the screen, and leaves it. */
const [LEAVING, LEFT] = [0.8, 1];
/** The camera waits this long for a chosen person who is not seen, and then shows everyone. */
const PATIENCE_S = 3;

export class PeopleView {
  follow = true;
  private lanes: Lane[] = [];
  private readonly scale = new Scale();
  private palette: Palette = DARK;
  private styleName: Values["style"] = "capsules";
  private trailsShown = true;
  private scaleWanted = true;
  /** Whom the camera follows; null: all. */
  private only: Who | null = null;
  /** Where the camera looks; null until somebody was seen. */
  private centre: Vector3 | null = null;
  private extent = PERSON;
  /** For how long the chosen person has not been seen. */
  private unseenS = 0;
  private returning = false;

  constructor(
    private readonly stage: Stage,
    private readonly labels: Labels,
  ) {
    stage.people.add(this.scale.object);
    this.scale.object.visible = false;
    stage.addUpdater((seconds) => this.update(seconds));
  }

  /** Forget everything and begin with a skeleton and a lane for each source. */
  reset(skeleton: Skeleton, sources: readonly string[]): void {
    for (const lane of this.lanes) {
      this.stage.people.remove(lane.object);
      lane.dispose();
    }
    this.lanes = sources.map(
      (name, i) => new Lane(skeleton, name, i, sources.length, this.styleName, this.palette),
    );
    for (const lane of this.lanes) {
      lane.trailsShown = this.trailsShown;
      this.stage.people.add(lane.object);
    }
    this.only = null;
    this.centre = null;
    this.scale.object.visible = false;
    this.stage.draw();
  }

  /** Show a frame in the next picture. */
  show(frame: PoseFrame): void {
    this.lanes[frame.source]?.show(frame);
    this.stage.draw();
  }

  /** Somebody as shown in the last picture. */
  find(who: Who): PlacedPerson | undefined {
    return this.lanes[who.source]?.people.find((person) => isSame(person, who));
  }

  /** Where the people of each source stand in the scene. */
  get places(): Matrix4[] {
    return this.lanes.map((lane) => lane.place.clone());
  }

  /** Follow one person, or null for all. */
  set focus(who: Who | null) {
    this.only = who;
    this.unseenS = 0;
    this.stage.draw();
  }

  set style(style: Values["style"]) {
    this.styleName = style;
    for (const lane of this.lanes) lane.style = style;
    this.stage.draw();
  }

  set trails(shown: boolean) {
    this.trailsShown = shown;
    for (const lane of this.lanes) lane.trailsShown = shown;
    this.stage.draw();
  }

  set scaleShown(shown: boolean) {
    this.scaleWanted = shown;
    this.scale.object.visible = shown && this.centre !== null;
    this.stage.draw();
  }

  paint(palette: Palette): void {
    this.palette = palette;
    this.scale.paint(palette);
    for (const lane of this.lanes) lane.paint(palette);
    this.stage.draw();
  }

  /** The panels cover something else now. */
  layoutChanged(): void {
    this.stage.refit(this.follow && this.centre ? this.extent : null);
  }

  look(view: View): void {
    this.stage.look(view, this.centre ?? this.stage.target.clone(), this.extent);
  }

  private update(seconds: number): boolean {
    let moving = false;
    for (const lane of this.lanes) moving = lane.update(seconds, this.stage.camera.position) || moving;
    this.unseenS = this.only && !this.find(this.only) ? this.unseenS + seconds : 0;
    moving = this.moveCamera(seconds) || moving;
    this.stage.camera.updateMatrixWorld();
    const marks = [...this.scale.marks(), ...this.lanes.flatMap((lane) => lane.marks())];
    this.labels.update(this.lanes, marks, seconds);
    return moving;
  }

  /** Keep people centred; true while the camera is moving. */
  private moveCamera(seconds: number): boolean {
    const bounds = this.bounds();
    if (!bounds) return false;
    if (!this.centre) {
      this.centre = bounds.centre;
      this.extent = bounds.extent;
      this.stage.open(this.centre, this.extent);
      this.scale.object.visible = this.scaleWanted;
      this.surround();
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
    let back = 0;
    if (this.follow) {
      this.stage.follow(move);
      this.stage.resizeView(before, this.extent);
      back = this.bringBack(ease);
    }
    this.surround();
    return Math.max(back, moveLeft, Math.abs(taller), Math.abs(wider)) > 0.01;
  }

  /** Turn back to the chosen person where panning has left them out of the picture. Returns how far that is, metres. */
  private bringBack(ease: number): number {
    const chosen = this.only && this.find(this.only);
    const gap = this.centre!.clone().sub(this.stage.target);
    // Once begun, it goes all the way: at the edge of the picture they would soon be out of it again.
    this.returning = chosen ? this.stage.reach(this.centre!) >= LEFT || (this.returning && gap.length() > FREE_M) : false;
    if (!this.returning) return 0;
    this.stage.follow(gap.clone().multiplyScalar(ease));
    return gap.length();
  }

  /** Ground and scale go where the people are. */
  private surround(): void {
    this.stage.centre(this.centre!);
    this.scale.place(this.centre!, this.extent.width);
  }

  /** How far out the outermost joint is on the screen: 1 at the edge of what is free. */
  private reach(): number {
    return Math.max(...this.knownPoints().map((point) => this.stage.reach(point)));
  }

  /** Those whom the camera follows, with where their source stands. */
  private followed(): { person: PlacedPerson; place: Matrix4 }[] {
    const all = this.lanes.flatMap((lane) => lane.people.map((person) => ({ person, place: lane.place })));
    const chosen = all.filter(({ person }) => this.only && isSame(person, this.only));
    return chosen.length > 0 || (this.only && this.unseenS < PATIENCE_S) ? chosen : all;
  }

  /** All joints of those people, in the scene. */
  private knownPoints(): Vector3[] {
    return this.followed().flatMap(({ person: { points, confidence }, place }) =>
      [...confidence.keys()]
        .filter((joint) => confidence[joint]! >= LEAST_CONFIDENCE)
        .map((joint) => new Vector3().fromArray(points, 3 * joint).applyMatrix4(place)),
    );
  }

  /** What they fill, around the middle of people who stand. */
  private bounds(): { centre: Vector3; extent: Extent } | null {
    const places = this.followed().flatMap(({ person, place }) => middleOf([person], place) ?? []);
    if (places.length === 0) return null;
    const centre = places.reduce((sum, place) => sum.add(place), new Vector3()).divideScalar(places.length);
    const spread = Math.max(...places.map((place) => place.distanceTo(centre)));
    centre.y = MIDDLE_HEIGHT_M;
    const outermost = Math.max(...this.knownPoints().map((point) => Math.abs(point.y - MIDDLE_HEIGHT_M)));
    const height = Math.max(PERSON.height, outermost + HEAD_ROOM_M);
    return { centre, extent: { height, width: PERSON.width + spread } };
  }
}
