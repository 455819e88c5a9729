"""What is known of a body without looking: natural directions of its bones, hinges, twists. Tables for `fit`.

Every bone's rotation relative to its parent is split into a swing of its long axis and a twist about it. Positions show
the swing. The twist of the upper arm and the thigh shows where elbow and knee are bent, because these are hinges; that
of forearm, hand, foot and head where knuckles, toes and face are seen. What nothing shows stays near rest.
"""

from __future__ import annotations

import numpy as np

from rtpose.bones import BONE_INDEX, BONES

COUNT = len(BONES)
REST = np.array([bone.rest for bone in BONES])
"""(B, 3) the long axes at rest, in the frame of the parent."""
REST /= np.linalg.norm(REST, axis=-1, keepdims=True)

# Bone without side: natural direction in the frame of the parent (of the left side; None: as at rest), its standard
# deviation in radians, the twist's, and of hinges how far (sine) they leave their plane.
_WEAK = 3.0
_OF: dict[str, tuple[tuple[float, float, float] | None, float, float, float]] = {
    "hips": (None, np.inf, np.inf, np.inf),
    "spine": (None, 0.35, 0.25, np.inf),
    "chest": (None, 0.35, 0.25, np.inf),
    "neck": (None, 0.5, 0.3, np.inf),
    "head": (None, 0.5, 0.6, np.inf),
    "Shoulder": (None, 0.25, 0.05, np.inf),
    "UpperArm": ((0.3, -0.95, 0.1), _WEAK, 1.0, np.inf),
    "LowerArm": ((0.95, 0.0, 0.3), _WEAK, 1.0, 0.12),
    "Hand": (None, 0.5, 0.15, np.inf),
    "UpperLeg": (None, _WEAK, 0.6, np.inf),
    "LowerLeg": (None, _WEAK, 0.2, 0.10),
    "Foot": (None, 0.5, 0.3, np.inf),
}


def _unit(vector: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vector / np.linalg.norm(vector)
    return unit


NATURAL = REST.copy()
"""(B, 3) the direction that a bone takes where nothing shows it."""
DIRECTION_WEIGHT, TWIST_WEIGHT, PLANE_WEIGHT = np.zeros(COUNT), np.zeros(COUNT), np.zeros(COUNT)
"""(B,) one over the variances."""
PLANE = np.zeros((COUNT, 3))
"""(B, 3) normal of the plane in which a hinge bends, in the frame of the parent; 0 of others."""
BACKWARDS = np.zeros((COUNT, 3))
"""(B, 3) where a hinge does not bend to."""
BACKWARDS_WEIGHT = 1 / 0.05**2

for _number, _bone in enumerate(BONES):
    _name = _bone.name.removeprefix("left").removeprefix("right")
    _side = np.array([-1.0 if _bone.name.startswith("right") else 1.0, 1.0, 1.0])
    _direction, _swing, _twist, _plane = _OF[_name]
    if _direction is not None:
        NATURAL[_number] = _side * _unit(np.array(_direction))
    DIRECTION_WEIGHT[_number], TWIST_WEIGHT[_number], PLANE_WEIGHT[_number] = _swing**-2, _twist**-2, _plane**-2
    if _name == "LowerArm":
        PLANE[_number], BACKWARDS[_number] = (0, 1, 0), (0, 0, -1)
    elif _name == "LowerLeg":
        PLANE[_number], BACKWARDS[_number] = (1, 0, 0), (0, 0, 1)

ACROSS = np.where(np.abs(REST[:, 2:]) < 0.9, np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]))
ACROSS = ACROSS - (ACROSS * REST).sum(-1, keepdims=True) * REST
ACROSS /= np.linalg.norm(ACROSS, axis=-1, keepdims=True)
"""(B, 3) a direction perpendicular to each rest axis: its image shows the twist."""
ASIDE = np.cross(REST, ACROSS)


def cross_matrices(vectors: np.ndarray) -> np.ndarray:
    """(B, 3) -> (B, 3, 3): `vector x other` as a matrix."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)


NATURAL_CROSS = cross_matrices(NATURAL)
SPEED = np.full(COUNT, 2.5)
"""(B,) rad/s: how fast a bone's rotation relative to its parent usually changes."""
for _name in ("spine", "chest", "neck", "hips", "leftShoulder", "rightShoulder"):
    SPEED[BONE_INDEX[_name]] = 1.2
for _name in ("UpperArm", "LowerArm"):
    SPEED[[BONE_INDEX[f"left{_name}"], BONE_INDEX[f"right{_name}"]]] = 4.0
