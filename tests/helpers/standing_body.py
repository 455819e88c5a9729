"""Somebody who stands with bent knees before a camera that looks down and is rolled: as a body, on a known floor."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_INDEX, BONE_NAMES, joints_of_bones
from rtpose.geometry import camera_from_fov, pixels_from_camera
from rtpose.types import BodyPose, Frame, Person3D, Result

SIZE = (640, 360)
CAMERA = camera_from_fov(SIZE)
KNEES_DEG = 50.0
HEIGHT_M, DISTANCE_M = 1.5, 4.0
"""Of the camera over the floor, and from it to the person."""


def _about(axis: int, degrees: float) -> NDArray[np.float64]:
    a, (i, j) = np.radians(degrees), [k for k in range(3) if k != axis]
    out = np.eye(3)
    out[i, i] = out[j, j] = np.cos(a)
    out[i, j], out[j, i] = -np.sin(a), np.sin(a)
    return out if axis != 1 else out.T


def _wxyz(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    w = np.sqrt(max(0.0, 1 + np.trace(matrix))) / 2
    if w > 1e-4:
        m = matrix
        return np.array([w, *np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]]) / (4 * w)])
    values, vectors = np.linalg.eigh((matrix + np.eye(3)) / 2)
    return np.array([0, *vectors[:, values.argmax()]])


def world_from_camera(pitch_deg: float = 25.0, roll_deg: float = 12.0) -> NDArray[np.float64]:
    """(4, 4) of a camera that looks down by `pitch_deg` and is rolled."""
    out = np.eye(4)
    out[:3, :3] = _about(0, -pitch_deg) @ np.diag([1.0, -1, -1]) @ _about(2, roll_deg)
    out[1, 3] = HEIGHT_M
    return out


def standing_person(number: int = 0, *, world: NDArray[np.float64] | None = None) -> Person3D:
    """rtpose28, upright in world space, facing the camera, with a body whose knees are bent by `KNEES_DEG`."""
    world = world_from_camera() if world is None else world
    camera_from_world = np.linalg.inv(world)
    local = np.tile(np.eye(3), (len(BONE_NAMES), 1, 1))
    local[BONE_INDEX["hips"]] = camera_from_world[:3, :3]
    for side, out in (("left", 1), ("right", -1)):
        local[BONE_INDEX[f"{side}UpperArm"]] = _about(2, -75 * out)
        local[BONE_INDEX[f"{side}UpperLeg"]] = _about(0, -KNEES_DEG / 2)
        local[BONE_INDEX[f"{side}LowerLeg"]] = _about(0, KNEES_DEG)
        local[BONE_INDEX[f"{side}Foot"]] = _about(0, -KNEES_DEG / 2)
    local[BONE_INDEX["head"]] = _about(1, 20 * np.sin(number / 5))
    lengths = np.full(len(BONE_NAMES), 0.1)
    for bone, length in {"hips": 0.2, "spine": 0.2, "chest": 0.25, "UpperArm": 0.28, "LowerArm": 0.25, "Hand": 0.1,
                         "UpperLeg": 0.43, "LowerLeg": 0.41, "Foot": 0.2, "Shoulder": 0.18}.items():  # fmt: skip
        for name in BONE_NAMES:
            if name.endswith(bone):
                lengths[BONE_INDEX[name]] = length
    pose = joints_of_bones(local, lengths)
    lowest = (pose @ world[:3, :3].T)[:, 1].min()
    root = (camera_from_world @ np.array([0.0, -lowest, -DISTANCE_M, 1]))[:3]
    pixels = pixels_from_camera((pose + root).astype(np.float32), CAMERA)
    box = np.concatenate([pixels.min(0), pixels.max(0)]).astype(np.float32)
    sure = np.full(len(pose), 0.9, np.float32)
    body = BodyPose(
        np.stack([_wxyz(m) for m in local]).astype(np.float32), lengths.astype(np.float32),
        np.array([0.9, 0.9, 0.1, 0.1], np.float32),
    )  # fmt: skip
    keypoints = np.concatenate([pixels, sure[:, None]], 1).astype(np.float32)
    return Person3D(1, box, keypoints, pose.astype(np.float32), root.astype(np.float32), sure, body)


def standing_result(number: int, *, known: bool = True) -> Result:
    """A frame with that person. known: whether gravity and floor are."""
    now_ns = time.monotonic_ns()
    frame = Frame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8), number, now_ns - 20_000_000, number / 30)
    world = world_from_camera()
    return Result(frame, CAMERA, (standing_person(number, world=world),), now_ns, world if known else None)
