"""Two estimators at once: who both see is the mean of both. Networks of different sizes err differently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from rtpose.skeleton import H36M17, RTPOSE28
from rtpose.types import Camera, Estimator, Float32, Frame, Person3D

SAME_PERSON = 0.1
"""Largest mean distance of the 2D joints, in heights of the person in the picture, at which two see the same person."""
_BODY = len(H36M17.joints)


class PairEstimator:
    """The first says who is there, and who is who; the second is a second opinion about their joints."""

    def __init__(self, first: Estimator, second: Estimator) -> None:
        self._first = first
        self._second = second

    def begin(self, frame: Frame, camera: Camera) -> Callable[[], list[Person3D]]:
        """See `rtpose.types.Estimator`."""
        ours, others = self._first.begin(frame, camera), self._second.begin(frame, camera)

        def finish() -> list[Person3D]:
            seen = others()
            return [_with_second_opinion(person, seen) for person in ours()]

        return finish

    def estimate(self, frame: Frame, camera: Camera) -> list[Person3D]:
        """See `rtpose.types.Estimator`."""
        return self.begin(frame, camera)()

    def reset(self) -> None:
        """Another source, or a jump in time."""
        self._first.reset()
        self._second.reset()

    def describe(self) -> dict[str, object]:
        """For the files' `meta`: the first's facts, and both names."""
        first, second = self._first.describe(), self._second.describe()
        return {**first, "estimator": f"mean of {first['estimator']} and {second['estimator']}"}


def _with_second_opinion(person: Person3D, others: list[Person3D]) -> Person3D:
    """The mean of the person and of the same one among the others; the person alone if nobody is, or if left and right
    are exchanged."""
    if not others:
        return person
    pixels = person.keypoints_2d[:_BODY, :2]
    apart_px = [float(np.linalg.norm(other.keypoints_2d[:_BODY, :2] - pixels, axis=-1).mean()) for other in others]
    other = others[int(np.argmin(apart_px))]
    if not min(apart_px) <= SAME_PERSON * float(np.ptp(pixels[:, 1])):
        return person
    poses = person.pose_3d[:_BODY], other.pose_3d[:_BODY]
    mirrored = poses[1][RTPOSE28.twins[:_BODY]]
    if np.linalg.norm(poses[0] - mirrored, axis=-1).mean() < np.linalg.norm(poses[0] - poses[1], axis=-1).mean():
        return person
    down = None if person.down is None or other.down is None else _mean(person.down, other.down)
    if down is not None:
        down = down / np.maximum(np.linalg.norm(down), np.float32(1e-6))
    return replace(
        person,
        pose_3d=_mean(person.pose_3d, other.pose_3d),
        root_3d=_mean(person.root_3d, other.root_3d),
        confidence=_mean(person.confidence, other.confidence),
        error_m=None if person.error_m is None or other.error_m is None else _mean(person.error_m, other.error_m),
        down=down,
    )


def _mean(a: Float32, b: Float32) -> Float32:
    return ((a + b) / 2).astype(np.float32)
