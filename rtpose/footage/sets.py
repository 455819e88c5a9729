"""Footage with measured 3D ground truth: the layout of a set on disk, read and checked.

A set is a folder with `cam01.mp4`, `cam02.mp4` … and `truth.npz`; docs/footage.md describes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError

Array = NDArray[Any]

TRUTH = "truth.npz"
RENDERED = "rendered:"
"""Prefix of a folder's name: its people are rendered, by `rtpose data footage`."""
JOINTS = (
    "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot",
    "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip
"""The joints of a set's ground truth, in the order of its arrays."""
ARMS = tuple(i for i, joint in enumerate(JOINTS) if joint.endswith(("shoulder", "elbow", "wrist")))
PEER_JOINTS = (24, 26, 28, 23, 25, 27, 11, 13, 15, 12, 14, 16)
"""`JOINTS` among mediapipe's 33 landmarks."""
LEAST_JOINTS = 6
_REQUIRED = ("world12", "valid_joints", "K", "R", "T", "dist", "fps")


@dataclass(frozen=True)
class TruthCamera:
    """One calibrated view."""

    number: int
    """As in its file's name, from 1."""
    clip: Path
    matrix: Array
    """(3, 3) pixels from camera space."""
    distortion: Array
    """(5,) k1 k2 p1 p2 k3, OpenCV's."""
    rotations: Array
    """(Q, 3, 3) camera axes from world axes, for each person: a set may correct its cameras person by person."""
    translations: Array
    """(Q, 3) metres."""
    seen: NDArray[np.bool_]
    """(T, Q): the person can be judged in this view."""
    peer_world: Array
    """(T, 12, 3) metres, camera axes: mediapipe's own 3D of one person on the same frames; NaN where it has none."""
    peer_2d: Array
    """(T, 12, 2) px of the same."""

    def joints(self, world: Array) -> Array:
        """(T, Q, 12, 3) metres in the world -> the same in camera space."""
        placed: Array = np.einsum("qij,tqkj->tqki", self.rotations, world) + self.translations[:, None]
        return placed

    def project(self, joints: Array) -> Array:
        """(..., 3) metres in camera space -> (..., 2) pixels, with the lens's distortion."""
        x, y = joints[..., 0] / joints[..., 2], joints[..., 1] / joints[..., 2]
        k1, k2, p1, p2, k3 = self.distortion
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        bent = np.stack(
            [x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y],
            axis=-1,
        )
        pixels: Array = bent @ self.matrix[:2, :2].T + self.matrix[:2, 2]
        return pixels


@dataclass(frozen=True)
class FootageSet:
    """People with measured ground truth, seen by several cameras."""

    name: str
    fps: float
    world: Array
    """(T, Q, 12, 3) metres, the joints of `JOINTS`."""
    valid: NDArray[np.bool_]
    """(T, Q, 12): the ground truth has this joint in this frame."""
    arms_only: bool
    """Legs are out of sight: only shoulders, elbows and wrists are judged, relative to the middle of the shoulders."""
    cameras: tuple[TruthCamera, ...]
    rendered: bool = False
    """The people are not real: a mean over real sets leaves them out."""

    @property
    def people(self) -> int:
        """Number of people in the ground truth."""
        return int(self.world.shape[1])

    @property
    def judged(self) -> tuple[int, ...]:
        """Which of `JOINTS` are judged."""
        return ARMS if self.arms_only else tuple(range(len(JOINTS)))


def open_footage(name: str) -> list[FootageSet]:
    """The sets in a folder. With the prefix `RENDERED`, all have one name, so that they form one set of a table, and
    their cameras are numbered consecutively.

    Errors: those of `find_sets` and `load_set`.
    """
    folder = Path(name.removeprefix(RENDERED))
    sets = [load_set(found) for found in find_sets(folder)]
    if not name.startswith(RENDERED):
        return sets
    out, number = [], 0
    for footage in sets:
        cameras = tuple(replace(camera, number=number + k + 1) for k, camera in enumerate(footage.cameras))
        number += len(cameras)
        out.append(replace(footage, name=f"{RENDERED}{folder.resolve().name}", cameras=cameras, rendered=True))
    return out


def find_sets(folder: Path) -> list[Path]:
    """The sets in a folder; the folder itself if it is one. Errors: `InputError` if there are none."""
    if (folder / TRUTH).is_file():
        return [folder]
    found = sorted(file.parent for file in folder.glob(f"*/{TRUTH}"))
    if not found:
        raise InputError(f"{folder} holds no footage with ground truth: expected SET/{TRUTH} and SET/cam01.mp4 … in it")
    return found


def load_set(folder: Path) -> FootageSet:
    """Read one set. Errors: `InputError` that names the file, what is missing or which shape is wrong."""
    file = folder / TRUTH
    try:
        with np.load(file, allow_pickle=False) as arrays:
            data = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is not readable as an npz without pickled objects: {error}") from None
    missing = [name for name in _REQUIRED if name not in data]
    if missing:
        raise InputError(f"{file} lacks {', '.join(missing)}")
    world, valid = np.asarray(data["world12"], float), np.asarray(data["valid_joints"], bool)
    if world.ndim == 3:
        world, valid = world[:, None], valid[:, None]
    if world.ndim != 4 or world.shape[2:] != (len(JOINTS), 3) or valid.shape != world.shape[:3]:
        raise InputError(
            f"{file}: world12 is {world.shape} and valid_joints {valid.shape}, expected (T, {len(JOINTS)}, 3) or "
            f"(T, P, {len(JOINTS)}, 3) and the same without the last axis"
        )
    count, frames, people = len(data["K"]), len(world), world.shape[1]
    seen = (count, frames) if "seen" in data and data["seen"].ndim == 2 else (count, frames, people)
    shapes: dict[str, tuple[int, ...]] = {
        "K": (count, 3, 3), "R": (count, 3, 3), "T": (count, 3), "dist": (count, 5), "fps": (), "seen": seen,
        "R_person": (people, count, 3, 3), "T_person": (people, count, 3),
        "mediapipe_world": (count, frames, 33, 3), "mediapipe_2d": (count, frames, 33, 3),
    }  # fmt: skip
    for name, shape in shapes.items():
        if name in data and data[name].shape != shape:
            raise InputError(f"{file}: {name} is {data[name].shape}, expected {shape}")
    cameras = tuple(_camera(folder, data, c, frames, people) for c in range(count))
    return FootageSet(folder.name, float(data["fps"]), world, valid, bool(data.get("upper", False)), cameras)


def _camera(folder: Path, data: dict[str, Array], c: int, frames: int, people: int) -> TruthCamera:
    clip = folder / f"cam{c + 1:02d}.mp4"
    if not clip.is_file():
        raise InputError(f"{folder} has {len(data['K'])} cameras in {TRUTH}, but no {clip.name}")
    if "R_person" in data:
        rotations, translations = data["R_person"][:, c], data["T_person"][:, c]
    else:
        rotations, translations = np.stack([data["R"][c]] * people), np.stack([data["T"][c]] * people)
    seen = np.ones((frames, people), bool)
    if "seen" in data:
        seen &= data["seen"][c].reshape(frames, -1)
    peer = np.full((frames, len(JOINTS), 5), np.nan)
    for name, columns in (("mediapipe_world", slice(0, 3)), ("mediapipe_2d", slice(3, 5))):
        if name in data:
            width = columns.stop - columns.start
            peer[..., columns] = data[name][c][:frames, list(PEER_JOINTS), :width]
    return TruthCamera(
        c + 1, clip, np.asarray(data["K"][c], float), np.asarray(data["dist"][c], float).reshape(-1)[:5],
        np.asarray(rotations, float), np.asarray(translations, float).reshape(people, 3), seen,
        peer[..., :3], peer[..., 3:],
    )  # fmt: skip
