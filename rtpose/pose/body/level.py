"""`--level`: somebody holds still and stands upright at the beginning, and their axis is gravity from then on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.pose.body.balance import balance_axis, body_axis, unit_or_none, uprightness
from rtpose.types import Person3D

Float64 = NDArray[np.float64]

HOLD_S = 2.0
"""How long to stand still."""
STILL_M_S = 0.25
"""Joints of somebody who holds still move more slowly, relative to the root."""
UPRIGHT = 0.4


class LevelWatch:
    """Waits for somebody who stands upright and still."""

    def __init__(self) -> None:
        self.gravity: Float64 | None = None
        """(3,) unit vector, camera axes; None until somebody stood still for long enough. It never changes again."""
        self._held_s: dict[int, float] = {}
        self._sums: dict[int, Float64] = {}
        self._poses: dict[int, Float64] = {}

    def add(self, persons: list[Person3D], contacts: list[NDArray[np.floating]], dt_s: float) -> None:
        """The people of a frame. contacts: (4,) of each; dt_s: since the last, seconds."""
        if self.gravity is not None:
            return
        there = {person.track_id for person in persons}
        for track_id in [i for i in self._poses if i not in there]:
            self._forget(track_id)
        for person, feet in zip(persons, contacts, strict=True):
            pose = np.asarray(person.pose_3d, np.float64)
            before = self._poses.get(person.track_id)
            axes = [body_axis(pose), balance_axis(pose, feet)]
            known = [axis for axis in axes if axis is not None]
            moved = np.inf if before is None else float(np.nanmedian(np.linalg.norm(pose - before, axis=-1)))
            if before is None or moved > STILL_M_S * dt_s + 0.005 or uprightness(pose) < UPRIGHT or not known:
                self._forget(person.track_id)
            else:
                self._held_s[person.track_id] += dt_s
                self._sums[person.track_id] = self._sums[person.track_id] + dt_s * sum(known)
            self._poses[person.track_id] = pose
            if self._held_s[person.track_id] >= HOLD_S:
                self.gravity = unit_or_none(self._sums[person.track_id])
                return

    def _forget(self, track_id: int) -> None:
        self._poses.pop(track_id, None)
        self._held_s[track_id] = 0.0
        self._sums[track_id] = np.zeros(3)
