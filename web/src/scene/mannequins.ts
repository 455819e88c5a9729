// People as jointed wooden figures. Hands, feet and head turn as their joints say, where there are such; the thickness of
// all parts is drawn, not measured.
import { Color, Group, LatheGeometry, Matrix4, SphereGeometry, Vector2, Vector3, type BufferGeometry } from "three";
import { Batch, ROUND } from "./batch";
import type { Figures } from "./figures";
import { LEAST_CONFIDENCE, personColor, type PlacedPerson } from "../pose";
import type { Skeleton } from "../skeleton";

const WOOD = new Color("#cfc8bc");
const SOCKET = new Color("#8f8a83");
/** How far the wood leans towards the colour of the person, hands and feet towards that of their side. */
const [OWN_TINT, SIDE_TINT] = [0.16, 0.5];

/** Half the outline of a limb: [0 at its upper end .. 1, share of its radius]. */
type Outline = readonly (readonly [number, number])[];
const THIGH: Outline = [[0, 0.6], [0.05, 0.84], [0.2, 1], [0.5, 0.9], [0.85, 0.66], [0.96, 0.6], [1, 0.45]];
const SHIN: Outline = [[0, 0.6], [0.06, 0.86], [0.25, 1], [0.5, 0.84], [0.8, 0.56], [0.96, 0.52], [1, 0.4]];
const UPPER_ARM: Outline = [[0, 0.6], [0.06, 0.92], [0.3, 1], [0.6, 0.9], [0.95, 0.72], [1, 0.5]];
const FOREARM: Outline = [[0, 0.6], [0.05, 0.88], [0.25, 1], [0.6, 0.8], [0.95, 0.58], [1, 0.45]];
const CHEST: Outline = [[0, 0.3], [0.04, 0.62], [0.2, 0.86], [0.5, 1], [0.78, 0.97], [0.92, 0.72], [1, 0.3]];
const WAIST: Outline = [[0, 0.7], [0.25, 0.96], [0.5, 1], [0.75, 0.96], [1, 0.7]];

/** [side-less name of the upper joint, of the lower joint, radius in metres, outline]. */
const LIMBS: readonly (readonly [string, string, number, Outline])[] = [
  ["hip", "knee", 0.078, THIGH],
  ["knee", "foot", 0.056, SHIN],
  ["shoulder", "elbow", 0.049, UPPER_ARM],
  ["elbow", "wrist", 0.04, FOREARM],
];
const SOCKETS: readonly (readonly [string, number])[] = [
  ["shoulder", 0.05], ["elbow", 0.035], ["wrist", 0.025], ["hip", 0.07], ["knee", 0.045], ["foot", 0.033],
];
const NOSE_M = 0.024;
const NEEDED = ["root", "spine", "thorax", "head", ...LIMBS.flatMap(([a, b]) => [a, b]).flatMap((j) => [`left_${j}`, `right_${j}`])];

export class Mannequins implements Figures {
  readonly object = new Group();
  readonly shadow = new Group();
  private readonly limbs: readonly Batch[];
  private readonly chest: Batch;
  private readonly waist: Batch;
  private readonly balls: Batch;
  private readonly indexOf: ReadonlyMap<string, number>;
  private readonly sideColors: ReadonlyMap<string, Color>;

  static fits(skeleton: Skeleton): boolean {
    return NEEDED.every((joint) => skeleton.joints.includes(joint));
  }

  constructor(skeleton: Skeleton, mostPeople: number) {
    this.indexOf = new Map(skeleton.joints.map((joint, i) => [joint, i]));
    this.sideColors = new Map(
      ["left", "right"].map((side) => [side, new Color(skeleton.colors[this.indexOf.get(`${side}_wrist`)!]!)]),
    );
    this.limbs = LIMBS.map(([, , , outline]) => new Batch(makeLathe(outline), 2 * mostPeople));
    this.chest = new Batch(makeLathe(CHEST), mostPeople);
    this.waist = new Batch(makeLathe(WAIST), mostPeople);
    this.balls = new Batch(new SphereGeometry(1, ROUND, Math.round(0.7 * ROUND)), 20 * mostPeople);
    this.object.add(...this.batches.flatMap((batch) => batch.meshes));
    this.shadow.add(...this.batches.map((batch) => batch.shadow));
  }

  update(people: readonly PlacedPerson[]): void {
    for (const batch of this.batches) batch.clear();
    for (const person of people) this.addPerson(person);
    for (const batch of this.batches) batch.finish();
  }

  dispose(): void {
    for (const batch of this.batches) batch.dispose();
  }

  private get batches(): readonly Batch[] {
    return [...this.limbs, this.chest, this.waist, this.balls];
  }

  private addPerson(person: PlacedPerson): void {
    const wood = WOOD.clone().lerp(new Color(personColor(person)), OWN_TINT);
    const at = (joint: string): Vector3 => new Vector3().fromArray(person.points, 3 * this.indexOf.get(joint)!);
    const find = (joint: string): Vector3 | null => ((this.indexOf.get(joint) ?? -1) >= 0 && sure(joint) !== null ? at(joint) : null);
    /** Whether all of them are sure; null if one is unknown. */
    const sure = (...joints: string[]): boolean | null => {
      const found = joints.map((joint) => this.indexOf.get(joint)!);
      if (found.some((joint) => !(person.confidence[joint]! >= LEAST_CONFIDENCE))) return null;
      return found.every((joint) => person.sure[joint]);
    };
    const put = (batch: Batch, matrix: Matrix4, color: Color, sure: boolean | null): void => {
      if (sure !== null && Number.isFinite(matrix.determinant())) batch.add(matrix, color, sure);
    };
    const [root, spine, thorax, head] = ["root", "spine", "thorax", "head"].map(at) as [Vector3, Vector3, Vector3, Vector3];
    const across = at("left_shoulder").sub(at("right_shoulder"));
    const hips = at("left_hip").sub(at("right_hip"));

    for (const side of ["left", "right"]) {
      const own = wood.clone().lerp(this.sideColors.get(side)!, SIDE_TINT);
      const of = (joint: string): Vector3 => at(`${side}_${joint}`);
      LIMBS.forEach(([upper, lower, radius], i) => {
        const from = of(upper);
        const bone = of(lower).sub(from);
        put(this.limbs[i]!, placed(from, bone, hips, radius, radius), wood, sure(`${side}_${upper}`, `${side}_${lower}`));
      });
      for (const [joint, radius] of SOCKETS) {
        put(this.balls, new Matrix4().makeScale(radius, radius, radius).setPosition(of(joint)), SOCKET, sure(`${side}_${joint}`));
      }
      const [index, pinky] = [find(`${side}_index`), find(`${side}_pinky`)];
      const flat = index && pinky ? index.clone().sub(pinky) : hips;
      const fingers = index && pinky ? index.add(pinky).multiplyScalar(0.5).sub(of("wrist")) : of("wrist").sub(of("elbow"));
      const hand = of("wrist").addScaledVector(fingers.normalize(), 0.085);
      const [wide, thick] = index && pinky ? [0.042, 0.02] : [0.036, 0.028];
      put(this.balls, centred(hand, fingers.multiplyScalar(0.088), flat, wide, thick), own, sure(`${side}_elbow`, `${side}_wrist`));
      const [heel, toe] = [find(`${side}_heel`), find(`${side}_toe`)];
      if (heel && toe) {
        const sole = toe.clone().sub(heel);
        const length = sole.length() / 2 + 0.02;
        put(this.balls, centred(heel.add(toe).multiplyScalar(0.5), sole.setLength(length), hips, 0.045, 0.034), own, sure(`${side}_heel`, `${side}_toe`));
        continue;
      }
      // At a right angle to the shin, to where the pelvis faces.
      const shin = of("foot").sub(of("knee")).normalize();
      const ahead = hips.clone().cross(thorax.clone().sub(root));
      const toes = ahead.addScaledVector(shin, -ahead.dot(shin)).normalize();
      const foot = of("foot").addScaledVector(toes, 0.065).addScaledVector(shin, 0.04);
      put(this.balls, centred(foot, toes.multiplyScalar(0.125), hips, 0.043, 0.034), own, sure(`${side}_knee`, `${side}_foot`, "left_hip", "right_hip"));
    }

    const width = across.length() / 2;
    const up = thorax.clone().sub(spine);
    const shoulders = sure("spine", "thorax", "left_shoulder", "right_shoulder");
    const bottom = spine.clone().addScaledVector(up, -0.12);
    put(this.chest, placed(bottom, up.clone().multiplyScalar(1.3), across, width * 0.9, width * 0.62), wood, shoulders);
    const belly = spine.clone().sub(root);
    put(this.waist, placed(root.clone().addScaledVector(belly, -0.1), belly.clone().multiplyScalar(1.15), hips, width * 0.68, width * 0.5), SOCKET, sure("root", "spine"));
    put(this.balls, centred(root.clone().addScaledVector(belly, 0.05), belly.setLength(0.1), hips, hips.length() / 2 + 0.062, 0.105), wood, sure("root", "left_hip", "right_hip"));
    const neck = head.clone().sub(thorax);
    put(this.limbs[2]!, placed(thorax, neck.clone(), across, 0.045, 0.045), SOCKET, sure("thorax", "head"));
    const [nose, leftEar, rightEar] = [find("nose"), find("left_ear"), find("right_ear")];
    const ears = leftEar && rightEar ? leftEar.sub(rightEar) : across;
    put(this.balls, centred(head.clone().addScaledVector(neck.normalize(), 0.02), neck.setLength(0.125), ears, 0.083, 0.1), wood, sure("head"));
    if (nose) put(this.balls, new Matrix4().makeScale(NOSE_M, NOSE_M, NOSE_M).setPosition(nose), SOCKET, sure("nose"));
  }
}

/** A limb's shape between two points: its upper end at `from`, its width along `side`. */
function placed(from: Vector3, bone: Vector3, side: Vector3, width: number, depth: number): Matrix4 {
  return frameOf(bone, side, width, depth).setPosition(from);
}

/** A ball around `middle`, half as long as twice `axis`. */
function centred(middle: Vector3, axis: Vector3, side: Vector3, width: number, depth: number): Matrix4 {
  return frameOf(axis, side, width, depth).setPosition(middle);
}

/** Its y is `along`, its x is as near to `side` as that allows. */
function frameOf(along: Vector3, side: Vector3, width: number, depth: number): Matrix4 {
  const y = along.clone().normalize();
  const x = side.clone().addScaledVector(y, -side.dot(y));
  if (x.lengthSq() < 1e-6) x.set(y.z, y.x, y.y).addScaledVector(y, -(y.z * y.x + y.x * y.y + y.y * y.z));
  x.normalize();
  const z = x.clone().cross(y);
  return new Matrix4().makeBasis(x.multiplyScalar(width), along.clone(), z.multiplyScalar(depth));
}

function makeLathe(outline: Outline): BufferGeometry {
  return new LatheGeometry(outline.map(([along, radius]) => new Vector2(radius, along)), ROUND);
}
