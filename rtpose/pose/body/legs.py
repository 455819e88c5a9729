"""Legs take feet to places: the least change of the pose, by how firmly the evidence holds each bone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import Float64, bone_offsets
from rtpose.pose.body.fit import FEET, Fitted, feet_jacobian, forward, places_of, turned_by

MOST_RAD = 0.4
"""How far a step turns a bone at most: the linear picture holds no further."""
FAR_M = 0.03
"""Farther than this a leg is not linear, above all a straight one: a second step finds where the foot really goes."""


class Legs:
    """N bodies as fitted, whose feet can be taken elsewhere."""

    def __init__(self, found: Fitted, lengths: Float64, held_m: float) -> None:
        """lengths: (N, B) metres. held_m: standard deviation of a foot from its place, beside that of the evidence."""
        self._found, self._lengths, self._held_m = found, lengths, held_m
        self._reach = self._reach_of(found.feet)
        self.compliance: Float64 = found.feet @ self._reach
        """(N, 12, 12) m^2, how forces on heels and toes move them."""
        self.feet: Float64 = found.joints[:, FEET] + found.roots[:, None]
        """(N, 4, 3) metres, camera space: heels and toes as fitted."""

    def taken(self, roots: Float64, wanted: Float64, used: NDArray[np.bool_]) -> Fitted:
        """The bodies at these roots (N, 3), with the used feet (N, 4) where they are wanted, (N, 4, 3), metres, camera
        space, and the others as it comes."""
        found, reach, compliance, jacobian = self._found, self._reach, self.compliance, self._found.feet
        away = np.where(used[..., None], wanted - self.feet - (roots - found.roots)[:, None], 0.0)
        if not away.any():
            return replace(found, roots=roots)
        offsets, places = bone_offsets(self._lengths), places_of(self._lengths)
        slack = np.where(used, self._held_m**2, 1e6).repeat(3, axis=-1)[..., None] * np.eye(3 * used.shape[-1])
        turns = reach @ np.linalg.solve(compliance + slack, away.reshape(len(away), -1, 1))
        turns = _at_most(turns)
        rotations = turned_by(found.rotations, turns[..., 0])
        bases, turned, joints = forward(rotations, offsets, places)
        if np.linalg.norm(away, axis=-1).max() > FAR_M:
            jacobian = feet_jacobian(turned, bases, joints)
            reach = self._reach_of(jacobian)
            # From the fit on, not from the first step: the whole change is to be the least.
            missing = (wanted - joints[:, FEET] - roots[:, None]).reshape(len(away), -1, 1) + jacobian @ turns
            turns = turns + _at_most(reach @ np.linalg.solve(jacobian @ reach + slack, missing) - turns)
            rotations = turned_by(found.rotations, turns[..., 0])
            joints = forward(rotations, offsets, places)[2]
        return replace(found, rotations=rotations, roots=roots, joints=joints)

    def _reach_of(self, jacobian: Float64) -> Float64:
        """(N, 57, 12) turns by a unit force on heels and toes, which move by `jacobian` (N, 12, 57)."""
        return np.asarray(np.linalg.solve(self._found.stiffness, np.swapaxes(jacobian, -1, -2)), np.float64)


def _at_most(turns: Float64) -> Float64:
    """(N, 57, 1) the turns of all bones of a body made smaller alike, so that none is larger than `MOST_RAD`."""
    largest = np.sqrt((turns.reshape(len(turns), -1, 3) ** 2).sum(-1).max(-1))
    out: Float64 = turns * np.minimum(1.0, MOST_RAD / np.maximum(largest, 1e-9))[:, None, None]
    return out
