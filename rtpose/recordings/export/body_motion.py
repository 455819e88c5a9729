"""A person's body over time, as BVH and glTF need it: constant bones that rotations move.

A bone that is out of sight, together with all bones below it, keeps its last rotation, or stays at rest if it was never
seen. Every visible joint is where the recording has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONES, bone_offsets, bones_in_sight, pose_bones, rotations_from_wxyz
from rtpose.errors import InputError
from rtpose.recordings.export.motion import Steps, between
from rtpose.recordings.recording import Recording
from rtpose.rotations import continuous_quaternions
from rtpose.types import is_guess

Array = NDArray[np.float64]

_FEET = [number for number, bone in enumerate(BONES) if bone.name.endswith("Foot")]


@dataclass(frozen=True, slots=True)
class BodyMotion:
    """A body with constant bones, in a room with y up and the floor at 0."""

    lengths: Array
    """(B,) metres."""
    root: Array
    """(T, 3) metres: the place of the hips."""
    rotations: Array
    """(T, B, 4) quaternions x y z w, relative to the parent, the hips to the room; of q and -q the one closer to the
    frame before."""
    known: NDArray[np.bool_]
    """(T,) whether the person is present; otherwise the last pose is repeated."""

    @property
    def offsets(self) -> Array:
        """(B, 3) metres: each bone's base in the frame of its parent; 0 for the hips."""
        return bone_offsets(self.lengths)

    def rest_bases(self) -> Array:
        """(B, 3) metres: where the bones begin when the person stands on the floor in a T-pose."""
        bases, _ = pose_bones(np.broadcast_to(np.eye(3), (len(BONES), 3, 3)), self.lengths)
        toes = [bases[b] + self.lengths[b] * np.array(BONES[b].rest) for b in _FEET]
        standing: Array = bases - np.array([0, min(toe[1] for toe in toes), 0])
        return standing


def body_motion_of(recording: Recording, track_id: int, room_from_camera: Array) -> BodyMotion:
    """The body of one person in all frames. room_from_camera: (4, 4), see `room_of`.

    Errors: `InputError` if the person has no body.
    """
    known = (recording.track_ids == track_id) & np.isfinite(recording.rotations).all((-1, -2))
    t, column = np.nonzero(known)
    if not len(t):
        raise InputError(f"person {track_id} has no body in this recording: convert it with `rtpose convert`")
    turned = rotations_from_wxyz(recording.rotations[t, column])
    turned[:, 0] = room_from_camera[:3, :3] @ turned[:, 0]
    guess = is_guess(recording.confidence[t, column], recording.keypoints_2d[t, column, :, 2])
    rotations = np.full((len(recording), len(BONES), 3, 3), np.nan)
    rotations[t] = np.where(bones_in_sight(~guess)[..., None, None], turned, np.nan)
    root = np.full((len(recording), 3), np.nan)
    root[t] = recording.root_3d[t, column] @ room_from_camera[:3, :3].T + room_from_camera[:3, 3]
    held = np.stack([_held(rotations[:, bone], np.eye(3)) for bone in range(len(BONES))], axis=1)
    return BodyMotion(
        lengths=recording.lengths_of(track_id).astype(np.float64),
        root=_held(root, np.zeros(3)),
        rotations=np.stack([continuous_quaternions(held[:, bone]) for bone in range(len(BONES))], axis=1),
        known=known.any(1),
    )


def body_at_constant_rate(motion: BodyMotion, steps: Steps) -> BodyMotion:
    """The motion at constant steps. Where the frames are too far apart to interpolate, the last pose is repeated."""
    turned = between(motion.rotations, steps)
    turned = turned / np.linalg.norm(turned, axis=-1, keepdims=True)
    there = between(np.where(motion.known, 1.0, np.nan), steps)
    return BodyMotion(
        lengths=motion.lengths,
        root=_held(between(motion.root, steps), motion.root[0]),
        rotations=_held(turned, motion.rotations[0]),
        known=np.isfinite(there),
    )


def _held(values: Array, default: Array) -> Array:
    """(T, ...) with NaN replaced by the last known value, at the beginning by the first known one; `default` if there
    is none."""
    known = np.isfinite(values.reshape(len(values), -1)).all(1)
    if not known.any():
        return np.broadcast_to(default, values.shape).copy()
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return values[np.where(last < 0, np.argmax(known), last)]
