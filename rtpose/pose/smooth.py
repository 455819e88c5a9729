"""The One-Euro filter (Casiez, Roussel and Vogel, CHI 2012) on joints in metres, with the frames' real times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rtpose.config import OneEuroSettings
from rtpose.types import Float32, Person3D

MAX_GAP_S = 0.5
"""After a longer gap a person starts anew."""


class OneEuroFilter:
    """Points (N, 3) that move; the speed is that of the whole point, so that all axes are smoothed alike.

    A point that is not known is NaN; it starts anew where it is known again.
    """

    def __init__(self, min_cutoff_hz: float, beta_per_m: float, speed_cutoff_hz: float) -> None:
        self._min_cutoff_hz = min_cutoff_hz
        self._beta_per_m = beta_per_m
        self._speed_cutoff_hz = speed_cutoff_hz
        self._points: Float32 | None = None
        self._velocity: Float32 | None = None

    def __call__(self, points: Float32, dt_s: float) -> Float32:
        """Filtered points. points: (N, 3) metres; dt_s: seconds since the last call, > 0."""
        if self._points is None or self._velocity is None:
            self._points, self._velocity = points, np.zeros_like(points)
            return points
        self._points = np.where(np.isfinite(self._points), self._points, points)
        velocity = (points - self._points) / np.float32(dt_s)
        velocity = np.where(np.isfinite(velocity), velocity, np.float32(0))
        self._velocity = self._velocity + _share(self._speed_cutoff_hz, dt_s) * (velocity - self._velocity)
        speed = np.sqrt((self._velocity**2).sum(-1, keepdims=True))
        share = _share(self._min_cutoff_hz + self._beta_per_m * speed, dt_s)
        self._points = (self._points + share * (points - self._points)).astype(np.float32)
        return self._points


def _share(cutoff_hz: Any, dt_s: float) -> Any:
    """How much of the new value a first-order low-pass takes (Eq. 3 and 4 of the paper)."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * dt_s))


class OneEuroSmoother:
    """One filter for the joints and one for the root of each person."""

    def __init__(self, settings: OneEuroSettings | None = None, *, joints: bool = True) -> None:
        """joints: False leaves them as they are and smooths the root's place alone."""
        self._joints = joints
        self._settings = settings or OneEuroSettings()
        self._people: dict[int, tuple[OneEuroFilter, OneEuroFilter, float]] = {}

    def reset(self) -> None:
        """Forget everybody."""
        self._people = {}

    def smooth(self, persons: Sequence[Person3D], t_s: float) -> list[Person3D]:
        """The same people, smoothed. t_s: the frame's time; after a gap or a step back a person starts anew."""
        self._people = {i: p for i, p in self._people.items() if 0 < t_s - p[2] <= MAX_GAP_S}
        smoothed = []
        for person in persons:
            joints, root, last_s = self._people.get(person.track_id) or self._new(t_s)
            self._people[person.track_id] = (joints, root, t_s)
            dt_s = t_s - last_s
            smoothed.append(
                replace(
                    person,
                    pose_3d=joints(person.pose_3d, dt_s) if self._joints else person.pose_3d,
                    root_3d=root(person.root_3d[None], dt_s)[0],
                )
            )
        return smoothed

    def _new(self, t_s: float) -> tuple[OneEuroFilter, OneEuroFilter, float]:
        s = self._settings
        return (
            OneEuroFilter(s.min_cutoff_hz, s.beta_per_m, s.speed_cutoff_hz),
            OneEuroFilter(s.root_min_cutoff_hz, s.root_beta_per_m, s.speed_cutoff_hz),
            t_s,
        )


class NoSmoother:
    """`--smooth off`."""

    def reset(self) -> None:
        """Nothing to forget."""

    def smooth(self, persons: Sequence[Person3D], t_s: float) -> list[Person3D]:
        """The people as they are."""
        return list(persons)
