"""Rendered clips of one moving person with exact 3D joints, as an endless, repeatable sequence.

Clip `index` of a seed is the same whatever process makes it and in whatever order. To save time, only a window around
the person is drawn for each frame. The rest comes from one picture of the surroundings, reprojected as the camera
turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.skeleton import RTPOSE28
from rtpose.train.synth.body import BODY, TIGHTS, BodyModel, Pose, Shape
from rtpose.train.synth.clothing import SOLE_M, DressedPerson
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
WINDOW_PX = 320
"""Longest side of a window."""
BODIES_PER_BLOCK = 4
"""Bodies are costly to make: `CLIPS_PER_BLOCK` neighbouring clips choose theirs from this many."""
CLIPS_PER_BLOCK = 8
_MOVING_MARGIN = 1.4
"""Where the camera turns, the picture of the surroundings is that much larger."""
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


class RenderedClips:
    """Renders clips on demand. Holds an OpenGL context: call `close` at the end."""

    def __init__(
        self,
        motions: Path,
        split: Split = Split.TRAIN,
        seed: int = 0,
        frames: int = FRAMES,
        positions: Path | None = None,
    ) -> None:
        """motions: the pack of joint angles. frames: of each clip. positions: a pack of joint positions, for more
        motions.

        Errors: `InputError` for a missing file, `MissingExtraError` without the extra synth, `ConfigError` without
        OpenGL.
        """
        self._pack = JointAnglePack(motions)
        self._split, self._seed, self._frames = split, seed, frames
        packs: list[tuple[JointAnglePack | JointPositionPack, Path]] = [(self._pack, motions)]
        if positions:
            packs.append((JointPositionPack(positions), positions))
        self._clips = [(pack, i) for pack, path in packs for i in clips_of_split(pack, split, path)]
        self._clips = [(pack, i) for pack, i in self._clips if pack.clips[i]["n"] >= frames]
        lengths = np.array([pack.clips[i]["n"] for pack, i in self._clips], np.float64)
        self._shares = np.sqrt(lengths) / np.sqrt(lengths).sum()
        self._skeletons = sorted({pack.clips[i]["subject"] for pack, i in self._clips if pack is self._pack})
        self._model = BodyModel(coarse=True)
        quality = Quality(supersample=1, shadow_size=384, shadow_taps=2, octaves=2)
        self._renderer = Renderer((WINDOW_PX, WINDOW_PX), quality)
        self._body = lru_cache(maxsize=2 * BODIES_PER_BLOCK)(self._make_body)

    def close(self) -> None:
        """Release the OpenGL context."""
        self._renderer.close()

    def __getitem__(self, index: int) -> RenderedClip:
        """Clip `index`, 0 or more; there is no last one."""
        if index < 0:
            raise IndexError(index)
        rng = self._generator(2, index)
        while True:  # until the person is visible in every frame: few clips are rejected
            clip = self._clip(index, rng)
            if clip.truth.visible.sum(1).min() >= 5:
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
        model = self._model
        person = self._body(index // CLIPS_PER_BLOCK, int(rng.integers(BODIES_PER_BLOCK)))
        exercise = random_exercise(rng) if rng.random() < 0.45 else None
        if exercise:
            times_s = np.arange(self._frames) / rng.uniform(10, 30)
            subject = self._skeletons[int(rng.integers(len(self._skeletons)))]
            motion = exercise_motion(exercise, self._pack, subject, times_s, rng)
        else:
            step = int(rng.choice([1, 2, 3], p=[0.25, 0.4, 0.35]))
            times_s = np.arange(self._frames) * step / PACK_FPS / rng.uniform(0.75, 1.15)
            motion = perturbed(self._part(step, rng), lambda: self._part(step, rng), rng)
        if rng.random() < 0.5:
            motion = motion.mirrored()
        facing = rng.normal(0, 40) if rng.random() < 0.6 else rng.uniform(-180, 180)
        yaw = float(facing) - float(motion.heading_deg()[self._frames // 2])
        motion = motion.turned(yaw)
        poses = model.poses(person.shape, motion, SOLE_M)
        hips = np.stack([model.joints(person.shape, pose)[0] for pose in poses])
        shift = -hips.mean(0) * np.array([1.0, 0.0, 1.0])
        poses = [Pose(pose.rotations, pose.shifts + shift) for pose in poses]
        joints = np.stack([model.joints28(person.shape, pose) for pose in poses])
        at_rest, weights = person.shape.vertices[_OUTLINE], model.weights[_OUTLINE]
        bodies = np.stack([model.skin(pose, at_rest, weights) for pose in poses]).astype(np.float64)

        furniture = seat_and_desk(rng, joints[:, 0].mean(0), yaw) if exercise is Exercise.SIT else []
        upper = None
        if rng.random() < (0.5 if exercise is Exercise.SIT else 0.08):
            upper = _upper_body(person.shape, rng)
        shot = random_filming(times_s, bodies, upper, rng)
        view = shot.views[self._frames // 2]
        if exercise is not Exercise.SIT and rng.random() < 0.12:
            low = joints[self._frames // 2, RTPOSE28.indices("left_knee", "right_knee", "left_foot", "right_foot")]
            at = low[int(rng.integers(4))] + rng.normal(0, 0.1, 3)
            furniture.append(random_occluder(rng, self._split, view.eye, at, 0.8 * person.shape.height_m))
        truth = ClipTruth(
            times_s, view.size, view.camera,
            np.stack([_world_from_camera(v) for v in shot.views]),
            np.stack([v.to_camera(j) for v, j in zip(shot.views, joints, strict=True)]).astype(np.float32),
            np.zeros((self._frames, len(RTPOSE28.joints)), np.bool_), person.shape.height_m,
            exercise.value if exercise else motion.name, shot.holding, shot.whole,
        )  # fmt: skip
        images = []
        for t, (image, seen) in enumerate(self._pictures(person, poses, furniture, bodies, shot, truth, rng)):
            images.append(image)
            truth.visible[t] = seen
        return RenderedClip(images, truth)

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
        person: DressedPerson,
        poses: list[Pose],
        furniture: list[PlacedSurface],
        bodies: Array,
        shot: ClipFilming,
        truth: ClipTruth,
        rng: np.random.Generator,
    ) -> Iterator[tuple[Image, NDArray[np.bool_]]]:
        """For each frame: the picture (H, W, 3) and which joints are visible (28,)."""
        outfit, light = random_outfit(rng, self._split), random_light(rng)
        reference = shot.views[self._frames // 2]
        room = random_place(rng, self._split, [view.eye for view in shot.views], bodies[::7].mean(1))
        wide = reference if shot.holding is Holding.STILL else widened(reference, _MOVING_MARGIN)
        backdrop = procedural_backdrop(wide.size, rng, self._split)
        surroundings = self._surroundings([*furniture, *room], wide, light, backdrop) if room or furniture else backdrop
        lens = ClipLens(rng)
        scale = max(0.5, person.shape.height_m / ADULT_M)
        for t, (view, pose) in enumerate(zip(shot.views, poses, strict=True)):
            behind = reprojected(surroundings, wide, view)
            sky = reprojected(backdrop, wide, view) if room or furniture else behind
            window = window_around(view, bodies[t], WINDOW_PX)
            things = [*furniture, *person.things(pose, outfit), *room]
            drawn = self._renderer.render(
                things, window.of(view), light, person.occluders(pose)[::2], bodies[t].mean(0), 1.6, window.cut(sky)
            )
            image = behind.copy()
            window.paste(drawn.image, image)
            yield lens.apply(image), _visible(truth, t, drawn.depth_m, window, scale)

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


def _visible(truth: ClipTruth, t: int, depth_m: Float32, window: Window, scale: float) -> NDArray[np.bool_]:
    """(28,) which joints are visible in frame t. depth_m: of the window. scale: body height over an adult's."""
    column, row = np.floor(truth.joints_px[t]).astype(int).T - np.array([[window.x], [window.y]])
    inside = (column >= 0) & (column < window.width) & (row >= 0) & (row < window.height)
    surface = depth_m[row.clip(0, window.height - 1), column.clip(0, window.width - 1)]
    depth = truth.joints_m[t, :, 2]
    return np.asarray(inside & (depth > 0.1) & (depth - surface < _COVERS * scale))
