"""Render people on one floor, seen by crooked cameras, with exact truth, for `measure_floor.py --rendered`. Needs the
extra `synth`.

    python scripts/render_floor_scenes.py --data ../shared/data --out runs/floor --count 24

Every scene has one to three people of 1.4 to 1.95 m who stand, exercise or walk, and a camera of 60° that looks up to
35° down and is rolled by up to 26°. The body is `anny` (ANNY_CACHE_DIR: see make_sample.py), walks are clips of the CMU
Graphics Lab Motion Capture Database. Scenes that are in the folder already are not rendered again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from rtpose.geometry import camera_from_fov
from rtpose.train.synth.body import BodyModel, Pose
from rtpose.train.synth.clothing import SOLE_M, DressedPerson
from rtpose.train.synth.exercises import Exercise, exercise_motion
from rtpose.train.synth.motion import PACK_FPS, JointAngleMotion, JointAnglePack
from rtpose.train.synth.photo import Split
from rtpose.train.synth.renderer import Quality, Renderer
from rtpose.train.synth.sampling import random_outfit, random_phenotype
from rtpose.train.synth.scene import room
from rtpose.train.synth.surfaces import PlacedSurface
from rtpose.train.synth.view import Light, PlacedCamera
from rtpose.types import Image

Array = NDArray[np.float64]

SIZE = (640, 480)
FPS = 15.0
FRAMES = 75
WALKS = ("05_01", "16_16", "16_32")
EXERCISES = (
    Exercise.STAND, Exercise.TALK, Exercise.TALK, Exercise.RAISE_ARMS, Exercise.SQUAT, Exercise.ONE_LEG,
    Exercise.SIDE_BEND, Exercise.TWIST, Exercise.LUNGE,
)  # fmt: skip
WALKING = 0.3
"""Share of people who walk."""
LEAST_M, MOST_M = 1.40, 1.95
LIGHT = Light((0.55, 0.9, 0.75))
MARGIN = 0.04
"""Of the picture, around everybody."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cmu_amc30_train.npz")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=24)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    model, pack = BodyModel(coarse=True), JointAnglePack(args.data / "cmu_amc30_train.npz")
    for number in range(args.count):
        clip = args.out / f"{number:03}.mp4"
        if not clip.with_suffix(".npz").is_file():
            render(clip, model, pack, number)
            print(clip.name, flush=True)


def render(clip: Path, model: BodyModel, pack: JointAnglePack, number: int) -> None:
    """Write a scene and its truth: `joints_m` (T, P, 28, 3) camera space, `heights_m` (P,), `up` (3,) camera axes,
    `camera_height_m`, `kinds` (P,)."""
    rng = np.random.default_rng([16, number])
    people: list[tuple[DressedPerson, list[Pose]]] = []
    kinds = []
    count = 1 + number % 3
    order = rng.permutation(count)
    for i in range(count):
        person = _person(model, rng)
        kind, motion = _motion(pack, rng)
        at = np.array([1.1 * (order[i] - (count - 1) / 2) + rng.uniform(-0.1, 0.1), 0.0, rng.uniform(-0.7, 0.7)])
        poses = model.poses(person.shape, motion, SOLE_M)
        hips = np.stack([model.joints(person.shape, pose)[0] for pose in poses])
        shift = at - hips.mean(0) * [1.0, 0.0, 1.0]
        people.append((person, [Pose(pose.rotations, pose.shifts + shift) for pose in poses]))
        kinds.append(kind)
    joints = np.stack([[model.joints28(person.shape, pose) for pose in poses] for person, poses in people], 1)
    view = _view(joints, rng)
    furniture = [PlacedSurface(mesh) for mesh in room(rng, depth_m=3.4, width_m=8.0)]
    pictures: list[Image] = []
    with Renderer(SIZE, Quality.quick()) as renderer:
        for t in range(FRAMES):
            things = [thing for person, poses in people for thing in person.things(poses[t])] + furniture
            shade = np.concatenate([person.occluders(poses[t])[::3] for person, poses in people])[:40]
            drawn = renderer.render(things, view, LIGHT, shade, np.array([0.0, 1.0, 0.0]), 4.0)
            pictures.append(np.clip(drawn.image + rng.normal(0, 1.5, drawn.image.shape), 0, 255).astype(np.uint8))
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=int(FPS))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"crf": "18"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    np.savez(
        clip.with_suffix(".npz"), joints_m=view.to_camera(joints), kinds=np.array(kinds),
        heights_m=np.array([person.shape.height_m for person, _ in people]),
        up=view.camera_from_world @ [0.0, 1.0, 0.0], camera_height_m=view.eye[1],
    )  # fmt: skip


def _person(model: BodyModel, rng: np.random.Generator) -> DressedPerson:
    while True:
        phenotype = {**random_phenotype(rng), "age": float(rng.uniform(0.6, 0.95))}
        shape = model.shape(phenotype)
        if LEAST_M <= shape.height_m <= MOST_M:
            return DressedPerson(model, shape, random_outfit(rng, Split.TEST))


def _motion(pack: JointAnglePack, rng: np.random.Generator) -> tuple[str, JointAngleMotion]:
    """What somebody does, over `FRAMES`."""
    if rng.random() < WALKING:
        name = WALKS[int(rng.integers(len(WALKS)))]
        whole = pack.motion(pack.find(name))
        there = np.arange(0, len(whole), int(PACK_FPS / FPS))
        turn = np.concatenate([there, there[-2:0:-1]])
        frames = turn[np.arange(FRAMES) % len(turn)]
        return name, _taken(whole, frames).turned(float(rng.uniform(-180, 180)))
    kind = EXERCISES[int(rng.integers(len(EXERCISES)))]
    subject = pack.subjects[int(rng.integers(len(pack.subjects)))]
    motion = exercise_motion(kind, pack, subject, np.arange(FRAMES) / FPS, rng)
    return kind.value, motion.turned(float(rng.normal(0, 50)))


def _taken(motion: JointAngleMotion, frames: NDArray[np.int64]) -> JointAngleMotion:
    return replace(
        motion, hips=motion.hips[frames], lowest=motion.lowest[frames],
        rotations={bone: turns[frames] for bone, turns in motion.rotations.items()},
    )  # fmt: skip


def _view(joints: Array, rng: np.random.Generator) -> PlacedCamera:
    """Everybody in the picture, as near as possible."""
    pitch, roll = np.radians(rng.uniform(-5, 35)), float(np.clip(rng.normal(0, 12), -26, 26))
    camera, target = camera_from_fov(SIZE, 60.0), np.array([0.0, 0.9, 0.0])
    for distance in np.arange(2.2, 12.0, 0.1):
        eye = target + distance * np.array([0.0, np.sin(pitch), np.cos(pitch)])
        if eye[1] < 0.3:
            continue
        view = PlacedCamera.looking(camera, SIZE, eye, target, roll)
        seen = view.to_camera(joints)
        plane = seen[..., :2] / np.maximum(seen[..., 2:], 0.2) * [camera.fx, camera.fy] + [camera.cx, camera.cy]
        edge = MARGIN * np.array(SIZE)
        if (plane > edge).all() and (plane < np.array(SIZE) - edge).all() and seen[..., 2].min() > 0.5:
            return view
    raise AssertionError("nobody is so large")


if __name__ == "__main__":
    main()
