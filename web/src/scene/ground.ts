// The ground: 1 m squares that fade into the background. It is made of lines and a disc, which software rendering draws
// much faster than a shader over half the screen. Shadows are people pressed flat, for the same reason.
import {
  BufferGeometry,
  CircleGeometry,
  Color,
  Float32BufferAttribute,
  Group,
  LineBasicMaterial,
  LineSegments,
  Mesh,
  Matrix4,
  MeshBasicMaterial,
} from "three";
import { SHADOW } from "./batch";
import type { Palette } from "../theme";

const REACH_M = 11;
/** Where the light comes from: metres to the right and to the front for each metre up. */
export const [LIGHT_X, LIGHT_Z] = [0.4, 0.47];
/** Presses what is in the scene flat on the ground, away from the light. */
export const SHADOW_FROM_SCENE = new Matrix4().set(1, -LIGHT_X, 0, 0, 0, 0, 0, 0, 0, -LIGHT_Z, 1, 0, 0, 0, 0, 1);

export class Ground {
  readonly object = new Group();
  private readonly disc = new Mesh(
    new CircleGeometry(REACH_M, 48),
    new MeshBasicMaterial({ vertexColors: true, depthWrite: false }),
  );
  private readonly grid = new LineSegments(
    makeGrid(),
    new LineBasicMaterial({ vertexColors: true, depthWrite: false }),
  );

  constructor() {
    // Drawn in order, without depth, so that nothing flickers.
    const layers = [this.disc, this.grid];
    for (const [order, layer] of layers.entries()) layer.renderOrder = order - layers.length;
    this.object.add(...layers);
    this.object.rotation.x = -Math.PI / 2;
  }

  paint(palette: Palette): void {
    const background = new Color(palette.background);
    fade(this.disc.geometry, background, new Color(palette.ground));
    fade(this.grid.geometry, background, new Color(palette.line));
    SHADOW.color.set(palette.shadow);
  }

  /** Move under the people by whole squares: the grid keeps its place in the world, the fade follows. */
  place(x: number, z: number): void {
    this.object.position.set(Math.round(x), 0, Math.round(z));
  }
}

/** Colour each corner: `near` in the middle, `far` at the edge. */
function fade(geometry: BufferGeometry, far: Color, near: Color): void {
  const corners = geometry.attributes["position"]!;
  const colors: number[] = [];
  for (let i = 0; i < corners.count; i++) {
    const share = Math.max(0, 1 - Math.hypot(corners.getX(i), corners.getY(i)) / REACH_M) ** 1.5;
    colors.push(...far.clone().lerp(near, share).toArray());
  }
  geometry.setAttribute("color", new Float32BufferAttribute(colors, 3));
}

function makeGrid(): BufferGeometry {
  const corners: number[] = [];
  for (let line = -REACH_M; line <= REACH_M; line++) {
    for (let along = -REACH_M; along < REACH_M; along++) {
      if (Math.hypot(line, along + 0.5) > REACH_M) continue;
      corners.push(line, along, 0, line, along + 1, 0, along, line, 0, along + 1, line, 0);
    }
  }
  return new BufferGeometry().setAttribute("position", new Float32BufferAttribute(corners, 3));
}
