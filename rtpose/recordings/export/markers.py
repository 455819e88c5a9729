"""Which points the marker formats hold, and what they are called."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_INDEX, JOINT_PLACES, pose_bones, rotations_from_wxyz
from rtpose.errors import InputError
from rtpose.recordings.export.motion import PersonMotion, motion_of
from rtpose.recordings.recording import Recording
from rtpose.skeleton import RTPOSE28
from rtpose.types import is_guess

Markers = Literal["rtpose", "halpe26"]
MARKERS: tuple[Markers, ...] = get_args(Markers)

_SIDES = (("R", "right"), ("L", "left"))
_LEG = (("Hip", "hip"), ("Knee", "knee"), ("Ankle", "foot"), ("BigToe", "toe"), ("SmallToe", None), ("Heel", "heel"))
_ARM = (("Shoulder", "shoulder"), ("Elbow", "elbow"), ("Wrist", "wrist"))
_HALPE26: dict[str, str | None] = {
    "Hip": "root",
    **{f"{short}{m}": joint and f"{side}_{joint}" for short, side in _SIDES for m, joint in _LEG},
    "Neck": "thorax",
    "Head": None,
    "Nose": "nose",
    **{f"{short}{m}": f"{side}_{joint}" for short, side in _SIDES for m, joint in _ARM},
}
"""Marker -> joint, in the order of Pose2Sim's files; None: a place on a bone, `_PLACES`."""
_EARS = JOINT_PLACES[RTPOSE28.index_of["head"]].tolist()
_PLACES: dict[str, tuple[str, tuple[float, float, float], str]] = {
    "Head": ("head", (0, _EARS[1] + 1.3, _EARS[2]), "head"),
    "RSmallToe": ("rightFoot", (-0.33, -0.42, 0.70), "right_toe"),
    "LSmallToe": ("leftFoot", (0.33, -0.42, 0.70), "left_toe"),
}
"""Marker -> bone, place from the bone's base in its frame and lengths, and the joint that must be seen for it. The
top of the head is 1.3 lengths of the head's bone above the ears; the small toe is beside the ball of the foot."""


def marker_names(recording: Recording, markers: Markers) -> tuple[str, ...]:
    """The names, in the order of `markers_of`."""
    return recording.joint_names if markers == "rtpose" else tuple(_HALPE26)


def markers_of(recording: Recording, track_id: int, markers: Markers) -> PersonMotion:
    """The markers of one person in all frames, as `motion_of`.

    Errors: `InputError` for halpe26 without bodies: some of its markers are places on bones.
    """
    own = motion_of(recording, track_id)
    if markers == "rtpose":
        return own
    if not recording.has_bodies:
        raise InputError("markers of halpe26 need a recording with bodies: convert it with `rtpose convert`")
    index = recording.skeleton.index_of
    points = np.full((len(recording), len(_HALPE26), 3), np.nan)
    t, column = np.nonzero((recording.track_ids == track_id) & np.isfinite(recording.rotations).all((-1, -2)))
    lengths = recording.lengths_of(track_id).astype(np.float64)
    bases, turned = pose_bones(rotations_from_wxyz(recording.rotations[t, column]), lengths)
    guess = is_guess(recording.confidence[t, column], recording.keypoints_2d[t, column, :, 2])
    for number, (marker, joint) in enumerate(_HALPE26.items()):
        if joint is not None:
            points[:, number] = own.points[:, index[joint]]
            continue
        bone, place, witness = _PLACES[marker]
        b = BONE_INDEX[bone]
        where: NDArray[np.float64] = bases[:, b] + turned[:, b] @ (np.array(place) * lengths[b])
        points[t, number] = np.where(guess[:, index[witness], None], np.nan, where + recording.root_3d[t, column])
    return PersonMotion(track_id, own.times_s, points)
