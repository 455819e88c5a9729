"""Who is who: everybody of a frame is assigned to the people known from earlier ones, by place, motion and colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rtpose.assignment import assign
from rtpose.pose.detect.appearance import COLOUR_SHARE, blended, unlikeness
from rtpose.types import Float32

MEMORY_S = 10.0
"""Someone who was away longer gets a new id …"""
MAX_MISSED_FRAMES = 2
"""… unless they missed no more frames than these: in a time lapse everybody is away for seconds between two frames."""
NEAR = 0.5
"""Largest distance from where somebody is expected, in sizes of the person, at which it can be the same …"""
NEAR_PER_S = 1.0
"""… and how much it grows with the time since the last sight, up to …"""
FARTHEST = 3.0
SHORT_GAP_S = 1.0
"""After a longer absence the place alone proves nothing: colours decide."""
LOOKS_ALIKE = 0.35
"""Least unlikeness (`rtpose.pose.detect.appearance`) at which somebody who returns is taken for another person …"""
LOOKS_OTHER = 0.6
"""… and at which even somebody at the expected place is."""
COLOUR_WEIGHT = 2.0
"""What colours count for beside the place, which counts 0 to 1."""
DRIFT_S = 0.4
"""Time constant after which somebody out of sight is expected to have stopped."""
VELOCITY_SHARE_S = 0.15
"""Time constant of the velocity's mean."""
FORBIDDEN = 1e6


@dataclass(eq=False)
class _Track:
    track_id: int
    keypoints: Float32
    box: Float32
    t_s: float
    frame: int
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    """px/s of the joints' mean."""
    appearance: Float32 | None = None
    steps: int = 0

    @property
    def size_px(self) -> float:
        return _size(self.box)


class PersonTracker:
    """Ids by the cheapest assignment of people to tracks. Lost people are remembered for `MEMORY_S`."""

    def __init__(self, first_id: int = 0, step: int = 1) -> None:
        """Ids are first_id, first_id + step, …: so several trackers' are kept apart."""
        self._first_id = first_id
        self._step = step
        self.reset()

    def reset(self) -> None:
        """Forget everybody and start from the first id again, so that a video's ids do not depend on earlier ones."""
        self._tracks: list[_Track] = []
        self._next_id = self._first_id
        self._frame = 0

    def update(
        self, keypoints_2d: Float32, bboxes: Float32, t_s: float, appearances: Sequence[Float32 | None] | None = None
    ) -> list[int]:
        """See `rtpose.types.Tracker`."""
        self._frame += 1
        self._tracks = [track for track in self._tracks if self._remembers(track, t_s)]
        looks = appearances if appearances is not None else [None] * len(keypoints_2d)
        cost = np.array(
            [
                [self._cost(track, keypoints, box, look, t_s) for track in self._tracks]
                for keypoints, box, look in zip(keypoints_2d, bboxes, looks, strict=True)
            ]
        ).reshape(len(keypoints_2d), len(self._tracks))
        taken = assign(cost, FORBIDDEN)
        ids = []
        for i, (keypoints, box, look) in enumerate(zip(keypoints_2d, bboxes, looks, strict=True)):
            alone = not any(_overlaps(box, other) for j, other in enumerate(bboxes) if j != i)
            if taken[i] < 0:
                track = _Track(self._next_id, keypoints, box, t_s, self._frame, appearance=look)
                self._tracks.append(track)
                self._next_id += self._step
            else:
                track = self._tracks[taken[i]]
                _follow(track, keypoints, box, look if alone else None, t_s)
                track.frame = self._frame
            ids.append(track.track_id)
        return ids

    def _remembers(self, track: _Track, t_s: float) -> bool:
        gap_s = t_s - track.t_s
        return gap_s >= 0 and (gap_s <= MEMORY_S or self._missed(track) <= MAX_MISSED_FRAMES)

    def _missed(self, track: _Track) -> int:
        return self._frame - track.frame - 1

    def _cost(self, track: _Track, keypoints: Float32, box: Float32, look: Float32 | None, t_s: float) -> float:
        """0 for somebody at the expected place in the expected colours, `FORBIDDEN` for somebody else."""
        gap_s = t_s - track.t_s
        place = _distance(track, keypoints, box, gap_s) / min(NEAR + NEAR_PER_S * gap_s, FARTHEST)
        colours = math.nan if look is None or track.appearance is None else unlikeness(look, track.appearance)
        long_away = gap_s > SHORT_GAP_S and self._missed(track) > MAX_MISSED_FRAMES
        if math.isnan(colours):
            # Nothing but the place: it must be close, and after a long time it proves nothing.
            return FORBIDDEN if place > 1 or long_away else place + COLOUR_WEIGHT * LOOKS_ALIKE
        if (long_away and colours >= LOOKS_ALIKE) or colours >= LOOKS_OTHER:
            return FORBIDDEN
        if place > 1 and not (long_away or (self._missed(track) > 0 and colours < LOOKS_ALIKE)):
            return FORBIDDEN
        # Whoever was away comes after those who were in sight a moment ago.
        return min(place, 1.0) + COLOUR_WEIGHT * colours + (1.0 if long_away else 0.0)


def _follow(track: _Track, keypoints: Float32, box: Float32, look: Float32 | None, t_s: float) -> None:
    """Bring a track up to date. look: None if nothing is to be learned from the colours."""
    dt_s = t_s - track.t_s
    if dt_s > 0:
        velocity = (keypoints[:, :2].mean(0) - track.keypoints[:, :2].mean(0)) / dt_s
        share = 1 - math.exp(-dt_s / VELOCITY_SHARE_S)
        track.velocity = track.velocity + share * (velocity - track.velocity)
    track.appearance = blended(track.appearance, look, COLOUR_SHARE)
    track.keypoints, track.box, track.t_s = keypoints, box, t_s


def _distance(track: _Track, keypoints: Float32, box: Float32, gap_s: float) -> float:
    """From where the track's person is expected, in sizes of the person: of the joints, or of the body's middle where
    that is nearer, for a detector may turn somebody upside down or exchange left and right."""
    drift = track.velocity * DRIFT_S * (1 - math.exp(-gap_s / DRIFT_S))
    apart = keypoints[:, :2] - track.keypoints[:, :2]
    size_px = max(_size(box), track.size_px, 1.0)
    shifts = np.stack([apart - drift, apart])
    nearest = float(np.hypot(shifts[..., 0], shifts[..., 1]).mean(1).min())
    middle = min(math.hypot(x, y) for x, y in shifts.mean(1).tolist())
    return min(nearest, 2 * middle + 0.1 * size_px) / size_px


def _size(box: Float32) -> float:
    left, top, right, bottom = box.tolist()
    return float(max(right - left, bottom - top))


def _overlaps(a: Float32, b: Float32) -> bool:
    return bool((np.minimum(a[2:], b[2:]) > np.maximum(a[:2], b[:2])).all())
