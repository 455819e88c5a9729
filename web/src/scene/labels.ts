// Names over the joints: all of them, or the one under the pointer. Ids over heads when there are several people.
import { Vector3 } from "three";
import type { LabelledPeople, Mark } from "./marks";
import { LEAST_CONFIDENCE, personColor, type PlacedPerson } from "../pose";
import { readableJoint } from "../skeleton";
import type { Stage } from "./stage";

/** How far over the head the id stands. */
const ID_HEIGHT_M = 0.19;
/** An id follows its person in this time: heads are found anew in every frame, and words that shake cannot be read. */
const ID_EASE_S = 0.18;
const ID_SETTLE_MS = 150;
/** Nobody moves as far between two pictures: it is a jump in a recording. */
const ID_LEAP_M = 1;
/** How near the pointer must be to a joint, px. */
const REACH_PX = 18;

/** Words at a place of the screen, px. */
export interface Label {
  text: string;
  x: number;
  y: number;
  kind: "joint" | "strong" | "mark";
  /** Hex colour of the person that it belongs to. */
  color: string;
  /** On the left of its joint, so that names point away from the body. */
  flipped: boolean;
}

export class Labels {
  /** Whether all names are shown. */
  all = false;
  /** What is shown now. */
  shown: readonly Label[] = [];
  private pointer: { x: number; y: number } | null = null;
  private readonly pool: HTMLSpanElement[] = [];
  /** Where the ids are in the scene. */
  private idPlaces = new Map<string, Vector3>();
  private settled = false;
  private settling: number | undefined;

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

  /** Put the labels where the joints and marks are on the screen now. */
  update(lanes: readonly LabelledPeople[], marks: readonly Mark[], seconds: number): void {
    const labels: Label[] = [];
    for (const { text, at } of marks) {
      const place = this.onScreen(at.clone());
      if (place) labels.push({ text, ...place, kind: "mark", color: "", flipped: false });
    }
    const crowd = lanes.reduce((count, lane) => count + lane.people.length, 0);
    let nearest: Label | null = null;
    let nearestPx = REACH_PX;
    for (const lane of lanes) {
      for (const person of lane.people) {
        const color = personColor(person);
        if (!this.all && !this.pointer) continue;
        const root = this.ofJoint(lane, person, 0);
        for (let joint = 0; joint < lane.skeleton.joints.length; joint++) {
          const at = this.ofJoint(lane, person, joint);
          if (!at) continue;
          const flipped = root !== null && at.x < root.x - 2;
          const name = readableJoint(lane.skeleton.joints[joint]!);
          if (this.all) labels.push({ text: name, ...at, color, kind: "joint", flipped });
          const px = this.pointer ? Math.hypot(this.pointer.x - at.x, this.pointer.y - at.y) : Infinity;
          if (px < nearestPx) {
            nearestPx = px;
            const sure = `${Math.round(100 * person.confidence[joint]!)} %`;
            nearest = { text: `${name} · ${sure}`, ...at, color, kind: "strong", flipped };
          }
        }
      }
    }
    if (crowd > 1) this.addIds(lanes, labels, seconds);
    if (nearest) labels.push(nearest);
    this.shown = labels;
    this.show(labels);
  }

  /** An id over each person. It costs no extra pictures: where none follows for a while, ids go to their places at once. */
  private addIds(lanes: readonly LabelledPeople[], labels: Label[], seconds: number): void {
    const ease = this.settled ? 1 : 1 - Math.exp(-seconds / ID_EASE_S);
    const places = new Map<string, Vector3>();
    let moving = false;
    for (const lane of lanes) {
      for (const person of lane.people) {
        const target = person.id < 0 ? null : overHead(lane, person);
        if (!target) continue;
        const key = `${person.source} ${person.id}`;
        const before = this.idPlaces.get(key);
        const place = before && before.distanceTo(target) < ID_LEAP_M ? before.lerp(target, ease) : target.clone();
        places.set(key, place);
        moving ||= place.distanceTo(target) > 0.005;
        const at = this.onScreen(place.clone());
        const text = lanes.length > 1 ? `${person.source + 1}·${person.id}` : `#${person.id}`;
        if (at) labels.push({ text, x: at.x - 20, y: at.y, color: personColor(person), kind: "strong", flipped: false });
      }
    }
    this.idPlaces = places;
    this.settled = false;
    clearTimeout(this.settling);
    if (moving) this.settling = setTimeout(() => this.settle(), ID_SETTLE_MS);
  }

  private settle(): void {
    this.settled = true;
    this.stage.draw();
  }

  /** Where a joint is on the screen; null outside and if unknown. */
  private ofJoint(lane: LabelledPeople, person: PlacedPerson, joint: number): { x: number; y: number } | null {
    if (!(person.confidence[joint]! >= LEAST_CONFIDENCE)) return null;
    return this.onScreen(new Vector3().fromArray(person.points, 3 * joint).applyMatrix4(lane.place));
  }

  /** Where a point of the scene is; it is changed. */
  private onScreen(point: Vector3): { x: number; y: number } | null {
    const { camera, canvas } = this.stage;
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
      if (span.hidden !== !label) span.hidden = !label;
      if (!label) return;
      if (span.textContent !== label.text) span.textContent = label.text;
      if (span.className !== label.kind) span.className = label.kind;
      if (span.dataset["color"] !== label.color) {
        span.dataset["color"] = label.color;
        span.style.setProperty("--person", label.color);
      }
      const aside = label.flipped ? " translateX(calc(-100% - 18px))" : "";
      const place = `translate(${label.x.toFixed(1)}px, ${label.y.toFixed(1)}px)${aside}`;
      if (span.style.transform !== place) span.style.transform = place;
    });
  }
}

/** Over a person's head, or over the highest joint while the head is unknown; null if nothing is known. */
function overHead({ skeleton, place }: LabelledPeople, { points, confidence }: PlacedPerson): Vector3 | null {
  const known = skeleton.joints.flatMap((_, joint) => (confidence[joint]! >= LEAST_CONFIDENCE ? [joint] : []));
  const highest = known.reduce((best, joint) => (points[3 * joint + 1]! > points[3 * best + 1]! ? joint : best), known[0] ?? -1);
  const joint = known.includes(skeleton.head) ? skeleton.head : highest;
  return joint < 0 ? null : new Vector3().fromArray(points, 3 * joint).applyMatrix4(place).add(new Vector3(0, ID_HEIGHT_M, 0));
}
