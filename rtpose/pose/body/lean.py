"""Removes the lean towards or away from the camera that a lifter leaves in people who stand upright.

Only as far as the picture allows: a body that is turned away from the camera hardly changes in it, so the turn is about
the root, never about the line of sight, and no larger than the joints' own spread explains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rtpose.pose.body.balance import body_axis, uprightness
from rtpose.types import Person3D

Float64 = NDArray[np.float64]

SMOOTH_S = 0.5
"""The turn follows the posture this slowly: nobody jerks upright."""
MAX_GAP_S = 0.5
"""Someone who was not seen for longer starts anew."""
UPRIGHT = 0.5
"""Whoever stands so straight is to be upright; of others less of the lean is taken away."""
LIFTED_RAD = math.radians(3)
"""Error of the lifter's lean of somebody upright."""
MOST_RAD = math.radians(25)
SPREAD_M = 0.05
"""Of joints whose lifter does not say how large their error is."""
ALLOWED = 0.5
"""A turn may move the joints across the line of sight by this share of their spread, root mean square."""


class LeanRemover:
    """The turn of each person, slowly moving. Not for use from several threads at once."""

    def __init__(self, *, at_once: bool = False) -> None:
        """at_once: remove the lean of new people in full from their first frame on. For use where gravity is known."""
        self._at_once = at_once
        self._people: dict[int, tuple[float, Float64]] = {}

    def reset(self) -> None:
        """Forget everybody: another source, or a jump in time."""
        self._people = {}

    def turn(
        self, person: Person3D, gravity: NDArray[np.floating] | None, t_s: float, early_rad: float = 0.0
    ) -> Float64:
        """(3, 3) rotation, camera axes, about the root, that takes the person's remaining lean away: the identity for
        somebody who sits, bends or leans on one leg, and where gravity is not known. Less of it while gravity is not
        known better than the lifter's posture; early_rad: see `World.early_rad`."""
        self._people = {i: p for i, p in self._people.items() if 0 <= t_s - p[0] <= MAX_GAP_S}
        wanted = np.zeros(3)
        if gravity is not None:
            wanted = lean_of(person, np.asarray(gravity, np.float64)) * min(1.0, uprightness(person.pose_3d) / UPRIGHT)
            wanted *= LIFTED_RAD**2 / (LIFTED_RAD**2 + early_rad**2)
        last_s, turn = self._people.get(person.track_id, (t_s, wanted if self._at_once else np.zeros(3)))
        turn = turn + (1 - math.exp(-(t_s - last_s) / SMOOTH_S)) * (wanted - turn)
        self._people[person.track_id] = (t_s, turn)
        return rotation_about(_allowed(turn, person))

    def remove_lean(
        self, persons: Sequence[Person3D], gravity: NDArray[np.floating] | None, t_s: float, early_rad: float = 0.0
    ) -> list[Person3D]:
        """The same people, turned. gravity: (3,) unit vector, camera axes; None leaves them as they are. early_rad: see
        `turn`."""
        turned = []
        for person in persons:
            turn = self.turn(person, gravity, t_s, early_rad).astype(np.float32)
            turned.append(replace(person, pose_3d=person.pose_3d @ turn.T))
        return turned


def lean_of(person: Person3D, gravity: Float64) -> Float64:
    """(3,) rotation vector, radians, that turns the axis from head to feet into gravity, without the part about the
    line of sight, which the picture shows better."""
    axis = body_axis(person.pose_3d)
    sight = np.asarray(person.root_3d, np.float64)
    if axis is None or not np.isfinite(sight).all():
        return np.zeros(3)
    around = np.cross(axis, gravity)
    length = math.sqrt(around @ around)
    if length < 1e-9:
        return np.zeros(3)
    vector = around / length * min(math.atan2(length, float(axis @ gravity)), MOST_RAD)
    sight = sight / max(math.sqrt(sight @ sight), 1e-9)
    lean: Float64 = vector - (vector @ sight) * sight
    return lean


def _allowed(turn: Float64, person: Person3D) -> Float64:
    """The turn, or as much of it as the picture allows."""
    pose, root = np.asarray(person.pose_3d, np.float64), np.asarray(person.root_3d, np.float64)
    spread = np.full(len(pose), SPREAD_M) if person.error_m is None else np.asarray(person.error_m, np.float64)
    known = np.isfinite(pose).all(-1) & np.isfinite(spread) & (np.nan_to_num(person.confidence) > 0)
    if not known.any() or root[2] <= 0 or not np.isfinite(root).all():
        return turn
    limit = ALLOWED * math.sqrt((spread[known] ** 2).mean())
    pose = pose[known]
    share = 1.0
    for _ in range(6):
        if _across(pose @ rotation_about(share * turn).T, pose, root) <= limit:
            break
        share *= 0.75
    else:
        return np.zeros(3)
    return share * turn


def _across(moved: Float64, pose: Float64, root: Float64) -> float:
    """By how much joints move in the picture, root mean square, as metres at the distance of the root."""
    before, after = pose + root, moved + root
    if min(after[:, 2].min(), before[:, 2].min()) <= 0.05:
        return math.inf
    apart = after[:, :2] / after[:, 2:] - before[:, :2] / before[:, 2:]
    return float(root[2]) * math.sqrt((apart**2).sum(-1).mean())


def rotation_about(vector: Float64) -> Float64:
    """(3,) rotation vector, radians -> (3, 3)."""
    angle = math.sqrt(vector @ vector)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = (vector / angle).tolist()
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix: Float64 = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return matrix
