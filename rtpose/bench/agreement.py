"""How far apart the joints of two sides are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtpose.bench.report import Agreement, SideFigures, spread
from rtpose.bench.sides import poses_of
from rtpose.recordings.npz import read_npz
from rtpose.skeleton import BLAZEPOSE33, H36M17, h36m17_from
from rtpose.types import Float32

Joints = tuple[Float32, Float32 | None]
"""(T, 17, 2) px, and (T, 17, 3) m relative to the root if there is 3D; NaN where no person is seen."""


def read_joints(file: Path) -> Joints | None:
    """The poses that a side wrote; None if it followed several people, or never found one."""
    with np.load(file) as arrays:
        if "landmarks" in arrays:
            landmarks = arrays["landmarks"] * np.array([*arrays["image_size"], 1], np.float32)
            return h36m17_from(BLAZEPOSE33, landmarks)[..., :2], None
    poses = read_npz(file)
    seen = poses.track_ids >= 0
    if not seen.any() or seen.sum(1).max() > 1:
        return None
    joints = poses.skeleton.indices(*H36M17.joints)
    rows, columns = np.arange(len(poses)), seen.argmax(1)  # one person may have several ids, and so columns
    return poses.keypoints_2d[rows, columns][:, joints, :2], poses.poses_3d[rows, columns][:, joints]


def agreement(side: str, joints: Joints | None, than: str, others: Joints | None) -> Agreement | None:
    """Distances over the frames in which both see the person; None without such a frame."""
    if joints is None or others is None:
        return None
    count = min(len(joints[0]), len(others[0]))
    a, b = joints[0][:count], others[0][:count]
    both = ~(np.isnan(a).any((1, 2)) | np.isnan(b).any((1, 2)))
    if not both.any():
        return None
    height = np.ptp(b[both, :, 1], axis=1)
    percent = 100 * np.linalg.norm(a[both] - b[both], axis=2) / np.maximum(height, 1e-6)[:, None]
    mm = None
    if joints[1] is not None and others[1] is not None:
        mm = spread(1000 * np.linalg.norm(joints[1][:count][both] - others[1][:count][both], axis=2).ravel())
    return Agreement(side, than, int(both.sum()), spread(percent.ravel()), mm)


def agreements(sides: Sequence[SideFigures], folder: Path) -> list[Agreement]:
    """Compare the first side's joints with each other side's, where both follow one person. folder: see `poses_of`."""
    if len({side.clip for side in sides}) > 1:
        return []
    joints = [read_joints(poses_of(folder, index)) for index in range(len(sides))]
    found = [
        agreement(side.name, of_side, sides[0].name, joints[0])
        for side, of_side in zip(sides[1:], joints[1:], strict=True)
    ]
    return [one for one in found if one is not None]
