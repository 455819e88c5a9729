"""Feet that stand stay where they are: places in camera space at which the fit holds heels and toes, without jumps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import CONTACT_JOINTS, Float64
from rtpose.skeleton import RTPOSE28

FEET = RTPOSE28.indices(*CONTACT_JOINTS)
ENTER, LEAVE = 0.8, 0.5
"""Probabilities of contact at which a foot is held, and let go."""
HELD_M = 0.02
"""Standard deviation of a held foot from its place."""
ENGAGE_S, RELEASE_S = 0.15, 0.15
"""How long it takes until a foot is held firmly, and until it is free."""
BACK_M_S = 0.3
"""How fast the place of a foot that was let go moves to where the joints say it is, beside their own motion."""
NEAR_M = 0.01
"""A foot is set free once its place is as near to that."""
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
        self, contacts: NDArray[np.floating], seen: Float64, shown: Float64 | None, dt_s: float
    ) -> tuple[Float64, Float64]:
        """Places (4, 3) and weights (4,), m^-2, for the fit.

        contacts: (4,) probabilities. seen: (4, 3) metres, camera space: where the joints are without being held, NaN
        where unknown. shown: (4, 3) where the last frame's body has them; None: there is none.
        """
        known = np.asarray(np.isfinite(seen).all(-1))
        if shown is None or self._last is None:
            self.reset()
            shown = self._last = np.where(known[:, None], seen, 0.0)
        target = np.where(known[:, None], seen, self._place)
        begins = known & ~self._held & (contacts >= ENTER)
        fresh = np.asarray(begins & (self._strength <= 0))
        self._place = np.where(fresh[:, None], shown, self._place)
        self._age_s = np.where(begins, 0.0, self._age_s + dt_s)
        self._held = np.asarray((self._held | begins) & ~((contacts < LEAVE) | ~known))
        # Of a foot that was let go, the place moves along with the joints and closes up to them.
        loose = np.asarray(~self._held & (self._strength > 0))
        moved = np.where(known[:, None], target - self._last, 0.0)
        self._place = self._place + np.where(loose[:, None], moved, 0.0)
        off = target - self._place
        apart = np.linalg.norm(off, axis=-1)
        back = BACK_M_S * dt_s / np.maximum(apart, 1e-6)
        share = np.where(self._held, dt_s / np.minimum(self._age_s + ENGAGE_S, DRIFT_S), back)
        self._place = self._place + np.minimum(share, 1.0)[:, None] * off
        fading = loose & (apart < NEAR_M + BACK_M_S * dt_s)
        change = np.where(
            self._held, dt_s / ENGAGE_S, np.where(fading | (self._strength < 0.5), -dt_s / RELEASE_S, 0.0)
        )
        self._strength = np.clip(self._strength + change, 0.0, 1.0)
        self._last = target
        return self._place.copy(), (self._strength / HELD_M) ** 2
