"""The floor under everybody: one plane through all contact points, for which gravity and people's sizes give a little.

A person of unknown height is seen at the right angle and at a wrong distance: their contact points lie on a plane of
their own, parallel to the floor. So people who share a floor say how tall they are beside each other, contact points
near and far say which way the floor slopes, and a known height of the camera says how tall everybody is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import CONTACT_JOINTS
from rtpose.pose.body.balance import stands_on_a_leg, unit_or_none
from rtpose.skeleton import RTPOSE28
from rtpose.types import Person3D

Float64 = NDArray[np.float64]

FEET = list(RTPOSE28.indices(*CONTACT_JOINTS))
SOLE_M = np.array([0.03, 0.02, 0.03, 0.02])
"""How high the joints of a standing foot are above the floor."""
STANDS = 0.6
"""Least contact probability of a point of the floor."""
CELL_M = 0.35
"""Contact points closer together than this are one place."""
MOST_PLACES = 48
"""Of each person; the oldest go first."""
MOST_COUNT = 20
"""A place is the mean of its last so many points."""
FORGET_S = 60.0
"""Places fade with this time constant of seen time: a camera may be moved."""
BENT_TRUST = 0.2
"""As how many points one of somebody counts who sits or squats: how far away they are is known less well."""
LEAST_POINTS = 4
"""The floor is known once so many contact points were seen."""

DEPTH_SPREAD = 0.05
"""Of a contact point's distance, as a share."""
POINT_SPREAD_M = 0.03
GRAVITY_SPREAD = math.radians(2.0)
"""Of gravity as learned from postures for long."""
HEIGHT_SPREAD = 0.10
"""Of people's heights, as a share."""
UNKNOWN_SPREAD, GIVEN_SPREAD = 0.5, 0.02
"""The same where the height of the camera says how tall they are, and where both are given."""
SETTLED_SPREAD = 0.02
"""The same of people whose size is settled."""
SMALLEST, LARGEST = 0.7, 1.24
"""Sizes of people who are taken to be 1.70 m tall and are 1.2 to 2.1 m; a given height of the camera knows better."""
MOST_INDEPENDENT = 2
"""All places of a person share the errors of one posture: together they count as so many at most."""
ONE_FLOOR_M = 3 * POINT_SPREAD_M
"""Points count less where they are farther than this from the plane."""


@dataclass(slots=True)
class _Place:
    point: Float64
    """(3,) metres, camera space, of somebody of the assumed size."""
    count: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Plane:
    """A floor, and the sizes of those who stand on it."""

    gravity: Float64
    """(3,) unit vector, camera axes."""
    depth_m: float
    """How far below the camera it is along gravity."""
    sizes: dict[int, float]
    """Track id -> how many times larger than assumed the person is."""


class FloorPlane:
    """Contact points of all people, and the plane through them."""

    def __init__(self, camera_height_m: float | None = None, *, height_is_given: bool = False) -> None:
        """camera_height_m: how high the camera is above the floor; None: people are as tall as assumed.
        height_is_given: they are, even so."""
        self._size_spread = HEIGHT_SPREAD
        if camera_height_m is not None:
            self._size_spread = GIVEN_SPREAD if height_is_given else UNKNOWN_SPREAD
        self._camera_height_m = camera_height_m
        self._places: dict[int, dict[tuple[int, ...], _Place]] = {}
        self._points = 0
        self._now_s = 0.0

    def add(self, persons: list[Person3D], contacts: list[NDArray[np.floating]], gravity: Float64, dt_s: float) -> None:
        """The contact points of a frame. contacts: (4,) of each; gravity: (3,) unit vector; dt_s: since the last."""
        self._now_s += dt_s
        for person, probabilities in zip(persons, contacts, strict=True):
            if len(person.pose_3d) != len(RTPOSE28.joints):
                continue
            points = np.asarray(person.pose_3d[FEET] + person.root_3d, np.float64) + SOLE_M[:, None] * gravity
            stands = (np.asarray(probabilities) > STANDS) & np.isfinite(points).all(-1)
            if not stands.any():
                continue
            trust = 1.0 if stands_on_a_leg(person.pose_3d, probabilities) else BENT_TRUST
            places = self._places.setdefault(person.track_id, {})
            for point in points[stands]:
                self._points += 1
                key = tuple(np.floor(point / CELL_M).astype(int).tolist())
                place = places.get(key)
                if place is None:
                    places[key] = _Place(point, trust, self._now_s)
                else:
                    place.count = min(place.count + trust, MOST_COUNT)
                    place.point = place.point + (point - place.point) * trust / place.count
                    place.at_s = self._now_s
            while len(places) > MOST_PLACES:
                del places[min(places, key=lambda k: places[k].at_s)]
        self._forget()

    def _forget(self) -> None:
        for track_id, places in list(self._places.items()):
            kept = {key: place for key, place in places.items() if self._now_s - place.at_s < 2 * FORGET_S}
            if kept:
                self._places[track_id] = kept
            else:
                del self._places[track_id]

    def fit(
        self, gravity: Float64, *, fixed: bool, early_rad: float = 0.0, settled: Mapping[int, float] | None = None
    ) -> Plane | None:
        """The plane that fits best. gravity: as learned from postures; fixed: it is certain. early_rad: its expected
        error beyond that of a long look. settled: track id -> size of those whose size does not change any more, so
        that the others' gives way.

        Damped by what is known beforehand, solved by a few reweighted Gauss-Newton steps. None: too few points.
        """
        if self._points < LEAST_POINTS or not self._places:
            return None
        ids = list(self._places)
        points = np.array([place.point for i in ids for place in self._places[i].values()])
        owner = np.array([n for n, i in enumerate(ids) for _ in self._places[i]])
        age = np.array([self._now_s - place.at_s for i in ids for place in self._places[i].values()])
        count = np.array([place.count for i in ids for place in self._places[i].values()])
        trust = np.exp(-age / FORGET_S) * np.minimum(count, 5) / 5
        trust *= np.minimum(1, MOST_INDEPENDENT / np.bincount(owner, weights=trust)[owner])
        across, along = _tangents(gravity)
        # Unknowns: two tilts, logarithms of the sizes, the floor's depth.
        unknowns = np.zeros(3 + len(ids))
        unknowns[-1] = self._camera_height_m or float(np.median(points @ gravity))
        spread = np.full(len(unknowns), self._size_spread)
        spread[:2] = 1e-6 if fixed else math.hypot(GRAVITY_SPREAD, early_rad)
        spread[-1] = 10.0 if self._camera_height_m is None else 1e-3
        for n, track_id in enumerate(ids):
            if settled and track_id in settled:
                unknowns[2 + n], spread[2 + n] = math.log(settled[track_id]), min(self._size_spread, SETTLED_SPREAD)
        before = unknowns.copy()
        for _ in range(6):
            normal = gravity + unknowns[0] * across + unknowns[1] * along
            normal /= np.linalg.norm(normal)
            sizes = np.exp(unknowns[2:-1])[owner]
            depth = sizes * (points @ normal)
            residual = depth - unknowns[-1]
            noise = np.hypot(POINT_SPREAD_M, DEPTH_SPREAD * depth)
            # A size is common to all points of a person and so is most of its error in depth: that is its prior.
            weight = trust / noise**2 / np.maximum(1, np.abs(residual) / np.maximum(ONE_FLOOR_M, 2 * noise))
            slope = np.zeros((len(points), len(unknowns)))
            slope[:, 0], slope[:, 1] = sizes * (points @ across), sizes * (points @ along)
            slope[np.arange(len(points)), 2 + owner] = depth
            slope[:, -1] = -1
            information = slope.T @ (weight[:, None] * slope) + np.diag(spread**-2.0)
            step = np.linalg.solve(information, -(slope.T @ (weight * residual)) - (unknowns - before) / spread**2)
            step[:-1] = np.clip(step[:-1], -0.2, 0.2)
            unknowns = unknowns + step
            if self._size_spread < UNKNOWN_SPREAD:
                unknowns[2:-1] = np.clip(unknowns[2:-1], math.log(SMALLEST), math.log(LARGEST))
        direction = unit_or_none(gravity + unknowns[0] * across + unknowns[1] * along)
        assert direction is not None
        return Plane(direction, float(unknowns[-1]), dict(zip(ids, np.exp(unknowns[2:-1]).tolist(), strict=True)))


def _tangents(direction: Float64) -> tuple[Float64, Float64]:
    """Two unit vectors (3,) at right angles to `direction` and to each other."""
    helper = np.array([1.0, 0, 0]) if abs(direction[0]) < 0.8 else np.array([0, 0, 1.0])
    first = np.cross(direction, helper)
    first /= np.linalg.norm(first)
    return first, np.cross(direction, first)
