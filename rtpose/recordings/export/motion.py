"""The joints of one person over time, and resampling to a constant rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.geometry import viewer_from_camera
from rtpose.recordings.recording import Recording
from rtpose.types import is_guess
from rtpose.wording import counted

LONGEST_BRIDGE_S = 0.25
"""Longer gaps between frames are not interpolated."""
_ON_THE_FRAME = 1e-3
"""A time this close to a frame's, as a share of a step, counts as that frame's time."""
DEFAULT_FPS = 30.0
MAX_FPS = 1000.0
MOST_STEPS, MOST_STRETCH = 100_000, 20
"""More steps than this, and than so many for each frame, are refused."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PersonMotion:
    """One person's joints over time, in camera space."""

    track_id: int
    times_s: Array
    """(T,) times of the recording."""
    points: Array
    """(T, J, 3) metres, camera axes; NaN where the joint is unknown or was not seen."""

    def in_viewer_axes(self) -> Array:
        """(T, J, 3) metres, y up: x right, z towards the camera; the camera is the origin."""
        return viewer_from_camera(self.points)


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


def at_constant_rate(motion: PersonMotion, fps: float) -> PersonMotion:
    """The motion at times `first + k / fps`, linearly interpolated between the two frames around each time.

    NaN where one of the two is unknown, or where they are more than 0.25 s and more than 1.5 steps apart.
    Errors: `InputError` for times so far apart that nearly all steps would be empty.
    """
    given = motion.times_s
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
    too_far = (gap > max(LONGEST_BRIDGE_S, 1.5 / fps)) & ~near
    share = share[:, None, None]
    # A point with the weight 0 may be NaN.
    first = np.where(share < 1, motion.points[before], 0)
    second = np.where(share > 0, motion.points[after], 0)
    points = (1 - share) * first + share * second
    points[too_far] = np.nan
    return PersonMotion(motion.track_id, times, points)
