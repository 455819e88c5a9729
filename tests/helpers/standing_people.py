"""Somebody who stands upright on a floor, as a camera with pitch and roll sees them."""

import numpy as np

from rtpose.pose.body.gravity import gravity_from_angles
from rtpose.pose.body.world import world_from_gravity
from rtpose.skeleton import RTPOSE28
from rtpose.types import Person3D

STANDING_M = {
    "root": (0, 0.95, 0), "right_hip": (-0.1, 0.95, 0), "right_knee": (-0.1, 0.52, 0), "right_foot": (-0.1, 0.09, 0),
    "left_hip": (0.1, 0.95, 0), "left_knee": (0.1, 0.52, 0), "left_foot": (0.1, 0.09, 0), "spine": (0, 1.2, 0),
    "thorax": (0, 1.42, 0), "neck_base": (0, 1.5, 0), "head": (0, 1.6, 0), "left_shoulder": (0.18, 1.42, 0),
    "left_elbow": (0.22, 1.12, 0), "left_wrist": (0.24, 0.86, 0), "right_shoulder": (-0.18, 1.42, 0),
    "right_elbow": (-0.22, 1.12, 0), "right_wrist": (-0.24, 0.86, 0), "nose": (0, 1.6, 0.1),
    "left_ear": (0.07, 1.6, 0), "right_ear": (-0.07, 1.6, 0), "left_heel": (0.1, 0.03, -0.1),
    "left_toe": (0.12, 0.02, 0.1), "right_heel": (-0.1, 0.03, -0.1), "right_toe": (-0.12, 0.02, 0.1),
    "left_index": (0.25, 0.78, 0.02), "left_pinky": (0.25, 0.78, -0.02), "right_index": (-0.25, 0.78, 0.02),
    "right_pinky": (-0.25, 0.78, -0.02),
}  # fmt: skip
WORLD_JOINTS = np.array([STANDING_M[joint] for joint in RTPOSE28.joints])
STANDS = np.ones(4)
"""Contacts of both feet."""


def person(camera_from_world: np.ndarray, at_m: tuple[float, float], size: float = 1.0, track_id: int = 0) -> Person3D:
    """Somebody who stands at x, z on the floor, as tall as assumed times 1 / size: seen at the right angle."""
    joints = WORLD_JOINTS / size + np.array([at_m[0], 0, at_m[1]])
    seen = size * (joints @ camera_from_world[:3, :3].T + camera_from_world[:3, 3])
    keypoints = np.ones((28, 3), np.float32)
    return Person3D(
        track_id=track_id, bbox=np.zeros(4, np.float32), keypoints_2d=keypoints,
        pose_3d=(seen - seen[0]).astype(np.float32), root_3d=seen[0].astype(np.float32),
        confidence=np.full(28, 0.9, np.float32), down=-camera_from_world[:3, 1].astype(np.float32),
    )  # fmt: skip


def camera_over_floor(pitch_deg: float, roll_deg: float, height_m: float) -> np.ndarray:
    return np.linalg.inv(world_from_gravity(gravity_from_angles(pitch_deg, roll_deg), height_m))
