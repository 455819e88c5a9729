"""A recording in memory: what every recording file holds, whatever its format. numpy only.

T frames, P = most people seen at once, J joints. Where a column has nobody, its id is -1 and its arrays are NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose import __version__
from rtpose.errors import InputError
from rtpose.skeleton import H36M17, Skeleton
from rtpose.types import Camera, Float32, Person3D

FORMAT = 1
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
    """(T, P), -1 where there is nobody."""
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
    meta: dict[str, Any]
    """format, rtpose, source, fps, axes, units, estimator, weights_sha256, smoothing, assumptions, …"""

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.timestamps_s)

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of all joint arrays."""
        return H36M17

    @property
    def ids(self) -> list[int]:
        """The track ids of everybody in the recording, in ascending order."""
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
            )
            for column in np.flatnonzero(self.track_ids[frame] >= 0)
        ]


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
    """Errors: `InputError` for a picture or camera that cannot be; a recording without frames has none."""
    sides_fit = all(0 <= side <= MAX_SIDE_PX for side in image_size)
    if not sides_fit or (frames and not np.isfinite(camera.as_array()).all()):
        raise InputError(f"{path} is damaged or not a recording: its image_size or camera is impossible")


def check_skeleton(path: Path, names: tuple[str, ...], parents: NDArray[Any]) -> None:
    """Errors: `InputError` unless the skeleton is `h36m17`."""
    if names != H36M17.joints or not np.array_equal(parents, H36M17.parents):
        raise InputError(f"{path} does not use the skeleton {H36M17.name}; its joints are {', '.join(map(str, names))}")


def _box(keypoints: Float32) -> Float32:
    """(4,) x0 y0 x1 y1 px around the finite rows of `keypoints` (J, 3)."""
    known = keypoints[np.isfinite(keypoints).all(-1), :2]
    return np.concatenate([known.min(0), known.max(0)]) if len(known) else np.full(4, np.nan, np.float32)
