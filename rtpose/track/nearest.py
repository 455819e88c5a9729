"""Ids by nearness: who is where the last picture had somebody, of about the same size, is the same person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtpose.types import Float32, Person3D

MAX_GAP_S = 1.0
"""Someone who was away longer gets a new id."""
MAX_DISTANCE = 0.5
"""Largest mean distance of the 2D joints, in sizes of the person, at which it can be the same person …"""
MAX_DISTANCE_PER_S = 1.0
"""… and how much it grows with the time since the last sight."""


@dataclass
class _Track:
    track_id: int
    keypoints: Float32
    size_px: float
    t_s: float


class NearestTracker:
    """Greedy matching of 2D joints, nearest pairs first."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next_id = 0

    def reset(self) -> None:
        """Forget everybody; ids go on counting."""
        self._tracks = []

    def update(self, persons: Sequence[Person3D], t_s: float) -> list[Person3D]:
        """The same people with their ids, in the order given. t_s: the frame's time."""
        self._tracks = [t for t in self._tracks if 0 <= t_s - t.t_s <= MAX_GAP_S]
        owner: dict[int, _Track] = {}
        for distance, i, track in sorted(self._distances(persons), key=lambda entry: entry[0]):
            limit = MAX_DISTANCE + MAX_DISTANCE_PER_S * (t_s - track.t_s)
            if distance <= limit and i not in owner and track not in owner.values():
                owner[i] = track
        tracked = []
        for i, person in enumerate(persons):
            if i not in owner:
                owner[i] = _Track(self._next_id, person.keypoints_2d, 1.0, t_s)
                self._tracks.append(owner[i])
                self._next_id += 1
            track = owner[i]
            track.keypoints, track.size_px, track.t_s = person.keypoints_2d, _size_px(person), t_s
            tracked.append(replace(person, track_id=track.track_id))
        return tracked

    def _distances(self, persons: Sequence[Person3D]) -> list[tuple[float, int, _Track]]:
        pairs = []
        for i, person in enumerate(persons):
            for track in self._tracks:
                gap = np.linalg.norm(person.keypoints_2d[:, :2] - track.keypoints[:, :2], axis=1).mean()
                size = max(track.size_px, _size_px(person), 1.0)
                pairs.append((float(gap) / size, i, track))
        return pairs


def _size_px(person: Person3D) -> float:
    """Longer side of the person's box."""
    x0, y0, x1, y1 = person.bbox
    return float(max(x1 - x0, y1 - y0))
