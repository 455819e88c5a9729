"""The joints of one person over time, resampling to a constant rate, and the room that y-up formats are in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import CONTACT_JOINTS
from rtpose.errors import InputError
from rtpose.geometry import VIEWER_FROM_CAMERA
from rtpose.recordings.recording import Recording
from rtpose.skeleton import H36M17, RTPOSE28
from rtpose.types import is_guess
from rtpose.wording import counted

LONGEST_BRIDGE_S = 0.25
"""Longer gaps between frames are not interpolated."""
_ON_THE_FRAME = 1e-3
"""A time this close to a frame's, as a share of a step, counts as that frame's time."""
DEFAULT_FPS = 30.0
MAX_FPS = 1000.0
MOST_STEPS, MOST_STRETCH = 100_000, 20
"""More steps than this, and more than this many per frame, are refused."""

_LOWEST_FEET_PERCENT = 2.0
"""If the floor is unknown: this share of the feet's lowest points over all frames is below it."""
_SOLES = RTPOSE28.indices(*CONTACT_JOINTS)
_ANKLES = H36M17.indices("left_foot", "right_foot")

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PersonMotion:
    """One person's joints over time, in camera space."""

    track_id: int
    times_s: Array
    """(T,) times of the recording."""
    points: Array
    """(T, J, 3) metres, camera axes; NaN where the joint is unknown or was not seen."""

    def in_room(self, room_from_camera: Array) -> Array:
        """(T, J, 3) metres, y up. room_from_camera: (4, 4), see `room_of`."""
        placed: Array = self.points @ room_from_camera[:3, :3].T + room_from_camera[:3, 3]
        return placed


def motion_of(recording: Recording, track_id: int) -> PersonMotion:
    """The joints of one person in all frames; guesses (`is_guess`) are unknown."""
    points = np.full((len(recording.timestamps_s), len(recording.joint_names), 3), np.nan)
    t, column = np.nonzero(recording.track_ids == track_id)
    points[t] = recording.poses_3d[t, column].astype(np.float64) + recording.root_3d[t, column, None]
    guess = is_guess(recording.confidence[t, column], recording.keypoints_2d[t, column, :, 2])
    points[t] = np.where(guess[..., None], np.nan, points[t])
    return PersonMotion(track_id, recording.timestamps_s, points)


def nominal_fps(recording: Recording) -> float:
    """The source's frame rate if the recording states a possible one, else the median rate of its frames."""
    fps = recording.meta.get("fps")
    if isinstance(fps, int | float) and 0 < fps <= MAX_FPS:
        return float(fps)
    if len(recording.timestamps_s) < 2:
        return DEFAULT_FPS
    return min(float(1 / np.median(np.diff(recording.timestamps_s))), MAX_FPS)


def room_of(recording: Recording) -> Array:
    """(4, 4) `room_from_camera`: metres, y up, the floor at 0, x right as the camera sees it, z towards it.

    The recording's last `world_from_camera`, which rests on the most data. If it has none, the camera is assumed to be
    level, and the floor to be where the lowest feet are; without any feet the camera's height is 0.
    """
    known = np.flatnonzero(np.isfinite(recording.world_from_camera).all((1, 2)))
    if len(known):
        return np.asarray(recording.world_from_camera[known[-1]], np.float64)
    room = np.eye(4)
    room[:3, :3] = VIEWER_FROM_CAMERA
    feet = _SOLES if recording.skeleton is RTPOSE28 else _ANKLES
    lowest = []
    for track_id in recording.ids:
        heights = motion_of(recording, track_id).in_room(room)[:, feet, 1]
        heights = heights[np.isfinite(heights).any(1)]
        if len(heights):
            lowest.append(np.nanmin(heights, axis=1))
    if lowest:
        room[1, 3] = -np.percentile(np.concatenate(lowest), _LOWEST_FEET_PERCENT)
    return room


@dataclass(frozen=True, slots=True)
class Steps:
    """Times at a constant rate, and the two frames around each."""

    times_s: Array
    """(S,) `first + k / fps`."""
    before: NDArray[np.intp]
    after: NDArray[np.intp]
    """(S,) rows of the recording."""
    share: Array
    """(S,) 0..1 of `after`; exactly 0 or 1 on a frame."""
    empty: NDArray[np.bool_]
    """(S,) whether the frames are too far apart to interpolate."""


def steps_at(given: Array, fps: float) -> Steps:
    """Steps from the first of the times `given` (T,) to the last. Empty where the two frames around are more than
    0.25 s and more than 1.5 steps apart.

    Errors: `InputError` for times so far apart that nearly all steps would be empty.
    """
    count = math.floor((given[-1] - given[0]) * fps + 0.5) + 1
    if count > max(MOST_STEPS, MOST_STRETCH * len(given)):
        raise InputError(
            f"the recording has {counted(len(given), 'frame')} in {given[-1] - given[0]:,.0f} s, {count:,} steps at "
            f"{fps:g} Hz: its times jump or its rate is wrong; convert it to JSON, CSV or GLB, which keep its times"
        )
    times = given[0] + np.arange(count) / fps
    after = np.clip(np.searchsorted(given, times), 1, max(len(given) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(given) - 1)
    gap = given[after] - given[before]
    share = np.clip((times - given[before]) / np.where(gap > 0, gap, 1), 0, 1)
    near = np.minimum(share, 1 - share) * gap * fps < _ON_THE_FRAME
    share = np.where(near, np.round(share), share)
    return Steps(times, before, after, share, (gap > max(LONGEST_BRIDGE_S, 1.5 / fps)) & ~near)


def between(values: Array, steps: Steps) -> Array:
    """(T, ...) values of the frames -> (S, ...), linearly interpolated; NaN where one of the two is, or it is empty."""
    share = steps.share.reshape(-1, *[1] * (values.ndim - 1))
    # A value with the weight 0 may be NaN.
    first = np.where(share < 1, values[steps.before], 0)
    second = np.where(share > 0, values[steps.after], 0)
    found: Array = (1 - share) * first + share * second
    found[steps.empty] = np.nan
    return found


def at_constant_rate(motion: PersonMotion, fps: float) -> PersonMotion:
    """The motion at constant steps: see `steps_at` and `between`."""
    steps = steps_at(motion.times_s, fps)
    return PersonMotion(motion.track_id, steps.times_s, between(motion.points, steps))
