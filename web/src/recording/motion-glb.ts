// Motion as binary glTF: for each person a tree of joints whose translations are animated, with balls and sticks that
// programs can show. Positions are measured and rotations are not, so joints have none; only the sticks are turned.
// Axes are glTF's: metres, y up, the filming camera looks along -z.
import {
  AnimationClip,
  Color,
  CylinderGeometry,
  Group,
  InterpolateDiscrete,
  Matrix4,
  Mesh,
  MeshStandardMaterial,
  Object3D,
  Quaternion,
  QuaternionKeyframeTrack,
  SphereGeometry,
  Vector3,
  VectorKeyframeTrack,
  type KeyframeTrack,
} from "three";
import { GLTFExporter } from "three/addons/exporters/GLTFExporter.js";
import { LEAST_CONFIDENCE, personColor, placePerson, type PlacedPerson, type PoseFrame, type Who } from "../pose";
import type { Skeleton } from "../skeleton";

const UP = new Vector3(0, 1, 0);
const STICK_M = 0.02;
const BALL_M = 0.032;

export interface Motion {
  skeleton: Skeleton;
  /** Of each source in the order of time. */
  frames: readonly PoseFrame[];
  /** Scene from the axes of each source's people. */
  places: readonly Matrix4[];
  /** For people who open the file. */
  about: Record<string, unknown>;
}

interface Take {
  timeS: number;
  person: PlacedPerson | null;
}

/** Errors: an Error if nobody was seen. */
export async function makeGlb(motion: Motion): Promise<Blob> {
  const scene = new Group();
  scene.name = "rtpose";
  scene.userData = motion.about;
  const tracks: KeyframeTrack[] = [];
  const people = takesOf(motion.frames);
  if (people.length === 0) throw new Error("nobody has been seen yet");
  const startS = Math.min(...motion.frames.map((frame) => frame.timeS));
  const several = motion.places.length > 1;
  for (const { who, takes } of people) {
    const name = `${several ? `source_${who.source + 1}_` : ""}person_${Math.max(0, who.id)}`;
    const ending = people.length > 1 ? `_${name}` : "";
    const group = addPerson(motion.skeleton, takes, personColor(who), ending, startS, tracks);
    group.name = name;
    motion.places[who.source]?.decompose(group.position, group.quaternion, new Vector3());
    scene.add(group);
  }
  const clip = new AnimationClip("motion", -1, tracks);
  const file = await new GLTFExporter().parseAsync(scene, { binary: true, animations: [clip], onlyVisible: false });
  return new Blob([file as ArrayBuffer], { type: "model/gltf-binary" });
}

/** Each person's frames, those of their source without them among them. */
function takesOf(frames: readonly PoseFrame[]): { who: Who; takes: Take[] }[] {
  const people = new Map<string, Who>();
  for (const { people: seen } of frames) {
    for (const { source, id } of seen) people.set(`${source} ${id}`, { source, id });
  }
  return [...people.values()].map((who) => ({
    who,
    takes: frames
      .filter((frame) => frame.source === who.source)
      .map(({ timeS, people: seen }) => {
        const person = seen.find((one) => one.id === who.id);
        return { timeS, person: person ? placePerson(person) : null };
      }),
  }));
}

function addPerson(
  skeleton: Skeleton,
  takes: readonly Take[],
  color: string,
  ending: string,
  startS: number,
  tracks: KeyframeTrack[],
): Group {
  const group = new Group();
  const times = takes.map((take) => take.timeS - startS);
  const present = takes.map((take) => take.person !== null);
  if (present.includes(false)) {
    const sizes = present.flatMap((is) => (is ? [1, 1, 1] : [0, 0, 0]));
    tracks.push(new VectorKeyframeTrack(`${group.uuid}.scale`, times, sizes, InterpolateDiscrete));
  }
  const paths = skeleton.joints.map((_, joint) => pathOf(takes, joint));
  const material = new MeshStandardMaterial({ color, roughness: 0.55 });
  const stick = new CylinderGeometry(STICK_M * 0.75, STICK_M, 1, 12).translate(0, 0.5, 0);
  const ball = new SphereGeometry(BALL_M, 16, 12);
  const nodes: (Object3D | null)[] = paths.map(() => null);

  // Parents first; joints below one that was never seen hang on the next that was.
  const parentOf = (joint: number): number => {
    const parent = skeleton.parents[joint]!;
    return parent < 0 || paths[parent] ? parent : parentOf(parent);
  };
  const add = (joint: number): Object3D | null => {
    const path = paths[joint];
    if (!path || nodes[joint]) return nodes[joint] ?? null;
    const parent = parentOf(joint);
    const from = parent < 0 ? null : paths[parent]!;
    const node = new Object3D();
    node.name = skeleton.joints[joint]! + ending;
    const bead = new Mesh(ball, new MeshStandardMaterial({ color: new Color(skeleton.colors[joint]!), roughness: 0.55 }));
    node.add(bead);
    nodes[joint] = node;
    ((parent < 0 ? null : add(parent)) ?? group).add(node);
    const relative = path.map((point, i) => (from ? point.clone().sub(from[i]!) : point));
    node.position.copy(relative[0]!);
    tracks.push(new VectorKeyframeTrack(`${node.uuid}.position`, times, relative.flatMap((point) => point.toArray())));
    if (from) {
      const bone = new Mesh(stick, material);
      bone.name = `${node.name}_bone`;
      nodes[parent]!.add(bone);
      const turns = relative.flatMap((to) => new Quaternion().setFromUnitVectors(UP, to.clone().normalize()).toArray());
      const lengths = relative.flatMap((to) => [1, Math.max(to.length(), 1e-4), 1]);
      tracks.push(new QuaternionKeyframeTrack(`${bone.uuid}.quaternion`, times, turns));
      tracks.push(new VectorKeyframeTrack(`${bone.uuid}.scale`, times, lengths));
    }
    return node;
  };
  skeleton.joints.forEach((_, joint) => add(joint));
  return group;
}

/** Where a joint was in each take; while it is unknown it stays where it was seen last. null: never seen. */
function pathOf(takes: readonly Take[], joint: number): Vector3[] | null {
  const places = takes.map(({ person }) =>
    person && person.confidence[joint]! >= LEAST_CONFIDENCE ? new Vector3().fromArray(person.points, 3 * joint) : null,
  );
  let last = places.find((place) => place !== null);
  if (!last) return null;
  return places.map((place) => (last = place ?? last!));
}
