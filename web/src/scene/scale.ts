// A scale beside the people, like a surveyor's rod: 2 m high in half metres, and 1 m on the ground in quarters.
import { BoxGeometry, Color, InstancedMesh, Matrix4, MeshBasicMaterial, Vector3 } from "three";
import type { Mark } from "./marks";
import type { Palette } from "../theme";

const THICKNESS_M = 0.016;
const ROD = { length: 2, parts: 4 };
const BAR = { length: 1, parts: 4 };
/** Beside and behind what the people fill. */
const [BESIDE_M, BEHIND_M] = [0.35, 0.45];
/** It moves only when it is off by more than this. */
const FREE_M = 0.75;

export class Scale {
  readonly object = new InstancedMesh(
    new BoxGeometry(),
    new MeshBasicMaterial(),
    ROD.parts + BAR.parts,
  );

  constructor() {
    const matrix = new Matrix4();
    for (let i = 0; i < ROD.parts; i++) {
      const length = ROD.length / ROD.parts;
      this.object.setMatrixAt(i, matrix.makeScale(THICKNESS_M, length, THICKNESS_M).setPosition(0, (i + 0.5) * length, 0));
    }
    for (let i = 0; i < BAR.parts; i++) {
      const length = BAR.length / BAR.parts;
      matrix.makeScale(length, THICKNESS_M / 2, THICKNESS_M).setPosition((i + 0.5) * length, THICKNESS_M / 4, 0);
      this.object.setMatrixAt(ROD.parts + i, matrix);
    }
    this.object.frustumCulled = false;
  }

  paint(palette: Palette): void {
    const tones = palette.scale.map((tone) => new Color(tone)) as [Color, Color];
    for (let i = 0; i < ROD.parts + BAR.parts; i++) this.object.setColorAt(i, tones[(i % 2) as 0 | 1]);
    this.object.instanceColor!.needsUpdate = true;
  }

  /** centre: the middle of all people; width: half of what they fill. */
  place(centre: Vector3, width: number): void {
    const { position } = this.object;
    const x = centre.x - width - BESIDE_M;
    const z = centre.z - BEHIND_M;
    if (Math.hypot(x - position.x, z - position.z) > FREE_M) position.set(x, 0, z);
  }

  marks(): Mark[] {
    if (!this.object.visible) return [];
    const at = (x: number, y: number): Vector3 => this.object.position.clone().add(new Vector3(x, y, 0));
    return [
      { text: "2 m", at: at(0, ROD.length) },
      { text: "1 m", at: at(0, ROD.length / 2) },
      { text: "1 m", at: at(BAR.length, 0) },
    ];
  }
}
