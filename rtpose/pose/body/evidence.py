"""What a frame says about its people, as weights of the fit: the lifter's joints with their errors, and the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rtpose.bones import BONE_INDEX, BONES, Float64
from rtpose.pose.body.fit import Evidence3D
from rtpose.skeleton import RTPOSE28
from rtpose.types import LEAST_CONFIDENCE, Camera, Person3D

DEVIATION_PER_ERROR = 0.3
"""Standard deviation of a joint along each axis, as a share of its expected error."""
LEAST_ERROR_M = 0.02
SURE_ERROR_M, UNSURE_ERROR_M = 0.05, 0.20
"""Errors of a lifter that does not say them, of joints with a score of 1 and of 0."""
RAY_M = 0.04
"""Standard deviation of a joint's distance from its ray, of a joint with a score of 1."""
STEADY_S = 0.3
"""Over how long the picture's joints are averaged."""
FAR_M = 0.10
"""A joint that is farther off its ray is another's: left and right are exchanged, or people are."""
TRUST_S = 0.1
"""How long it takes until a joint that was another's counts again, and the other way round."""
LEGS_IN_DEPTH = 0.2
"""By which share legs count along the line of sight, beside across it."""
MOST_STRETCH = 2.0
"""By how much a limb of a lifter that does not say its errors is stretched to its length, at most."""
ACROSS_M, DEPTH_M = 0.02, 0.05
"""Standard deviations of the lifter's root, across the line of sight and along it."""
_DERIVED = RTPOSE28.indices("spine", "neck_base")
"""Half-way points of others: they tell nothing new."""
_LEGS = RTPOSE28.indices(
    *(f"{side}_{joint}" for side in ("left", "right") for joint in ("knee", "foot", "heel", "toe"))
)
_DERIVED_2D = RTPOSE28.indices("root", "thorax", "head", "spine", "neck_base")


# Of both arms and both legs: upper and lower bone, joints from top to bottom, and what goes along with the last.
_LIMBS = tuple(
    (
        [BONE_INDEX[f"{side}Upper{limb}"] for side in ("left", "right")],
        [BONE_INDEX[f"{side}Lower{limb}"] for side in ("left", "right")],
        *(RTPOSE28.indices(*(f"{side}_{joint}" for side in ("left", "right"))) for joint in joints),
    )
    for limb, joints in (
        ("Arm", ("shoulder", "elbow", "wrist", "index", "pinky")), ("Leg", ("hip", "knee", "foot", "heel", "toe")),
    )
)  # fmt: skip


class SteadyRays:
    """The picture's joints of one person without their jitter: how far they are off the lifter's, over time."""

    def __init__(self) -> None:
        self._off: Float64 | None = None
        self._trust = np.zeros(0)

    def reset(self) -> None:
        """Somebody else, or after a gap."""
        self._off = None

    def update(self, rays: Float64, weights: Float64, joints: Float64, dt_s: float) -> tuple[Float64, Float64]:
        """rays: (28, 2) x/z and y/z; weights: (28,), m^-2, 0 where unknown; joints: (28, 3) camera space, the lifter's.

        Returns both, steady; the weights are 0 where a joint is too far off to be the same: a detector that exchanges
        left and right is not followed.
        """
        depth = np.maximum(joints[:, 2:], 0.1)
        flat = joints[:, :2] / depth
        off = (rays - flat) * depth
        near = (weights > 0) & (np.linalg.norm(off, axis=-1) < FAR_M)
        if self._off is None:
            self._off, self._trust = np.zeros_like(off), near.astype(np.float64)
        share = np.where(near, dt_s / (dt_s + STEADY_S), 0.0)
        self._off = self._off + share[:, None] * (np.where(near[:, None], off, 0.0) - self._off)
        steady: Float64 = flat + self._off / depth
        change = dt_s / TRUST_S
        self._trust = np.clip(self._trust + np.where(near, change, -change), 0.0, 1.0)
        return steady, weights * self._trust


def expected_errors(person: Person3D) -> Float64:
    """(28,) metres: how far off each joint is expected to be, relative to the root."""
    if person.error_m is not None:
        return np.maximum(np.asarray(person.error_m, np.float64), LEAST_ERROR_M)
    sure = np.clip(np.nan_to_num(person.confidence.astype(np.float64)), 0, 1)
    errors: Float64 = SURE_ERROR_M + (UNSURE_ERROR_M - SURE_ERROR_M) * (1 - sure)
    return errors


def with_lengths(joints: Float64, lengths: Float64) -> Float64:
    """(..., 28, 3) the same joints with limbs of these lengths, each bone in its direction.

    A lifter that sees a single frame and knows nothing of its errors makes limbs too long or too short. Knees and
    elbows would bend or stretch to make up for it. joints: (..., 28, 3) metres; lengths: (..., B) metres.
    """
    out = joints.copy()
    for upper, lower, top, middle, end, *tips in _LIMBS:
        moved = np.zeros_like(joints[..., top, :])
        for bone, above, below in ((upper, top, middle), (lower, middle, end)):
            limb = joints[..., below, :] - joints[..., above, :]
            apart = np.maximum(np.linalg.norm(limb, axis=-1), 1e-6)
            moved = moved + (np.clip(lengths[..., bone] / apart, 1 / MOST_STRETCH, MOST_STRETCH) - 1)[..., None] * limb
            out[..., below, :] += moved
        for tip in tips:
            out[..., tip, :] += moved
    return out


def scaled(person: Person3D, scale: float) -> Person3D:
    """The same person, as many times larger and farther away."""
    if scale == 1.0:
        return person
    factor = np.float32(scale)
    return replace(
        person,
        pose_3d=person.pose_3d * factor,
        root_3d=person.root_3d * factor,
        error_m=None if person.error_m is None else person.error_m * factor,
    )


def evidence_of(persons: Sequence[Person3D], camera: Camera, *, rays: bool) -> Evidence3D:
    """The people of a frame, nothing held and nothing remembered yet. rays: whether the picture counts."""
    poses = np.stack([person.pose_3d for person in persons]).astype(np.float64)
    roots = np.stack([person.root_3d for person in persons]).astype(np.float64)
    count = len(poses)
    known = np.asarray(np.isfinite(poses).all(-1))
    errors = np.stack([expected_errors(person) for person in persons])
    weights = np.where(known, 1 / (DEVIATION_PER_ERROR * errors) ** 2, 0.0)
    weights[:, _DERIVED] *= 0.1
    pixels = np.stack([person.keypoints_2d for person in persons]).astype(np.float64)
    seen = np.isfinite(pixels).all(-1) & (pixels[..., 2] >= LEAST_CONFIDENCE)
    directions = (pixels[..., :2] - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    ray_weights = np.where(seen, (np.nan_to_num(pixels[..., 2]) / RAY_M) ** 2, 0.0) * rays
    ray_weights[:, _DERIVED_2D] = 0.0
    sight = roots / np.maximum(np.linalg.norm(roots, axis=-1, keepdims=True), 1e-6)
    along = sight[:, :, None] * sight[:, None, :]
    joints = np.where(known[..., None], poses, 0.0)
    loose = np.zeros_like(joints)
    legs = joints[:, _LEGS] + np.nan_to_num(roots)[:, None]
    distances = np.maximum(np.linalg.norm(legs, axis=-1, keepdims=True), 1e-6)
    loose[:, _LEGS] = math.sqrt(1 - LEGS_IN_DEPTH) * legs / distances
    return Evidence3D(
        joints=joints, joint_weights=weights, loose=loose,
        rays=np.where(np.asarray(seen)[..., None], directions, 0.0), ray_weights=ray_weights,
        roots=roots, root_weights=(np.eye(3) - along) / ACROSS_M**2 + along / DEPTH_M**2,
        last=np.tile(np.eye(3), (count, len(BONES), 1, 1)), last_weights=np.zeros((count, len(BONES))),
    )  # fmt: skip
