"""Bone lengths of the people in a recording: one set per person, although they changed during the run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_INDEX, BONE_NAMES, JOINT_PLACES, joints_of_bones, rotations_from_wxyz
from rtpose.skeleton import RTPOSE28

_AT_ONCE = 4096
"""People whose joints are computed at once."""
# bone -> the joints at its base and at the place in it that is farthest from the base.
_MEASURED_BY: dict[str, tuple[str, str]] = {
    "hips": ("right_hip", "left_hip"),
    "spine": ("root", "spine"),
    "chest": ("spine", "thorax"),
    "neck": ("thorax", "neck_base"),
    "head": ("neck_base", "head"),
    **{
        f"{side}{bone}": (start if start == "thorax" else f"{side}_{start}", f"{side}_{end}")
        for side in ("left", "right")
        for bone, start, end in (
            ("Shoulder", "thorax", "shoulder"),
            ("UpperArm", "shoulder", "elbow"),
            ("LowerArm", "elbow", "wrist"),
            ("Hand", "wrist", "index"),
            ("UpperLeg", "hip", "knee"),
            ("LowerLeg", "knee", "foot"),
            ("Foot", "foot", "toe"),
        )
    },
}
_STARTS = RTPOSE28.indices(*(_MEASURED_BY[bone][0] for bone in BONE_NAMES))
_ENDS = RTPOSE28.indices(*(_MEASURED_BY[bone][1] for bone in BONE_NAMES))
_DISTANCES = np.linalg.norm(JOINT_PLACES[_ENDS], axis=-1)
_DISTANCES[BONE_INDEX["hips"]] = 1.0  # from one hip joint to the other


def lengths_of_joints(joints: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """(..., 28, 3) metres, the joints of a body -> (..., B) metres, the lengths of its bones."""
    measured = np.linalg.norm(joints[..., _ENDS, :] - joints[..., _STARTS, :], axis=-1) / _DISTANCES
    return np.asarray(measured, np.float32)


def settle_lengths(
    poses: NDArray[np.float32],
    rotations: NDArray[np.float32],
    lengths: NDArray[np.float32],
    track_ids: NDArray[np.int32],
) -> NDArray[np.float32]:
    """Give each person the lengths on which its body settled: the median of the second half of its frames.

    poses: (T, P, 28, 3), changed in place to follow from the rotations and these lengths; rotations: (T, P, B, 4)
    w x y z; lengths: (T, P, B) of each frame, NaN without a body; track_ids: (T, P). Returns (P, B): the
    lengths of the only person with a body in the column, NaN if there is none or several.
    """
    column_lengths = np.full(lengths.shape[1:], np.nan, np.float32)
    frames, columns = np.nonzero(np.isfinite(lengths).all(-1) & (track_ids >= 0))
    ids = track_ids[frames, columns]
    shared = np.zeros(lengths.shape[1], dtype=bool)
    order = np.argsort(ids, kind="stable")  # frames of a person stay in order
    for rows in np.split(order, np.flatnonzero(np.diff(ids[order])) + 1):
        if not len(rows):
            continue
        cells = frames[rows], columns[rows]
        own = np.median(lengths[cells][len(rows) // 2 :], axis=0)
        if (lengths[cells] != own).any():
            for start in range(0, len(rows), _AT_ONCE):
                some = cells[0][start : start + _AT_ONCE], cells[1][start : start + _AT_ONCE]
                poses[some] = joints_of_bones(rotations_from_wxyz(rotations[some]), own.astype(np.float64))
        for column in np.unique(cells[1]):
            shared[column] |= bool(np.isfinite(column_lengths[column]).any())
            column_lengths[column] = own
    column_lengths[shared] = np.nan
    return column_lengths
