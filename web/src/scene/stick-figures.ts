// People as bones and joints: thin rods with beads, or capsules as thick as limbs.
import { Color, CylinderGeometry, Group, Matrix4, Quaternion, SphereGeometry, Vector3 } from "three";
import { Batch, ROUND } from "./batch";
import type { Figures } from "./figures";
import { LEAST_CONFIDENCE, personColor, type PlacedPerson } from "../pose";
import type { Skeleton } from "../skeleton";

const UP = new Vector3(0, 1, 0);
/** The end of a bone that is farther from the root is thinner. */
const TAPER = 0.76;
/** How far the bones of a limb lean towards the colour of its side. */
const SIDE_TINT = 0.2;
/** Of thin bones and their beads, metres. */
const [ROD_M, BEAD_M, HEAD_M] = [0.014, 0.027, 0.075];

export class StickFigures implements Figures {
  readonly object = new Group();
  readonly shadow = new Group();
  private readonly bones: Batch;
  private readonly joints: Batch;
  private readonly sideColors: Color[];
  private readonly boneRadius: readonly number[];
  private readonly jointRadius: readonly number[];

  constructor(
    private readonly skeleton: Skeleton,
    thin: boolean,
    mostPeople: number,
  ) {
    const count = mostPeople * skeleton.joints.length;
    this.bones = new Batch(new CylinderGeometry(thin ? 1 : TAPER, 1, 1, thin ? 8 : ROUND, 1, true), count);
    this.joints = new Batch(new SphereGeometry(1, ROUND, Math.round(0.7 * ROUND)), count);
    this.sideColors = skeleton.colors.map((color) => new Color(color));
    this.boneRadius = thin ? skeleton.joints.map(() => ROD_M) : skeleton.boneRadius;
    this.jointRadius = thin
      ? skeleton.joints.map((_, joint) => (joint === skeleton.head ? HEAD_M : BEAD_M))
      : skeleton.jointRadius;
    this.object.add(...this.bones.meshes, ...this.joints.meshes);
    this.shadow.add(this.bones.shadow, this.joints.shadow);
  }

  update(people: readonly PlacedPerson[]): void {
    this.bones.clear();
    this.joints.clear();
    for (const person of people) this.addPerson(person);
    this.bones.finish();
    this.joints.finish();
  }

  dispose(): void {
    this.bones.dispose();
    this.joints.dispose();
  }

  private addPerson(person: PlacedPerson): void {
    const { skeleton } = this;
    const own = new Color(personColor(person));
    const color = new Color();
    const matrix = new Matrix4();
    const turn = new Quaternion();
    const [from, to, along, middle, scale] = [1, 2, 3, 4, 5].map(() => new Vector3()) as [
      Vector3, Vector3, Vector3, Vector3, Vector3,
    ];

    for (const [child, parent] of skeleton.bones) {
      if (!(Math.min(person.confidence[child]!, person.confidence[parent]!) >= LEAST_CONFIDENCE)) continue;
      const sure = person.sure[child] === 1 && person.sure[parent] === 1;
      from.fromArray(person.points, 3 * parent);
      to.fromArray(person.points, 3 * child);
      const length = along.subVectors(to, from).length();
      if (length < 1e-4) continue;
      const radius = this.boneRadius[child]!;
      turn.setFromUnitVectors(UP, along.divideScalar(length));
      matrix.compose(middle.addVectors(from, to).multiplyScalar(0.5), turn, scale.set(radius, length, radius));
      this.bones.add(matrix, color.copy(own).lerp(this.sideColors[child]!, SIDE_TINT), sure);
    }
    for (let joint = 0; joint < skeleton.joints.length; joint++) {
      if (!(person.confidence[joint]! >= LEAST_CONFIDENCE)) continue;
      const radius = this.jointRadius[joint]!;
      matrix.makeScale(radius, radius, radius).setPosition(from.fromArray(person.points, 3 * joint));
      this.joints.add(matrix, this.sideColors[joint]!, person.sure[joint] === 1);
    }
  }
}
