"""Ids by nearness: who is where the last picture had somebody, of about the same size, is the same person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtpose.types import Float32

MAX_GAP_S = 1.0
"""Someone who was away longer gets a new id …"""
MAX_MISSED_FRAMES = 2
"""… unless they missed no more frames than these: in a time lapse everybody is away for seconds between two frames."""
MAX_DISTANCE = 0.5
"""Largest mean distance of the 2D joints, in sizes of the person, at which it can be the same person …"""
MAX_DISTANCE_PER_S = 1.0
"""… and how much it grows with the time since the last sight, up to …"""
LARGEST_DISTANCE = 3.0


@dataclass
class _Track:
    track_id: int
    keypoints: Float32
    size_px: float
    t_s: float
    frame: int


class NearestTracker:
    """Greedy matching of 2D joints, nearest pairs first."""

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

    def update(self, keypoints_2d: Float32, bboxes: Float32, t_s: float) -> list[int]:
        """See `rtpose.types.Tracker`."""
        sizes_px = [float(max(x1 - x0, y1 - y0)) for x0, y0, x1, y1 in bboxes]  # longer side of the person's box
        self._frame += 1
        self._tracks = [track for track in self._tracks if self._remembers(track, t_s)]
        owner: dict[int, _Track] = {}
        for distance, i, track in sorted(self._distances(keypoints_2d, sizes_px), key=lambda entry: entry[0]):
            limit = min(MAX_DISTANCE + MAX_DISTANCE_PER_S * (t_s - track.t_s), LARGEST_DISTANCE)
            if distance <= limit and i not in owner and track not in owner.values():
                owner[i] = track
        for i, (keypoints, size_px) in enumerate(zip(keypoints_2d, sizes_px, strict=True)):
            if i not in owner:
                owner[i] = _Track(self._next_id, keypoints, size_px, t_s, self._frame)
                self._tracks.append(owner[i])
                self._next_id += self._step
            track = owner[i]
            track.keypoints, track.size_px, track.t_s, track.frame = keypoints, size_px, t_s, self._frame
        return [owner[i].track_id for i in range(len(keypoints_2d))]

    def _remembers(self, track: _Track, t_s: float) -> bool:
        gap_s, missed = t_s - track.t_s, self._frame - track.frame - 1
        return gap_s >= 0 and (gap_s <= MAX_GAP_S or missed <= MAX_MISSED_FRAMES)

    def _distances(self, keypoints_2d: Float32, sizes_px: list[float]) -> list[tuple[float, int, _Track]]:
        pairs = []
        for i, (keypoints, size_px) in enumerate(zip(keypoints_2d, sizes_px, strict=True)):
            for track in self._tracks:
                gap = np.linalg.norm(keypoints[:, :2] - track.keypoints[:, :2], axis=1).mean()
                pairs.append((float(gap) / max(track.size_px, size_px, 1.0), i, track))
        return pairs
