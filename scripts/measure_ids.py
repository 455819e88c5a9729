"""Do ids hold when people cross? Renders scenes of 2 to 4 people who walk past each other, runs detector and tracker
over them, and prints IDF1. Needs the extra `synth`.

    python scripts/measure_ids.py --data ../shared/data --out runs/crossings [--seeds N] [--one]

With --one it follows each person of a scene in turn with `--persons 1`, and prints in which share of the pictures
this person is shown, and in which somebody else is. For this, everybody else is painted over in the first picture.

The body is `anny` (ANNY_CACHE_DIR: see make_sample.py), the motions are clips of the CMU Graphics Lab Motion Capture
Database. Scenes that are already in the folder are not rendered again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from rtpose.capture import open_source
from rtpose.footage.identity import idf1
from rtpose.footage.measure import People, follow
from rtpose.footage.sets import JOINTS, TruthCamera
from rtpose.geometry import camera_from_fov
from rtpose.pose.detect import open_detector
from rtpose.pose.track import PersonTracker
from rtpose.skeleton import BLAZEPOSE33, H36M17, h36m17_from
from rtpose.train.synth.body import BodyModel, Pose
from rtpose.train.synth.clothing import SOLE_M, DressedPerson
from rtpose.train.synth.motion import PACK_FPS, JointAnglePack
from rtpose.train.synth.renderer import Quality, Renderer
from rtpose.train.synth.sampling import random_outfit, random_phenotype
from rtpose.train.synth.scene import room
from rtpose.train.synth.surfaces import PlacedSurface
from rtpose.train.synth.view import Light, PlacedCamera
from rtpose.types import Frame, Image, Person2D

SIZE = (640, 360)
STEP = 2
"""Frames of the motions from one picture to the next."""
FRAMES = 70
"""Length of a scene: people walk across; a person with a shorter clip walks back with time reversed."""
EYE_M, TARGET_M = np.array([0.0, 1.6, 6.0]), np.array([0.0, 0.9, 0.0])
LIGHT = Light((0.55, 0.9, 0.75))
COVERED_M = 0.3
"""A joint is hidden if something is closer to the camera by this much."""
LEAST_IN_SIGHT = 4
"""With fewer of the 12 joints in sight, the person need not be found."""


@dataclass(frozen=True)
class Walker:
    """Who walks where."""

    clip: str
    heading_deg: float
    """0 walks towards the camera, 90 to its right."""
    middle_m: tuple[float, float]
    """x and z of the middle of the way."""


SCENES: dict[str, tuple[Walker, ...]] = {
    "two": (Walker("05_01", 90, (0.0, 0.6)), Walker("16_32", -90, (0.0, -0.4))),
    "three": (Walker("16_16", 80, (0.3, 0.8)), Walker("16_32", -95, (0.0, 0.0)), Walker("05_01", 90, (-0.3, -1.0))),
    "four": (
        Walker("16_32", 90, (0.4, 1.0)), Walker("05_01", -90, (0.0, 0.1)),
        Walker("05_01", -75, (-0.5, -0.7)), Walker("16_16", 100, (0.2, -1.6)),
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cmu_amc30_train.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder for the rendered scenes")
    parser.add_argument("--seeds", type=int, default=1, help="scenes of each kind, with other people and clothes")
    parser.add_argument("--one", action="store_true", help="follow each person in turn, with --persons 1")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    scores: dict[str, list[float]] = {name: [] for name in SCENES}
    others: dict[str, list[float]] = {name: [] for name in SCENES}
    for seed in range(args.seeds):
        for name, walkers in SCENES.items():
            clip = args.out / f"{name}{seed}.mp4"
            if not clip.with_suffix(".npz").is_file():
                render(clip, walkers, args.data / "cmu_amc30_train.npz", seed)
            if args.one:
                for person in range(len(walkers)):
                    own, other = shown_alone(clip, person)
                    scores[name].append(own)
                    others[name].append(other)
                    print(f"{clip.stem}, person {person}: shown {own:.0%}, somebody else {other:.0%}", flush=True)
            else:
                score, text = judged(clip)
                scores[name].append(score)
                print(f"{clip.stem}: {len(walkers)} people, {text}", flush=True)
    for name, each in scores.items():
        if args.one:
            print(
                f"{name}: shown {np.mean(each):.1%}, least {min(each):.0%}, somebody else {np.mean(others[name]):.1%}"
            )
        else:
            print(f"{name}: mean IDF1 {np.mean(each):.3f}, least {min(each):.3f}")


def render(clip: Path, walkers: tuple[Walker, ...], motions: Path, seed: int) -> None:
    """Write a scene and its truth: `joints_m` (T, Q, 12, 3) camera space, `in_sight` (T, Q, 12), `camera` (4,)."""
    rng = np.random.default_rng(seed)
    model, pack = BodyModel(coarse=True), JointAnglePack(motions)
    view = PlacedCamera.looking(camera_from_fov(SIZE), SIZE, EYE_M, TARGET_M)
    people: list[tuple[DressedPerson, list[Pose]]] = []
    for walker in walkers:
        phenotype = {**random_phenotype(rng), "age": float(rng.uniform(0.6, 0.9))}
        person = DressedPerson(model, model.shape(phenotype), random_outfit(rng))
        people.append((person, _walk(model, person, pack, walker)))
    joints = np.stack([[model.joints(person.shape, pose) for pose in poses] for person, poses in people], 1)
    joints_m = view.to_camera(joints[:, :, list(H36M17.indices(*JOINTS))])
    furniture = [PlacedSurface(mesh) for mesh in room(rng, depth_m=3.2, width_m=9.0)]
    in_sight = np.zeros(joints_m.shape[:3], bool)
    pictures: list[Image] = []
    with Renderer(SIZE, Quality.quick()) as renderer:
        for t in range(len(joints_m)):
            things = [thing for person, poses in people for thing in person.things(poses[t])] + furniture
            shade = np.concatenate([person.occluders(poses[t])[::3] for person, poses in people])[:40]
            drawn = renderer.render(things, view, LIGHT, shade, np.array([0.0, 1.0, 0.0]), 4.0)
            pictures.append(np.clip(drawn.image + rng.normal(0, 1.5, drawn.image.shape), 0, 255).astype(np.uint8))
            in_sight[t] = _in_sight(joints_m[t], drawn.depth_m, view)
            print(f"\r{clip.stem}: frame {t + 1} of {len(joints_m)}", end="", flush=True)
    print()
    _write_video(clip, pictures)
    np.savez(clip.with_suffix(".npz"), joints_m=joints_m, in_sight=in_sight, camera=view.camera.as_array())


def judged(clip: Path) -> tuple[float, str]:
    """IDF1, and it as text with the share found."""
    joints_m, in_sight, camera = _truth(clip)
    frames, count = joints_m.shape[:2]
    detector = open_detector("blazepose", persons=count)
    people = _tracked(((frame, detector.detect(frame)) for frame in _frames(clip)), frames, count)
    columns = follow(people, camera, joints_m, np.ones(in_sight.shape, bool))
    counted = in_sight.sum(-1) >= LEAST_IN_SIGHT
    surplus = np.ones(people.ids.shape, bool)
    for t, person in zip(*np.nonzero(~counted & (columns >= 0)), strict=True):
        surplus[t, columns[t, person]] = False
    found = ((columns >= 0) & counted).sum() / counted.sum()
    ids = len(np.unique(people.ids[people.ids >= 0]))
    score = idf1(columns, people.ids, counted, surplus)
    return score, f"IDF1 {score:.3f}, found {100 * found:.0f} %, {ids} ids"


def shown_alone(clip: Path, person: int) -> tuple[float, float]:
    """With `--persons 1`, which is to follow this one: the share of pictures with them in sight in which they are
    shown, and the share of all pictures in which somebody else is. It begins with the first picture in which the
    detector finds them and they do not overlap anybody; the others are painted over there."""
    joints_m, in_sight, camera = _truth(clip)
    pixels = camera.project(joints_m)  # (T, Q, 12, 2)
    low, high = pixels.min(2), pixels.max(2)
    apart = ((high[:, [person]] < low) | (low[:, [person]] > high)).any(-1).sum(1) == pixels.shape[1] - 1
    apart &= in_sight[:, person].sum(-1) >= 2 * LEAST_IN_SIGHT
    detector = open_detector("blazepose", persons=1)
    detected: list[tuple[Frame, list[Person2D]]] = []
    for frame in _frames(clip):
        t = frame.frame_id
        if detected:
            detected.append((frame, detector.detect(frame)))
        elif apart[t]:
            detector.reset()
            seen = detector.detect(replace(frame, picture=_without_others(frame.image, low[t], high[t], person)))
            if seen and _is_at(seen[0], pixels[t, person]):
                detected.append((frame, seen))
    first = detected[0][0].frame_id
    people = _tracked(detected, len(joints_m), 1)
    columns = follow(people, camera, joints_m, np.ones(in_sight.shape, bool))[first:]
    counted = in_sight[first:, person].sum(-1) >= LEAST_IN_SIGHT
    other = np.delete(columns, person, 1).max(1) >= 0
    return float((columns[counted, person] >= 0).mean()), float(other.mean())


def _without_others(image: Image, low: NDArray[np.float64], high: NDArray[np.float64], person: int) -> Image:
    """The picture with everybody's box (Q, 2) painted over, but for this person's."""
    out = image.copy()
    margin = 0.15 * (high - low).max(1, keepdims=True)
    corners = np.concatenate([low - margin, high + margin], 1).astype(int).clip(0)
    for x0, y0, x1, y1 in np.delete(corners, person, 0):
        out[y0:y1, x0:x1] = 128
    x0, y0, x1, y1 = corners[person]
    out[y0:y1, x0:x1] = image[y0:y1, x0:x1]
    return out


def _is_at(seen: Person2D, pixels: NDArray[np.float64]) -> bool:
    """Whether somebody has these joints (12, 2)."""
    joints = _joints_px([seen])[0]
    return bool(np.median(np.linalg.norm(joints - pixels, axis=1)) < 0.1 * np.ptp(pixels, axis=0).max())


def _joints_px(seen: list[Person2D]) -> NDArray[np.float32]:
    """(N, 12, 2)."""
    return _keypoints(seen)[:, list(H36M17.indices(*JOINTS)), :2]


def _keypoints(seen: list[Person2D]) -> NDArray[np.float32]:
    if not seen:
        return np.zeros((0, len(H36M17.joints), 3), np.float32)
    return h36m17_from(BLAZEPOSE33, np.stack([person.keypoints for person in seen]))


def _truth(clip: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_], TruthCamera]:
    with np.load(clip.with_suffix(".npz"), allow_pickle=False) as truth:
        joints_m, in_sight, (fx, fy, cx, cy) = truth["joints_m"], truth["in_sight"], truth["camera"]
    frames, count = joints_m.shape[:2]
    return joints_m, in_sight, TruthCamera(
        1, clip, np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), np.zeros(5), np.stack([np.eye(3)] * count),
        np.zeros((count, 3)), np.ones((frames, count), bool), np.zeros((0, 12, 3)), np.zeros((0, 12, 2)),
    )  # fmt: skip


def _frames(clip: Path) -> Iterator[Frame]:
    source = open_source(str(clip))
    while not source.ended:
        frame = source.read()
        if frame is not None:
            yield frame
    source.close()


def _tracked(detected: Iterable[tuple[Frame, list[Person2D]]], frames: int, count: int) -> People:
    tracker = PersonTracker()
    ids = np.full((frames, count), -1, np.int64)
    pixels = np.full((frames, count, len(JOINTS), 2), np.nan)
    for frame, seen in detected:
        boxes = np.array([person.bbox for person in seen], np.float32).reshape(-1, 4)
        numbers = tracker.update(_keypoints(seen), boxes, frame.pts_s, [person.appearance for person in seen])
        ids[frame.frame_id, : len(seen)] = numbers
        pixels[frame.frame_id, : len(seen)] = _joints_px(seen)
    return People(np.where(np.isnan(pixels).any(-1, keepdims=True), np.nan, np.zeros((1, 1, 1, 3))), pixels, ids)


def _walk(model: BodyModel, person: DressedPerson, pack: JointAnglePack, walker: Walker) -> list[Pose]:
    """The poses of a scene, in the world."""
    motion = pack.motion(pack.find(walker.clip))
    way = motion.hips[-1] - motion.hips[0]
    motion = motion.turned(walker.heading_deg - float(np.degrees(np.arctan2(way[0], way[2]))))
    poses = model.poses(person.shape, motion, SOLE_M)[::STEP]
    ends = [model.joints(person.shape, pose)[0] for pose in (poses[0], poses[-1])]
    shift = np.array([walker.middle_m[0], 0.0, walker.middle_m[1]]) - (ends[0] + ends[1]) / 2 * [1, 0, 1]
    there = [Pose(pose.rotations, pose.shifts + shift) for pose in poses]
    return list(_to_and_fro(there))


def _to_and_fro(poses: list[Pose]) -> Iterator[Pose]:
    turn = [*poses, *poses[-2:0:-1]]
    return (turn[t % len(turn)] for t in range(FRAMES))


def _in_sight(joints_m: NDArray[np.float64], depth_m: NDArray[np.float32], view: PlacedCamera) -> NDArray[np.bool_]:
    """(Q, 12) of joints (Q, 12, 3) in camera space."""
    camera, depth = view.camera, joints_m[..., 2]
    column = np.floor(joints_m[..., 0] / depth * camera.fx + camera.cx).astype(int)
    row = np.floor(joints_m[..., 1] / depth * camera.fy + camera.cy).astype(int)
    inside = (column >= 0) & (column < SIZE[0]) & (row >= 0) & (row < SIZE[1]) & (depth > 0.1)
    surface = depth_m[row.clip(0, SIZE[1] - 1), column.clip(0, SIZE[0] - 1)]
    return np.asarray(inside & (depth - surface < COVERED_M))


def _write_video(path: Path, pictures: list[Image]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=int(PACK_FPS / STEP))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"crf": "18"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
