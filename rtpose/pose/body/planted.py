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
HELD_M = 0.003
"""Standard deviation of a held foot from its place."""
ROOT_M = 0.15
"""Standard deviation of how far a held foot moves the root in a frame, beside that of the legs' evidence."""
OFFSET_S = 4.0
"""A root that feet have moved comes back over about so long."""
MOST_OFFSET_M = 0.6
"""By how much it may be off: a place that is held wrongly does not lead it astray."""
DRAG_M_S, LEAST_DRAG_M = 0.15, 0.003
"""How much faster than without feet the root goes, at most, and how much farther it may go from one frame to the next,
at least."""
MOST_BENT_M = 0.12
"""By how much legs take a foot elsewhere, at most: the rest of a jump is one of the person."""
DRIFT_M_S = 0.02
"""How fast a held place moves towards the mean of where the foot would be …"""
DRIFT_PER_S = 0.5
"""… and by which share of the way a second besides."""
MEAN_S = 4.0
"""That mean is taken over about so long, at most."""
RELEASE_S = 0.12
"""A foot that is let go approaches where it would be over about so long …"""
RELEASE_M_S = 0.3
"""… and no faster."""
FREE_M = 0.001
"""Closer than this it is free."""


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
        """By how much legs took each foot away from where they would have it."""
        self._offset = np.zeros(3)
        self._roots: tuple[Float64, Float64] | None = None
        """The fit's root and the shown one, of the last frame."""

    @property
    def holds(self) -> bool:
        """Whether a foot is held."""
        return bool(self._held.any())

    def grow(self, factor: float) -> None:
        """The person is `factor` times as large, and as far from the camera, as was thought."""
        for array in (self._place, self._mean, self._bent, self._offset):
            array *= factor
        if self._roots is not None:
            self._roots = self._roots[0] * factor, self._roots[1] * factor

    def update(
        self, contacts: NDArray[np.floating], feet: Float64, root: Float64, compliance: Float64, dt_s: float
    ) -> tuple[Float64, Float64 | None]:
        """Where the root goes, (3,) metres camera space, and a force on the feet (12,) that takes the legs along; None:
        none.

        contacts: (4,) probabilities. feet, root: (4, 3) and (3,) metres, camera space, as fitted. compliance: (12, 12)
        m^2, how a force on the feet moves them by the legs alone.
        """
        before = self._offset * math.exp(-dt_s / OFFSET_S)
        free = feet + before
        if self._roots is None:
            self._place = free.copy()
        begins = ~self._held & (contacts >= ENTER)
        self._held = (self._held | begins) & ~(contacts < LEAVE)
        place = self._drifted(free, begins, before - self._offset, dt_s)
        shown = root + self._moved_root(before, place - free, compliance)
        if self._roots is not None:
            shown = self._not_dragged(shown, root, dt_s)
        self._offset = shown - root
        self._roots = root, shown
        # What the root leaves, legs do; of a foot that was let go, less and less.
        there = feet + self._offset
        fading = self._bent + at_most(self._bent * (math.exp(-dt_s / RELEASE_S) - 1), RELEASE_M_S * dt_s)
        fading[np.linalg.norm(fading, axis=-1) < FREE_M] = 0.0
        self._bent = at_most(np.where(self._held[:, None], place - there, fading), MOST_BENT_M)
        self._place = there + self._bent
        return shown, _force(self._bent, self._held | self._bent.any(-1), compliance)

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
        rows = np.repeat(self._held, 3)
        if not rows.any():
            return before
        firm = np.linalg.inv(compliance[np.ix_(rows, rows)] + HELD_M**2 * np.eye(int(rows.sum())))
        each = np.tile(np.eye(3), (int(self._held.sum()), 1))
        pull = each.T @ (firm @ missing[self._held].ravel())
        return at_most(before + np.linalg.solve(each.T @ firm @ each + np.eye(3) / ROOT_M**2, pull), MOST_OFFSET_M)

    def _not_dragged(self, shown: Float64, root: Float64, dt_s: float) -> Float64:
        """(3,) the root, or as far on the way to it from the last one as the fit's has gone, and a little more."""
        assert self._roots is not None
        last, last_shown = self._roots
        most_m = float(np.linalg.norm(root - last)) + max(DRAG_M_S * dt_s, LEAST_DRAG_M)
        return last_shown + at_most(shown - last_shown, most_m)


def _force(bent: Float64, used: NDArray[np.bool_], compliance: Float64) -> Float64 | None:
    """(12,) that moves feet by `bent` (4, 3), and those that are not used (4,) as they like; None: there is none."""
    rows = np.repeat(used, 3)
    if not rows.any():
        return None
    force = np.zeros(len(rows))
    firm = compliance[np.ix_(rows, rows)] + HELD_M**2 * np.eye(int(rows.sum()))
    force[rows] = np.linalg.solve(firm, bent.ravel()[rows])
    return force


def at_most(vectors: Float64, length: float) -> Float64:
    """(..., 3) those that are longer, shortened."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    out: Float64 = vectors * np.minimum(1.0, length / np.maximum(norms, 1e-12))
    return out
