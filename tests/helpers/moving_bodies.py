"""Bodies with known rotations that move, and what a perfect lifter would make of them."""

import numpy as np

from rtpose.bones import BONE_INDEX, BONES, joints_of_bones
from rtpose.geometry import camera_from_fov, pixels_from_camera
from rtpose.pose.body.fit import turn_matrices
from rtpose.pose.body.lengths import FREE_BONES, bone_lengths
from rtpose.types import Person3D

CAMERA = camera_from_fov((1280, 720))
FREE = dict(
    zip(FREE_BONES, (0.22, 0.24, 0.24, 0.09, 0.09, 0.17, 0.28, 0.25, 0.05, 0.41, 0.40, 0.15), strict=True)
)  # fmt: skip
LENGTHS = bone_lengths(np.array([FREE[name] for name in FREE_BONES]))


def squatting(t_s: float) -> np.ndarray:
    """(B, 3, 3) relative rotations of somebody who faces the camera, arms hanging, and bends the knees once in 2 s."""
    bend = 0.5 - 0.5 * np.cos(np.pi * t_s)
    turns = np.zeros((len(BONES), 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        turns[BONE_INDEX[f"{side}UpperLeg"], 0] = -1.1 * bend
        turns[BONE_INDEX[f"{side}LowerLeg"], 0] = 1.9 * bend
        turns[BONE_INDEX[f"{side}Foot"], 0] = -0.8 * bend
        turns[BONE_INDEX[f"{side}UpperArm"], 2] = -1.3 * sign
        turns[BONE_INDEX[f"{side}LowerArm"], 1] = -sign * (0.3 + 0.8 * bend)
    turns[BONE_INDEX["spine"], 0] = 0.4 * bend
    rotations = turn_matrices(turns)
    rotations[0] = np.diag([1.0, -1.0, -1.0])
    return rotations


def standing_person(
    rotations: np.ndarray, *, noise_m: float = 0.0, seed: int = 0, ankles_at: tuple[float, float, float] = (0, 0.8, 3.5)
) -> Person3D:
    """Somebody whose ankles are at one place; joints are off by `noise_m`."""
    joints = joints_of_bones(rotations, LENGTHS)
    ankles = joints[[3, 6]].mean(0)
    root = np.array(ankles_at) - ankles
    pixels = pixels_from_camera((joints + root).astype(np.float32), CAMERA)
    noisy = joints + noise_m * np.random.default_rng(seed).normal(size=joints.shape)
    return Person3D(
        0, np.zeros(4, np.float32), np.column_stack([pixels, np.ones(28)]).astype(np.float32),
        (noisy - noisy[0]).astype(np.float32), root.astype(np.float32), np.full(28, 0.9, np.float32),
        error_m=np.full(28, 0.06, np.float32),
    )  # fmt: skip
