// The 3D scene that people stand in: renderer, lights, floor, camera. Draws only when something has changed, because
// the same computer is busy finding people.
import {
  Color,
  DirectionalLight,
  Group,
  HemisphereLight,
  PerspectiveCamera,
  Scene,
  Spherical,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { DRAWS_IN_SOFTWARE } from "../device";
import { AdaptiveRatio } from "./adaptive-ratio";
import { Ground, LIGHT_X, LIGHT_Z } from "./ground";
import type { Palette } from "../theme";

export type View = "front" | "side" | "top";

/** What has to be in view, metres: half its height, and half its width and depth. */
export interface Extent {
  height: number;
  width: number;
}

/** Strips along the edges of the canvas, as shares of its width or height. */
export interface Edges {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Called before each picture; returns true to be called again for the next one. */
export type Updater = (seconds: number) => boolean;

/** At least this share of width and height is for people, whatever the panels cover. */
const LEAST_FREE = 0.34;
const FLIGHT_S = 0.5;
/** After a longer pause (a hidden page), movement continues from where it was. */
const LONGEST_STEP_S = 1;
/** A view that is turned by more than this, radians, is no longer the named one. */
const SAME_VIEW = 0.03;
/** Direction from the people to the camera when the page opens. */
const OPENING = new Vector3(0.5, 0.22, 1);
const DIRECTIONS: Record<View, Vector3> = {
  front: new Vector3(0, 0.08, 1),
  side: new Vector3(1, 0.08, 0.0001),
  top: new Vector3(0, 1, 0.0001),
};
/** With fewer pixels the scene would be a blur. */
const LEAST_PIXEL_RATIO = 0.6;

export class Stage {
  /** People are put in here: world axes, the floor is at 0. */
  readonly people = new Group();
  readonly camera = new PerspectiveCamera(38, 1, 0.05, 200);
  readonly canvas: HTMLCanvasElement;
  /** Called after each picture. */
  onDrawn: () => void = () => {};
  /** Called when a named view is chosen, and with null when it is left. */
  onView: (view: View | null) => void = () => {};

  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly controls: OrbitControls;
  private readonly sky = new HemisphereLight();
  private readonly ground = new Ground();
  private readonly updaters: Updater[] = [];
  private readonly stillness = matchMedia("(prefers-reduced-motion: reduce)");
  private view: View | null = null;
  private margins: Edges = { left: 0, right: 0, top: 0, bottom: 0 };
  private flight: { from: Vector3; to: Vector3; progress: number } | null = null;
  private asked = false;
  private moving = false;
  private askedMs = 0;
  private lastMs = 0;
  /** In software, edges are not smoothed and pixels not doubled. */
  private readonly pixels = new AdaptiveRatio(LEAST_PIXEL_RATIO, DRAWS_IN_SOFTWARE ? 1 : Math.min(devicePixelRatio, 2));

  /**
   * coveredEdges: what lies over the canvas now.
   * Throws if the browser has no WebGL.
   */
  constructor(
    canvas: HTMLCanvasElement,
    private readonly coveredEdges: () => Edges,
  ) {
    this.canvas = canvas;
    this.renderer = new WebGLRenderer({ canvas, antialias: !DRAWS_IN_SOFTWARE });
    this.scene.add(this.people, this.ground.object, this.sky);
    this.addLights();

    this.camera.position.set(1.6, 1.6, 1);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.enableDamping = true;
    this.controls.dampingFactor = 0.12;
    this.controls.minDistance = 0.6;
    this.controls.maxDistance = 30;
    this.controls.maxPolarAngle = Math.PI * 0.53;
    this.controls.target.set(0, 0.9, -3);
    this.controls.addEventListener("change", () => {
      this.draw();
      if (!this.flight && this.isTurned()) this.setView(null);
    });
    this.controls.addEventListener("start", () => (this.flight = null));
    canvas.addEventListener("webglcontextrestored", () => this.draw());

    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  addUpdater(updater: Updater): void {
    this.updaters.push(updater);
  }

  paint(palette: Palette): void {
    this.scene.background = new Color(palette.background);
    this.ground.paint(palette);
    this.sky.color.set(palette.sky);
    this.sky.groundColor.set(palette.bounce);
    this.sky.intensity = palette.ambient;
    this.draw();
  }

  /** The current scene at the full resolution of the screen, at least one pixel for each CSS pixel. */
  capture(): HTMLCanvasElement {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.renderer.setPixelRatio(Math.max(1, devicePixelRatio));
    this.renderer.setSize(width, height, false);
    this.renderer.render(this.scene, this.camera);
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [this.canvas.width, this.canvas.height];
    copy.getContext("2d")!.drawImage(this.canvas, 0, 0); // before the browser empties it
    this.resize();
    return copy;
  }

  /** Request a picture. */
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

  /** How far from the middle of the free part of the screen a point is: 1 at its edge. */
  reach(point: Vector3): number {
    this.camera.updateMatrixWorld();
    const seen = point.clone().applyMatrix4(this.camera.matrixWorldInverse);
    if (seen.z > -this.camera.near) return Infinity; // beside or behind the camera
    const { x, y } = seen.applyMatrix4(this.camera.projectionMatrix);
    const { left, right, top, bottom } = this.margins;
    return Math.max(Math.abs(x - left + right) / (1 - left - right), Math.abs(y - bottom + top) / (1 - top - bottom));
  }

  /** Move closer or back as what has to be in view gets smaller or larger. */
  resizeView(from: Extent, to: Extent): void {
    this.scaleDistance(this.distance(to) / this.distance(from));
  }

  private scaleDistance(factor: number): void {
    const { target } = this.controls;
    this.camera.position.sub(target).multiplyScalar(factor).add(target);
    this.flight?.to.sub(target).multiplyScalar(factor).add(target);
  }

  /** Look at `target` from the opening direction, without flying there. */
  open(target: Vector3, extent: Extent): void {
    this.flight = null;
    this.setView(null);
    this.fit();
    this.controls.target.copy(target);
    this.camera.position.copy(target).addScaledVector(OPENING.clone().normalize(), this.distance(extent));
    this.draw();
  }

  /** Fly to one of the named views of what is around `target`. */
  look(view: View, target: Vector3, extent: Extent): void {
    this.fit();
    this.setView(view);
    this.controls.target.copy(target);
    const distance =
      view === "top" ? this.distance({ height: extent.width, width: extent.width }, extent.height) : this.distance(extent);
    const to = target.clone().addScaledVector(DIRECTIONS[view].clone().normalize(), distance);
    this.flight = { from: this.camera.position.clone(), to, progress: this.stillness.matches ? 1 : 0 };
    this.draw();
  }

  /** The panels have changed: use what they leave free now. extent: keep this much in view; null: leave the camera. */
  refit(extent: Extent | null): void {
    const before = extent && this.distance(extent);
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (width === 0 || height === 0) return;
    this.fit();
    if (extent && before) this.scaleDistance(this.distance(extent) / before);
    this.draw();
  }

  /** Centre the ground here. */
  centre(point: Vector3): void {
    this.ground.place(point.x, point.z);
  }

  /** The distance at which all of it fits the free part of the screen. depth: half its size towards the camera. */
  private distance({ height, width }: Extent, depth = width): number {
    const slope = Math.tan((this.camera.fov * Math.PI) / 360);
    const { left, right, top, bottom } = this.margins;
    const upright = height / (slope * (1 - top - bottom));
    return Math.max(upright, width / (slope * this.camera.aspect * (1 - left - right))) + 0.6 * depth;
  }

  private setView(view: View | null): void {
    if (view === this.view) return;
    this.view = view;
    this.onView(view);
  }

  /** Whether the camera was turned away from the named view. */
  private isTurned(): boolean {
    if (!this.view) return false;
    const { theta, phi } = new Spherical().setFromVector3(DIRECTIONS[this.view]);
    const turn = Math.abs(this.controls.getAzimuthalAngle() - theta);
    return turn > SAME_VIEW || Math.abs(this.controls.getPolarAngle() - phi) > SAME_VIEW;
  }

  /** Put the middle of the camera's view into the middle of what the panels leave free. */
  private fit(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const covered = this.coveredEdges();
    const most = 1 - LEAST_FREE;
    const across = Math.min(1, most / Math.max(covered.left + covered.right, 0.01));
    // If there is not enough room, keep the feet clear rather than the head: they show where people stand.
    const under = Math.min(covered.bottom, most);
    this.margins = {
      left: across * covered.left,
      right: across * covered.right,
      top: Math.min(covered.top, most - under),
      bottom: under,
    };
    const { left, right, top, bottom } = this.margins;
    this.camera.setViewOffset(width, height, (width * (right - left)) / 2, (height * (bottom - top)) / 2, width, height);
  }

  private addLights(): void {
    const key = new DirectionalLight("#fff3e0", 2.6);
    key.position.set(LIGHT_X, 1, LIGHT_Z);
    const rim = new DirectionalLight("#7da7ff", 1.4);
    rim.position.set(-4, 3, -6);
    this.scene.add(key, rim);
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || height === 0) return;
    this.camera.aspect = width / height;
    this.fit();
    this.renderer.setPixelRatio(this.pixels.ratio);
    this.renderer.setSize(width, height, false);
    this.draw();
  }

  private tick(nowMs: number): void {
    this.asked = false;
    const startMs = performance.now();
    if (this.pixels.observe(startMs - this.askedMs, startMs)) this.resize();
    // If nothing was moving, time counts from the request for this picture.
    const sinceMs = this.moving ? this.lastMs : Math.max(this.lastMs, this.askedMs);
    const seconds = Math.min(Math.max(0, nowMs - sinceMs) / 1000, LONGEST_STEP_S);
    this.lastMs = nowMs;
    let again = this.fly(seconds);
    for (const updater of this.updaters) again = updater(seconds) || again;
    this.controls.update(seconds);
    this.renderer.render(this.scene, this.camera);
    this.onDrawn();
    this.moving = again;
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
}
