// Motion as binary glTF, as `rtpose convert` writes it: each person's bones at the lengths and rotations that rtpose
// fitted, skinned with an octahedron for each. Nothing is fitted here. Metres, y up, at rest a T on the floor.
import {
  AnimationClip,
  Bone,
  BufferGeometry,
  Color,
  DoubleSide,
  Float32BufferAttribute,
  Group,
  InterpolateDiscrete,
  Matrix4,
  MeshStandardMaterial,
  Quaternion,
  QuaternionKeyframeTrack,
  Scene,
  Skeleton,
  SkinnedMesh,
  Uint16BufferAttribute,
  Vector3,
  VectorKeyframeTrack,
  type KeyframeTrack,
} from "three";
import { GLTFExporter, type GLTFExporterPlugin, type GLTFWriter } from "three/addons/exporters/GLTFExporter.js";
import { isGuess, VIEWER_FROM_CAMERA, type Person, type PoseFrame, type Who } from "../pose";
import { sideColor } from "../skeleton";

/** Thickness of a bone's figure as a share of its length. */
const THICKNESS = 0.12;
/** The file of one person is a VRM animation as well, which says which node is which bone of VRM's humanoid. */
const VRM = "VRMC_vrm_animation";

/** The bones as the server describes them. */
export interface Bones {
  bones: string[];
  bone_parents: number[];
  bone_rests: number[][];
  bone_bases: number[][];
  joint_bones: number[];
}

export interface Motion {
  bones: Bones;
  /** Of each source in the order of time. */
  frames: readonly PoseFrame[];
  /** Scene from viewer axes of each source's people, where the floor is not known or there are several sources. */
  places: readonly Matrix4[];
  /** For people who open the file. */
  about: Record<string, unknown>;
}

/** Errors: an Error if nobody was seen, or nobody has a body. */
export async function makeGlb({ bones, frames, places, about }: Motion): Promise<Blob> {
  const everybody = whoIsIn(frames);
  if (everybody.length === 0) throw new Error("no person has been seen yet");
  const startS = Math.min(...frames.map((frame) => frame.timeS));
  const scene = new Scene();
  scene.userData = about;
  const tracks: KeyframeTrack[] = [];
  const skinned = everybody.flatMap((who) => {
    const own = frames.filter((frame) => frame.source === who.source);
    const world = places.length === 1 ? own.findLast((frame) => frame.world)?.world : null;
    const room = world
      ? new Matrix4().fromArray(Array.from(world)).transpose()
      : (places[who.source] ?? new Matrix4()).clone().multiply(VIEWER_FROM_CAMERA);
    const takes = own.map(({ people }) => people.find((person) => person.id === who.id) ?? null);
    const made = new Figure(bones, takes).add(scene, own.map((frame) => frame.timeS - startS), room, tracks);
    if (!made) return [];
    const [group, mesh] = made;
    const ending = `${places.length > 1 ? `${who.source + 1} ` : ""}${Math.max(0, who.id)}`;
    group.name = `person ${ending}`;
    mesh.name = `figure ${ending}`;
    return [mesh];
  });
  if (skinned.length === 0) throw new Error("no person here has a body; `rtpose convert` fits bodies to recordings without");
  const exporter = new GLTFExporter();
  if (skinned.length === 1) exporter.register((writer) => namesHumanoid(writer, skinned[0]!.skeleton));
  const options = { binary: true, trs: true, onlyVisible: false, animations: [new AnimationClip("recording", -1, tracks)] };
  return new Blob([(await exporter.parseAsync(scene, options)) as ArrayBuffer], { type: "model/gltf-binary" });
}

function whoIsIn(frames: readonly PoseFrame[]): Who[] {
  const people = new Map<string, Who>();
  for (const { people: seen } of frames) {
    for (const { source, id } of seen) people.set(`${source} ${id}`, { source, id });
  }
  return [...people.values()];
}

/** One person: bones, their motion, and what is seen of them. */
class Figure {
  private readonly lengths: readonly number[] | null;

  /** takes: the person in each frame; null where absent. */
  constructor(
    private readonly bones: Bones,
    private readonly takes: readonly (Person | null)[],
  ) {
    this.lengths = settled(takes.flatMap((person) => (person?.body && isOf(bones, person.body.lengths) ? [person.body.lengths] : [])));
  }

  /** Returns the group of the bones, and the figure; null if the person has no body. */
  add(scene: Scene, times: number[], room: Matrix4, tracks: KeyframeTrack[]): [Group, SkinnedMesh] | null {
    if (!this.lengths) return null;
    const group = new Group();
    const rest = this.restBases(this.lengths);
    const nodes = this.bones.bones.map((name, bone) => {
      const above = this.bones.bone_parents[bone]!;
      const node = new Bone();
      node.name = name;
      node.position.copy(rest[bone]!);
      if (above >= 0) node.position.sub(rest[above]!);
      return node;
    });
    nodes.forEach((node, bone) => (nodes[this.bones.bone_parents[bone]!] ?? group).add(node));
    this.animate(group, nodes, times, room, tracks);
    const mesh = new SkinnedMesh(
      this.geometry(rest, this.lengths),
      new MeshStandardMaterial({ vertexColors: true, metalness: 0, roughness: 0.8, side: DoubleSide }),
    );
    scene.add(group, mesh);
    scene.updateMatrixWorld(true);
    mesh.bind(new Skeleton(nodes), new Matrix4());
    return [group, mesh];
  }

  /** Where the bones begin when the person stands in a T on the floor. */
  private restBases(lengths: readonly number[]): Vector3[] {
    const { bone_parents: parents, bone_bases: bases, bone_rests: rests } = this.bones;
    const found: Vector3[] = [];
    bases.forEach((base, bone) => {
      const above = found[parents[bone]!];
      found.push(above ? new Vector3().fromArray(base).multiplyScalar(lengths[parents[bone]!]!).add(above) : new Vector3());
    });
    const lowest = Math.min(...found.map((base, bone) => base.y + lengths[bone]! * rests[bone]![1]!));
    for (const base of found) base.y -= lowest;
    return found;
  }

  private animate(group: Group, nodes: Bone[], times: number[], room: Matrix4, tracks: KeyframeTrack[]): void {
    const turn = new Quaternion().setFromRotationMatrix(new Matrix4().extractRotation(room));
    const there = this.takes.map((person) => (person?.body ? person : null));
    const roots = there.map((person) => (person ? new Vector3().fromArray(person.root).applyMatrix4(room) : null));
    tracks.push(new VectorKeyframeTrack(`${nodes[0]!.uuid}.position`, times, held(roots, new Vector3()).flatMap((root) => root.toArray())));
    const inSight = there.map((person) => person && this.bonesInSight(person));
    nodes.forEach((node, bone) => {
      const turns = there.map((person, i) => {
        if (!inSight[i]?.[bone]) return null;
        const [w, x, y, z] = person!.body!.rotations.subarray(4 * bone, 4 * bone + 4);
        const own = new Quaternion(x, y, z, w).normalize();
        return this.bones.bone_parents[bone]! < 0 ? own.premultiply(turn) : own;
      });
      const quaternions = held(turns, new Quaternion()).flatMap((rotation) => rotation.toArray());
      tracks.push(new QuaternionKeyframeTrack(`${node.uuid}.quaternion`, times, shortWay(quaternions)));
    });
    if (!there.includes(null)) return;
    const sizes = there.flatMap((person) => (person ? [1, 1, 1] : [0, 0, 0]));
    tracks.push(new VectorKeyframeTrack(`${group.uuid}.scale`, times, sizes, InterpolateDiscrete));
  }

  /** Of each bone, whether a joint was seen that its rotation places: its own or one of a bone below. */
  private bonesInSight({ joints, scores }: Person): boolean[] {
    const { joint_bones: boneOf, bone_parents: parents } = this.bones;
    const seen = parents.map(() => false);
    boneOf.forEach((bone, joint) => {
      if (!isGuess(joints[4 * joint + 3]!, scores?.[joint])) seen[bone] = true;
    });
    for (let bone = seen.length - 1; bone > 0; bone--) if (seen[bone]) seen[parents[bone]!] = true; // children come last
    return seen;
  }

  /** An octahedron for each bone, in the colour of its side. */
  private geometry(rest: readonly Vector3[], lengths: readonly number[]): BufferGeometry {
    const corners: number[] = [];
    const colors: number[] = [];
    const boneOf: number[] = [];
    const triangles: number[] = [];
    this.bones.bones.forEach((name, bone) => {
      const length = lengths[bone]!;
      const along = new Vector3().fromArray(this.bones.bone_rests[bone]!);
      const side = new Vector3(along.z, along.x, along.y).cross(along).normalize();
      const front = along.clone().cross(side);
      // The base of the hips is in their middle.
      const start = rest[bone]!.clone().addScaledVector(along, this.bones.bone_parents[bone]! < 0 ? -0.5 * length : 0);
      const waist = start.clone().addScaledVector(along, 0.2 * length);
      const ring = [side, front, side.clone().negate(), front.clone().negate()];
      const six = [start, ...ring.map((way) => waist.clone().addScaledVector(way, 0.5 * THICKNESS * length)), start.clone().addScaledVector(along, length)];
      for (let k = 0; k < 4; k++) {
        const [a, b] = [6 * bone + 1 + k, 6 * bone + 1 + ((k + 1) % 4)];
        triangles.push(6 * bone, b, a, 6 * bone + 5, a, b);
      }
      for (const corner of six) {
        corners.push(...corner.toArray());
        colors.push(...new Color(sideColor(name)).toArray());
        boneOf.push(bone, 0, 0, 0);
      }
    });
    const geometry = new BufferGeometry();
    geometry.setIndex(triangles);
    geometry.setAttribute("position", new Float32BufferAttribute(corners, 3));
    geometry.setAttribute("color", new Float32BufferAttribute(colors, 3));
    geometry.setAttribute("skinIndex", new Uint16BufferAttribute(boneOf, 4));
    geometry.setAttribute("skinWeight", new Float32BufferAttribute(boneOf.map((_, i) => Number(i % 4 === 0)), 4));
    return geometry;
  }
}

/** The lengths on which a body settled, as in recordings: the median of the second half of its frames. null: none. */
function settled(lengths: readonly Float32Array[]): number[] | null {
  const late = lengths.slice(Math.floor(lengths.length / 2));
  if (late.length === 0) return null;
  const middle = late.length / 2;
  return Array.from(late[0]!, (_, bone) => {
    const sorted = late.map((of) => of[bone]!).sort((a, b) => a - b);
    return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  });
}

function isOf({ bones }: Bones, lengths: Float32Array): boolean {
  return lengths.length === bones.length && lengths.every(Number.isFinite);
}

/** null replaced by the last known value, at the beginning by the first known one; `otherwise` where there is none. */
function held<T>(values: readonly (T | null)[], otherwise: T): T[] {
  let last = values.find((value) => value !== null) ?? otherwise;
  return values.map((value) => (last = value ?? last));
}

/** Of q and -q the one nearer to the quaternion before. */
function shortWay(values: number[]): number[] {
  for (let at = 4; at < values.length; at += 4) {
    const dot = [0, 1, 2, 3].reduce((sum, k) => sum + values[at + k]! * values[at + k - 4]!, 0);
    if (dot < 0) for (let k = 0; k < 4; k++) values[at + k]! *= -1;
  }
  return values;
}

/** Which node is which bone of VRM's humanoid. The types of three leave out what a plugin writes with. */
function namesHumanoid(writer: GLTFWriter, { bones }: Skeleton): GLTFExporterPlugin {
  const { json, nodeMap } = writer as unknown as { json: Record<string, unknown>; nodeMap: Map<unknown, number> };
  const afterParse = (): void => {
    const humanBones = Object.fromEntries(bones.map((bone) => [bone.name, { node: nodeMap.get(bone) }]));
    json["extensions"] = { [VRM]: { specVersion: "1.0", humanoid: { humanBones } } };
    writer.extensionsUsed[VRM] = true;
  };
  return { afterParse };
}
