// Names over the joints: all of them, or the one under the pointer. Ids over heads when there are several people.
import { Vector3 } from "three";
import { LEAST_CONFIDENCE, personColor, type PlacedPerson } from "./pose";
import { readableJoint, type Skeleton } from "./skeleton";
import type { Stage } from "./stage";

/** How far over the head the id stands. */
const ID_HEIGHT_M = 0.19;
/** How near the pointer must be to a joint, px. */
const REACH_PX = 18;

interface Label {
  text: string;
  x: number;
  y: number;
  color: string;
  strong: boolean;
  /** On the left of its joint, so that names point away from the body. */
  flipped: boolean;
}

export class Labels {
  /** Whether all names are shown. */
  all = false;
  private pointer: { x: number; y: number } | null = null;
  private readonly pool: HTMLSpanElement[] = [];

  constructor(
    private readonly layer: HTMLElement,
    private readonly stage: Stage,
  ) {
    const { canvas } = stage;
    const point = (event: PointerEvent): void => {
      const box = canvas.getBoundingClientRect();
      this.pointer = { x: event.clientX - box.left, y: event.clientY - box.top };
      stage.draw();
    };
    canvas.addEventListener("pointermove", (event) => event.buttons === 0 && point(event));
    canvas.addEventListener("pointerdown", point); // a finger has no other way to point
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "mouse") return;
      this.pointer = null;
      stage.draw();
    });
  }

  /** Put the labels where the joints are on the screen now. */
  update(people: readonly PlacedPerson[], skeleton: Skeleton): void {
    const labels: Label[] = [];
    let nearest: Label | null = null;
    let nearestPx = REACH_PX;
    for (const person of people) {
      const color = personColor(person.id);
      const root = this.onScreen(person, 0);
      for (let joint = 0; joint < skeleton.joints.length; joint++) {
        const at = this.onScreen(person, joint);
        if (!at) continue;
        const flipped = root !== null && at.x < root.x - 2;
        const name = readableJoint(skeleton.joints[joint]!);
        if (this.all) labels.push({ text: name, ...at, color, strong: false, flipped });
        const px = this.pointer ? Math.hypot(this.pointer.x - at.x, this.pointer.y - at.y) : Infinity;
        if (px < nearestPx) {
          nearestPx = px;
          nearest = { text: `${name} · ${Math.round(100 * person.confidence[joint]!)} %`, ...at, color, strong: true, flipped };
        }
      }
      const over = this.onScreen(person, skeleton.head, ID_HEIGHT_M);
      if (over && people.length > 1 && person.id >= 0) {
        labels.push({ text: `#${person.id}`, x: over.x - 20, y: over.y, color, strong: true, flipped: false });
      }
    }
    if (nearest) labels.push(nearest);
    this.show(labels);
  }

  /** Where a joint, or a point so many metres over it, is on the screen; null outside and if unknown. */
  private onScreen(person: PlacedPerson, joint: number, over = 0): { x: number; y: number } | null {
    if (!(person.confidence[joint]! >= LEAST_CONFIDENCE)) return null;
    const { camera, canvas, people } = this.stage;
    const point = people.localToWorld(new Vector3().fromArray(person.points, 3 * joint));
    point.y += over;
    point.project(camera);
    if (Math.abs(point.x) > 1 || Math.abs(point.y) > 1 || point.z > 1) return null;
    return { x: ((point.x + 1) / 2) * canvas.clientWidth, y: ((1 - point.y) / 2) * canvas.clientHeight };
  }

  private show(labels: readonly Label[]): void {
    while (this.pool.length < labels.length) {
      const span = document.createElement("span");
      this.layer.append(span);
      this.pool.push(span);
    }
    this.pool.forEach((span, i) => {
      const label = labels[i];
      span.hidden = !label;
      if (!label) return;
      if (span.textContent !== label.text) span.textContent = label.text;
      span.classList.toggle("strong", label.strong);
      span.style.setProperty("--person", label.color);
      const aside = label.flipped ? " translateX(calc(-100% - 18px))" : "";
      span.style.transform = `translate(${label.x.toFixed(1)}px, ${label.y.toFixed(1)}px)${aside}`;
    });
  }
}
