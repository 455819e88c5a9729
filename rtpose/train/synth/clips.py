"""Rendered clips of a moving person, or two, with exact 3D joints, as an endless, repeatable sequence.

Clip `index` of a seed is the same in any process and any order. To save time, only a window around
the person is drawn for each frame. The rest comes from one picture of the surroundings, reprojected as the camera
turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.skeleton import RTPOSE28
from rtpose.train.synth.body import BODY, TIGHTS, BodyModel, Pose, Shape
from rtpose.train.synth.clothing import SOLE_M, DressedPerson, Outfit
from rtpose.train.synth.exercises import Exercise, exercise_motion, random_exercise
from rtpose.train.synth.filming import ClipFilming, ClipLens, Holding, random_filming
from rtpose.train.synth.joint_positions import JointPositionPack
from rtpose.train.synth.motion import PACK_FPS, Array, JointAngleMotion, JointAnglePack
from rtpose.train.synth.people import ADULT_M, COVER, clips_of_split
from rtpose.train.synth.photo import Split, procedural_backdrop
from rtpose.train.synth.renderer import Quality, Renderer
from rtpose.train.synth.sampling import (
    perturbed,
    random_light,
    random_occluder,
    random_outfit,
    random_phenotype,
    random_place,
    seat_and_desk,
)
from rtpose.train.synth.surfaces import PlacedSurface
from rtpose.train.synth.view import Light, PlacedCamera
from rtpose.train.synth.windows import Window, reprojected, tiles, widened, window_around
from rtpose.types import Camera, Float32, Image

FRAMES = 24
LEAST_SEEN = 5
"""Joints of the first person that are visible in every frame."""
WINDOW_PX = 320
"""Longest side of a window."""
BODIES_PER_BLOCK = 4
"""Bodies are costly to make: `CLIPS_PER_BLOCK` neighbouring clips choose theirs from this many."""
CLIPS_PER_BLOCK = 8
_APART_M = 0.6
"""Two people's hips are never closer to each other."""
_LONGEST_STEP = 3
"""Frames of the pack from one frame of a clip to the next, at most."""
_MOVING_MARGIN = 1.4
"""If the camera turns, the picture of the surroundings is larger by this factor."""
_EXTRA_COVER = (0.05, 0.10, 0.10, 0.09, 0.08, 0.09, 0.08, 0.06, 0.06, 0.06, 0.06)
_COVERS = np.concatenate([COVER, _EXTRA_COVER])
"""(28,) metres: as `people.COVER`, for the joints of `rtpose28`."""
_OUTLINE = np.r_[BODY.start : BODY.stop : 24, TIGHTS.start : TIGHTS.stop : 8]
_STRETCHED = (
    "UpLeg", "Leg", "Arm", "ForeArm", "LowerBack", "Spine", "Spine1", "Neck", "HipJoint", "Shoulder", "Foot", "Hand",
)  # fmt: skip


@dataclass(frozen=True)
class ClipTruth:
    """Ground truth of a clip of T frames."""

    times_s: Array
    """(T,) from 0."""
    size: tuple[int, int]
    """(width, height) px."""
    camera: Camera
    """The same in all frames."""
    world_from_camera: Array
    """(T, 4, 4) metres, y up, floor at 0."""
    joints_m: Float32
    """(T, 28, 3) metres, camera space: `rtpose28` as a detector defines the joints."""
    visible: NDArray[np.bool_]
    """(T, 28): inside the picture, with nothing in front but the joint's own flesh and cloth."""
    height_m: float
    """Standing height of the person."""
    kind: str
    """An `Exercise`, or the name of the clip in the pack."""
    holding: Holding
    whole: bool
    """The picture is framed around the whole body."""

    @property
    def joints_px(self) -> Float32:
        """(T, 28, 2) pixels, also of joints outside the picture."""
        depth = np.maximum(self.joints_m[..., 2:], 0.05)
        focal, middle = (self.camera.fx, self.camera.fy), (self.camera.cx, self.camera.cy)
        return np.asarray(self.joints_m[..., :2] / depth * focal + middle, np.float32)


@dataclass(frozen=True)
class RenderedClip:
    """Pictures with their ground truth."""

    images: list[Image]
    """T pictures, (H, W, 3) uint8 RGB each."""
    truth: ClipTruth
    second: ClipTruth | None = None
    """Of the second person in the same pictures."""


@dataclass(frozen=True)
class _Actor:
    """A person who moves for T frames."""

    person: DressedPerson
    poses: list[Pose]
    joints: Array
    """(T, 28, 3) metres, world."""
    outline: Array
    """(T, N, 3) metres, points all over the body."""
    kind: str
    looks: Outfit | None = None
    """Colours and patterns; None: not chosen yet."""


class RenderedClips:
    """Renders clips on demand. Holds an OpenGL context: call `close` at the end."""

    def __init__(
        self,
        motions: Path,
        split: Split = Split.TRAIN,
        seed: int = 0,
        frames: int = FRAMES,
        positions: Path | None = None,
        footage: bool = False,
    ) -> None:
        """motions: the pack of joint angles. frames: of each clip. positions: a pack of joint positions, for more
        motions. footage: every third clip shows two people; with positions, all motions except exercises come from
        that pack, whatever their split.

        Errors: `InputError` for a missing file or a pack of short motions, `MissingExtraError` without the extra synth,
        `ConfigError` without OpenGL.
        """
        self._pack = JointAnglePack(motions)
        self._split, self._seed, self._frames, self._pairs = split, seed, frames, footage
        own = clips_of_split(self._pack, split, motions)
        self._skeletons = sorted({self._pack.clips[i]["subject"] for i in own})
        clips: list[tuple[JointAnglePack | JointPositionPack, int]] = [(self._pack, i) for i in own]
        if positions:
            more = JointPositionPack(positions)
            if footage:
                clips = [(more, i) for i in range(len(more.clips))]
            else:
                clips += [(more, i) for i in clips_of_split(more, split, positions)]
        self._clips = [(pack, i) for pack, i in clips if pack.clips[i]["n"] >= frames]
        lengths = np.array([pack.clips[i]["n"] for pack, i in self._clips], np.float64)
        if lengths.max(initial=0) < _LONGEST_STEP * frames:
            raise InputError(f"{positions or motions} has no motion long enough for {frames} frames: give fewer")
        self._shares = np.sqrt(lengths) / np.sqrt(lengths).sum()
        self._model = BodyModel(coarse=True)
        quality = Quality(supersample=1, shadow_size=384, shadow_taps=2, octaves=2)
        self._renderer = Renderer((WINDOW_PX, WINDOW_PX), quality)
        self._body = lru_cache(maxsize=2 * BODIES_PER_BLOCK)(self._make_body)

    def close(self) -> None:
        """Release the OpenGL context."""
        self._renderer.close()

    def __getitem__(self, index: int) -> RenderedClip:
        """Clip `index`, 0 or more; the sequence is endless."""
        if index < 0:
            raise IndexError(index)
        rng = self._generator(2, index)
        while True:  # until the person is visible in every frame: few clips are rejected
            clip = self._clip(index, rng)
            if clip.truth.visible.sum(1).min() >= LEAST_SEEN:
                return clip

    def _generator(self, purpose: int, *key: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, int(self._split is Split.TEST), purpose, *key])

    def _make_body(self, block: int, number: int) -> DressedPerson:
        rng = self._generator(3, block, number)
        phenotype = random_phenotype(rng)
        phenotype["age"] = float(rng.uniform(0.6, 1.0))
        factors = {bone: float(np.exp(np.clip(rng.normal(0, 0.06), -0.15, 0.15))) for bone in _STRETCHED}
        shape = self._model.stretched(self._model.shape(phenotype), factors)
        return DressedPerson(self._model, shape, random_outfit(rng, self._split))

    def _clip(self, index: int, rng: np.random.Generator) -> RenderedClip:
        person = self._body(index // CLIPS_PER_BLOCK, int(rng.integers(BODIES_PER_BLOCK)))
        exercise = random_exercise(rng) if rng.random() < 0.45 else None
        if exercise:
            times_s = np.arange(self._frames) / rng.uniform(10, 30)
            subject = self._skeletons[int(rng.integers(len(self._skeletons)))]
            motion = exercise_motion(exercise, self._pack, subject, times_s, rng)
        else:
            step = int(rng.choice([1, 2, _LONGEST_STEP], p=[0.25, 0.4, 0.35]))
            times_s = np.arange(self._frames) * step / PACK_FPS / rng.uniform(0.75, 1.15)
            motion = perturbed(self._part(step, rng), lambda: self._part(step, rng), rng)
        if rng.random() < 0.5:
            motion = motion.mirrored()
        facing = rng.normal(0, 40) if rng.random() < 0.6 else rng.uniform(-180, 180)
        yaw = float(facing) - float(motion.heading_deg()[self._frames // 2])
        motion = motion.turned(yaw)
        first = self._actor(person, motion, exercise.value if exercise else motion.name)
        actors = [first]
        if self._pairs and index % 3 == 2:
            actors.append(self._second(index, first, times_s))
        joints, bodies = first.joints, np.concatenate([actor.outline for actor in actors], axis=1)

        furniture = seat_and_desk(rng, joints[:, 0].mean(0), yaw) if exercise is Exercise.SIT else []
        upper = None
        if rng.random() < (0.5 if exercise is Exercise.SIT else 0.08):
            upper = np.concatenate([_upper_body(actor.person.shape, rng) for actor in actors])
        shot = random_filming(times_s, bodies, upper, rng)
        view = shot.views[self._frames // 2]
        if exercise is not Exercise.SIT and rng.random() < 0.12:
            low = joints[self._frames // 2, RTPOSE28.indices("left_knee", "right_knee", "left_foot", "right_foot")]
            at = low[int(rng.integers(4))] + rng.normal(0, 0.1, 3)
            furniture.append(random_occluder(rng, self._split, view.eye, at, 0.8 * person.shape.height_m))
        truths = [
            ClipTruth(
                times_s, view.size, view.camera, np.stack([_world_from_camera(v) for v in shot.views]),
                np.stack([v.to_camera(j) for v, j in zip(shot.views, actor.joints, strict=True)]).astype(np.float32),
                np.zeros((self._frames, len(RTPOSE28.joints)), np.bool_), actor.person.shape.height_m,
                actor.kind, shot.holding, shot.whole,
            )
            for actor in actors
        ]  # fmt: skip
        images = []
        for t, (image, depth_m, window) in enumerate(self._pictures(actors, furniture, bodies, shot, rng)):
            images.append(image)
            for truth in truths:
                truth.visible[t] = _visible(truth, t, depth_m, window)
        return RenderedClip(images, *truths)

    def _actor(self, person: DressedPerson, motion: JointAngleMotion, kind: str, looks: Outfit | None = None) -> _Actor:
        """The moving person, on average above the world's origin."""
        model = self._model
        poses = model.poses(person.shape, motion, SOLE_M)
        hips = np.stack([model.joints(person.shape, pose)[0] for pose in poses])
        shift = -hips.mean(0) * np.array([1.0, 0.0, 1.0])
        return self._moved(_Actor(person, poses, hips, hips, kind, looks), shift)

    def _moved(self, actor: _Actor, shift: Array) -> _Actor:
        """The same person `shift` (3,) metres away."""
        model, shape = self._model, actor.person.shape
        poses = [Pose(pose.rotations, pose.shifts + shift) for pose in actor.poses]
        at_rest, weights = shape.vertices[_OUTLINE], model.weights[_OUTLINE]
        outline = np.stack([model.skin(pose, at_rest, weights) for pose in poses]).astype(np.float64)
        joints = np.stack([model.joints28(shape, pose) for pose in poses])
        return replace(actor, poses=poses, joints=joints, outline=outline)

    def _second(self, index: int, first: _Actor, times_s: Array) -> _Actor:
        """Another person, beside the first, who never comes near them."""
        rng = self._generator(4, index)
        body = BODIES_PER_BLOCK + int(rng.integers(BODIES_PER_BLOCK))
        person = self._body(index // CLIPS_PER_BLOCK, body)
        step = int(np.clip(round(float(np.diff(times_s).mean()) * PACK_FPS), 1, _LONGEST_STEP))
        motion = self._part(step, rng).turned(float(rng.uniform(-180, 180)))
        centred = self._actor(person, motion, motion.name, random_outfit(rng, self._split))
        angle = np.radians(rng.choice([0, 180]) + rng.uniform(-50, 50))
        aside = np.array([np.cos(angle), 0.0, np.sin(angle)])
        distance, level = 0.8, np.array([1.0, 0.0, 1.0])
        between = (centred.joints[:, 0] - first.joints[:, 0]) * level
        while np.linalg.norm(between + distance * aside, axis=1).min() < _APART_M:
            distance += 0.2
        return self._moved(centred, distance * aside)

    def _part(self, step: int, rng: np.random.Generator) -> JointAngleMotion:
        """Frames of a random clip of the packs, `step` apart, as many as a rendered clip has."""
        need = (self._frames - 1) * step + 1
        while True:
            pack, clip = self._clips[int(rng.choice(len(self._clips), p=self._shares))]
            spare = pack.clips[clip]["n"] - need
            if spare >= 0:
                start = int(rng.integers(spare + 1))
                return pack.motion(clip, slice(start, start + need, step))

    def _pictures(
        self,
        actors: list[_Actor],
        furniture: list[PlacedSurface],
        bodies: Array,
        shot: ClipFilming,
        rng: np.random.Generator,
    ) -> Iterator[tuple[Image, Float32, Window]]:
        """For each frame: the picture (H, W, 3), and the depth in metres of the window around the people."""
        actors = [replace(actors[0], looks=random_outfit(rng, self._split)), *actors[1:]]
        light = random_light(rng)
        reference = shot.views[self._frames // 2]
        middles = np.concatenate([actor.outline[::7].mean(1) for actor in actors])
        room = random_place(rng, self._split, [view.eye for view in shot.views], middles)
        wide = reference if shot.holding is Holding.STILL else widened(reference, _MOVING_MARGIN)
        backdrop = procedural_backdrop(wide.size, rng, self._split)
        surroundings = self._surroundings([*furniture, *room], wide, light, backdrop) if room or furniture else backdrop
        lens = ClipLens(rng)
        for t, view in enumerate(shot.views):
            behind = reprojected(surroundings, wide, view)
            sky = reprojected(backdrop, wide, view) if room or furniture else behind
            window = window_around(view, bodies[t], WINDOW_PX)
            people = [thing for actor in actors for thing in actor.person.things(actor.poses[t], actor.looks)]
            shade = np.concatenate([actor.person.occluders(actor.poses[t])[::2] for actor in actors])
            drawn = self._renderer.render(
                [*furniture, *people, *room], window.of(view), light, shade, bodies[t].mean(0), 1.6 * len(actors),
                window.cut(sky),
            )  # fmt: skip
            image = behind.copy()
            window.paste(drawn.image, image)
            yield lens.apply(image), drawn.depth_m, window

    def _surroundings(self, things: list[PlacedSurface], view: PlacedCamera, light: Light, backdrop: Image) -> Image:
        """The picture without the person."""
        out = np.empty((view.size[1], view.size[0], 3), np.uint8)
        for window in tiles(view.size, WINDOW_PX):
            drawn = self._renderer.render(
                things, window.of(view), light, np.zeros((0, 4), np.float32), np.zeros(3), 2.5, window.cut(backdrop)
            )
            window.paste(drawn.image, out)
        return out


def _upper_body(shape: Shape, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(N,) which points of the outline lie above a random height, from the knees to the chest."""
    height = float(rng.choice([0.3, 0.5, 0.62], p=[0.25, 0.5, 0.25])) * shape.height_m
    return np.asarray(shape.vertices[_OUTLINE][:, 1] - shape.vertices[BODY][:, 1].min() > height)


def _world_from_camera(view: PlacedCamera) -> Array:
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = view.camera_from_world.T, view.eye
    return out


def _visible(truth: ClipTruth, t: int, depth_m: Float32, window: Window) -> NDArray[np.bool_]:
    """(28,) which joints are visible in frame t. depth_m: of the window."""
    column, row = np.floor(truth.joints_px[t]).astype(int).T - np.array([[window.x], [window.y]])
    inside = (column >= 0) & (column < window.width) & (row >= 0) & (row < window.height)
    surface = depth_m[row.clip(0, window.height - 1), column.clip(0, window.width - 1)]
    depth = truth.joints_m[t, :, 2]
    covers = _COVERS * max(0.5, truth.height_m / ADULT_M)
    return np.asarray(inside & (depth > 0.1) & (depth - surface < covers))
