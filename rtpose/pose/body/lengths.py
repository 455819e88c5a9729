"""Bone lengths of a person: learned from noisy joints over time, with a prior from the proportions of adults.

Left and right are alike. The lengths' logarithms are estimated by a Kalman filter whose prior is `shapes.npz`: means
and a few shape numbers of adults (made by `scripts/make_body_shapes.py` from the body model anny, CC0). The prior says
nothing about the size: joints give it.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from rtpose.bones import BONE_NAMES, Float64
from rtpose.skeleton import RTPOSE28

FREE_BONES = (
    "hips", "spine", "chest", "neck", "head",
    "Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot",
)  # fmt: skip
"""Bones whose lengths are free; those of limbs stand for both sides."""
SHAPES_FILE = Path(__file__).parent / "shapes.npz"

SIZE_DEVIATION = 0.3
"""Prior standard deviation of the logarithm of the size: almost anything."""
DEFINITION, DEFINITION_DEVIATION = (np.array(values) for values in zip(*(
    (-0.19, 0.05), (0.07, 0.05), (0.07, 0.05), (-0.26, 0.05), (-0.26, 0.05),
    (0.00, 0.05), (0.01, 0.05), (0.10, 0.05), (-0.35, 0.10), (-0.06, 0.05), (-0.11, 0.05), (-0.44, 0.05),
), strict=True))  # fmt: skip
"""By how much the logarithms of a lifter's lengths deviate from those of the body model, because its joints are
others', and by how much more or less. Medians over what the lifter `fusion` makes of people in real clips, but for the
hand (docs/body.md)."""
COMMON = 0.1
"""How much of the errors of a bone's ends, which are relative to the root, its length has."""
MEMORY_S = 1.5
"""Errors of joints hold on for about so long: that much time counts as one independent measurement."""
FIRST = 0.1
"""The same for the first frame: people come into the picture by halves."""
SETTLED_S = 2.0
EARLY_RATE, LATE_RATE = 0.1, 0.0003
"""How much the lengths may change per second, before and after they are settled, in shares …"""
SURE_STEP, MOST_STEP = 0.0019, 0.0055
"""… and from one frame to the next before: as much at any rate, and never more."""
SLOW_S = 30.0
"""Once settled, the lengths follow what is seen over about so long."""

_FREE_OF_BONE = np.array([
    FREE_BONES.index(name.removeprefix("left").removeprefix("right")) for name in BONE_NAMES
])  # fmt: skip
# What is measured: (joint, other joint, free bone, share of the distance).
_MEASURES: tuple[tuple[str, str, str, float], ...] = (
    ("left_hip", "right_hip", "hips", 1.0), ("root", "thorax", "spine", 0.5), ("root", "thorax", "chest", 0.5),
    ("thorax", "head", "neck", 0.5), ("thorax", "head", "head", 0.5),
    *((f"{side}_{a}", f"{side}_{b}", bone, 1.0) for side in ("left", "right") for a, b, bone in (
        ("shoulder", "elbow", "UpperArm"), ("elbow", "wrist", "LowerArm"),
        ("hip", "knee", "UpperLeg"), ("knee", "foot", "LowerLeg"), ("foot", "toe", "Foot"),
    )),
    ("left_shoulder", "right_shoulder", "Shoulder", 0.5),
    ("left_wrist", "left_index", "Hand", 1 / np.hypot(1.05, 0.45)),
    ("right_wrist", "right_index", "Hand", 1 / np.hypot(1.05, 0.45)),
)  # fmt: skip
_ONE = np.array([RTPOSE28.index_of[a] for a, *_ in _MEASURES])
_OTHER = np.array([RTPOSE28.index_of[b] for _, b, *_ in _MEASURES])
_BONE = np.array([FREE_BONES.index(bone) for *_, bone, _ in _MEASURES])
_SHARE = np.array([share for *_, share in _MEASURES])
_LEAST_M = 0.01


@functools.cache
def _prior() -> tuple[Float64, Float64]:
    """Mean logarithms of the lengths' shares of the size (12,), and their covariance (12, 12)."""
    with np.load(SHAPES_FILE, allow_pickle=False) as file:
        mean, components, rest = file["mean"], file["components"], file["rest"]
    covariance = components.T @ components + np.diag(rest**2 + DEFINITION_DEVIATION**2)
    return mean + DEFINITION, covariance


def bone_lengths(free: Float64) -> Float64:
    """(..., 12) lengths of `FREE_BONES` -> (..., B) of all bones."""
    return np.asarray(free)[..., _FREE_OF_BONE]


class LengthEstimator:
    """The lengths of one person, frame by frame."""

    def __init__(self) -> None:
        mean, covariance = _prior()
        self._logs = mean + np.log(1.7)
        self._covariance = covariance + SIZE_DEVIATION**2
        self._shown: Float64 | None = None
        self._seen_s = 0.0

    @property
    def best(self) -> Float64:
        """(B,) metres: the lengths as far as they are known, without the delay of what `update` gives."""
        return bone_lengths(np.exp(self._logs))

    def update(self, joints: Float64, error_m: Float64, dt_s: float) -> Float64:
        """Lengths (B,) metres after another frame; they change by under 1 % a frame, and hardly once settled.

        joints: (28, 3) metres, NaN where unknown. error_m: (28,) how wrong each may be. dt_s: since the last frame.
        """
        apart = np.linalg.norm(joints[_ONE] - joints[_OTHER], axis=-1) * _SHARE
        known = np.isfinite(apart) & (apart > _LEAST_M)
        relative = COMMON * np.hypot(error_m[_ONE], error_m[_OTHER]) * _SHARE / np.where(known, apart, 1.0)
        independent = FIRST if self._shown is None else min(dt_s / MEMORY_S, 1.0)
        information = np.where(known, 1 / (relative**2 + 0.02**2), 0.0) * independent
        total = np.bincount(_BONE, information, len(FREE_BONES)).astype(np.float64)
        logs = np.log(np.where(known, apart, 1.0))
        sums = np.bincount(_BONE, information * logs, len(FREE_BONES)).astype(np.float64)
        measured = sums / np.maximum(total, 1e-12)
        self._correct(measured, total, dt_s)
        return self._follow(dt_s)

    def _correct(self, measured: Float64, information: Float64, dt_s: float) -> None:
        if self._seen_s > SETTLED_S:  # forget slowly
            self._covariance = self._covariance * (1 + dt_s / SLOW_S)
        # The gain in a form that allows for measurements without any information.
        gain = np.linalg.solve(np.eye(len(measured)) + self._covariance * information, self._covariance) * information
        self._logs = self._logs + gain @ (measured - self._logs)
        self._covariance = self._covariance - gain @ self._covariance
        self._covariance = (self._covariance + self._covariance.T) / 2

    def _follow(self, dt_s: float) -> Float64:
        if self._shown is None:
            self._shown = self._logs.copy()
        else:
            early = min(max(EARLY_RATE * dt_s, SURE_STEP), MOST_STEP)
            step = early if self._seen_s <= SETTLED_S else LATE_RATE * dt_s
            self._shown = self._shown + np.clip(self._logs - self._shown, -step, step)
        self._seen_s += dt_s
        return bone_lengths(np.exp(self._shown))


def lengths_of_recording(joints: Float64, error_m: Float64) -> Float64:
    """Lengths (B,) that fit a person best over a whole recording. joints: (T, 28, 3) metres, NaN where unknown;
    error_m: (T, 28)."""
    estimator = LengthEstimator()
    for frame, errors in zip(joints, error_m, strict=True):
        estimator.update(frame, errors, 1 / 30)
    return estimator.best
