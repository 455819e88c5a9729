"""A recording in memory: what every recording file holds, whatever its format. numpy only.

T frames, P columns of people, J joints, B bones. Where a column is empty, its id is -1 and its arrays are NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose import __version__
from rtpose.bones import BONE_NAMES, BONE_PARENTS, CONTACT_JOINTS
from rtpose.errors import InputError
from rtpose.recordings.bone_lengths import lengths_of_joints
from rtpose.skeleton import H36M17, RTPOSE28, Skeleton
from rtpose.types import BodyPose, Camera, Float32, Person3D

FORMAT = 2
SKELETON_OF = {1: H36M17, 2: RTPOSE28}
"""format -> skeleton. Format 1 has no bodies."""
AXES = "camera: x right, y down, z away from the camera"
UNITS = "metres"
MAX_META_DEPTH = 40
MAX_SIDE_PX = 1_000_000


@dataclass(frozen=True, slots=True)
class Recording:
    """Poses over time. The fields are the keys of a poses.npz."""

    poses_3d: Float32
    """(T, P, J, 3) metres, camera axes, relative to the root joint."""
    root_3d: Float32
    """(T, P, 3) metres, camera space."""
    confidence: Float32
    """(T, P, J) 0..1 of the 3D joint."""
    keypoints_2d: Float32
    """(T, P, J, 3) x px, y px, score 0..1, of the original picture."""
    track_ids: NDArray[np.int32]
    """(T, P), -1 where there is no person."""
    timestamps_s: NDArray[np.float64]
    """(T,) strictly increasing: media time for files, seconds since the start for live sources."""
    frame_ids: NDArray[np.int64]
    """(T,), gaps are dropped frames."""
    joint_names: tuple[str, ...]
    parents: NDArray[np.int16]
    """(J,), -1 at the root."""
    image_size: tuple[int, int]
    """width, height in px, as shown; (0, 0) in a recording without frames."""
    camera: Camera
    """NaN in a recording without frames."""
    rotations: Float32
    """(T, P, B, 4) quaternions w x y z, each bone relative to its parent, the hips to camera space; NaN without a
    body."""
    bone_lengths: Float32
    """(P, B) metres, of the person in the column; NaN if several people with bodies share it, or none has one."""
    contacts: Float32
    """(T, P, 4) 0..1, contact probability of left heel, left toe, right heel, right toe."""
    world_from_camera: Float32
    """(T, 4, 4), NaN until gravity and floor are known."""
    bone_names: tuple[str, ...]
    bone_parents: NDArray[np.int16]
    """(B,), -1 at the hips."""
    meta: dict[str, Any]
    """format, rtpose, source, fps, axes, units, estimator, weights_sha256, smoothing, assumptions, …"""

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.timestamps_s)

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of all joint arrays: `rtpose28`, or `h36m17` in recordings of format 1."""
        return next(skeleton for skeleton in SKELETON_OF.values() if skeleton.joints == self.joint_names)

    @property
    def has_bodies(self) -> bool:
        """Whether any person has a body: rotations and constant bones."""
        return bool(np.isfinite(self.rotations).any())

    @property
    def ids(self) -> list[int]:
        """The track ids of all people in the recording, in ascending order."""
        return [int(track_id) for track_id in np.unique(self.track_ids) if track_id >= 0]

    def people(self, frame: int) -> list[Person3D]:
        """The people in row `frame`, in the order of their columns.

        A recording does not store bounding boxes: each is the box around the person's known 2D joints, NaN if no joint
        is known.
        """
        return [
            Person3D(
                track_id=int(self.track_ids[frame, column]),
                bbox=_box(self.keypoints_2d[frame, column]),
                keypoints_2d=self.keypoints_2d[frame, column],
                pose_3d=self.poses_3d[frame, column],
                root_3d=self.root_3d[frame, column],
                confidence=self.confidence[frame, column],
                body=self._body(frame, column),
            )
            for column in np.flatnonzero(self.track_ids[frame] >= 0).tolist()
        ]

    def world_of(self, frame: int) -> NDArray[np.float64] | None:
        """`world_from_camera` (4, 4) of row `frame`; None while gravity and floor are not known."""
        world = self.world_from_camera[frame].astype(np.float64)
        return world if np.isfinite(world).all() else None

    def lengths_of(self, track_id: int) -> Float32:
        """(B,) metres: a person's bones; NaN without a body."""
        known = (self.track_ids == track_id) & np.isfinite(self.rotations).all((-1, -2))
        frames, columns = np.nonzero(known)
        if not len(frames):
            return np.full(len(self.bone_names), np.nan, np.float32)
        given = self.bone_lengths[columns[0]]
        return given if np.isfinite(given).all() else lengths_of_joints(self.poses_3d[frames[0], columns[0]])

    def _body(self, frame: int, column: int) -> BodyPose | None:
        rotations = self.rotations[frame, column]
        if not np.isfinite(rotations).all():
            return None
        lengths = self.bone_lengths[column]
        if not np.isfinite(lengths).all():
            lengths = lengths_of_joints(self.poses_3d[frame, column])
        return BodyPose(rotations, lengths, self.contacts[frame, column])


def no_bodies(frames: int, columns: int) -> dict[str, Any]:
    """The fields of a `Recording` for bodies and floor, for one without them."""
    bones = len(BONE_NAMES)
    return {
        "rotations": np.full((frames, columns, bones, 4), np.nan, np.float32),
        "bone_lengths": np.full((columns, bones), np.nan, np.float32),
        "contacts": np.full((frames, columns, len(CONTACT_JOINTS)), np.nan, np.float32),
        "world_from_camera": np.full((frames, 4, 4), np.nan, np.float32),
        "bone_names": BONE_NAMES,
        "bone_parents": BONE_PARENTS,
    }


def recording_meta(given: Mapping[str, Any]) -> dict[str, Any]:
    """`meta` of a new recording: the `given` entries, None for missing ones, and the entries that all files share."""
    return {
        "source": None,
        "fps": None,
        "estimator": None,
        "weights_sha256": None,
        "smoothing": None,
        "assumptions": [],
        "drops": {},
        **given,
        "format": FORMAT,
        "rtpose": __version__,
        "axes": AXES,
        "units": UNITS,
    }


def checked_meta(path: Path, meta: dict[str, Any]) -> dict[str, Any]:
    """`meta` of a file, with `assumptions` as a list of texts. Errors: `InputError` if it is nested too deeply."""
    layer: list[Any] = [meta]
    for _ in range(MAX_META_DEPTH):
        inside = [item.values() if isinstance(item, dict) else item for item in layer if isinstance(item, dict | list)]
        layer = [value for values in inside for value in values]
        if not layer:
            break
    else:
        raise InputError(f"{path} is damaged or not a recording: its meta is nested too deeply")
    assumptions = meta.get("assumptions", [])
    if not isinstance(assumptions, list):
        assumptions = [assumptions]
    return {**meta, "assumptions": [str(text) for text in assumptions]} if "assumptions" in meta else meta


def check_numbers(path: Path, image_size: tuple[int, int], camera: Camera, frames: int) -> None:
    """Errors: `InputError` for an impossible picture or camera; a recording without frames has none."""
    sides_fit = all(0 <= side <= MAX_SIDE_PX for side in image_size)
    if not sides_fit or (frames and not np.isfinite(camera.as_array()).all()):
        raise InputError(f"{path} is damaged or not a recording: its image_size or camera is impossible")


def format_of(recording: Recording) -> int:
    """The format in which a recording is written: that of its skeleton."""
    return next(version for version, skeleton in SKELETON_OF.items() if skeleton.joints == recording.joint_names)


def check_format(path: Path, version: object) -> None:
    """Errors: `InputError` for a format that this version does not read."""
    if not isinstance(version, int) or version not in SKELETON_OF:
        known = " and ".join(map(str, SKELETON_OF))
        raise InputError(f"{path} is a recording of format {version}; this version of rtpose reads formats {known}")


def check_names(path: Path, version: int, head: Mapping[str, Any]) -> None:
    """Errors: `InputError` unless joints and bones are those of the file's format, `version`.

    head: the file's entries for them, each as a sequence: `joint_names`, `parents`, and since format 2 `bone_names` and
    `bone_parents`. A key that is missing is a `KeyError`.
    """
    skeleton = SKELETON_OF[version]
    joints = tuple(map(str, head["joint_names"]))
    if joints != skeleton.joints or not np.array_equal(head["parents"], skeleton.parents):
        raise InputError(f"{path} does not use the skeleton {skeleton.name}; its joints are {', '.join(joints)}")
    if version == 1:
        return
    bones = tuple(map(str, head["bone_names"]))
    if bones != BONE_NAMES or not np.array_equal(head["bone_parents"], BONE_PARENTS):
        raise InputError(f"{path} has bones that this version of rtpose does not know: {', '.join(bones)}")


def _box(keypoints: Float32) -> Float32:
    """(4,) x0 y0 x1 y1 px around the finite rows of `keypoints` (J, 3)."""
    known = keypoints[np.isfinite(keypoints).all(-1), :2]
    return np.concatenate([known.min(0), known.max(0)]) if len(known) else np.full(4, np.nan, np.float32)
