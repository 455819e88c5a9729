// One source's part of the scene: its people, trails, floor and camera symbol. Cameras of several sources are not
// calibrated to each other, so each source has its own lane beside the others.
import { BufferGeometry, Float32BufferAttribute, Group, LineBasicMaterial, LineSegments, Matrix4, Vector3 } from "three";
import type { Figures } from "./figures";
import { Contacts } from "./contacts";
import { SHADOW_FROM_SCENE } from "./ground";
import { makeFigures, MOST_PEOPLE } from "./make-figures";
import type { LabelledPeople, Mark } from "./marks";
import { Place } from "./place";
import { LEAST_CONFIDENCE, placePerson, type PlacedPerson, type PoseFrame } from "../pose";
import type { Values } from "../settings";
import type { Skeleton } from "../skeleton";
import type { Palette } from "../theme";
import { Trails } from "./trails";

/** From one lane's middle to the next. */
const PITCH_M = 3.2;
/** People may leave the middle of their lane by this much before the lane moves along. */
const FREE_M = 1.1;
const EASE_S = 0.6;
/** Where the lane's name lies, in front of its people. */
const NAME_AHEAD_M = 1.1;
/** Closer than this, the camera symbol is in the way. */
const SIGN_DISTANCE_M = 1.6;

export class Lane implements LabelledPeople {
  readonly object = new Group();
  people: readonly PlacedPerson[] = [];
  /** Scene from the people's axes. */
  readonly place = new Matrix4();

  private figures: Figures;
  private readonly shadow = new Group();
  private readonly trails: Trails;
  private readonly contacts: Contacts;
  /** What the camera saw, with its own floor. */
  private readonly seenThings = new Group();
  private readonly ownPlace: Place;
  /** Where the lane has been moved to: beside the others. */
  private readonly shift = new Vector3();
  private readonly sign = makeCameraSign();
  private frame: PoseFrame | null = null;
  /** Whether anybody has been seen. */
  private seen = false;
  /** Whether the lane has been put where its people are. */
  private placed = false;

  /** The lane is number `index` of `count`. A single lane keeps people where the camera saw them. */
  constructor(
    readonly skeleton: Skeleton,
    private readonly name: string,
    private readonly index: number,
    private readonly count: number,
    style: Values["style"],
    palette: Palette,
  ) {
    this.figures = makeFigures(style, skeleton);
    this.trails = new Trails(skeleton);
    this.ownPlace = new Place(skeleton);
    this.contacts = new Contacts(skeleton, MOST_PEOPLE);
    this.shadow.matrixAutoUpdate = false;
    this.shadow.add(this.figures.shadow);
    this.sign.visible = false;
    this.seenThings.matrixAutoUpdate = false;
    this.seenThings.add(this.figures.object, this.shadow, this.trails.object, this.sign);
    this.object.add(this.seenThings, this.contacts.object);
    this.paint(palette);
  }

  dispose(): void {
    this.figures.dispose();
    this.trails.dispose();
    this.contacts.dispose();
    this.sign.geometry.dispose();
    this.sign.material.dispose();
  }

  /** Show a frame in the next picture. */
  show(frame: PoseFrame): void {
    this.frame = frame;
  }

  set style(style: Values["style"]) {
    this.seenThings.remove(this.figures.object);
    this.shadow.remove(this.figures.shadow);
    this.figures.dispose();
    this.figures = makeFigures(style, this.skeleton);
    this.figures.update(this.people);
    this.seenThings.add(this.figures.object);
    this.shadow.add(this.figures.shadow);
  }

  set trailsShown(shown: boolean) {
    this.trails.object.visible = shown;
  }

  paint(palette: Palette): void {
    this.sign.material.color.set(palette.sign);
    this.trails.dark = palette.dark;
  }

  /** Advance the time; true while something is still moving. */
  update(seconds: number, camera: Vector3): boolean {
    if (this.frame) {
      const { people, timeS, world } = this.frame;
      this.frame = null;
      this.people = people.map(placePerson);
      this.seen ||= people.length > 0;
      this.figures.update(this.people);
      this.trails.update(this.people, timeS);
      this.ownPlace.observe(this.people, timeS, world);
    }
    let moving = this.ownPlace.ease(seconds);
    if (this.count > 1) moving = this.keepPlace(seconds) || moving;
    this.place.makeTranslation(this.shift).multiply(this.ownPlace.matrix);
    this.seenThings.matrix.copy(this.place);
    this.seenThings.matrixWorldNeedsUpdate = true;
    // Into the scene, flat onto its ground, and back, because the lane moves everything in it.
    this.shadow.matrix.copy(this.place).invert().multiply(SHADOW_FROM_SCENE).multiply(this.place);
    const standing = String(this.contacts.update(this.people, this.place));
    if (document.body.dataset["standing"] !== standing) document.body.dataset["standing"] = standing;
    this.sign.visible = this.seen && camera.distanceTo(new Vector3().setFromMatrixPosition(this.place)) > SIGN_DISTANCE_M;
    return moving;
  }

  /** The name of the source on the ground, where there are several. */
  marks(): Mark[] {
    return this.count > 1 && this.placed
      ? [{ text: `${this.index + 1} · ${this.name}`, at: new Vector3(this.middle, 0, NAME_AHEAD_M) }]
      : [];
  }

  private get middle(): number {
    return (this.index - (this.count - 1) / 2) * PITCH_M;
  }

  /** Keep the people near the middle of the lane, all lanes in one row. */
  private keepPlace(seconds: number): boolean {
    const centre = middleOf(this.people, this.ownPlace.matrix);
    if (!centre) return false;
    const gap = new Vector3(this.middle - centre.x - this.shift.x, 0, -centre.z - this.shift.z);
    const length = gap.length();
    const beyond = this.placed ? Math.max(0, length - FREE_M) : length;
    const ease = this.placed ? 1 - Math.exp(-seconds / EASE_S) : 1;
    this.placed = true;
    if (beyond > 0) this.shift.add(gap.multiplyScalar((beyond * ease) / length));
    return beyond * (1 - ease) > 0.01;
  }
}

/** The point on the ground between all people, by the first known joint of each; null if there is nobody. place: scene from their axes. */
export function middleOf(people: readonly PlacedPerson[], place: Matrix4): Vector3 | null {
  const roots = people.flatMap((person) => {
    const joint = person.confidence.findIndex((sure) => sure >= LEAST_CONFIDENCE);
    return joint < 0 ? [] : [new Vector3().fromArray(person.points, 3 * joint).applyMatrix4(place).setY(0)];
  });
  if (roots.length === 0) return null;
  return roots.reduce((sum, root) => sum.add(root), new Vector3()).divideScalar(roots.length);
}

/** A small frustum where the camera that filmed is: it shows which way "front" is. */
function makeCameraSign(): LineSegments<BufferGeometry, LineBasicMaterial> {
  const [w, h, d] = [0.16, 0.09, 0.2];
  const corners = [[-w, -h], [w, -h], [w, h], [-w, h]] as const;
  const lines: number[] = [];
  corners.forEach(([x, y], i) => {
    const [nextX, nextY] = corners[(i + 1) % 4]!;
    lines.push(0, 0, 0, x, y, -d, x, y, -d, nextX, nextY, -d);
  });
  lines.push(-0.04, h, -d, 0, h + 0.05, -d, 0, h + 0.05, -d, 0.04, h, -d);
  const geometry = new BufferGeometry().setAttribute("position", new Float32BufferAttribute(lines, 3));
  return new LineSegments(geometry, new LineBasicMaterial());
}
