// Feet that stand on something: a disc on the ground under each.
import { CircleGeometry, Color, DoubleSide, InstancedMesh, Matrix4, MeshBasicMaterial, Vector3 } from "three";
import { personColor, type PlacedPerson } from "../pose";
import type { Skeleton } from "../skeleton";

/** From this probability on, a foot stands. */
const STANDS = 0.5;
const RADIUS_M = 0.11;
const HEIGHT_M = 0.004;
const OPACITY = 0.4;
/** The joints of a body's contacts, two for each foot. */
const FEET = [["left_heel", "left_toe"], ["right_heel", "right_toe"]] as const;

export class Contacts {
  readonly object: InstancedMesh<CircleGeometry, MeshBasicMaterial>;
  private readonly joints: readonly (readonly number[])[];

  constructor(skeleton: Skeleton, private readonly mostPeople: number) {
    this.joints = FEET.map((names) => names.map((name) => skeleton.joints.indexOf(name)));
    const material = new MeshBasicMaterial({ transparent: true, opacity: OPACITY, depthWrite: false, side: DoubleSide });
    this.object = new InstancedMesh(new CircleGeometry(RADIUS_M, 20).rotateX(-Math.PI / 2), material, 2 * mostPeople);
    this.object.setColorAt(0, new Color());
    this.object.frustumCulled = false;
    this.object.renderOrder = -0.4; // over the ground and its shadows
    this.object.count = 0;
  }

  /** scene: from the people's axes. Returns how many feet stand. */
  update(people: readonly PlacedPerson[], scene: Matrix4): number {
    let count = 0;
    for (const person of people.slice(0, this.mostPeople)) {
      const { body } = person;
      if (!body) continue;
      this.joints.forEach((joints, foot) => {
        const standing = joints.filter((joint, end) => person.sure[joint] && body.contacts[2 * foot + end]! >= STANDS);
        if (standing.length === 0) return;
        const middle = standing.reduce((sum, joint) => sum.add(new Vector3().fromArray(person.points, 3 * joint)), new Vector3());
        middle.divideScalar(standing.length).applyMatrix4(scene).setY(HEIGHT_M);
        this.object.setMatrixAt(count, new Matrix4().setPosition(middle));
        this.object.setColorAt(count++, new Color(personColor(person)));
      });
    }
    this.object.count = count;
    this.object.visible = count > 0;
    this.object.instanceMatrix.needsUpdate = true;
    this.object.instanceColor!.needsUpdate = true;
    return count;
  }

  dispose(): void {
    this.object.geometry.dispose();
    this.object.material.dispose();
    this.object.dispose();
  }
}
