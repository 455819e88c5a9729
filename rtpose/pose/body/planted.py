"""Feet that stand stay where they are: places in camera space at which the fit holds heels and toes, without jumps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import CONTACT_JOINTS, Float64
from rtpose.skeleton import RTPOSE28

FEET = RTPOSE28.indices(*CONTACT_JOINTS)
ENTER, LEAVE = 0.7, 0.5
"""Probabilities of contact at which a foot is held, and let go."""
HELD_M = 0.015
"""Standard deviation of a held foot from its place."""
ENGAGE_S, RELEASE_S = 0.15, 0.2
"""How long it takes until a foot is held firmly, and until it is free."""
DRIFT_S = 4.0
"""A held place is the mean of what was seen since contact began, at most over about so long."""


class PlantedFeet:
    """The feet of one person."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nothing is held."""
        self._held: NDArray[np.bool_] = np.zeros(4, bool)
        self._strength = np.zeros(4)
        self._place = np.zeros((4, 3))
        self._age_s = np.zeros(4)
        self._last: Float64 | None = None

    def update(
        self, contacts: NDArray[np.floating], lifted: Float64, offset: Float64, dt_s: float
    ) -> tuple[Float64, Float64]:
        """Places (4, 3) and weights (4,), m^-2, for the fit.

        contacts: (4,) probabilities. lifted: (4, 3) metres, camera space: where the lifter has the joints, NaN where
        unknown. offset: (3,) by which the body is off the lifter's.
        """
        known = np.asarray(np.isfinite(lifted).all(-1))
        if self._last is None:
            self._last = np.where(known[:, None], lifted, 0.0)
        lifted = np.where(known[:, None], lifted, self._last)
        target = lifted + offset
        begins = np.asarray(known & ~self._held & (contacts >= ENTER))
        self._held = np.asarray((self._held | begins) & known & ~(contacts < LEAVE))
        fresh = np.asarray(begins & (self._strength <= 0))
        self._place = np.where(fresh[:, None], target, self._place)
        self._age_s = np.where(begins, 0.0, self._age_s + dt_s)
        # A foot that was let go moves with the lifter's. Not with the body's: that follows the place, as it fades.
        self._place = self._place + np.where(self._held[:, None], 0.0, lifted - self._last)
        share = np.where(self._held, dt_s / np.minimum(self._age_s + ENGAGE_S, DRIFT_S), 0.0)
        self._place = self._place + np.minimum(share, 1.0)[:, None] * (target - self._place)
        change = np.where(self._held, dt_s / ENGAGE_S, -dt_s / RELEASE_S)
        self._strength = np.clip(self._strength + change, 0.0, 1.0)
        self._last = lifted
        return self._place.copy(), (self._strength / HELD_M) ** 2
