"""What a person's posture says about gravity: whoever stands has the centre of mass above what carries it.

That holds for somebody who leans on one leg as well as for somebody upright, which no direction of a body part does.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import CONTACT_JOINTS
from rtpose.skeleton import RTPOSE28

Float64 = NDArray[np.float64]

# Share of the body's mass, from joint, to joint, and where between them its centre lies (Winter, Biomechanics and Motor
# Control of Human Movement, after Dempster; forearm and hand are one segment).
_SEGMENTS: tuple[tuple[float, str, str, float], ...] = (
    (0.081, "head", "head", 0.0),
    (0.497, "root", "thorax", 0.5),
    *(
        (mass, f"{side}_{start}", f"{side}_{end}", part)
        for side in ("left", "right")
        for mass, start, end, part in (
            (0.028, "shoulder", "elbow", 0.436),
            (0.022, "elbow", "wrist", 0.682),
            (0.100, "hip", "knee", 0.433),
            (0.0465, "knee", "foot", 0.433),
            (0.0145, "heel", "toe", 0.5),
        )
    ),
)
_MASS = np.array([mass for mass, *_ in _SEGMENTS])
_START = np.array(RTPOSE28.indices(*(start for _, start, _, _ in _SEGMENTS)))
_END = np.array(RTPOSE28.indices(*(end for _, _, end, _ in _SEGMENTS)))
_PART = np.array([part for *_, part in _SEGMENTS])[:, None]
_FEET = list(RTPOSE28.indices(*CONTACT_JOINTS))
_ANKLES = list(RTPOSE28.indices("left_foot", "right_foot"))
_KNEES = list(RTPOSE28.indices("left_knee", "right_knee"))
_HIPS = list(RTPOSE28.indices("left_hip", "right_hip"))
_ROOT, _THORAX, _HEAD = RTPOSE28.indices("root", "thorax", "head")
_OF_AXES = [_HEAD, *_ANKLES, _ROOT, _THORAX, *_HIPS]
_AXES = np.array(
    [[-1, 0.5, 0.5, 0, 0, 0, 0], [0, 0, 0, 1, -1, 0, 0], [0, 1, 0, 0, 0, -1, 0], [0, 0, 1, 0, 0, 0, -1]], np.float64
)
"""(4, 7) of those joints: from the head to the ankles, from the thorax to the root, from each hip to its ankle."""
LEAST_MASS = 0.9
"""Share of the body's mass that has to be known for its centre to be."""
STRAIGHT_LEG = 0.85
"""A leg is straight when hip and ankle are at least this share of its length apart."""


def centre_of_mass(joints: NDArray[np.floating]) -> Float64:
    """(3,) of joints (28, 3), in their unit and axes; NaN where too few joints are known."""
    joints = np.asarray(joints, np.float64)
    centres = joints[_START] + _PART * (joints[_END] - joints[_START])
    known = np.isfinite(centres).all(-1)
    mass = _MASS[known]
    if mass.sum() < LEAST_MASS:
        return np.full(3, np.nan)
    centre: Float64 = mass @ centres[known] / mass.sum()
    return centre


def balance_axis(joints: NDArray[np.floating], contacts: NDArray[np.floating]) -> Float64 | None:
    """Unit vector from the centre of mass to the middle of what stands: down, while nothing accelerates much.

    joints: (28, 3) metres; contacts: (4,) probabilities, as in `rtpose.bones.CONTACT_JOINTS`. None: nothing stands, or
    joints are missing.
    """
    feet = np.asarray(joints, np.float64)[_FEET]
    weights = np.where(np.isfinite(feet).all(-1), np.asarray(contacts, np.float64) ** 2, 0)
    if weights.max(initial=0) < 0.25:
        return None
    support = weights @ np.nan_to_num(feet) / weights.sum()
    return unit_or_none(support - centre_of_mass(joints))


def body_axis(joints: NDArray[np.floating]) -> Float64 | None:
    """Unit vector from the head to the middle of the ankles. None: they are not known."""
    joints = np.asarray(joints, np.float64)
    return unit_or_none(joints[_ANKLES].mean(0) - joints[_HEAD])


def trunk_axis(joints: NDArray[np.floating]) -> Float64 | None:
    """Unit vector from the thorax to the root. None: they are not known."""
    joints = np.asarray(joints, np.float64)
    return unit_or_none(joints[_ROOT] - joints[_THORAX])


def stands_on_a_leg(joints: NDArray[np.floating], contacts: NDArray[np.floating]) -> bool:
    """Whether a straight leg, whose foot stands, carries the person: nobody who sits."""
    joints = np.asarray(joints, np.float64)
    thigh, shin = joints[_HIPS] - joints[_KNEES], joints[_KNEES] - joints[_ANKLES]
    thigh_m, shin_m, leg_m = (np.sqrt((part * part).sum(-1)) for part in (thigh, shin, thigh + shin))
    straight = leg_m > STRAIGHT_LEG * (thigh_m + shin_m)
    stands = np.asarray(contacts).reshape(2, 2).max(1) > 0.5
    return bool((straight & stands).any())


def uprightness(joints: NDArray[np.floating]) -> float:
    """0..1: how straight somebody stands, whatever the camera's angle: legs straight and in line with the trunk."""
    axes = _AXES @ np.asarray(joints, np.float64)[_OF_AXES]
    lengths = np.sqrt((axes * axes).sum(-1, keepdims=True))
    if not (lengths > 1e-6).all() or not np.isfinite(lengths).all():
        return 0.0
    axes /= lengths
    apart, together = axes[1:] - axes[0], axes[1:] + axes[0]
    bend_deg = np.degrees(2 * np.arctan2(np.sqrt((apart**2).sum(-1)), np.sqrt((together**2).sum(-1)))).max()
    return math.exp(-((float(bend_deg) / 14) ** 2))


def angle_deg(a: Float64, b: Float64) -> float:
    """Between two unit vectors (3,)."""
    apart, together = a - b, a + b
    return math.degrees(2 * math.atan2(math.sqrt(apart @ apart), math.sqrt(together @ together)))


def unit_or_none(vector: Float64) -> Float64 | None:
    """The vector at length 1. None for one without a direction."""
    length = math.sqrt(vector @ vector)
    return vector / length if math.isfinite(length) and length > 1e-6 else None
