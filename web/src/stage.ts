// The 3D scene that people stand in: renderer, lights, floor, camera. Draws only when something has changed, because
// the same computer is busy with finding people.
import {
  BasicShadowMap,
  BufferGeometry,
  Color,
  DirectionalLight,
  Float32BufferAttribute,
  Group,
  HemisphereLight,
  LineBasicMaterial,
  LineSegments,
  PCFShadowMap,
  PerspectiveCamera,
  Scene,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { Ground } from "./ground";

export type View = "front" | "side" | "top";

/** What is to be seen, metres: half its height and half its width and depth. */
export interface Extent {
  height: number;
  width: number;
}

/** Called before each picture; returns true to be called again for the next one. */
export type Updater = (seconds: number) => boolean;

const BACKGROUND = new Color("#0b0e15");
/** From nearer the sign of the camera is in the way. */
const SIGN_DISTANCE_M = 1.6;
/** Share of the height by which people stand lower on an upright screen. */
const UPRIGHT_SHIFT = 0.09;
const FLIGHT_S = 0.5;
/** Where the camera stands at first, seen from the people. */
const OPENING = new Vector3(0.5, 0.22, 1);
const DIRECTIONS: Record<View, Vector3> = {
  front: new Vector3(0, 0.08, 1),
  side: new Vector3(1, 0.08, 0.0001),
  top: new Vector3(0, 1, 0.0001),
};
/** Pictures that come later than this after they were asked for are too much for the machine. */
const SLOW_MS = 45;
const LEAST_PIXEL_RATIO = 0.75;

export class Stage {
  /** People are put in here, in viewer axes; it is moved up so that the floor is at 0. */
  readonly people = new Group();
  readonly camera = new PerspectiveCamera(38, 1, 0.05, 200);
  readonly canvas: HTMLCanvasElement;
  /** Called after each picture. */
  onDrawn: () => void = () => {};

  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly controls: OrbitControls;
  private readonly key = new DirectionalLight("#fff3e0", 2.6);
  private readonly cameraSign = makeCameraSign();
  private readonly ground = new Ground(BACKGROUND);
  private readonly updaters: Updater[] = [];
  private readonly stillness = matchMedia("(prefers-reduced-motion: reduce)");
  private flight: { from: Vector3; to: Vector3; progress: number } | null = null;
  private asked = false;
  private askedMs = 0;
  private lastMs = 0;
  private waitMs = 0;
  private readonly software = drawsInSoftware();
  private pixelRatio = this.software ? 1 : Math.min(devicePixelRatio, 2);

  /** Throws if the browser has no WebGL. */
  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    this.renderer = new WebGLRenderer({ canvas, antialias: !this.software });
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = this.software ? BasicShadowMap : PCFShadowMap;
    this.scene.background = BACKGROUND;
    this.scene.add(this.people, this.ground.object, new HemisphereLight("#c9dcff", "#4a3f5c", 1.5));
    this.people.add(this.cameraSign);
    this.addLights();

    this.camera.position.set(1.6, 1.6, 1);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.enableDamping = true;
    this.controls.dampingFactor = 0.12;
    this.controls.minDistance = 0.6;
    this.controls.maxDistance = 30;
    this.controls.maxPolarAngle = Math.PI * 0.53;
    this.controls.target.set(0, 0.9, -3);
    this.controls.addEventListener("change", () => this.draw());
    this.controls.addEventListener("start", () => (this.flight = null));
    canvas.addEventListener("webglcontextrestored", () => this.draw());

    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  addUpdater(updater: Updater): void {
    this.updaters.push(updater);
  }

  /** Ask for a picture. */
  draw(): void {
    if (this.asked) return;
    this.asked = true;
    this.askedMs = performance.now();
    requestAnimationFrame((nowMs) => this.tick(nowMs));
  }

  /** What the camera turns around. */
  get target(): Vector3 {
    return this.controls.target;
  }

  /** Move the camera along with what it looks at. */
  follow(move: Vector3): void {
    this.controls.target.add(move);
    this.camera.position.add(move);
    this.flight?.from.add(move);
    this.flight?.to.add(move);
  }

  /** Go nearer or farther away as what is to be seen gets smaller or larger. */
  resizeView(from: Extent, to: Extent): void {
    const factor = this.distance(to) / this.distance(from);
    const target = this.controls.target;
    this.camera.position.sub(target).multiplyScalar(factor).add(target);
  }

  /** Stand at `target` as one does when the page opens, without flying there. */
  open(target: Vector3, extent: Extent): void {
    this.flight = null;
    this.controls.target.copy(target);
    this.camera.position.copy(target).addScaledVector(OPENING.clone().normalize(), this.distance(extent));
    this.draw();
  }

  /** Fly to one of the named views of what is around `target`. */
  look(view: View, target: Vector3, extent: Extent): void {
    this.controls.target.copy(target);
    const seen = view === "top" ? { height: extent.width, width: extent.width } : extent;
    const to = target.clone().addScaledVector(DIRECTIONS[view].clone().normalize(), this.distance(seen));
    this.flight = { from: this.camera.position.clone(), to, progress: this.stillness.matches ? 1 : 0 };
    this.draw();
  }

  /** The part of the scene where shadows fall. */
  light(centre: Vector3, radius: number): void {
    const reach = Math.ceil(radius + 1.5);
    this.ground.place(centre.x, centre.z, radius + 1);
    this.key.target.position.set(centre.x, 0, centre.z);
    this.key.position.set(centre.x + 2.2, 5.5, centre.z + 2.6);
    const box = this.key.shadow.camera;
    if (box.right !== reach) {
      [box.left, box.right, box.top, box.bottom] = [-reach, reach, reach, -reach];
      box.updateProjectionMatrix();
    }
  }

  /** From where all of it is in the picture. */
  private distance({ height, width }: Extent): number {
    const slope = Math.tan((this.camera.fov * Math.PI) / 360);
    return Math.max(height / slope, width / (slope * this.camera.aspect)) + 0.6 * width;
  }

  private addLights(): void {
    this.key.castShadow = true;
    this.key.shadow.mapSize.set(1024, 1024);
    this.key.shadow.camera.near = 0.5;
    this.key.shadow.camera.far = 14;
    this.key.shadow.normalBias = 0.02;
    this.key.shadow.radius = 3;
    this.light(new Vector3(0, 0, -3), 1.5);
    const rim = new DirectionalLight("#7da7ff", 1.4);
    rim.position.set(-4, 3, -6);
    this.scene.add(this.key, this.key.target, rim);
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || height === 0) return;
    this.camera.aspect = width / height;
    // Upright, on a phone, the panels lie over the upper part: people stand in what is free.
    const shift = this.camera.aspect < 0.8 ? UPRIGHT_SHIFT * height : 0;
    this.camera.setViewOffset(width, height, 0, -shift, width, height);
    this.renderer.setPixelRatio(this.pixelRatio);
    this.renderer.setSize(width, height, false);
    this.draw();
  }

  private tick(nowMs: number): void {
    this.asked = false;
    this.spareSlowMachines(performance.now() - this.askedMs);
    const seconds = Math.min((nowMs - this.lastMs) / 1000, 0.1);
    this.lastMs = nowMs;
    let again = this.fly(seconds);
    for (const updater of this.updaters) again = updater(seconds) || again;
    this.controls.update(seconds);
    const toSign = this.camera.position.distanceTo(this.cameraSign.getWorldPosition(new Vector3()));
    this.cameraSign.visible = toSign > SIGN_DISTANCE_M;
    this.renderer.render(this.scene, this.camera);
    this.onDrawn();
    if (again) this.draw();
  }

  private fly(seconds: number): boolean {
    const flight = this.flight;
    if (!flight) return false;
    flight.progress = Math.min(1, flight.progress + seconds / FLIGHT_S);
    const eased = 1 - (1 - flight.progress) ** 3;
    const target = this.controls.target;
    // Around the target, not through it: direction and distance are eased, not the position.
    const from = flight.from.clone().sub(target);
    const to = flight.to.clone().sub(target);
    const distance = from.length() + (to.length() - from.length()) * eased;
    const direction = from.normalize().lerp(to.normalize(), eased);
    if (direction.lengthSq() < 1e-4) direction.copy(to).normalize();
    this.camera.position.copy(target).addScaledVector(direction.normalize(), distance);
    if (flight.progress === 1) this.flight = null;
    return this.flight !== null;
  }

  /** Fewer pixels where pictures come late: software rendering, an old laptop, 4K. */
  private spareSlowMachines(waitedMs: number): void {
    this.waitMs += 0.05 * (waitedMs - this.waitMs);
    if (this.waitMs < SLOW_MS || this.pixelRatio <= LEAST_PIXEL_RATIO) return;
    this.pixelRatio = Math.max(LEAST_PIXEL_RATIO, this.pixelRatio * 0.8);
    this.waitMs = 0;
    this.resize();
  }
}

/** Whether the browser draws in software: edges are not smoothed and pixels not doubled then. */
function drawsInSoftware(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  const names = context?.getExtension("WEBGL_debug_renderer_info");
  const renderer: unknown = names && context?.getParameter(names.UNMASKED_RENDERER_WEBGL);
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(String(renderer));
}

/** A small frustum where the camera that filmed is: it shows which way "front" is. */
function makeCameraSign(): LineSegments {
  const [w, h, d] = [0.16, 0.09, 0.2];
  const corners = [[-w, -h], [w, -h], [w, h], [-w, h]] as const;
  const lines: number[] = [];
  corners.forEach(([x, y], i) => {
    const [nextX, nextY] = corners[(i + 1) % 4]!;
    lines.push(0, 0, 0, x, y, -d, x, y, -d, nextX, nextY, -d);
  });
  lines.push(-0.04, h, -d, 0, h + 0.05, -d, 0, h + 0.05, -d, 0.04, h, -d);
  const geometry = new BufferGeometry().setAttribute("position", new Float32BufferAttribute(lines, 3));
  return new LineSegments(geometry, new LineBasicMaterial({ color: "#55617c" }));
}
