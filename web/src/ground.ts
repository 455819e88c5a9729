// The ground: 1 m squares that fade into the dark, and the shadows of people. Lines and two small discs instead of a
// shader over half the screen, because that is what software rendering can draw at the speed of a camera.
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

const REACH_M = 11;
const LINE_COLOR = new Color("#41517a");
const GROUND_COLOR = new Color("#1b2438");

export class Ground {
  readonly object = new Group();
  private readonly shade = new Mesh(
    new CircleGeometry(1, 48),
    new ShadowMaterial({ color: "#000208", opacity: 0.62, depthWrite: false }),
  );

  constructor(background: Color) {
    this.shade.receiveShadow = true;
    // Drawn one over the other without depth, so that nothing flickers.
    const layers = [makeDisc(background), makeGrid(background), this.shade];
    for (const [order, layer] of layers.entries()) layer.renderOrder = order - layers.length;
    this.object.add(...layers);
    this.object.rotation.x = -Math.PI / 2;
  }

  /** Lie under the people: the squares stay where they are in the world, the fading moves along. */
  place(x: number, z: number, shadowRadius: number): void {
    this.object.position.set(Math.round(x), 0, Math.round(z));
    this.shade.position.set(x - Math.round(x), -(z - Math.round(z)), 0);
    this.shade.scale.setScalar(shadowRadius);
  }
}

/** 1 at the middle, 0 at the edge. */
function fade(x: number, y: number): number {
  return Math.max(0, 1 - Math.hypot(x, y) / REACH_M) ** 1.5;
}

function makeDisc(background: Color): Mesh {
  const geometry = new CircleGeometry(REACH_M, 48);
  const corners = geometry.attributes["position"]!;
  const colors: number[] = [];
  for (let i = 0; i < corners.count; i++) {
    colors.push(...background.clone().lerp(GROUND_COLOR, fade(corners.getX(i), corners.getY(i))).toArray());
  }
  geometry.setAttribute("color", new Float32BufferAttribute(colors, 3));
  return new Mesh(geometry, new MeshBasicMaterial({ vertexColors: true, depthWrite: false }));
}

function makeGrid(background: Color): LineSegments {
  const corners: number[] = [];
  const colors: number[] = [];
  const add = (x: number, y: number): void => {
    corners.push(x, y, 0);
    colors.push(...background.clone().lerp(LINE_COLOR, fade(x, y)).toArray());
  };
  for (let line = -REACH_M; line <= REACH_M; line++) {
    for (let along = -REACH_M; along < REACH_M; along++) {
      if (Math.hypot(line, along + 0.5) > REACH_M) continue;
      add(line, along);
      add(line, along + 1);
      add(along, line);
      add(along + 1, line);
    }
  }
  const geometry = new BufferGeometry()
    .setAttribute("position", new Float32BufferAttribute(corners, 3))
    .setAttribute("color", new Float32BufferAttribute(colors, 3));
  return new LineSegments(geometry, new LineBasicMaterial({ vertexColors: true, depthWrite: false }));
}
