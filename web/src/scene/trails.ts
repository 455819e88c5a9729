// The paths of wrists and ankles over the last second or so, as one batch of ribbons for all people.
import { Color, CustomBlending, MaxEquation, MinEquation, type InterleavedBufferAttribute } from "three";
import { LineMaterial } from "three/addons/lines/LineMaterial.js";
import { LineSegments2 } from "three/addons/lines/LineSegments2.js";
import { LineSegmentsGeometry } from "three/addons/lines/LineSegmentsGeometry.js";
import { personColor, type PlacedPerson } from "../pose";
import type { Skeleton } from "../skeleton";

const LENGTH_S = 1.2;
/** A joint that was unseen for longer starts a new trail. */
const GAP_S = 0.3;
/** Nobody moves this far in one step; it is another person, or a jump in a recording. */
const LEAP_M = 0.9;
const WIDTH_M = 0.02;
const MOST_SEGMENTS = 6000;

interface TrailPoint {
  timeS: number;
  x: number;
  y: number;
  z: number;
}

export class Trails {
  readonly object: LineSegments2;
  private readonly trails = new Map<string, TrailPoint[]>();
  private readonly positions = new Float32Array(MOST_SEGMENTS * 6);
  private readonly colors = new Float32Array(MOST_SEGMENTS * 6);
  private lastS = -Infinity;
  private onDark = true;

  constructor(private readonly skeleton: Skeleton) {
    const geometry = new LineSegmentsGeometry();
    geometry.setPositions(this.positions);
    geometry.setColors(this.colors);
    geometry.instanceCount = 0;
    const material = new LineMaterial({
      linewidth: WIDTH_M,
      worldUnits: true,
      vertexColors: true,
      transparent: true,
      depthWrite: false,
      // On dark ground, take the brighter of trail and ground: black disappears, and overlaps do not glow.
      blending: CustomBlending,
      blendEquation: MaxEquation,
      fog: false,
    });
    this.object = new LineSegments2(geometry, material);
    this.object.frustumCulled = false;
  }

  /** Whether the ground is dark. On light ground, the darker of trail and ground is drawn, and trails fade to white. */
  set dark(dark: boolean) {
    this.onDark = dark;
    this.object.material.blendEquation = dark ? MaxEquation : MinEquation;
    if (Number.isFinite(this.lastS)) this.fill(this.lastS);
  }

  clear(): void {
    this.trails.clear();
    this.lastS = -Infinity;
    this.object.geometry.instanceCount = 0;
  }

  /** People at a time of the source. A jump in time restarts all trails. */
  update(people: readonly PlacedPerson[], timeS: number): void {
    if (timeS < this.lastS || timeS > this.lastS + 2 * LENGTH_S) this.clear();
    this.lastS = timeS;
    for (const person of people) {
      for (const joint of this.skeleton.trailed) {
        if (!person.sure[joint]) continue;
        const x = person.points[3 * joint]!;
        const y = person.points[3 * joint + 1]!;
        const z = person.points[3 * joint + 2]!;
        const key = `${person.source} ${person.id} ${joint}`;
        const trail = this.trails.get(key) ?? [];
        const last = trail.at(-1);
        if (last && (timeS - last.timeS > GAP_S || Math.hypot(x - last.x, y - last.y, z - last.z) > LEAP_M)) {
          trail.length = 0;
        }
        if (last?.timeS !== timeS) trail.push({ timeS, x, y, z });
        this.trails.set(key, trail);
      }
    }
    this.fill(timeS);
  }

  dispose(): void {
    this.object.geometry.dispose();
    this.object.material.dispose();
  }

  private fill(nowS: number): void {
    const color = new Color();
    let segment = 0;
    for (const [key, trail] of this.trails) {
      while (trail.length > 0 && nowS - trail[0]!.timeS > LENGTH_S) trail.shift();
      if (trail.length === 0) {
        this.trails.delete(key);
        continue;
      }
      const [source, id, joint] = key.split(" ").map(Number) as [number, number, number];
      color.set(personColor({ source, id })).lerp(new Color(this.skeleton.colors[joint]!), 0.5);
      for (let i = 1; i < trail.length && segment < MOST_SEGMENTS; i++, segment++) {
        for (const [end, point] of [trail[i - 1]!, trail[i]!].entries()) {
          const fade = (1 - (nowS - point.timeS) / LENGTH_S) ** 1.6;
          this.positions.set([point.x, point.y, point.z], 6 * segment + 3 * end);
          const shade = (channel: number): number => (this.onDark ? channel * fade : 1 - (1 - channel) * fade);
          this.colors.set([shade(color.r), shade(color.g), shade(color.b)], 6 * segment + 3 * end);
        }
      }
    }
    const { geometry } = this.object;
    geometry.instanceCount = segment;
    for (const name of ["instanceStart", "instanceColorStart"]) {
      const { data } = geometry.attributes[name] as InterleavedBufferAttribute;
      data.clearUpdateRanges();
      data.addUpdateRange(0, 6 * segment);
      data.needsUpdate = true;
    }
  }
}
