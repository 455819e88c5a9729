"""What readers return: 2D joints in pixels and 3D joints in metres, both in h36m17, mapped by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rtpose.skeleton import H36M17, H36M17_AS_DETECTED
from rtpose.types import Camera, Float32


@dataclass(frozen=True)
class Poses3D:
    """One person's poses in one sequence, seen by one camera, or in the world without a camera."""

    poses_m: Float32
    """(N, 17, 3) metres, h36m17. With a camera: camera space (x right, y down, z away); else the data set's world."""
    subject: str
    action: str
    """As in the tables of the protocol, e.g. "SittingDown"."""
    sequence: str
    """Name of the take, unique with subject and camera."""
    frames: NDArray[np.int64]
    """(N,) frame of each pose in its video, from 0."""
    fps: float
    camera_name: str | None = None
    camera: Camera | None = None
    """Pinhole camera in pixels. Real lenses distort, so the 2D joints may be off by some pixels."""
    image_size: tuple[int, int] | None = None
    """Width, height in pixels."""
    joints_px: Float32 | None = None
    """(N, 17, 2) pixels, h36m17; NaN for joints that the source does not have."""
    actions: Sequence[str] = field(default=())
    """(N,) action of each pose if it changes within the sequence, else empty."""

    def __len__(self) -> int:
        return len(self.poses_m)


@dataclass(frozen=True)
class Poses2D:
    """People in single pictures, 2D only."""

    joints_px: Float32
    """(N, 17, 2) pixels, h36m17; NaN for joints that are not labelled or that the data set does not have."""
    visible: NDArray[np.bool_]
    """(N, 17): labelled and not hidden."""
    images: Sequence[str]
    """(N,) file name of each person's picture."""

    def __len__(self) -> int:
        return len(self.joints_px)

    def complete(self) -> Poses2D:
        """Only the people for whom `as_detected_or_nan` has all joints, as a lifter needs."""
        keep = np.isfinite(as_detected_or_nan(self.joints_px)).all(axis=(1, 2))
        rows = np.flatnonzero(keep).tolist()
        return Poses2D(self.joints_px[rows], self.visible[rows], [self.images[i] for i in rows])


def as_detected_or_nan(joints: Float32) -> Float32:
    """(..., 17, D) joints of a data set -> the joints as a detector defines them (see `rtpose.skeleton`).

    A joint is NaN only if a joint that it is derived from is NaN. "root", "spine" and "thorax" are derived from hips
    and shoulders, so data sets without them work as well.
    """
    return mixed(H36M17_AS_DETECTED, joints)


def mixed(matrix: Float32, joints: Float32) -> Float32:
    """`matrix` (K, J) @ `joints` (..., J, D); NaN only where a joint with non-zero weight is NaN."""
    known = np.isfinite(joints)
    filled = np.where(known, joints, np.float32(0.0))
    lacking = (matrix > 0).astype(np.float32) @ (~known).astype(np.float32)
    return np.where(lacking > 0, np.float32(np.nan), matrix @ filled).astype(np.float32)


def h36m17_by_name(points: NDArray[np.floating], names: Sequence[str], name_of: Mapping[str, str]) -> Float32:
    """(..., J, D) in the order of a data set -> (..., 17, D) in h36m17; NaN for joints without an entry.

    names: (J,) the data set's joints in order. name_of: joint of h36m17 -> the data set's name for it.
    """
    out = np.full((*points.shape[:-2], len(H36M17.joints), points.shape[-1]), np.nan, dtype=np.float32)
    position = {name: i for i, name in enumerate(names)}
    for joint, name in name_of.items():
        out[..., H36M17.index_of[joint], :] = points[..., position[name], :]
    return out
