"""One person's joints over time, and the same at a constant rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.geometry import viewer_from_camera
from rtpose.recordings.npz import PosesFile

LONGEST_BRIDGE_S = 0.25
"""Between frames further apart, nothing is interpolated."""
_ON_THE_FRAME = 1e-3
"""Share of a step within which a time counts as that of the frame."""
DEFAULT_FPS = 30.0

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Motion:
    """A person in camera space."""

    track_id: int
    times_s: Array
    """(T,), as in the recording."""
    points: Array
    """(T, J, 3) metres, camera axes; NaN where the joint is not known."""

    def in_viewer_axes(self) -> Array:
        """(T, J, 3) metres, y up: x right, z towards the camera; the camera is the origin."""
        return viewer_from_camera(self.points)


def track_ids(poses: PosesFile) -> list[int]:
    """Everybody who is seen, by id."""
    return [int(track_id) for track_id in np.unique(poses.track_ids) if track_id >= 0]


def motion_of(poses: PosesFile, track_id: int) -> Motion:
    """Joints of one person at all frames."""
    points = np.full((len(poses.timestamps_s), len(poses.joint_names), 3), np.nan)
    t, column = np.nonzero(poses.track_ids == track_id)
    points[t] = poses.poses_3d[t, column].astype(np.float64) + poses.root_3d[t, column, None]
    return Motion(track_id, poses.timestamps_s, points)


def nominal_fps(poses: PosesFile) -> float:
    """The source's rate if the recording knows it, else that of most of its frames."""
    fps = poses.meta.get("fps")
    if isinstance(fps, int | float) and 0 < fps < math.inf:
        return float(fps)
    if len(poses.timestamps_s) < 2:
        return DEFAULT_FPS
    return float(1 / np.median(np.diff(poses.timestamps_s)))


def at_constant_rate(motion: Motion, fps: float) -> Motion:
    """The motion at times `first + k / fps`: on a straight line between the two frames around each time.

    NaN where one of the two is not known, or where they are further apart than 0.25 s and a step and a half.
    """
    given = motion.times_s
    times = given[0] + np.arange(math.floor((given[-1] - given[0]) * fps + 0.5) + 1) / fps
    after = np.clip(np.searchsorted(given, times), 1, max(len(given) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(given) - 1)
    gap = given[after] - given[before]
    share = np.clip((times - given[before]) / np.where(gap > 0, gap, 1), 0, 1)
    near = np.minimum(share, 1 - share) * gap * fps < _ON_THE_FRAME
    share = np.where(near, np.round(share), share)
    too_far = (gap > max(LONGEST_BRIDGE_S, 1.5 / fps)) & ~near
    share = share[:, None, None]
    # A point that does not count may be NaN.
    first = np.where(share < 1, motion.points[before], 0)
    second = np.where(share > 0, motion.points[after], 0)
    points = (1 - share) * first + share * second
    points[too_far] = np.nan
    return Motion(motion.track_id, times, points)
