// People as solid bones and joints. All people share a few instanced meshes.
import {
  Color,
  CylinderGeometry,
  DynamicDrawUsage,
  Group,
  InstancedMesh,
  Matrix4,
  MeshPhongMaterial,
  Quaternion,
  SphereGeometry,
  Vector3,
  type BufferGeometry,
} from "three";
import { LEAST_CONFIDENCE, personColor, SURE_CONFIDENCE, type PlacedPerson } from "./pose";
import type { Skeleton } from "./skeleton";

const UP = new Vector3(0, 1, 0);
/** The end of a bone that is farther from the root is thinner. */
const TAPER = 0.76;
/** How far the bones of a limb lean towards the colour of its side. */
const SIDE_TINT = 0.2;
const FAINT_OPACITY = 0.26;

/** Instances of one shape, sure or faint, refilled for every frame. */
class Batch {
  readonly mesh: InstancedMesh;

  constructor(geometry: BufferGeometry, faint: boolean, capacity: number) {
    // Phong, not the physical model: it looks as good on balls and sticks and is half the work in software.
    const material = new MeshPhongMaterial({
      specular: "#3a3f4a",
      shininess: 42,
      ...(faint ? { transparent: true, opacity: FAINT_OPACITY, depthWrite: false } : {}),
    });
    this.mesh = new InstancedMesh(geometry, material, capacity);
    this.mesh.instanceMatrix.setUsage(DynamicDrawUsage);
    this.mesh.setColorAt(0, new Color()); // makes the colours' buffer
    this.mesh.count = 0;
    this.mesh.castShadow = !faint;
    this.mesh.frustumCulled = false;
  }

  add(matrix: Matrix4, color: Color): void {
    if (this.mesh.count === this.mesh.instanceMatrix.count) return;
    this.mesh.setMatrixAt(this.mesh.count, matrix);
    this.mesh.setColorAt(this.mesh.count, color);
    this.mesh.count++;
  }

  finish(): void {
    this.mesh.instanceMatrix.needsUpdate = true;
    this.mesh.instanceColor!.needsUpdate = true;
  }
}

export class SkeletonView {
  readonly object = new Group();
  private readonly bones: readonly [Batch, Batch];
  private readonly joints: readonly [Batch, Batch];
  private readonly sideColors: Color[];

  constructor(
    private readonly skeleton: Skeleton,
    mostPeople = 16,
  ) {
    const bone = new CylinderGeometry(TAPER, 1, 1, 18, 1, true);
    const joint = new SphereGeometry(1, 22, 14);
    const count = mostPeople * skeleton.joints.length;
    this.bones = [new Batch(bone, false, count), new Batch(bone, true, count)];
    this.joints = [new Batch(joint, false, count), new Batch(joint, true, count)];
    this.sideColors = skeleton.colors.map((color) => new Color(color));
    this.object.add(...[...this.bones, ...this.joints].map((batch) => batch.mesh));
  }

  update(people: readonly PlacedPerson[]): void {
    const batches = [...this.bones, ...this.joints];
    for (const batch of batches) batch.mesh.count = 0;
    for (const person of people) this.addPerson(person);
    for (const batch of batches) batch.finish();
  }

  dispose(): void {
    for (const batch of [...this.bones, ...this.joints]) {
      batch.mesh.geometry.dispose();
      (batch.mesh.material as MeshPhongMaterial).dispose();
      batch.mesh.dispose();
    }
  }

  private addPerson(person: PlacedPerson): void {
    const { skeleton } = this;
    const own = new Color(personColor(person.id));
    const color = new Color();
    const matrix = new Matrix4();
    const turn = new Quaternion();
    const [from, to, along, middle, scale] = [1, 2, 3, 4, 5].map(() => new Vector3()) as [
      Vector3, Vector3, Vector3, Vector3, Vector3,
    ];

    for (const [child, parent] of skeleton.bones) {
      const sure = Math.min(person.confidence[child]!, person.confidence[parent]!);
      if (!(sure >= LEAST_CONFIDENCE)) continue;
      from.fromArray(person.points, 3 * parent);
      to.fromArray(person.points, 3 * child);
      const length = along.subVectors(to, from).length();
      if (length < 1e-4) continue;
      const radius = skeleton.boneRadius[child]!;
      turn.setFromUnitVectors(UP, along.divideScalar(length));
      matrix.compose(middle.addVectors(from, to).multiplyScalar(0.5), turn, scale.set(radius, length, radius));
      color.copy(own).lerp(this.sideColors[child]!, SIDE_TINT);
      this.bones[sure < SURE_CONFIDENCE ? 1 : 0].add(matrix, color);
    }
    for (let joint = 0; joint < skeleton.joints.length; joint++) {
      const sure = person.confidence[joint]!;
      if (!(sure >= LEAST_CONFIDENCE)) continue;
      const radius = skeleton.jointRadius[joint]!;
      matrix.makeScale(radius, radius, radius).setPosition(from.fromArray(person.points, 3 * joint));
      this.joints[sure < SURE_CONFIDENCE ? 1 : 0].add(matrix, this.sideColors[joint]!);
    }
  }
}
