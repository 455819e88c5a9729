// What the page knows about a skeleton: everything is found by joint name.

export interface Skeleton {
  joints: readonly string[];
  /** Index of each joint's parent, -1 at the root. */
  parents: readonly number[];
  /** Hex colour of each joint, by its side. */
  colors: readonly string[];
  /** Names of the bones whose rotations a body has. */
  bodyBones: readonly string[];
  /** [child, parent] of every line between two joints. */
  bones: readonly (readonly [number, number])[];
  /** The ankles: the lowest joints that every skeleton has. */
  feet: readonly number[];
  /** The joint that a person's id stands over. */
  head: number;
  /** Joints that leave a trail. */
  trailed: readonly number[];
  /** Thickness of the bone that ends in each joint, metres. */
  boneRadius: readonly number[];
  /** Size of the bead at each joint, metres. */
  jointRadius: readonly number[];
}

/** Unless the server gives others. */
const [LEFT_COLOR, RIGHT_COLOR, MIDDLE_COLOR] = ["#2f9bff", "#ff7a3d", "#d5d9e2"];

/** [last word of the joint's name, radius of the bone that ends there, radius of its bead]. */
const RADII: readonly (readonly [string, number, number])[] = [
  ["head", 0.04, 0.1],
  ["neck_base", 0.05, 0.046],
  ["thorax", 0.066, 0.066],
  ["spine", 0.07, 0.073],
  ["root", 0.07, 0.076],
  ["shoulder", 0.052, 0.054],
  ["elbow", 0.045, 0.043],
  ["wrist", 0.036, 0.036],
  ["hip", 0.062, 0.066],
  ["knee", 0.057, 0.053],
  ["foot", 0.047, 0.042],
  ["ankle", 0.047, 0.042],
  ["heel", 0.03, 0.034],
  ["toe", 0.03, 0.027],
  ["index", 0.016, 0.017],
  ["pinky", 0.016, 0.015],
  ["nose", 0.02, 0.024],
  ["ear", 0.02, 0.022],
];
const OTHER_RADII = [0.026, 0.026] as const;

function endsWithWord(joint: string, words: readonly string[]): boolean {
  return words.some((word) => joint === word || joint.endsWith(`_${word}`));
}

function indicesOf(joints: readonly string[], words: readonly string[]): number[] {
  return joints.flatMap((joint, i) => (endsWithWord(joint, words) ? [i] : []));
}

/** Of a joint ("left_knee") or bone ("leftFoot"), hex. */
export function sideColor(name: string): string {
  return name.startsWith("left") ? LEFT_COLOR : name.startsWith("right") ? RIGHT_COLOR : MIDDLE_COLOR;
}

/** colorOf: joint name -> hex colour, where the server gives one. bodyBones: names of the bones of bodies. */
export function makeSkeleton(
  joints: readonly string[],
  parents: readonly number[],
  colorOf: ReadonlyMap<string, string>,
  bodyBones: readonly string[] = [],
): Skeleton {
  const radii = joints.map((joint) => {
    const found = RADII.find(([word]) => endsWithWord(joint, [word]));
    return found ? ([found[1], found[2]] as const) : OTHER_RADII;
  });
  return {
    joints,
    parents,
    colors: joints.map((joint) => colorOf.get(joint) ?? sideColor(joint)),
    bodyBones,
    bones: parents.flatMap((parent, child) => (parent >= 0 ? [[child, parent] as const] : [])),
    feet: indicesOf(joints, ["foot", "ankle"]),
    head: Math.max(0, joints.indexOf("head")),
    trailed: indicesOf(joints, ["wrist", "foot", "ankle"]),
    boneRadius: radii.map(([bone]) => bone),
    jointRadius: radii.map(([, joint]) => joint),
  };
}

/** "left_knee" -> "left knee". */
export function readableJoint(joint: string): string {
  return joint.replaceAll("_", " ");
}
