"""Joint angles in the terms of clinicians, from the rotations of a body's bones.

All are 0 for somebody who stands upright with straight legs and hanging arms, apart from `shoulder_elevation`, which is
0 for a hanging arm whatever the trunk does. Trunk angles are against gravity, the others against the bone above.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_INDEX, BONES, Float64, rotations_from_wxyz

_SIDES = (("left", 1.0), ("right", -1.0))
_OF_A_SIDE = (
    "hip_flexion", "hip_abduction", "hip_rotation", "knee_flexion", "ankle_dorsiflexion",
    "shoulder_elevation", "elbow_flexion",
)  # fmt: skip
ANGLE_NAMES: tuple[str, ...] = (
    *(f"{side}_{angle}" for side, _ in _SIDES for angle in _OF_A_SIDE), "trunk_lean", "trunk_side_lean",
)  # fmt: skip
"""The order of `joint_angles`. Positive: flexion and dorsiflexion as the words say; hip_abduction away from the other
leg; hip_rotation inwards; shoulder_elevation upwards in any plane; trunk_lean forwards, trunk_side_lean to the person's
left."""
CAMERA_DOWN = (0.0, 1.0, 0.0)
"""Gravity of a level camera, camera axes."""


def joint_angles(
    rotations: NDArray[np.floating], down: NDArray[np.floating] | tuple[float, float, float] = CAMERA_DOWN
) -> Float64:
    """(..., A) degrees, in the order of `ANGLE_NAMES`; NaN where the rotations are.

    rotations: (..., B, 4) quaternions w x y z of `BodyPose`: each bone relative to its parent, the hips to camera axes.
    down: (3,) or (..., 3) the direction of gravity, camera axes.
    """
    local = rotations_from_wxyz(rotations)
    out: list[Float64] = []
    hips = local[..., BONE_INDEX["hips"], :, :]
    chest = hips @ local[..., BONE_INDEX["spine"], :, :] @ local[..., BONE_INDEX["chest"], :, :]
    for side, sign in _SIDES:
        bones = {
            name: local[..., BONE_INDEX[f"{side}{name}"], :, :]
            for name in ("UpperLeg", "LowerLeg", "Foot", "Shoulder", "UpperArm", "LowerArm")
        }
        out += _hip(bones["UpperLeg"], sign)
        out.append(_bend(bones["LowerLeg"], f"{side}LowerLeg", towards_front=-1.0))
        forwards = bones["Foot"][..., :, 2]
        out.append(np.arctan2(forwards[..., 1], forwards[..., 2]))
        arm = bones["Shoulder"] @ bones["UpperArm"] @ np.array([sign, 0.0, 0.0])
        out.append(np.arccos(np.clip(-arm[..., 1], -1, 1)))
        out.append(_bend(bones["LowerArm"], f"{side}LowerArm", towards_front=1.0))
    out += _trunk(chest, np.asarray(down, np.float64))
    return np.degrees(np.stack(out, axis=-1))


def _hip(thigh: Float64, sign: float) -> list[Float64]:
    """Flexion, abduction and rotation: turns about the pelvis' x, then the thigh's z, then its own long axis."""
    along = -thigh[..., :, 1]
    flexion = np.arctan2(along[..., 2], -along[..., 1])
    abduction = np.arcsin(np.clip(sign * along[..., 0], -1, 1))
    rotation = -sign * np.arctan2(thigh[..., 0, 2], thigh[..., 0, 0])
    return [flexion, abduction, rotation]


def _bend(rotation: Float64, bone: str, *, towards_front: float) -> Float64:
    """By how much a hinge is bent; negative: against its natural direction."""
    rest = np.array(BONES[BONE_INDEX[bone]].rest)
    along = rotation @ rest
    angle: Float64 = np.arccos(np.clip(along @ rest, -1, 1))
    signed: Float64 = np.copysign(angle, towards_front * along[..., 2])
    return signed


def _trunk(chest: Float64, down: Float64) -> list[Float64]:
    """Forwards and to the left, in the vertical planes in which the chest faces and to its side."""
    up, left = chest[..., :, 1], chest[..., :, 0]
    height = -(up * down).sum(-1)
    level_left = left - (left * down).sum(-1, keepdims=True) * down
    level_front = np.cross(level_left, -down)
    with np.errstate(invalid="ignore", divide="ignore"):
        level_left = level_left / np.linalg.norm(level_left, axis=-1, keepdims=True)
        level_front = level_front / np.linalg.norm(level_front, axis=-1, keepdims=True)
    return [np.arctan2((up * level_front).sum(-1), height), np.arctan2((up * level_left).sum(-1), height)]
