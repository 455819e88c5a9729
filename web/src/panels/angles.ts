// Joint angles of one person. The definitions are written out in the page's help and in docs/page.md.
import { Quaternion, Vector3 } from "three";
import { LEAST_CONFIDENCE, type Body, type PlacedPerson } from "../pose";
import type { Skeleton } from "../skeleton";

export const ANGLES = ["Knee", "Hip", "Elbow", "Shoulder", "Trunk lean"] as const;
export const SIDES = ["left", "right"] as const;
/** Each angle of both sides, left first, and the trunk's, which has no side. */
export const ANGLE_COUNT = 2 * (ANGLES.length - 1) + 1;

export interface AngleSample {
  timeS: number;
  /** ANGLE_COUNT angles; NaN where a joint that it needs is unknown. */
  degrees: Float32Array;
  /** 1 where all the joints are sure. */
  sure: Uint8Array;
}

const UP = new Vector3(0, 1, 0);
const DOWN = new Vector3(0, -1, 0);

/** Upwards in viewer axes: known with the frame's `world`, else the picture's. */
export function upOf(world: ArrayLike<number> | null): Vector3 {
  return world ? new Vector3(world[4], -world[5]!, -world[6]!) : UP.clone();
}

export class AngleMeter {
  private readonly indexOf: ReadonlyMap<string, number>;
  private readonly boneOf: ReadonlyMap<string, number>;

  constructor(skeleton: Skeleton) {
    this.boneOf = new Map(skeleton.bodyBones.map((bone, i) => [bone, i]));
    this.indexOf = new Map(skeleton.joints.map((joint, i) => [joint, i]));
  }

  /** up: see `upOf`. */
  measure(person: PlacedPerson, timeS: number, up: Vector3 = UP): AngleSample {
    const degrees = new Float32Array(ANGLE_COUNT).fill(NaN);
    const sure = new Uint8Array(ANGLE_COUNT);
    /** Set one angle, if all its joints are known. */
    const set = (index: number, joints: readonly string[], angle: (...points: Vector3[]) => number): void => {
      const found = joints.map((joint) => this.indexOf.get(joint) ?? -1);
      if (found.some((joint) => joint < 0 || !(person.confidence[joint]! >= LEAST_CONFIDENCE))) return;
      degrees[index] = angle(...found.map((joint) => new Vector3().fromArray(person.points, 3 * joint)));
      sure[index] = Number(found.every((joint) => person.sure[joint]));
    };
    SIDES.forEach((side, s) => {
      const of = (joint: string): string => `${side}_${joint}`;
      set(s, [of("hip"), of("knee"), of("foot")], bend);
      set(2 + s, ["thorax", "root", of("hip"), of("knee")], swing);
      set(4 + s, [of("shoulder"), of("elbow"), of("wrist")], bend);
      set(6 + s, ["thorax", "root", of("shoulder"), of("elbow")], swing);
    });
    set(ANGLE_COUNT - 1, ["root", "thorax"], (root, thorax) => between(thorax!.sub(root!), up));
    if (person.body) this.turnBones(person.body, degrees, up);
    return { timeS, degrees, sure };
  }

  /** Replace the angles that are known by those between the bones; forwards is positive at hip, knee and elbow. */
  private turnBones({ rotations }: Body, degrees: Float32Array, up: Vector3): void {
    const turn = (bone: string): Quaternion => {
      const at = 4 * (this.boneOf.get(bone) ?? NaN);
      return new Quaternion(rotations[at + 1], rotations[at + 2], rotations[at + 3], rotations[at]);
    };
    const set = (index: number, angle: number): void => {
      if (Number.isFinite(degrees[index]) && Number.isFinite(angle)) degrees[index] = angle;
    };
    SIDES.forEach((side, s) => {
      const out = new Vector3(side === "left" ? 1 : -1, 0, 0);
      const shin = turned(turn(`${side}LowerLeg`), DOWN);
      const thigh = turned(turn(`${side}UpperLeg`), DOWN);
      const forearm = turned(turn(`${side}LowerArm`), out);
      const arm = turned(turn(`${side}Shoulder`).multiply(turn(`${side}UpperArm`)), out);
      set(s, between(shin, DOWN) * (shin.z > 0 ? -1 : 1));
      set(2 + s, (Math.atan2(thigh.z, -thigh.y) * 180) / Math.PI);
      set(4 + s, between(forearm, out) * (forearm.z < 0 ? -1 : 1));
      set(6 + s, between(arm, DOWN));
    });
    const chest = turned(turn("hips").multiply(turn("spine")).multiply(turn("chest")), UP);
    set(ANGLE_COUNT - 1, between(new Vector3(chest.x, -chest.y, -chest.z), up));
  }
}

/** Where a bone's direction at rest points after a turn. */
function turned(turn: Quaternion, rest: Vector3): Vector3 {
  return rest.clone().applyQuaternion(turn);
}

/** How far a limb is bent: 0 where its three joints lie on a line. */
function bend(upper?: Vector3, middle?: Vector3, lower?: Vector3): number {
  return between(middle!.clone().sub(upper!), lower!.sub(middle!));
}

/** Between a limb and the trunk pointing down: 0 where they are parallel. */
function swing(thorax?: Vector3, root?: Vector3, from?: Vector3, to?: Vector3): number {
  return between(root!.sub(thorax!), to!.sub(from!));
}

function between(a: Vector3, b: Vector3): number {
  return (a.angleTo(b) * 180) / Math.PI;
}
