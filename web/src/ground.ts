// The ground: 1 m squares that fade into the background, and the shadows of people. Lines and two small discs instead
// of a shader over half the screen, because that is what software rendering can draw at the speed of a camera.
import {
  BufferGeometry,
  CircleGeometry,
  Color,
  Float32BufferAttribute,
  Group,
  LineBasicMaterial,
  LineSegments,
  Mesh,
  MeshBasicMaterial,
  ShadowMaterial,
} from "three";
import type { Palette } from "./theme";

const REACH_M = 11;

export class Ground {
  readonly object = new Group();
  private readonly shade = new Mesh(new CircleGeometry(1, 48), new ShadowMaterial({ depthWrite: false }));
  private readonly disc = new Mesh(
    new CircleGeometry(REACH_M, 48),
    new MeshBasicMaterial({ vertexColors: true, depthWrite: false }),
  );
  private readonly grid = new LineSegments(
    makeGrid(),
    new LineBasicMaterial({ vertexColors: true, depthWrite: false }),
  );

  constructor() {
    this.shade.receiveShadow = true;
    // Drawn one over the other without depth, so that nothing flickers.
    const layers = [this.disc, this.grid, this.shade];
    for (const [order, layer] of layers.entries()) layer.renderOrder = order - layers.length;
    this.object.add(...layers);
    this.object.rotation.x = -Math.PI / 2;
  }

  paint(palette: Palette): void {
    const background = new Color(palette.background);
    fade(this.disc.geometry, background, new Color(palette.ground));
    fade(this.grid.geometry, background, new Color(palette.line));
    this.shade.material.color.set(palette.shadow);
    this.shade.material.opacity = palette.shadowOpacity;
  }

  /** Lie under the people: the squares stay where they are in the world, the fading moves along. */
  place(x: number, z: number, shadowRadius: number): void {
    this.object.position.set(Math.round(x), 0, Math.round(z));
    this.shade.position.set(x - Math.round(x), -(z - Math.round(z)), 0);
    this.shade.scale.setScalar(shadowRadius);
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
