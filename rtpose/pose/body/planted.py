"""Feet that stand stay where they are: places in camera space at which the fit holds heels and toes, without jumps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import CONTACT_JOINTS, Float64
from rtpose.skeleton import RTPOSE28

FEET = RTPOSE28.indices(*CONTACT_JOINTS)
ENTER, LEAVE = 0.6, 0.4
"""Probabilities of contact at which a foot is held, and let go."""
WEIGHT = 1 / 0.004**2
"""m^-2: how firmly a held foot stays."""
ENGAGE_S, RELEASE_S = 0.1, 0.12
"""How long it takes until a foot is held firmly, and until it is free: the last part of an offset fades so."""
RELEASE_M_S = 0.35
"""How fast a foot that was let go goes back to where the joints say it is, at most."""
DRIFT_S = 6.0
"""A held place follows what is seen over about so long …"""
FAR_M, FAR_M_S = 0.15, 0.3
"""… and one that is farther than this from it, at this speed."""


class PlantedFeet:
    """The feet of one person."""

    def __init__(self) -> None:
        self._held = np.zeros(4, bool)
        self._strength = np.zeros(4)
        self._place = np.zeros((4, 3))

    def update(
        self, contacts: NDArray[np.floating], seen: Float64, shown: Float64 | None, dt_s: float
    ) -> tuple[Float64, Float64]:
        """Places (4, 3) and weights (4,), m^-2, for the fit.

        contacts: (4,) probabilities. seen: (4, 3) metres, camera space: where the joints are without being held, NaN
        where unknown. shown: (4, 3) where the last frame's body has them; None: there is none.
        """
        known = np.isfinite(seen).all(-1)
        if shown is None:
            self.__init__()  # type: ignore[misc]
            shown = np.where(known[:, None], seen, 0.0)
        begins = known & ~self._held & (contacts >= ENTER)
        ends = self._held & ((contacts < LEAVE) | ~known)
        fresh = begins & (self._strength < 0.05)
        self._place = np.where(fresh[:, None], shown, self._place)
        self._held = (self._held | begins) & ~ends
        target = np.where(known[:, None], seen, self._place)
        off = target - self._place
        apart = np.linalg.norm(off, axis=-1)
        speed = np.where(
            self._held,
            apart / DRIFT_S + FAR_M_S * np.clip((apart - FAR_M) / FAR_M, 0, 1),
            np.maximum(RELEASE_M_S, 0.0),
        )
        share = np.minimum(speed * dt_s / np.maximum(apart, 1e-6), 1.0)
        self._place = self._place + share[:, None] * off
        rising = self._held | (np.linalg.norm(target - self._place, axis=-1) > 0.01)
        change = np.where(rising & (self._held | (self._strength > 0)), dt_s / ENGAGE_S, -dt_s / RELEASE_S)
        change = np.where(~self._held & rising, 0.0, change)
        self._strength = np.clip(self._strength + change, 0, 1)
        return self._place.copy(), WEIGHT * self._strength**2
