"""People with bodies whose joints follow from their bones, posed by a few angles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_INDEX, BONES, joints_of_bones, wxyz_from_rotations
from rtpose.types import BodyPose

LENGTHS_M = {
    "hips": 0.19, "spine": 0.22, "chest": 0.27, "neck": 0.12, "head": 0.11, "Shoulder": 0.18, "UpperArm": 0.28,
    "LowerArm": 0.26, "Hand": 0.09, "UpperLeg": 0.41, "LowerLeg": 0.42, "Foot": 0.19,
}  # fmt: skip
LENGTHS: NDArray[np.float32] = np.array(
    [LENGTHS_M[bone.name.removeprefix("left").removeprefix("right")] for bone in BONES], np.float32
)
"""(B,) metres."""
FACING_CAMERA = np.diag([1.0, -1.0, -1.0])


def about(axis: str, degrees: float) -> NDArray[np.float64]:
    """(3, 3) rotation about x, y or z."""
    i = "xyz".index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    out = np.eye(3)
    out[j, j] = out[k, k] = np.cos(np.radians(degrees))
    out[k, j] = np.sin(np.radians(degrees))
    out[j, k] = -out[k, j]
    return out


def rotations_at(t_s: float, seed: int = 0) -> NDArray[np.float64]:
    """(B, 3, 3) of somebody who stands before the camera, swings arms and legs, nods, and turns hands and feet."""
    phase = 2 * np.pi * (0.7 * t_s + 0.31 * seed)
    swing, slow = float(np.sin(phase)), float(np.sin(0.37 * phase + seed))
    turned = np.tile(np.eye(3), (len(BONES), 1, 1))
    turned[BONE_INDEX["hips"]] = FACING_CAMERA @ about("y", 25 * slow) @ about("x", 4 * swing)
    turned[BONE_INDEX["spine"]] = about("x", 5 + 4 * slow)
    turned[BONE_INDEX["chest"]] = about("y", 10 * swing)
    turned[BONE_INDEX["head"]] = about("y", 30 * slow) @ about("x", 12 * swing)
    for side, sign in (("left", 1), ("right", -1)):
        turned[BONE_INDEX[f"{side}UpperArm"]] = about("x", 30 * sign * swing) @ about("z", -sign * 65)
        turned[BONE_INDEX[f"{side}LowerArm"]] = about("y", -sign * (30 + 20 * swing)) @ about("x", 20 * slow)
        turned[BONE_INDEX[f"{side}Hand"]] = about("x", 40 * slow) @ about("z", 15 * sign * swing)
        turned[BONE_INDEX[f"{side}UpperLeg"]] = about("x", -20 - 20 * sign * swing) @ about("z", 4 * sign)
        turned[BONE_INDEX[f"{side}LowerLeg"]] = about("x", 30 + 15 * sign * swing)
        turned[BONE_INDEX[f"{side}Foot"]] = about("x", -10 + 5 * swing) @ about("y", 12 * sign)
    return turned


def body_at(
    t_s: float, seed: int = 0, lengths: NDArray[np.float32] = LENGTHS
) -> tuple[BodyPose, NDArray[np.float32], float]:
    """The body, its joints (28, 3) in metres, camera axes, relative to the root, and by how many metres the root is
    above the lowest joint."""
    turned = rotations_at(t_s, seed)
    rotations = wxyz_from_rotations(turned).astype(np.float32)
    joints = joints_of_bones(turned, lengths.astype(np.float64)).astype(np.float32)
    contacts = np.array([0.9, 0.8, 0.1, 0.2], np.float32)
    return BodyPose(rotations, lengths, contacts), joints, float(joints[:, 1].max())


def level_world(camera_height_m: float) -> NDArray[np.float64]:
    """(4, 4) `world_from_camera` of a camera that looks straight ahead."""
    world = np.diag([1.0, -1.0, -1.0, 1.0])
    world[1, 3] = camera_height_m
    return world
