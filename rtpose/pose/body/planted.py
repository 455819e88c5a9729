"""Feet that stand stay where they are: one person's places in camera space, and what root and legs do to keep them.

The fit knows nothing of it: what feet change is added to its result, so that no error of theirs lives on in the pose.
The root moves first, for that changes no pose; legs do the rest.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import Float64

ENTER, LEAVE = 0.7, 0.5
"""Probabilities of contact at which a foot is held, and let go."""
HELD_M, LEGS_HOLD_M = 0.003, 0.01
"""Standard deviations of a held foot from its place: as the root moves, and the legs."""
ROOT_M = 0.15
"""Standard deviation of how far a held foot moves the root in a frame, beside that of the legs' evidence."""
OFFSET_S = 6.0
"""A root that feet have moved comes back over about so long, and feet along with it."""
MOST_OFFSET_M = 1.0
"""By how much it may be off: a place that is held wrongly does not lead it astray."""
DRAG_M_S, SWING_M_S, LEAST_M = 0.3, 0.6, 0.003
"""How much faster than without held feet the root, and a foot in the air along with it, go at most, and how much
farther they may go from one frame to the next, at least."""
MOST_BENT_M = 0.12
"""By how much legs take a foot elsewhere, at most: the rest of a jump is one of the person."""
DRIFT_M_S = 0.02
"""How fast a held place moves towards the mean of where the foot would be …"""
DRIFT_PER_S = 0.5
"""… and by which share of the way a second besides."""
MEAN_S = 4.0
"""That mean is taken over about so long, at most."""
RELEASE_S = 0.06
"""A foot that is let go approaches where it would be over about so long …"""
RELEASE_M_S = 0.6
"""… and no faster."""
FREE_M = 0.001
"""Closer than this it is free."""
OTHER = [1, 0, 3, 2]
"""The other joint of the same foot."""


class PlantedFeet:
    """The feet of one person."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nothing is held."""
        self._held: NDArray[np.bool_] = np.zeros(4, bool)
        self._place = np.zeros((4, 3))
        self._mean = np.zeros((4, 3))
        self._age_s = np.zeros(4)
        self._bent = np.zeros((4, 3))
        """By how far legs took each foot from where they would have it."""
        self._offset = np.zeros(3)
        self._last: Float64 | None = None
        """(5, 3) the fit's root and feet, of the last frame."""

    @property
    def holds(self) -> bool:
        """Whether a foot is held."""
        return bool(self._held.any())

    def grow(self, factor: float) -> None:
        """The person is `factor` times as large, and as far from the camera, as was thought."""
        for array in (self._place, self._mean, self._bent, self._offset):
            array *= factor
        if self._last is not None:
            self._last *= factor

    def update(
        self, contacts: NDArray[np.floating], feet: Float64, root: Float64, compliance: Float64, dt_s: float
    ) -> tuple[Float64, Float64, NDArray[np.bool_]]:
        """Where the root goes, (3,), and where legs take the feet, (4, 3), metres, camera space; and which they do take
        there, (4,): the others are free.

        contacts: (4,) probabilities. feet, root: (4, 3) and (3,) metres, camera space, as fitted. compliance: (12, 12)
        m^2, how a force on the feet moves them by the legs alone.
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
            # The root does not jump for the sake of a held foot, nor drag a foot in the air along.
            most = np.where(self._held | self._held[OTHER], 1e3, max(SWING_M_S * dt_s, LEAST_M))
            most = np.append(max(DRAG_M_S * dt_s, LEAST_M), most)
            change = moved - self._offset
            moved = self._offset + change * _share(points - self._last, change, most)
        self._last = points
        self._offset = moved
        # What the root leaves, legs do. Heel and toe are one stiff foot: if one is held, the other goes along.
        there = feet + moved
        bent = np.where(self._held[:, None], at_most(place - there, MOST_BENT_M), 0.0)
        goal = np.where(self._held[:, None], bent, bent[OTHER])
        # A foot that is let go approaches that step by step.
        late = self._bent - goal
        late = late + at_most(late * (math.exp(-dt_s / RELEASE_S) - 1), RELEASE_M_S * dt_s)
        late[self._held | (_lengths(late) < FREE_M)] = 0.0
        self._bent = goal + late
        self._place = there + self._bent
        return root + moved, self._place, self._held | self._bent.any(-1)

    def _drifted(self, free: Float64, begins: NDArray[np.bool_], back: Float64, dt_s: float) -> Float64:
        """(4, 3) the places: where feet were shown last, and slowly where they would be. free: (4, 3) that. back: (3,)
        how far the root comes back."""
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
        """(3,) the root's offset that takes held feet to their places, as far as it is not easier for the legs. before:
        (3,) what it would be without; missing: (4, 3) how far feet are from their places with that."""
        count = int(self._held.sum())
        if not count:
            return before
        rows = np.repeat(self._held, 3)
        firm = compliance[rows][:, rows] + HELD_M**2 * np.eye(3 * count)
        each = np.column_stack([np.tile(np.eye(3), (count, 1)), missing[self._held].ravel()])
        pull = np.linalg.solve(firm, each).reshape(count, 3, 4).sum(0)
        return at_most(before + np.linalg.solve(pull[:, :3] + np.eye(3) / ROOT_M**2, pull[:, 3]), MOST_OFFSET_M)


def _share(steps: Float64, change: Float64, most_m: Float64) -> float:
    """Which share of a change (3,) of all steps (K, 3) makes none of them longer by more than `most_m` (K,)."""
    square = float(change @ change)
    if square == 0:
        return 1.0
    along, room = steps @ change, most_m * (2 * _lengths(steps) + most_m)
    shares = (np.sqrt(along**2 + square * room) - along) / square
    return min(1.0, float(shares.min()))


def at_most(vectors: Float64, length: float) -> Float64:
    """(..., 3) those that are longer, shortened."""
    out: Float64 = vectors * np.minimum(1.0, length / np.maximum(_lengths(vectors), 1e-12))[..., None]
    return out


def _lengths(vectors: Float64) -> Float64:
    """(...,) of (..., 3)."""
    return np.asarray(np.sqrt((vectors * vectors).sum(-1)), np.float64)
