"""Where gravity points in camera axes, learned from all people together: a robust mean of what each posture says."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.pose.body.balance import balance_axis, stands_on_a_leg, trunk_axis, uprightness
from rtpose.skeleton import RTPOSE28
from rtpose.types import Person3D

Float64 = NDArray[np.float64]

_HIPS = list(RTPOSE28.indices("left_hip", "right_hip"))
_KNEES = list(RTPOSE28.indices("left_knee", "right_knee"))

SAMPLE_S = 0.2
"""What is seen within this time is one sample."""
MOST_SAMPLES = 200
FORGET_S = 60.0
"""Samples fade with this time constant, counted while people are seen: a camera may be moved."""
LEAST_S = 0.5
"""Gravity is known once people were seen for so long."""
UPRIGHT_WEIGHT, BENT_WEIGHT = 0.5, 0.04
"""Trust in the lifter's own estimate of somebody upright and of somebody who is not, where 1 is that in the balance of
somebody who stands: the lifter takes the axis of a man who leans on one leg for gravity and is 11 to 14 degrees off,
his balance is 1 to 4."""
HIDDEN_LEGS_WEIGHT, HIDDEN_HIPS_WEIGHT = 0.005, 0.0005
"""The same of somebody whose legs or hips are hidden: at a desk it is 15 to 35 degrees off on real people."""
LEVEL_WEIGHT_S = 0.05
"""Trust in a level camera, beforehand, as seconds of somebody who stands."""
LEVEL = np.array([0.0, 1.0, 0.0])
"""Gravity in the axes of a level camera."""
SEEN = 0.5
"""A joint with at least this score is in plain sight."""


@dataclass(frozen=True, slots=True)
class _Sample:
    at_s: float
    """On the clock of seen time."""
    direction: Float64
    weight: float


class GravityEstimate:
    """The mean direction, and how long it was looked for."""

    def __init__(self) -> None:
        self.is_assumed = True
        """Whether the posture of the people seen says so little that the camera is taken to be level."""
        self.seen_s = 0.0
        """How long people were seen."""
        self._samples: deque[_Sample] = deque(maxlen=MOST_SAMPLES)
        self._sum = np.zeros(3)
        self._weight = 0.0
        self._since_s = 0.0
        self._mean: Float64 | None = None

    @property
    def direction(self) -> Float64 | None:
        """(3,) unit vector, camera axes. None: people were not seen for long enough."""
        return self._mean if self.seen_s >= LEAST_S else None

    def add(self, persons: list[Person3D], contacts: list[NDArray[np.floating]], dt_s: float) -> None:
        """What the people of a frame say. contacts: (4,) of each. dt_s: since the frame before, seconds."""
        said = [direction_of(p, c) for p, c in zip(persons, contacts, strict=True)]
        votes = [vote for vote in said if vote is not None]
        if not votes:
            return
        dt_s = min(dt_s, SAMPLE_S)
        self.seen_s += dt_s
        self._since_s += dt_s
        for direction, weight in votes:
            self._sum += weight * direction * max(dt_s, 1e-3)
            self._weight += weight * max(dt_s, 1e-3)
        if self._since_s >= SAMPLE_S - 1e-6 or self._mean is None:
            length = float(np.linalg.norm(self._sum))
            if length > 1e-9:
                self._samples.append(_Sample(self.seen_s, self._sum / length, self._weight))
                self._mean = self._robust_mean()
            self._sum, self._weight, self._since_s = np.zeros(3), 0.0, 0.0

    def _robust_mean(self) -> Float64:
        """The directions' weighted geometric median, which a third of wrong ones hardly moves."""
        directions = np.array([s.direction for s in self._samples])
        weights = np.array([s.weight * math.exp((s.at_s - self.seen_s) / FORGET_S) for s in self._samples])
        self.is_assumed = bool(weights.sum() < 2 * LEVEL_WEIGHT_S)
        directions, weights = np.vstack([directions, LEVEL]), np.append(weights, LEVEL_WEIGHT_S)
        mean = weights @ directions
        for _ in range(8):
            mean /= max(float(np.linalg.norm(mean)), 1e-9)
            near = weights / np.sqrt(np.linalg.norm(directions - mean, axis=-1) ** 2 + 0.05**2)
            mean = near @ directions
        result: Float64 = mean / max(float(np.linalg.norm(mean)), 1e-9)
        return result


def direction_of(person: Person3D, contacts: NDArray[np.floating]) -> tuple[Float64, float] | None:
    """Where a person's posture says that gravity points, (3,) unit vector in camera axes, and how much that counts."""
    total, weight = np.zeros(3), 0.0
    hips_seen = float(person.keypoints_2d[_HIPS, 2].min()) >= SEEN
    legs_seen = hips_seen and float(person.keypoints_2d[_KNEES, 2].max()) >= SEEN
    upright = uprightness(person.pose_3d)
    if legs_seen and stands_on_a_leg(person.pose_3d, contacts):
        axis = balance_axis(person.pose_3d, contacts)
        if axis is not None:
            total, weight = axis, 1.0
    down = trunk_axis(person.pose_3d) if person.down is None else np.asarray(person.down, np.float64)
    if down is not None:
        trust = BENT_WEIGHT + (UPRIGHT_WEIGHT - BENT_WEIGHT) * upright
        if not legs_seen:
            trust = HIDDEN_LEGS_WEIGHT if hips_seen else HIDDEN_HIPS_WEIGHT
        total, weight = total + trust * down, weight + trust
    length = math.sqrt(total @ total)
    return (total / length, weight) if length > 1e-6 else None


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
