// Many copies of one shape in a single draw call, refilled for every frame.
import {
  Color,
  DoubleSide,
  DynamicDrawUsage,
  InstancedMesh,
  Matrix4,
  MeshBasicMaterial,
  MeshPhongMaterial,
  type BufferGeometry,
  type Material,
} from "three";
import { DRAWS_IN_SOFTWARE } from "../device";

const FAINT_OPACITY = 0.26;

/** Segments around a shape. In software the processor transforms every corner. */
export const ROUND = DRAWS_IN_SOFTWARE ? 10 : 20;

/** Shadows draw everybody twice, which is too slow in software. */
const SHADOWS = !DRAWS_IN_SOFTWARE;

/** Of all shadows; the theme gives its colour. Under people, over the ground, whatever their depths. */
export const SHADOW = new MeshBasicMaterial({ side: DoubleSide, depthTest: false, depthWrite: false });
const SHADOW_ORDER = -0.5;

/** Copies of a shape. The sure ones have a shadow; the others are faint. */
export class Batch {
  readonly meshes: readonly [InstancedMesh, InstancedMesh];
  /** The sure ones once more, to be pressed flat on the ground. */
  readonly shadow: InstancedMesh;

  constructor(geometry: BufferGeometry, capacity: number) {
    this.meshes = [makeMesh(geometry, capacity, false), makeMesh(geometry, capacity, true)];
    this.shadow = new InstancedMesh(geometry, SHADOW, capacity);
    this.shadow.instanceMatrix = this.meshes[0].instanceMatrix;
    this.shadow.count = 0;
    this.shadow.frustumCulled = false;
    this.shadow.renderOrder = SHADOW_ORDER;
  }

  clear(): void {
    for (const mesh of this.meshes) mesh.count = 0;
  }

  /** sure: whether it is drawn in full. */
  add(matrix: Matrix4, color: Color, sure: boolean): void {
    const mesh = this.meshes[sure ? 0 : 1];
    if (mesh.count === mesh.instanceMatrix.count) return;
    mesh.setMatrixAt(mesh.count, matrix);
    mesh.setColorAt(mesh.count, color);
    mesh.count++;
  }

  finish(): void {
    for (const mesh of this.meshes) {
      mesh.visible = mesh.count > 0;
      mesh.instanceMatrix.needsUpdate = true;
      mesh.instanceColor!.needsUpdate = true;
    }
    this.shadow.count = this.meshes[0].count;
    this.shadow.visible = SHADOWS && this.shadow.count > 0;
  }

  dispose(): void {
    for (const mesh of this.meshes) {
      mesh.geometry.dispose();
      (mesh.material as Material).dispose();
      mesh.dispose();
    }
    this.shadow.dispose();
  }
}

function makeMesh(geometry: BufferGeometry, capacity: number, faint: boolean): InstancedMesh {
  // Phong looks as good on balls and sticks as the physical model, at half the work in software.
  const material = new MeshPhongMaterial({
    specular: "#3a3f4a",
    shininess: 42,
    ...(faint ? { transparent: true, opacity: FAINT_OPACITY, depthWrite: false } : {}),
  });
  const mesh = new InstancedMesh(geometry, material, capacity);
  mesh.instanceMatrix.setUsage(DynamicDrawUsage);
  mesh.setColorAt(0, new Color()); // makes the colours' buffer
  mesh.count = 0;
  mesh.frustumCulled = false;
  return mesh;
}
