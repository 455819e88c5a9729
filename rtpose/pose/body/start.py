"""A first guess of bones' rotations from joints alone, in closed form."""

from __future__ import annotations

import numpy as np

from rtpose.bones import BONE_INDEX, BONE_PARENTS, BONES, Float64
from rtpose.skeleton import RTPOSE28

_STRAIGHT = 0.2
"""Sine of the bend from which a knee or elbow, rather than the trunk, says how its limb is twisted."""


def rotations_from_joints(joints: Float64) -> Float64:
    """(N, B, 3, 3) relative rotations. joints: (N, 28, 3) camera axes, any unit; NaN where unknown, but for hips and
    shoulders.
    """
    at = dict(zip(RTPOSE28.joints, np.moveaxis(joints, -2, 0), strict=True))
    turned = np.empty((len(joints), len(BONES), 3, 3))
    trunk = at["thorax"] - at["root"]
    hips = _finite(_axes_along(at["left_hip"] - at["right_hip"], trunk), np.diag([1.0, -1.0, -1.0]))
    chest = _finite(_upright(trunk, at["left_shoulder"] - at["right_shoulder"]), hips)
    known = {"hips": hips, "chest": chest, "spine": chest, "neck": chest}
    known["spine"] = _finite(_upright(trunk, hips[..., 0] + chest[..., 0]), chest)
    known["head"] = _finite(_axes_along(at["left_ear"] - at["right_ear"], at["head"] - at["thorax"]), chest)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        known[f"{side}Shoulder"] = chest
        upper = at[f"{side}_elbow"] - at[f"{side}_shoulder"]
        fore = at[f"{side}_wrist"] - at[f"{side}_elbow"]
        arm = _swung(chest, (sign, 0.0, 0.0), upper)
        bent = -sign * np.cross(_unit(upper), _unit(fore)) + _STRAIGHT * arm[..., 1]
        known[f"{side}UpperArm"] = _finite(_axes_along(sign * upper, bent), arm)
        known[f"{side}LowerArm"] = forearm = _swung(known[f"{side}UpperArm"], (sign, 0.0, 0.0), fore)
        known[f"{side}Hand"] = forearm
        thigh, shin = at[f"{side}_knee"] - at[f"{side}_hip"], at[f"{side}_foot"] - at[f"{side}_knee"]
        bent = np.cross(_unit(thigh), _unit(shin)) + _STRAIGHT * hips[..., 0]
        known[f"{side}UpperLeg"] = _finite(_upright(-thigh, bent), hips)
        known[f"{side}LowerLeg"] = leg = _swung(known[f"{side}UpperLeg"], (0.0, -1.0, 0.0), shin)
        rest = BONES[BONE_INDEX[f"{side}Foot"]].rest
        known[f"{side}Foot"] = _swung(leg, rest, at[f"{side}_toe"] - at[f"{side}_foot"])
    for name, rotation in known.items():
        turned[:, BONE_INDEX[name]] = rotation
    relative = turned.copy()
    relative[:, 1:] = np.swapaxes(turned[:, BONE_PARENTS[1:]], -1, -2) @ turned[:, 1:]
    return relative


def _unit(vectors: Float64) -> Float64:
    unit: Float64 = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def _axes_along(x: Float64, y: Float64) -> Float64:
    """Axes with x along `x` and y as near to `y` as possible."""
    x = _unit(x)
    z = _unit(np.cross(x, y))
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _upright(y: Float64, x: Float64) -> Float64:
    """Axes with y along `y` and x as near to `x` as possible."""
    y = _unit(y)
    z = _unit(np.cross(x, y))
    return np.stack([np.cross(y, z), y, z], axis=-1)


def _swung(parent: Float64, rest: tuple[float, float, float], direction: Float64) -> Float64:
    """`parent`, swung until its `rest` points along `direction`."""
    local = (np.swapaxes(parent, -1, -2) @ direction[..., None])[..., 0]
    rest_axis = np.asarray(rest, np.float64) / np.linalg.norm(rest)
    with np.errstate(invalid="ignore"):
        middle = _unit(_unit(local) + rest_axis)
    # A half turn about the rest axis, which keeps it, then one about the middle, which takes it to the direction.
    turn = _half_turn(middle) @ _half_turn(np.broadcast_to(rest_axis, middle.shape))
    return _finite(parent @ turn, parent)


def _half_turn(axis: Float64) -> Float64:
    return 2 * axis[..., :, None] * axis[..., None, :] - np.eye(3)


def _finite(rotations: Float64, otherwise: Float64) -> Float64:
    known = np.isfinite(rotations).all((-1, -2), keepdims=True)
    degenerate = np.abs(np.linalg.det(np.where(known, rotations, np.eye(3)))[..., None, None] - 1) > 0.1
    return np.where(known & ~degenerate, rotations, otherwise)
