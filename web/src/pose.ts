// What is drawn, whether it comes from the socket or from a file.
import { Matrix4 } from "three";

/** From camera axes to viewer axes, and back. */
export const VIEWER_FROM_CAMERA = new Matrix4().makeScale(1, -1, -1);

/** Identifies a person; ids are per source. */
export interface Who {
  /** Index of the camera or video. */
  source: number;
  id: number;
}

/** One person as a kinematic skeleton. */
export interface Body {
  /** Quaternion w x y z of each bone, relative to its parent; of the hips relative to camera space. */
  rotations: Float32Array;
  /** Metres, of each bone. In a recording those on which the body settled, NaN where the file does not say them. */
  lengths: Float32Array;
  /** 0..1 that left heel, left toe, right heel and right toe stand on something. */
  contacts: Float32Array;
}

/** One person as measured: metres, camera axes. */
export interface Person extends Who {
  /** x y z of the root joint, camera space. */
  root: ArrayLike<number>;
  /** x y z confidence for each joint, relative to the root. */
  joints: Float32Array;
  /** 0..1 of each joint in the picture; null while that is not known. */
  scores: Float32Array | null;
  /** null where no body was fitted. */
  body: Body | null;
}

/** All people of one frame. */
export interface PoseFrame {
  source: number;
  frameId: number;
  /** When the frame was captured, seconds on the source's clock. */
  timeS: number;
  /** 4x4 by rows: from camera space to a space of metres, y up, the floor at 0. null until gravity and floor are known. */
  world: Float32Array | null;
  people: Person[];
}

/** One person in the picture. */
export interface Person2D extends Who {
  /** x y score for each joint, px of the picture as shown. */
  keypoints: Float32Array;
}

/** One person in the viewer's axes: x right, y up, z towards the viewer; the camera is at the origin. */
export interface PlacedPerson extends Who {
  /** x y z of each joint, metres; NaN where unknown. */
  points: Float32Array;
  /** 0..1 of each joint: the probability that it lies within 100 mm; 0 where unknown. */
  confidence: Float32Array;
  /** 1 for each joint that is drawn in full, 0 for those that are drawn faint or not at all. */
  sure: Uint8Array;
  body: Body | null;
}

/** Below this a joint is not drawn: nothing is known about it. */
export const LEAST_CONFIDENCE = 0.1;
/** Whether a joint is no fact for other programs, as in rtpose/types.py. score: see `isSure`. */
export function isGuess(confidence: number, score: number | undefined): boolean {
  return !(confidence >= LEAST_CONFIDENCE) || (score !== undefined && score < LEAST_CONFIDENCE);
}

/** Below this probability a joint is drawn faint where the picture's score is not known. */
export const SURE_CONFIDENCE = 0.27;
/** The same for a joint that the picture shows: what is uncertain is its depth. */
export const SEEN_CONFIDENCE = 0.15;
/** From this score in the picture on, it shows the joint; below it the joint is hidden, and drawn faint. */
export const SEEN_SCORE = 0.5;

/** Whether a joint is drawn in full. score: of the joint in the picture; undefined where that is not known. */
export function isSure(confidence: number, score: number | undefined): boolean {
  if (score === undefined || Number.isNaN(score)) return confidence >= SURE_CONFIDENCE;
  return score >= SEEN_SCORE && confidence >= SEEN_CONFIDENCE;
}

/** Camera space -> viewer axes, (x, y, z) -> (x, -y, -z), with the root added. */
export function placePerson(person: Person): PlacedPerson {
  const count = person.joints.length / 4;
  const points = new Float32Array(count * 3);
  const confidence = new Float32Array(count);
  const sure = new Uint8Array(count);
  for (let j = 0; j < count; j++) {
    const x = person.root[0]! + person.joints[4 * j]!;
    const y = person.root[1]! + person.joints[4 * j + 1]!;
    const z = person.root[2]! + person.joints[4 * j + 2]!;
    const known = Number.isFinite(x + y + z);
    points.set(known ? [x, -y, -z] : [NaN, NaN, NaN], 3 * j);
    confidence[j] = known ? person.joints[4 * j + 3]! || 0 : 0;
    sure[j] = Number(isSure(confidence[j]!, person.scores?.[j]));
  }
  return { source: person.source, id: person.id, points, confidence, sure, body: person.body };
}

/** Hex colours of people. None is the blue or the orange that tells left from right. */
const PERSON_COLORS = ["#3fe0bd", "#b18cff", "#ffd452", "#ff7eb6", "#9be564", "#6fd3f7", "#ffb3a1", "#c9b6e4"];

/** Neighbouring sources begin with other colours. */
const SOURCE_STEP = 3;

/** The same person keeps the same colour; people without an id are grey. */
export function personColor({ source, id }: Who): string {
  return id < 0 ? "#9aa3b5" : PERSON_COLORS[(id + SOURCE_STEP * source) % PERSON_COLORS.length]!;
}

export function isSame(a: Who, b: Who): boolean {
  return a.source === b.source && a.id === b.id;
}

/** The name shown for a person. several: whether there are several sources. */
export function personName({ source, id }: Who, several: boolean): string {
  const own = id < 0 ? "person" : String(id);
  return several ? `${source + 1}·${own}` : id < 0 ? own : `person ${id}`;
}
