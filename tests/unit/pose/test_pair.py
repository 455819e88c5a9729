"""`PairEstimator`: two estimators, made up."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rtpose.geometry import camera_from_fov
from rtpose.pose.pair import PairEstimator
from rtpose.skeleton import RTPOSE28
from rtpose.types import Camera, Frame, Person3D

CAMERA = camera_from_fov((1280, 720))
FRAME = Frame(np.zeros((720, 1280, 3), np.uint8), 0, 0, 0.0)


class Says:
    def __init__(self, name: str, *people: Person3D) -> None:
        self._name = name
        self._people = list(people)
        self.resets = 0

    def begin(self, frame: Frame, camera: Camera) -> Callable[[], list[Person3D]]:
        return lambda: self._people

    def estimate(self, frame: Frame, camera: Camera) -> list[Person3D]:
        return self._people

    def reset(self) -> None:
        self.resets += 1

    def describe(self) -> dict[str, object]:
        return {"estimator": self._name, "weights_sha256": "12"}


def person(track_id: int, x_px: float, shift_m: float = 0.0) -> Person3D:
    rng = np.random.default_rng(5)
    keypoints = rng.uniform(-100, 100, (28, 3)).astype(np.float32) + np.float32([x_px, 300, 0])
    pose = rng.normal(size=(28, 3)).astype(np.float32) + np.float32(shift_m)
    return Person3D(
        track_id, np.zeros(4, np.float32), keypoints, pose, np.float32([0, 0, 3 + shift_m]),
        np.full(28, 0.5 + shift_m, np.float32), error_m=np.full(28, 0.04, np.float32), down=np.float32([0, 1, 0]),
    )  # fmt: skip


def test_who_both_see_is_the_mean_and_keeps_the_first_ones_id() -> None:
    pair = PairEstimator(Says("a", person(3, 300), person(4, 900)), Says("b", person(7, 902, 0.2)))
    alone, both = pair.estimate(FRAME, CAMERA)
    assert (alone.track_id, both.track_id) == (3, 4)
    np.testing.assert_array_equal(alone.pose_3d, person(3, 300).pose_3d)
    np.testing.assert_allclose(both.pose_3d, person(4, 900, 0.1).pose_3d, atol=1e-6)
    assert both.root_3d[2] == pytest.approx(3.1)
    assert both.confidence[0] == pytest.approx(0.6)
    np.testing.assert_array_equal(both.keypoints_2d, person(4, 900).keypoints_2d)


def test_somebody_with_left_and_right_exchanged_is_no_second_opinion() -> None:
    ours = person(0, 300)
    other = replace(ours, pose_3d=ours.pose_3d[RTPOSE28.twins])
    (found,) = PairEstimator(Says("a", ours), Says("b", other)).estimate(FRAME, CAMERA)
    np.testing.assert_array_equal(found.pose_3d, ours.pose_3d)


def test_both_are_named_and_reset() -> None:
    first, second = Says("heavy"), Says("full")
    pair = PairEstimator(first, second)
    pair.reset()
    assert (first.resets, second.resets) == (1, 1)
    assert pair.describe() == {"estimator": "mean of heavy and full", "weights_sha256": "12"}
    assert pair.estimate(FRAME, CAMERA) == []
