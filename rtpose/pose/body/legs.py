"""Moves feet to given places by bending the legs: the smallest change of the pose, weighted by how firmly the evidence
holds each bone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import Float64, bone_offsets
from rtpose.pose.body.fit import FEET, Fitted, feet_jacobian, forward, places_of, turned_by

MOST_RAD = 0.4
"""The most that one step turns a bone. Beyond this the linearisation no longer holds."""
FAR_M = 0.03
"""A foot that has to move farther than this gets a second step, because a leg, above all a straight one, is not linear
over such a distance."""


class Legs:
    """N fitted bodies whose feet can be moved."""

    def __init__(self, found: Fitted, lengths: Float64, held_m: float) -> None:
        """lengths: (N, B) metres. held_m: standard deviation of a foot from the place it is moved to."""
        self._found, self._lengths, self._held_m = found, lengths, held_m
        self._reach = self._reach_of(found.feet)
        self.compliance: Float64 = found.feet @ self._reach
        """(N, 12, 12) m^2: how far forces on heels and toes move them."""
        self.feet: Float64 = found.joints[:, FEET] + found.roots[:, None]
        """(N, 4, 3) metres, camera space: heels and toes as fitted."""

    def taken(self, roots: Float64, wanted: Float64, used: NDArray[np.bool_]) -> Fitted:
        """The bodies with their roots moved to `roots`, (N, 3), and the feet in `used`, (N, 4), moved to `wanted`,
        (N, 4, 3); the other feet follow. Metres, camera space."""
        found, reach, compliance, jacobian = self._found, self._reach, self.compliance, self._found.feet
        away = np.where(used[..., None], wanted - self.feet - (roots - found.roots)[:, None], 0.0)
        if not away.any():
            return replace(found, roots=roots)
        offsets, places = bone_offsets(self._lengths), places_of(self._lengths)
        slack = np.where(used, self._held_m**2, 1e6).repeat(3, axis=-1)[..., None] * np.eye(3 * used.shape[-1])
        turns = reach @ np.linalg.solve(compliance + slack, away.reshape(len(away), -1, 1))
        turns = _limited(turns)
        rotations = turned_by(found.rotations, turns[..., 0])
        bases, turned, joints = forward(rotations, offsets, places)
        if np.linalg.norm(away, axis=-1).max() > FAR_M:
            jacobian = feet_jacobian(turned, bases, joints)
            reach = self._reach_of(jacobian)
            # Relative to the fit, not to the first step, so that the whole change is the smallest.
            missing = (wanted - joints[:, FEET] - roots[:, None]).reshape(len(away), -1, 1) + jacobian @ turns
            turns = turns + _limited(reach @ np.linalg.solve(jacobian @ reach + slack, missing) - turns)
            rotations = turned_by(found.rotations, turns[..., 0])
            joints = forward(rotations, offsets, places)[2]
        return replace(found, rotations=rotations, roots=roots, joints=joints)

    def _reach_of(self, jacobian: Float64) -> Float64:
        """(N, 57, 12): turns caused by a unit force on heels and toes. jacobian: (N, 12, 57)."""
        return np.asarray(np.linalg.solve(self._found.stiffness, np.swapaxes(jacobian, -1, -2)), np.float64)


def _limited(turns: Float64) -> Float64:
    """(N, 57, 1) turns, all scaled down by one factor for each body so that none exceeds `MOST_RAD`."""
    largest = np.sqrt((turns.reshape(len(turns), -1, 3) ** 2).sum(-1).max(-1))
    out: Float64 = turns * np.minimum(1.0, MOST_RAD / np.maximum(largest, 1e-9))[:, None, None]
    return out
