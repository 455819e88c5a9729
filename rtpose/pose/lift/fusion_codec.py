"""Input and output of the lifter `fusion`: its joints, the virtual camera, the network's features.

Shared by training (torch) and inference (numpy): `features` uses only what arrays and tensors have in common.

The virtual camera has the position of the real one, looks at the person's root, and is rolled so that the torso is
upright in its picture. So the network's input does not change when the picture is turned.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from rtpose.errors import ConfigError
from rtpose.skeleton import (
    BLAZEPOSE33,
    COCO17,
    H36M17,
    H36M17_FROM_BLAZEPOSE33,
    H36M17_FROM_COCO17,
    Skeleton,
    twin_name,
)
from rtpose.types import Float32

EXTRA_JOINTS = (
    "nose", "left_ear", "right_ear", "left_heel", "left_toe", "right_heel", "right_toe",
    "left_index", "left_pinky", "right_index", "right_pinky",
)  # fmt: skip
JOINTS = (*H36M17.joints, *EXTRA_JOINTS)
"""The joints of `rtpose28` in order; those of h36m17 come first."""
COUNT, BODY = len(JOINTS), len(H36M17.joints)
ROOT, THORAX = JOINTS.index("root"), JOINTS.index("thorax")
_NEXT, _AFTER = [1, 2, 0], [2, 0, 1]
"""For each axis the next one, and the one after that."""
TYPICAL_HEIGHT_M = 1.7
"""Everybody's standing height in the network's training, and so in the poses that it takes and returns."""
PLAIN = 4 * COUNT + 2
"""Number of features of the 2D joints in a frame; those of the evidence follow."""
FEATURES = PLAIN + 4 * COUNT + 2
"""Number of features of a frame, see `features`."""

TWINS = [JOINTS.index(twin_name(joint)) for joint in JOINTS]
"""(28,) index of each joint's twin on the other side."""

_OTHER_NAMES = {"left_toe": "left_foot_index", "right_toe": "right_foot_index"}


def _recipe(skeleton: Skeleton, body: Float32) -> Float32:
    """(28, J): rtpose28 = this @ the detector's joints; zero rows for joints that it lacks. body: (17, J) of h36m17."""
    matrix = np.zeros((COUNT, len(skeleton.joints)), np.float32)
    matrix[:BODY] = body
    for row, joint in enumerate(EXTRA_JOINTS, start=BODY):
        name = joint if joint in skeleton.joints else _OTHER_NAMES.get(joint, joint)
        if name in skeleton.joints:
            matrix[row, skeleton.index_of[name]] = 1
    return matrix


FROM_BLAZEPOSE33 = _recipe(BLAZEPOSE33, H36M17_FROM_BLAZEPOSE33)
"""(28, 33) float32: positions of rtpose28 = this @ positions of blazepose33."""
_FROM = {
    BLAZEPOSE33.name: FROM_BLAZEPOSE33,
    COCO17.name: _recipe(COCO17, H36M17_FROM_COCO17),
    H36M17.name: _recipe(H36M17, np.eye(BODY, dtype=np.float32)),
}


def recipe_from(skeleton: Skeleton) -> Float32:
    """(28, J): rtpose28 = this @ the detector's joints. Errors: `ConfigError` for a skeleton without such a matrix."""
    if skeleton.name not in _FROM:
        raise ConfigError(f"no rule derives rtpose28 from {skeleton.name}: known are {', '.join(sorted(_FROM))}")
    return _FROM[skeleton.name]


def least(recipe: Float32, values: Float32) -> Float32:
    """(..., J) -> (..., 28): for a derived joint the lowest value of the joints it is made of; 0 where missing."""
    lowest = np.where(recipe > 0, values[..., None, :], np.float32(np.inf)).min(-1)
    return np.where(np.isfinite(lowest), lowest, 0).astype(np.float32)


def upright_views(rays: Float32) -> Float32:
    """The virtual cameras. rays: (P, 28, 3) directions, camera axes. Returns (P, 3, 3): camera = this @ virtual."""
    root, thorax = rays[:, ROOT].astype(np.float64), rays[:, THORAX]
    forward = root / np.sqrt((root * root).sum(-1, keepdims=True))
    up, length = _across(thorax, forward)
    if length.min(initial=1.0) < 1e-6:  # no torso to be seen: use the picture's up
        level, level_length = _across(np.array([[0.0, -1.0, 0.0]]), forward)
        up, length = np.where(length < 1e-6, level, up), np.where(length < 1e-6, level_length, length)
    down = -up / length
    right = down[:, _NEXT] * forward[:, _AFTER] - down[:, _AFTER] * forward[:, _NEXT]  # np.cross is slower
    return np.stack([right, down, forward], -1).astype(np.float32)


def _across(rays: Any, forward: Any) -> tuple[Any, Any]:
    """The component of rays (P, 3) perpendicular to `forward` (P, 3), and its length (P, 1)."""
    part = rays - (rays * forward).sum(-1, keepdims=True) * forward
    return part, np.sqrt((part * part).sum(-1, keepdims=True))


def features(points: Any, known: Any, scores: Any, dt_s: Any, own: Any, visible: Any, own_known: Any) -> Any:
    """The network's input (N, FEATURES).

    points: (N, 28, 2) on the plane at z = 1 of the virtual camera; known: (N, 28) 1 for a known joint, else 0.
    scores: (N, 28) 0..1. dt_s: (N,) seconds since the person's last frame, 0 for a new person. own: (N, 28, 3) the
    detector's own 3D, metres, virtual axes; visible: (N, 28) 0..1; own_known: (N,) 1 for people with these two, else 0.
    """
    xp = sys.modules[type(points).__module__.split(".")[0]]
    offset = points - points[:, ROOT : ROOT + 1]
    distance = (offset**2).sum(-1) ** 0.5 * known
    size = (distance[:, ROOT + 1 :].sum(-1) / known[:, ROOT + 1 :].sum(-1).clip(1e-3)).clip(1e-6)
    flat = offset / size[:, None, None] * known[..., None]
    relative = own - own[:, ROOT : ROOT + 1]
    own_size = ((relative**2).sum(-1).mean(-1) ** 0.5).clip(1e-3)
    own_unit = relative / own_size[:, None, None] * own_known[:, None, None]
    n = len(points)
    parts = [
        flat.reshape(n, -1), known, scores * known, xp.stack([xp.log(size) + 1.5, dt_s], -1),
        own_unit.reshape(n, -1), visible * own_known[:, None],
        xp.stack([(xp.log(own_size) + 0.7) * own_known, own_known], -1),
    ]  # fmt: skip
    return xp.concatenate(parts, -1) if xp is np else xp.cat(parts, -1)


def mirrored_features() -> tuple[list[int], list[float]]:
    """The features of a mirrored picture are `sign * features[index]`: (FEATURES,) index and sign."""
    index: list[int] = []
    sign: list[float] = []
    # In the order of `features`: how many numbers each joint has, and how many of the whole person follow ("alone").
    for size, alone in ((2, 0), (1, 0), (1, 2), (3, 0), (1, 2)):
        first = len(index)
        for twin in TWINS:
            index += [first + size * twin + k for k in range(size)]
            sign += [-1.0 if size > 1 and k == 0 else 1.0 for k in range(size)]
        index += range(len(index), len(index) + alone)
        sign += [1.0] * alone
    return index, sign
