"""A recording's people -> their joint angles over time, with the confidence of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import wxyz_from_rotations
from rtpose.pose.body.angles import ANGLE_NAMES, CAMERA_DOWN, joint_angles
from rtpose.pose.body.start import rotations_from_joints
from rtpose.recordings.recording import Recording
from rtpose.skeleton import RTPOSE28
from rtpose.types import is_guess

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AngleKind:
    """An angle in clinical terms."""

    key: str
    """As in `ANGLE_NAMES`, without the side."""
    title: str
    plane: str
    meaning: str
    """What 0 and the signs mean."""
    joints: tuple[str, ...]
    """Joints it is measured from; names without a side mean the angle's side."""
    sides: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """Its names in `ANGLE_NAMES`: left, right; or the one."""
        return (f"left_{self.key}", f"right_{self.key}") if self.sides else (self.key,)


KINDS: tuple[AngleKind, ...] = (
    AngleKind("knee_flexion", "Knee flexion", "sagittal plane", "0° straight, + bent", ("hip", "knee", "foot")),
    AngleKind(
        "hip_flexion", "Hip flexion", "sagittal plane", "0° in line with the trunk, + forwards",
        ("left_hip", "right_hip", "knee", "thorax"),
    ),
    AngleKind(
        "hip_abduction", "Hip abduction", "frontal plane", "+ away from the other leg",
        ("left_hip", "right_hip", "knee", "thorax"),
    ),
    AngleKind(
        "hip_rotation", "Hip rotation", "transverse plane", "+ inwards",
        ("left_hip", "right_hip", "knee", "foot", "toe"),
    ),
    AngleKind(
        "ankle_dorsiflexion", "Ankle dorsiflexion", "sagittal plane", "0° foot at a right angle, + toes up",
        ("knee", "foot", "toe"),
    ),
    AngleKind(
        "shoulder_elevation", "Arm elevation", "in the plane of the arm", "0° hanging, 180° straight up",
        ("shoulder", "elbow", "thorax"),
    ),
    AngleKind(
        "elbow_flexion", "Elbow flexion", "sagittal plane", "0° straight, + bent", ("shoulder", "elbow", "wrist")
    ),
    AngleKind(
        "trunk_lean", "Trunk lean", "sagittal plane", "0° upright, + forwards",
        ("left_hip", "right_hip", "left_shoulder", "right_shoulder"), sides=False,
    ),
    AngleKind(
        "trunk_side_lean", "Trunk side lean", "frontal plane", "0° upright, + to the person's left",
        ("left_hip", "right_hip", "left_shoulder", "right_shoulder"), sides=False,
    ),
)  # fmt: skip
KIND_OF = {kind.key: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class PersonAngles:
    """One person's angles, a row for each frame of the recording."""

    track_id: int
    times_s: Float64
    """(T,)"""
    degrees: dict[str, Float64]
    """(T,) by the names of `ANGLE_NAMES`; NaN where the person is not seen. Only angles that are known at all."""
    confidence: dict[str, Float64]
    """(T,) 0..1, of the least certain joint that the angle is measured from; 0 where it is not seen."""
    from_body: bool
    """From the rotations of a body; else from joint positions, which do not show rotation about a bone."""
    gravity_known: bool
    """Else trunk angles assume that the camera is level."""

    @property
    def kinds(self) -> list[AngleKind]:
        """The kinds of angles that are known."""
        return [kind for kind in KINDS if any(name in self.degrees for name in kind.columns)]


def angles_of(recording: Recording, track_id: int) -> PersonAngles:
    """The angles of one person of a recording."""
    rows, columns = np.nonzero(recording.track_ids == track_id)
    frames = len(recording)
    stored = _bodies(recording, rows, columns)
    rotations = stored if stored is not None else _rotations_of_joints(recording.poses_3d[rows, columns])
    down, gravity_known = _down(recording)
    found = joint_angles(rotations, down[rows])
    degrees, confidence = {}, {}
    sure = _confidence(recording, rows, columns)
    names = recording.joint_names
    for kind in KINDS:
        for name in kind.columns:
            values = found[:, ANGLE_NAMES.index(name)]
            joints = [
                j if j.startswith(("left_", "right_")) or j in names else f"{name.split('_')[0]}_{j}"
                for j in kind.joints
            ]
            known = [names.index(joint) for joint in joints if joint in names]
            if not np.isfinite(values).any() or (stored is None and len(known) < len(joints)):
                continue
            least = np.where(np.isfinite(values), sure[:, known].min(1), 0.0)
            if not least.any():  # it was never seen
                continue
            degrees[name] = np.full(frames, np.nan)
            degrees[name][rows] = values
            confidence[name] = np.zeros(frames)
            confidence[name][rows] = least
    return PersonAngles(
        track_id, recording.timestamps_s, degrees, confidence, stored is not None, bool(gravity_known[rows].any())
    )


def _bodies(recording: Recording, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Float64 | None:
    """(N, B, 4) quaternions w x y z of the recorded bodies; None if there are none."""
    rotations = recording.rotations[rows, columns].astype(np.float64)
    return rotations if np.isfinite(rotations).any() else None


def _down(recording: Recording) -> tuple[Float64, NDArray[np.bool_]]:
    """(T, 3) where gravity points, camera axes, and (T,) where it is known. Before that, the first known direction
    counts, because the camera is still; without any, the camera is assumed to be level."""
    world = recording.world_from_camera
    known = np.asarray(np.isfinite(world).all((1, 2)), np.bool_)
    if not known.any():
        return np.tile(np.array(CAMERA_DOWN), (len(recording), 1)), known
    # Row 1 of the rotation is world y, up, in camera axes.
    latest = np.maximum.accumulate(np.where(known, np.arange(len(known)), np.flatnonzero(known)[0]))
    return -np.asarray(world[latest, 1, :3], np.float64), known


def _confidence(recording: Recording, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Float64:
    """(N, J) 0..1; 0 for guesses."""
    given = recording.confidence[rows, columns]
    guess = is_guess(given, recording.keypoints_2d[rows, columns, :, 2])
    return np.where(guess | ~np.isfinite(given), 0.0, given).astype(np.float64)


def _rotations_of_joints(poses: NDArray[np.float32]) -> Float64:
    """(N, B, 4) w x y z, from joint positions (N, J, 3) of h36m17 or rtpose28."""
    joints = np.full((len(poses), len(RTPOSE28.joints), 3), np.nan)
    joints[:, : poses.shape[1]] = poses
    return wxyz_from_rotations(rotations_from_joints(joints))
