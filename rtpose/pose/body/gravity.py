"""Where gravity points in camera axes, learned from all people together: a robust mean of what each posture says.

A picture shows how far somebody leans to the side to a degree or two, but the lean along the line of sight is the
lifter's guess, with an error that all people of a camera share. So a direction counts in two parts. The plane of sight
and axis holds gravity, firmly: the planes of people on the left and on the right of the picture meet in it, as a
vanishing point. Where in that plane counts weakly, however long one looks.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.pose.body.balance import balance_axis, stands_on_a_leg, trunk_axis, unit_or_none, uprightness
from rtpose.skeleton import RTPOSE28
from rtpose.types import Person3D

Float64 = NDArray[np.float64]

_HIPS = list(RTPOSE28.indices("left_hip", "right_hip"))
_ANKLES = list(RTPOSE28.indices("left_foot", "right_foot"))

SAMPLE_S = 0.2
"""What is seen of a person within this time is one sample."""
MOST_SAMPLES = 400
FORGET_S = 60.0
"""Samples fade with this time constant, counted while people are seen: a camera may be moved."""
LEAST_S = 0.5
"""Gravity is known once people were seen for so long, or well enough."""
FIRST_S = 0.2
"""A first look at somebody counts as so long: what is wrong with a posture holds on for about that time."""
ASIDE_RAD, ALONG_RAD = math.radians(3.0), math.radians(5.0)
"""Errors of a second of somebody who stands: of the lean to the side, and along the line of sight."""
LONG_RAD = math.sqrt(2) * ALONG_RAD
"""So well gravity is known from anybody who is seen for long, as far as this estimate can tell."""
MOST_ASIDE, MOST_ALONG = 8.0, 1.0
"""As how many such seconds any time counts, at most: what remains is common to all of it."""
MOST_OTHERS = 0.1
"""As how many all those count who do not stand: somebody who sits leans for as long."""
UPRIGHT_WEIGHT, BENT_WEIGHT = 1.0, 0.04
"""Trust in the lifter's own estimate of somebody upright and of somebody who is not, where 1 is that in the balance of
somebody who stands. Sideways it is off by 2 to 3 degrees for somebody upright, balance by 3 to 5; but the lifter takes
the axis of a man who leans on one leg for gravity and is 11 to 14 degrees off, his balance is 1 to 4."""
HIDDEN_LEGS_WEIGHT, HIDDEN_HIPS_WEIGHT = 0.005, 0.0005
"""The same of somebody whose legs or hips are hidden: who sits leans."""
LEVEL_ROLL_RAD, LEVEL_PITCH_RAD = math.radians(10.0), math.radians(25.0)
"""How far off level a camera is, beforehand."""
ASSUMED_RAD = math.radians(10.0)
"""Gravity that is known no better is an assumption."""
LEVEL = np.array([0.0, 1.0, 0.0])
"""Gravity in the axes of a level camera."""
SEEN = 0.5
"""A joint with at least this score is in plain sight."""
SURE_M = 0.08
"""A posture counts in full up to this mean expected error of the joints."""


@dataclass(slots=True)
class _Sample:
    at_s: float
    """On the clock of seen time."""
    direction: Float64
    """(3,) the sum of what was said, times weight and seconds: gravity in camera axes."""
    sight: Float64
    """(3,) the same of the unit vectors to the person."""
    weight: float
    stands: bool
    """Whether the person's balance counts in it."""


class GravityEstimate:
    """The mean direction, and how long it was looked for."""

    def __init__(self) -> None:
        self.spread_rad = math.inf
        """Expected error of the part that is known worse."""
        self.seen_s = 0.0
        """How long people were seen."""
        self._samples: deque[_Sample] = deque(maxlen=MOST_SAMPLES)
        self._open: dict[tuple[int, bool], _Sample] = {}
        """Track id and whether they stand -> the sample that is being added to."""
        self._since_s = 0.0
        self._mean: Float64 | None = None

    @property
    def direction(self) -> Float64 | None:
        """(3,) unit vector, camera axes. None: people were not seen for long enough."""
        return self._mean if self.seen_s >= LEAST_S or not self.is_assumed else None

    @property
    def early_rad(self) -> float:
        """Expected error beyond that of a long look. 0 of an assumption: the camera is taken to be level, no less."""
        return 0.0 if self.is_assumed else math.sqrt(max(self.spread_rad**2 - LONG_RAD**2, 0.0))

    @property
    def is_assumed(self) -> bool:
        """Whether the posture of the people seen says so little that the camera is taken to be level."""
        return self.spread_rad > ASSUMED_RAD

    def add(
        self, persons: list[Person3D], contacts: list[NDArray[np.floating]], dt_s: float, new: Set[int] = frozenset()
    ) -> None:
        """Add the people of a frame. contacts: (4,) for each. dt_s: seconds since the previous frame. new: track ids of
        people seen for the first time."""
        dt_s = min(dt_s, SAMPLE_S)
        voted = False
        for person, feet in zip(persons, contacts, strict=True):
            vote, sight = direction_of(person, feet), unit_or_none(np.asarray(person.root_3d, np.float64))
            if vote is None or sight is None:
                continue
            voted = True
            direction, weight, stands = vote
            weight *= FIRST_S if person.track_id in new else max(dt_s, 1e-3)
            first = _Sample(self.seen_s, np.zeros(3), np.zeros(3), 0.0, stands)
            sample = self._open.setdefault((person.track_id, stands), first)
            sample.direction = sample.direction + weight * direction
            sample.sight = sample.sight + weight * sight
            sample.weight += weight
        if not voted:
            return
        self.seen_s += dt_s
        self._since_s += dt_s
        if self._since_s >= SAMPLE_S - 1e-6 or self._mean is None:
            self._samples.extend(self._open.values())
            self._open, self._since_s = {}, 0.0
            self._mean, self.spread_rad = self._robust_mean()

    def _robust_mean(self) -> tuple[Float64, float]:
        """The direction that fits best, and its expected error in radians. Votes that are far off hardly count."""
        weights = np.array([s.weight * math.exp((s.at_s - self.seen_s) / FORGET_S) for s in self._samples])
        directions = _units(np.array([s.direction for s in self._samples]))
        aside = np.cross([s.sight for s in self._samples], directions)
        aside = _units(aside)
        along = np.cross(aside, directions)
        stand = np.array([s.stands for s in self._samples])
        weights[~stand] *= min(1.0, MOST_OTHERS / max(float(weights[~stand].sum()), 1e-9))
        seconds = float(weights.sum())
        share_aside, share_along = (min(1.0, most / max(seconds, 1e-9)) for most in (MOST_ASIDE, MOST_ALONG))
        mean = _units(weights @ directions + 1e-6 * LEVEL)
        information = np.eye(3)
        for _ in range(10):
            level = np.array([mean[0] / LEVEL_ROLL_RAD, mean[2] / LEVEL_PITCH_RAD])
            level_x, level_z = 1 / (1 + level**2) / [LEVEL_ROLL_RAD**2, LEVEL_PITCH_RAD**2]
            information = np.diag([level_x, 0.0, level_z])
            for normals, spread, share in ((aside, ASIDE_RAD, share_aside), (along, ALONG_RAD, share_along)):
                trust = weights * share / (1 + (normals @ mean / spread) ** 2) / spread**2
                information += normals.T @ (trust[:, None] * normals)
            values, vectors = np.linalg.eigh(information)
            mean = vectors[:, 0] * np.sign(vectors[:, 0] @ mean)
        return mean, 1 / math.sqrt(max(float(values[1]), 1e-9))


def _units(vectors: Float64) -> Float64:
    units: Float64 = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return units


def direction_of(person: Person3D, contacts: NDArray[np.floating]) -> tuple[Float64, float, bool] | None:
    """Where a person's posture says that gravity points, (3,) unit vector in camera axes, how much that counts, and
    whether the person stands."""
    total, weight, stands = np.zeros(3), 0.0, False
    hips_seen = float(person.keypoints_2d[_HIPS, 2].min()) >= SEEN
    legs_seen = hips_seen and float(person.keypoints_2d[_ANKLES, 2].max()) >= SEEN
    upright = uprightness(person.pose_3d)
    if legs_seen and stands_on_a_leg(person.pose_3d, contacts):
        axis = balance_axis(person.pose_3d, contacts)
        if axis is not None:
            total, weight, stands = axis, 1.0, True
    down = trunk_axis(person.pose_3d) if person.down is None else np.asarray(person.down, np.float64)
    if down is not None:
        trust = BENT_WEIGHT + (UPRIGHT_WEIGHT - BENT_WEIGHT) * upright
        if not legs_seen:
            trust = HIDDEN_LEGS_WEIGHT if hips_seen else HIDDEN_HIPS_WEIGHT
        total, weight = total + trust * down, weight + trust
    length = math.sqrt(total @ total)
    weight *= sureness(person)
    return (total / length, weight, stands) if length > 1e-6 else None


def sureness(person: Person3D) -> float:
    """How much a posture counts, 0..1, by the errors that the lifter expects; 1 if the lifter does not estimate them.

    People far away, half hidden or at the border of the picture seem to lean by 10 to 15 degrees for seconds, and the
    lifter then expects twice the usual error.
    """
    if person.error_m is None:
        return 1.0
    return min(1.0, (SURE_M / max(float(np.mean(person.error_m)), 1e-6)) ** 2)


def with_given(learned: Float64 | None, pitch_deg: float | None, roll_deg: float | None) -> Float64 | None:
    """Gravity with a given pitch or roll of the camera in place of the learned one.

    pitch: how far the camera looks down. roll: how far it is turned clockwise, as its user sees it.
    """
    if pitch_deg is None and roll_deg is None:
        return learned
    if learned is None:
        learned = gravity_from_angles(0.0, 0.0)
    pitch, roll = angles_from_gravity(learned)
    return gravity_from_angles(pitch if pitch_deg is None else pitch_deg, roll if roll_deg is None else roll_deg)


def gravity_from_angles(pitch_deg: float, roll_deg: float) -> Float64:
    """(3,) unit vector, camera axes, of a camera that looks `pitch_deg` down and is turned clockwise by `roll_deg`."""
    pitch, roll = math.radians(pitch_deg), math.radians(roll_deg)
    return np.array([math.sin(roll) * math.cos(pitch), math.cos(roll) * math.cos(pitch), math.sin(pitch)])


def angles_from_gravity(gravity: Float64) -> tuple[float, float]:
    """The inverse: pitch and roll in degrees."""
    pitch = math.degrees(math.asin(float(np.clip(gravity[2], -1, 1))))
    return pitch, math.degrees(math.atan2(gravity[0], gravity[1]))
