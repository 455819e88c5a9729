"""Recordings of people who squat and wave, made from bones, so that the true angles are known."""

from __future__ import annotations

import numpy as np

from rtpose.bones import BONE_INDEX, BONE_NAMES, joints_of_bones
from rtpose.geometry import pixels_from_camera
from rtpose.recordings.people_table import PeopleTable
from rtpose.recordings.recording import Recording, recording_meta
from rtpose.skeleton import H36M17
from rtpose.types import Camera, Person3D

SIZE = (640, 480)
CAMERA = Camera(554, 554, 320, 240)


def turn(axis: str, degrees: np.ndarray | float) -> np.ndarray:
    """(..., 3, 3) rotations about x, y or z."""
    angle = np.radians(np.asarray(degrees, float))
    cos, sin, one, zero = np.cos(angle), np.sin(angle), np.ones_like(angle), np.zeros_like(angle)
    rows = {
        "x": [one, zero, zero, zero, cos, -sin, zero, sin, cos],
        "y": [cos, zero, sin, zero, one, zero, -sin, zero, cos],
        "z": [cos, -sin, zero, sin, cos, zero, zero, zero, one],
    }[axis]
    return np.stack(rows, -1).reshape(*angle.shape, 3, 3)


def standing(frames: int) -> np.ndarray:
    """(T, B, 3, 3): upright, facing the camera, arms hanging."""
    rotations = np.tile(np.eye(3), (frames, len(BONE_NAMES), 1, 1))
    rotations[:, BONE_INDEX["hips"]] = np.diag([1.0, -1.0, -1.0])
    rotations[:, BONE_INDEX["leftUpperArm"]] = turn("z", -90)
    rotations[:, BONE_INDEX["rightUpperArm"]] = turn("z", 90)
    return rotations


def squatting(times_s: np.ndarray, period_s: float, left_deg: float = 90, right_deg: float = 90) -> np.ndarray:
    """(T, B, 3, 3): knees bend by so much, hips by as much, upright at the start."""
    share = (1 - np.cos(2 * np.pi * times_s / period_s)) / 2
    rotations = standing(len(times_s))
    for side, degrees in (("left", left_deg), ("right", right_deg)):
        rotations[:, BONE_INDEX[f"{side}UpperLeg"]] = turn("x", -degrees * share)
        rotations[:, BONE_INDEX[f"{side}LowerLeg"]] = turn("x", degrees * share)
    return rotations


def make_recording(times_s: np.ndarray, people: list[np.ndarray], confidence: float = 0.9, **meta: object) -> Recording:
    """A recording with a person, ids 0, 1, …, for each of `people`: (T or less, B, 3, 3) rotations of bones."""
    table = PeopleTable(H36M17)
    poses = [
        joints_of_bones(rotations, np.full(len(BONE_NAMES), 0.25))[:, : len(H36M17.joints)] for rotations in people
    ]
    for frame, time_s in enumerate(times_s.tolist()):
        seen = [(track_id, pose[frame]) for track_id, pose in enumerate(poses) if frame < len(pose)]
        table.append(frame, time_s, [_person(track_id, pose, confidence) for track_id, pose in seen])
    given = {"source": "squats.mp4", "assumptions": ["standing height 1.70 m, assumed"], **meta}
    return table.to_recording(image_size=SIZE, camera=CAMERA, meta=recording_meta(given))


def _person(track_id: int, pose: np.ndarray, confidence: float) -> Person3D:
    root = np.array([track_id - 0.5, 0, 3], np.float32)
    pixels = pixels_from_camera(pose.astype(np.float32) + root, CAMERA)
    keypoints = np.column_stack([pixels, np.full(len(pose), 0.9)]).astype(np.float32)
    return Person3D(
        track_id=track_id, bbox=np.zeros(4, np.float32), keypoints_2d=keypoints, pose_3d=pose.astype(np.float32),
        root_3d=root, confidence=np.full(len(pose), confidence, np.float32),
    )  # fmt: skip
