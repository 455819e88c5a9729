"""Rendered people as an endless, repeatable sequence of labelled pictures.

Picture `index` of a seed is the same in any process and any order: everything random comes from its own generator,
seeded with (seed, split, index). Bodies and the cut of their clothes are costly to make, so `BLOCK` neighbouring
pictures choose theirs from the block's `BODIES`; each picture has its own poses, colours, places, lights and
cameras. Go through the indices in order, or block by block.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError, InputError
from rtpose.geometry import pixels_from_camera
from rtpose.skeleton import H36M17
from rtpose.train.synth.body import BODY, TIGHTS, BodyModel, Pose
from rtpose.train.synth.clothing import SOLE_M, DressedPerson, Outfit
from rtpose.train.synth.joint_positions import JointPositionPack
from rtpose.train.synth.motion import Array, JointAngleMotion, JointAnglePack, rotation_xyz
from rtpose.train.synth.photo import Split, cut_from_picture, find_pictures, photographed, procedural_backdrop
from rtpose.train.synth.renderer import Quality, Renderer
from rtpose.train.synth.sampling import (
    perturbed,
    random_light,
    random_occluder,
    random_outfit,
    random_phenotype,
    random_room,
)
from rtpose.train.synth.surfaces import PlacedSurface
from rtpose.train.synth.view import PlacedCamera
from rtpose.types import Camera, Float32, Image

HELD_OUT_SUBJECTS = ("05", "17", "131")
"""Subjects whose motions are in the test split only: dance (the sample clip's), boxing, creeping, hops."""
BLOCK, BODIES = 128, 12
MAX_PEOPLE = 4

_COVER_M = {
    "root": 0.20, "hip": 0.18, "knee": 0.11, "foot": 0.11, "spine": 0.20, "thorax": 0.17, "neck_base": 0.15,
    "head": 0.15, "shoulder": 0.12, "elbow": 0.09, "wrist": 0.08,
}  # fmt: skip
COVER = np.array([_COVER_M[j.removeprefix("left_").removeprefix("right_")] for j in H36M17.joints])
"""(17,) metres: how far in front of a visible joint an adult's own surface is: half of the limb, and cloth."""
ADULT_M = 1.75
_OUTLINE = np.r_[BODY.start : BODY.stop : 12, TIGHTS.start : TIGHTS.stop : 4]
_LEAST_SEEN = 5  # joints of the main person


@dataclass(frozen=True)
class RenderedPerson:
    """One person of a picture. Joints: `h36m17` as a detector defines them."""

    joints_px: Float32
    """(17, 2) pixels, also of joints outside of the picture."""
    joints_m: Float32
    """(17, 3) metres, camera space. The root's depth is `joints_m[0, 2]`."""
    visible: NDArray[np.bool_]
    """(17,): inside the picture, with nothing in front but the joint's own flesh and cloth."""
    box_px: Float32
    """(4,) x0 y0 x1 y1 around the whole person, hidden parts too; may reach beyond the picture."""


@dataclass(frozen=True)
class RenderedPicture:
    """A rendered picture with its labels."""

    image: Image
    """(H, W, 3) uint8 RGB."""
    people: tuple[RenderedPerson, ...]
    """First the main person, then the others who are at least partly inside."""
    camera: Camera


@dataclass(frozen=True)
class PeopleSettings:
    """What kind of pictures. Two folders of pictures made with the same settings are the same."""

    size: tuple[int, int] = (256, 256)
    """(width, height) px."""
    most_people: int = 3
    """1..4. Pictures of one person: 7 of 10 show no one else. Pictures of groups: 2 to this many."""
    group: bool = False
    """False: the picture is cropped around one person, as for a network. True: it shows everyone."""
    split: Split = Split.TRAIN
    seed: int = 0

    def __post_init__(self) -> None:
        lowest = 2 if self.group else 1
        if not lowest <= self.most_people <= MAX_PEOPLE:
            raise ConfigError(f"{self.most_people} people in a picture: give {lowest} to {MAX_PEOPLE}")
        if min(self.size) < 32:
            raise ConfigError(f"pictures of {self.size[0]}x{self.size[1]} are too small: give at least 32x32")


@dataclass(frozen=True)
class _Placed:
    """A person in the world."""

    dressed: DressedPerson
    pose: Pose
    outfit: Outfit
    joints: Array
    """(17, 3) metres."""
    outline: Array
    """(N, 3) metres, points all over the body."""


def clips_of_split(pack: JointAnglePack | JointPositionPack, split: Split, path: Path) -> list[int]:
    """The clips of `HELD_OUT_SUBJECTS`, or of everyone else. Errors: `InputError` naming the pack's path if it has
    none."""
    clips = [i for i, clip in enumerate(pack.clips) if (clip["subject"] in HELD_OUT_SUBJECTS) == (split is Split.TEST)]
    if not clips:
        subjects = (
            f"the test subjects {', '.join(HELD_OUT_SUBJECTS)}" if split is Split.TEST else "subjects to train on"
        )
        raise InputError(f"{path} has no clips of {subjects}: name another pack")
    return clips


class RenderedPeople:
    """Renders pictures on demand. Each process creates an OpenGL context of its own when it first draws.

    `torch.utils.data.DataLoader(people, sampler=range(n), collate_fn=list, num_workers=2)` makes them while a
    network trains.
    """

    def __init__(self, motions: Path, settings: PeopleSettings | None = None, backgrounds: Path | None = None) -> None:
        """motions: the pack of joint angles. backgrounds: a folder of pictures to use besides procedural ones.

        Errors: `InputError` for a missing or empty file or folder, `MissingExtraError` without the extra synth,
        `ConfigError` without OpenGL.
        """
        self._arguments = (motions, settings, backgrounds)
        self.settings = settings or PeopleSettings()
        self.seconds: Counter[str] = Counter()
        """Time spent in each step."""
        self._pack = JointAnglePack(motions)
        self.clips = clips_of_split(self._pack, self.settings.split, motions)
        # Long clips more often than short ones, but not in proportion: a few are very long.
        lengths = np.array([self._pack.clips[i]["n"] for i in self.clips], np.float64)
        self._clip_shares = np.sqrt(lengths) / np.sqrt(lengths).sum()
        self._backgrounds = find_pictures(backgrounds, self.settings.split) if backgrounds else []
        self._model = BodyModel(coarse=True)
        self._renderer: tuple[int, Renderer] | None = None
        # Two blocks, for indices that jump back and forth.
        self._body = lru_cache(maxsize=2 * BODIES)(self._make_body)

    def close(self) -> None:
        """Release the OpenGL context."""
        if self._renderer and self._renderer[0] == os.getpid():
            self._renderer[1].close()
        self._renderer = None

    def __reduce__(self) -> tuple[type[RenderedPeople], tuple[Path, PeopleSettings | None, Path | None]]:
        return RenderedPeople, self._arguments

    def _drawing(self) -> Renderer:
        """This process's renderer: a context does not survive a fork."""
        if self._renderer is None or self._renderer[0] != os.getpid():
            small = min(self.settings.size) <= 160
            quality = replace(Quality.quick(), supersample=2 if small else 1)
            self._renderer = (os.getpid(), Renderer(self.settings.size, quality))
        return self._renderer[1]

    def __getitem__(self, index: int) -> RenderedPicture:
        """Picture number `index`, from 0; the sequence is endless."""
        if index < 0:
            raise IndexError(index)
        rng = self._generator(0, index)
        while True:  # until enough of the person is visible: about one picture in fifteen is discarded
            picture = self._picture(index, rng)
            if picture.people and picture.people[0].visible.sum() >= _LEAST_SEEN:
                return picture

    def _generator(self, purpose: int, *key: int) -> np.random.Generator:
        test = self.settings.split is Split.TEST
        return np.random.default_rng([self.settings.seed, int(test), purpose, *key])

    def _make_body(self, block: int, number: int) -> DressedPerson:
        rng = self._generator(1, block, number)
        return DressedPerson(self._model, self._model.shape(random_phenotype(rng)), random_outfit(rng))

    def _picture(self, index: int, rng: np.random.Generator) -> RenderedPicture:
        settings = self.settings
        lap = _Lap(self.seconds)
        if settings.group:
            count = int(rng.integers(2, settings.most_people + 1))
        else:
            count = (
                1 if rng.random() < 0.7 or settings.most_people == 1 else int(rng.integers(2, settings.most_people + 1))
            )
        numbers = rng.permutation(BODIES)[:count]
        bodies = [self._body(index // BLOCK, int(number)) for number in numbers]
        lap("bodies")
        people = [self._pose(body, place, rng) for body, place in zip(bodies, _places(count, rng), strict=True)]
        lap("poses")

        view = _group_view(people, settings.size, rng) if settings.group else _person_view(people, settings.size, rng)
        eye, light = view.eye, random_light(rng)
        floor_y = min(0.0, *(float(p.outline[:, 1].min()) for p in people))
        roots = np.stack([p.joints[0] for p in people])
        things: list[PlacedSurface] = []
        if rng.random() < 0.35:
            for _ in range(1 + int(rng.random() < 0.3)):
                at = people[0].joints[int(rng.integers(17))] + rng.normal(0, 0.1, 3)
                things.append(random_occluder(rng, settings.split, eye, at, people[0].dressed.shape.height_m))
        for person in people:
            things += person.dressed.things(person.pose, person.outfit)
        backdrop = None
        if rng.random() < 0.5:
            things += random_room(rng, settings.split, floor_y, eye, roots)
        if self._backgrounds and rng.random() < 0.7:
            path = self._backgrounds[int(rng.integers(len(self._backgrounds)))]
            backdrop = cut_from_picture(path, settings.size, rng)
        else:
            backdrop = procedural_backdrop(settings.size, rng, settings.split)
        shade = np.concatenate([p.dressed.occluders(p.pose)[::3] for p in people])
        lap("scene")
        drawn = self._drawing().render(things, view, light, shade, roots[0], reach_m=2.5, backdrop=backdrop)
        lap("drawing")
        image = photographed(drawn.image, rng)
        labelled = tuple(_label(person, view, drawn.depth_m) for person in people)
        inside = tuple(p for k, p in enumerate(labelled) if k == 0 or _inside(p, settings.size))
        lap("camera and labels")
        return RenderedPicture(image, inside, view.camera)

    def _pose(self, body: DressedPerson, place: Array, rng: np.random.Generator) -> _Placed:
        motion = perturbed(self._frame(rng), lambda: self._frame(rng), rng)
        motion = motion.turned(float(rng.uniform(-180, 180)))
        model = self._model
        pose = model.poses(body.shape, motion, SOLE_M)[0]
        if rng.random() < 0.04:  # lying, falling, upside down
            turn = rotation_xyz(rng.uniform(-180, 180, 3))
            pose = Pose(turn @ pose.rotations, pose.shifts @ turn.T)
            lowest = model.skin(pose, body.shape.vertices[_OUTLINE], model.weights[_OUTLINE])[:, 1].min()
            pose = Pose(pose.rotations, pose.shifts - np.array([0.0, lowest, 0.0]))
        root = model.joints(body.shape, pose)[0]
        pose = Pose(pose.rotations, pose.shifts + (place - root) * np.array([1.0, 0.0, 1.0]))
        joints = model.joints(body.shape, pose)
        outline = model.skin(pose, body.shape.vertices[_OUTLINE], model.weights[_OUTLINE]).astype(np.float64)
        return _Placed(body, pose, random_outfit(rng, self.settings.split), joints, outline)

    def _frame(self, rng: np.random.Generator) -> JointAngleMotion:
        clip = self.clips[int(rng.choice(len(self.clips), p=self._clip_shares))]
        at = int(rng.integers(self._pack.clips[clip]["n"]))
        return self._pack.motion(clip, slice(at, at + 1))


class _Lap:
    """Adds the time between calls to a counter."""

    def __init__(self, seconds: Counter[str]) -> None:
        self._seconds, self._last = seconds, time.perf_counter()

    def __call__(self, name: str) -> None:
        now = time.perf_counter()
        self._seconds[name] += now - self._last  # type: ignore[assignment]
        self._last = now


def _places(count: int, rng: np.random.Generator) -> list[Array]:
    """(3,) metres on the floor for each person, the first in the middle, no two closer than an arm's length."""
    out = [np.zeros(3)]
    while len(out) < count:
        reach = 0.9 + 0.5 * count
        x, z = rng.uniform(-reach, reach, 2)
        at = np.array([x, 0.0, z])
        if min(np.linalg.norm(at - other) for other in out) > 0.55:
            out.append(at)
    return out


def _eye(target: Array, distance_m: float, rng: np.random.Generator) -> Array:
    """(3,) metres: most often at the height of a person or a table, sometimes near the floor or the ceiling."""
    kind = rng.random()
    if kind < 0.7:
        rise = np.arcsin(np.clip((rng.uniform(0.4, 2.1) - target[1]) / distance_m, -0.9, 0.9))
    elif kind < 0.88:
        rise = np.radians(rng.uniform(15, 65))
    else:
        rise = np.radians(rng.uniform(-30, 15))
    eye: Array = target + distance_m * np.array([0.0, np.sin(rise), np.cos(rise)])
    eye[1] = max(eye[1], 0.08)
    return eye


def _person_view(people: list[_Placed], size: tuple[int, int], rng: np.random.Generator) -> PlacedCamera:
    """A window of a camera's picture with the first person in it, as a detector's box would crop it."""
    person = people[0]
    middle = (person.outline.min(0) + person.outline.max(0)) / 2
    reach = float(np.ptp(person.outline, axis=0).max())
    distance = max(reach, 0.8) * float(np.exp(rng.uniform(np.log(1.25), np.log(5.0))))
    eye = _eye(middle, distance, rng)
    axis = middle + distance * np.tan(np.radians(rng.uniform(-22, 22, 3))) * np.array([1.0, 0.7, 0.0])
    roll = float(rng.uniform(-35, 35)) if rng.random() < 0.08 else float(rng.normal(0, 4))
    if rng.random() < 0.85:  # the whole person
        share, about, apart = rng.uniform(0.55, 0.95), None, 0.06
    else:  # a part, as in front of a desk or at the picture's edge
        share, apart = rng.uniform(1.0, 1.9), 0.12
        about = person.joints[int(rng.choice(H36M17.indices("thorax", "thorax", "head", "spine", "root", "left_knee")))]
    return _window(eye, axis, roll, size, person.outline, float(share), about, rng.uniform(-apart, apart, 2))


def _group_view(people: list[_Placed], size: tuple[int, int], rng: np.random.Generator) -> PlacedCamera:
    """A camera with everyone in its picture."""
    points = np.concatenate([p.outline for p in people])
    middle = (points.min(0) + points.max(0)) / 2
    reach = float(np.ptp(points, axis=0).max())
    distance = reach * float(np.exp(rng.uniform(np.log(1.3), np.log(3.0))))
    eye = _eye(middle, distance, rng)
    share, apart = float(rng.uniform(0.7, 0.95)), rng.uniform(-0.02, 0.02, 2)
    return _window(eye, middle, float(rng.normal(0, 3)), size, points, share, None, apart)


def _window(
    eye: Array,
    axis: Array,
    roll_deg: float,
    size: tuple[int, int],
    points: Array,
    share: float,
    about: Array | None,
    apart: Array,
) -> PlacedCamera:
    """A camera at `eye` that looks at `axis`; the window of its picture in which `points` fill a given share.

    The window's own camera has the same eye and axes, another focal length, and its centre anywhere.
    about: (3,) point in the window's middle, None: the points' box; apart: (2,) offset from the middle, in windows.
    """
    width, height = size
    unit = PlacedCamera.looking(Camera(1.0, 1.0, 0.0, 0.0), size, eye, axis, roll_deg)
    seen = unit.to_camera(points)
    plane = seen[:, :2] / np.maximum(seen[:, 2:], 0.2)
    low, high = plane.min(0), plane.max(0)
    focal = share / float(((high - low) / [width, height]).max())
    middle = (low + high) / 2
    if about is not None:
        at = unit.to_camera(about)
        middle = at[:2] / max(float(at[2]), 0.2)
    cx, cy = np.array([width, height]) * (0.5 + apart) - focal * middle
    return replace(unit, camera=Camera(focal, focal, float(cx), float(cy)))


def _label(person: _Placed, view: PlacedCamera, depth_m: Float32) -> RenderedPerson:
    joints = view.to_camera(person.joints).astype(np.float32)
    ahead = joints.copy()
    ahead[:, 2] = np.maximum(ahead[:, 2], 0.05)  # a joint behind the camera is far outside, not mirrored
    pixels = pixels_from_camera(ahead, view.camera)
    outline = view.to_camera(person.outline).astype(np.float32)
    outline[:, 2] = np.maximum(outline[:, 2], 0.05)
    edge = np.concatenate([pixels_from_camera(outline, view.camera), pixels])
    height, width = depth_m.shape
    column, row = (np.floor(pixels).astype(int)).T
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    surface = depth_m[row.clip(0, height - 1), column.clip(0, width - 1)]
    cover = COVER * max(0.5, person.dressed.shape.height_m / ADULT_M)
    visible = inside & (joints[:, 2] - surface < cover)
    box = np.concatenate([edge.min(0), edge.max(0)]).astype(np.float32)
    return RenderedPerson(pixels, joints, visible, box)


def _inside(person: RenderedPerson, size: tuple[int, int]) -> bool:
    """Whether at least one joint of the person is in the picture."""
    x, y = person.joints_px.T
    return bool(((x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])).any() and (person.joints_m[:, 2] > 0.2).all())
