"""Keeps the standing feet of one person in place, by moving the root and the legs.

This happens after the fit, and the next fit does not start from it, so a foot that is held in the wrong place leaves no
error in the pose. The root moves first, because that does not change the pose. The legs do the rest.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import Float64

ENTER, LEAVE = 0.7, 0.5
"""Probabilities of contact at which a foot is held, and let go."""
HELD_M, LEGS_HOLD_M = 0.003, 0.01
"""Standard deviations of a held foot from its place, when the root moves and when the legs do."""
ROOT_M = 0.15
"""Standard deviation of how far held feet move the root in one frame."""
OFFSET_S = 6.0
"""Time constant with which the root, and the feet with it, return after held feet have moved it."""
MOST_OFFSET_M = 1.0
"""The most that held feet may move the root, in case a foot is held in the wrong place."""
DRAG_M_S, SWING_M_S, LEAST_M = 0.3, 0.6, 0.003
"""Because of held feet, the root may move faster by the first, and a foot in the air by the second. The third is how
much farther both may always move from one frame to the next."""
MOST_BENT_M = 0.12
"""The farthest that the legs move a foot. Beyond this, the whole person has moved."""
DRIFT_M_S = 0.02
"""How fast a held place moves towards the mean place of the fitted foot …"""
DRIFT_PER_S = 0.5
"""… plus this share of the remaining distance a second."""
MEAN_S = 4.0
"""The longest time that this mean is taken over."""
RELEASE_S = 0.06
"""Time constant with which a released foot returns to where the fit has it …"""
RELEASE_M_S = 0.6
"""… and its highest speed."""
FREE_M = 0.001
"""A released foot that is closer than this to the fitted one is free."""
OTHER = [1, 0, 3, 2]
"""The other joint of the same foot."""


class PlantedFeet:
    """The feet of one person."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Release both feet and forget the person."""
        self._held: NDArray[np.bool_] = np.zeros(4, bool)
        self._place = np.zeros((4, 3))
        self._mean = np.zeros((4, 3))
        self._age_s = np.zeros(4)
        self._bent = np.zeros((4, 3))
        """How far the legs moved each foot."""
        self._offset = np.zeros(3)
        self._last: Float64 | None = None
        """(5, 3): root and feet of the last frame, as fitted."""

    @property
    def holds(self) -> bool:
        """Whether a foot is held."""
        return bool(self._held.any())

    def grow(self, factor: float) -> None:
        """Scale all that is remembered: the person turned out to be `factor` times as large and as far away."""
        for array in (self._place, self._mean, self._bent, self._offset):
            array *= factor
        if self._last is not None:
            self._last *= factor

    def update(
        self, contacts: NDArray[np.floating], feet: Float64, root: Float64, compliance: Float64, dt_s: float
    ) -> tuple[Float64, Float64, NDArray[np.bool_]]:
        """The new root, (3,), the new places of heels and toes, (4, 3), metres, camera space, and which of these places
        the legs have to reach, (4,); the others are free.

        contacts: (4,) probabilities. feet, root: (4, 3) and (3,) metres, camera space, as fitted. compliance: (12, 12)
        m^2, how far a force on the feet moves them with the root fixed.
        """
        before = self._offset * math.exp(-dt_s / OFFSET_S)
        free = feet + before
        if self._last is None:
            self._place = free.copy()
        begins = ~self._held & (contacts >= ENTER)
        self._held = (self._held | begins) & ~(contacts < LEAVE)
        place = self._drifted(free, begins, before - self._offset, dt_s)
        moved = self._moved_root(before, place - free, compliance)
        points = np.vstack([root, feet])
        if self._last is not None:
            # A held foot must not make the root jump, nor drag a foot in the air along.
            most = np.where(self._held | self._held[OTHER], 1e3, max(SWING_M_S * dt_s, LEAST_M))
            most = np.append(max(DRAG_M_S * dt_s, LEAST_M), most)
            change = moved - self._offset
            moved = self._offset + change * _share(points - self._last, change, most)
        self._last = points
        self._offset = moved
        # The legs do the rest. A foot is rigid: if its heel or toe is held, the other one moves along.
        there = feet + moved
        bent = np.where(self._held[:, None], at_most(place - there, MOST_BENT_M), 0.0)
        goal = np.where(self._held[:, None], bent, bent[OTHER])
        # A released foot returns gradually.
        late = self._bent - goal
        late = late + at_most(late * (math.exp(-dt_s / RELEASE_S) - 1), RELEASE_M_S * dt_s)
        late[self._held | (_lengths(late) < FREE_M)] = 0.0
        self._bent = goal + late
        self._place = there + self._bent
        return root + moved, self._place, self._held | self._bent.any(-1)

    def _drifted(self, free: Float64, begins: NDArray[np.bool_], back: Float64, dt_s: float) -> Float64:
        """(4, 3): the held places, which drift slowly from where the feet were last shown to where they are fitted.
        free: (4, 3), feet as fitted, with the root's offset. back: (3,), how far the root returns in this frame."""
        self._age_s = np.where(begins, 0.0, self._age_s + dt_s)
        self._mean = np.where(begins[:, None], free, self._mean)
        share = dt_s / np.maximum(np.minimum(self._age_s + dt_s, MEAN_S), 1e-6)
        self._mean = self._mean + share[:, None] * (free - self._mean)
        place = self._place + back
        off = at_most(self._mean - place, MOST_BENT_M)
        self._mean = place + off
        drifted: Float64 = place + at_most(off, DRIFT_M_S * dt_s) + off * min(DRIFT_PER_S * dt_s, 1.0)
        return drifted

    def _moved_root(self, before: Float64, missing: Float64, compliance: Float64) -> Float64:
        """(3,): the root's offset that brings held feet to their places, balanced against bending the legs. before:
        (3,), the offset without held feet. missing: (4, 3), how far feet are then from their places."""
        count = int(self._held.sum())
        if not count:
            return before
        rows = np.repeat(self._held, 3)
        firm = compliance[rows][:, rows] + HELD_M**2 * np.eye(3 * count)
        each = np.column_stack([np.tile(np.eye(3), (count, 1)), missing[self._held].ravel()])
        pull = np.linalg.solve(firm, each).reshape(count, 3, 4).sum(0)
        return at_most(before + np.linalg.solve(pull[:, :3] + np.eye(3) / ROOT_M**2, pull[:, 3]), MOST_OFFSET_M)


def _share(steps: Float64, change: Float64, most_m: Float64) -> float:
    """The largest share, 0..1, of `change`, (3,), that can be added to all steps, (K, 3), so that none of them grows by
    more than its `most_m`, (K,)."""
    square = float(change @ change)
    if square == 0:
        return 1.0
    along, room = steps @ change, most_m * (2 * _lengths(steps) + most_m)
    shares = (np.sqrt(along**2 + square * room) - along) / square
    return min(1.0, float(shares.min()))


def at_most(vectors: Float64, length: float) -> Float64:
    """Vectors (..., 3) shortened to at most `length`."""
    out: Float64 = vectors * np.minimum(1.0, length / np.maximum(_lengths(vectors), 1e-12))[..., None]
    return out


def _lengths(vectors: Float64) -> Float64:
    """Lengths (...,) of vectors (..., 3)."""
    return np.asarray(np.sqrt((vectors * vectors).sum(-1)), np.float64)
