from pathlib import Path

import numpy as np
from lifter_files import write_lifter

from rtpose.geometry import camera_from_fov
from rtpose.pose.lift import open_lifter
from rtpose.pose.track import PersonTracker
from rtpose.pose.two_stage import TwoStageEstimator
from rtpose.skeleton import H36M17, Skeleton
from rtpose.types import Frame, Person2D

CAMERA = camera_from_fov((1280, 720))


class Detector:
    """Hands out prepared people, whose order changes from frame to frame."""

    skeleton: Skeleton = H36M17

    def __init__(self, frames: list[list[Person2D]]) -> None:
        self._frames = frames

    def detect(self, frame: Frame) -> list[Person2D]:
        return self._frames[frame.frame_id]

    def reset(self) -> None: ...


def _person(x: float, t: int) -> Person2D:
    keypoints = np.full((17, 3), 0.9, np.float32)
    rng = np.random.default_rng(int(x))
    keypoints[:, :2] = [x, 300] + rng.uniform(-100, 100, size=(17, 2)) + 3 * np.sin(t + np.arange(17))[:, None]
    x0, y0, x1, y1 = x - 110, 190, x + 110, 410
    return Person2D(keypoints, np.array([x0, y0, x1, y1], np.float32), 0.9)


def _frame(number: int) -> Frame:
    return Frame(np.zeros((720, 1280, 3), np.uint8), number, 0, number / 30)


def _estimator(lifter: str, frames: list[list[Person2D]]) -> TwoStageEstimator:
    return TwoStageEstimator("made up", Detector(frames), PersonTracker(), open_lifter(lifter))


def test_a_lifter_that_remembers_is_told_who_is_who() -> None:
    """With two people in changing order everyone's pose is that of the same person alone."""
    both = [[_person(300, t), _person(900, t)][:: 1 if t % 2 else -1] for t in range(8)]
    together = _estimator("fusion", both)
    alone = _estimator("fusion", [[_person(900, t)] for t in range(8)])
    for t in range(8):
        found = {p.track_id: p for p in together.estimate(_frame(t), CAMERA)}
        (single,) = alone.estimate(_frame(t), CAMERA)
        assert set(found) == {0, 1}
        (right,) = (p for p in found.values() if p.bbox[0] > 600)
        assert right.track_id == 0  # first in the first frame
        np.testing.assert_allclose(right.pose_3d, single.pose_3d, atol=1e-5)


def test_people_have_the_joints_of_rtpose28(tmp_path: Path) -> None:
    """A lifter of 17 joints says nothing about the others: NaN, which nobody trusts."""
    lifter = str(write_lifter(tmp_path / "any.onnx", width=8))
    (person,) = _estimator(lifter, [[_person(300, 0)]]).estimate(_frame(0), CAMERA)
    assert person.pose_3d.shape == person.keypoints_2d.shape == (28, 3)
    assert np.isfinite(person.pose_3d[:17]).all()
    assert np.isnan(person.pose_3d[17:]).all()
    assert np.isnan(person.keypoints_2d[17:, :2]).all()
    assert (person.keypoints_2d[17:, 2] == 0).all()
    assert (person.confidence[17:] == 0).all()


def test_reset_forgets_the_people() -> None:
    estimator = _estimator("fusion", [[_person(300, t)] for t in range(3)])
    for t in range(2):
        estimator.estimate(_frame(t), CAMERA)
    (remembered,) = estimator.estimate(_frame(2), CAMERA)
    estimator.reset()
    (fresh,) = estimator.estimate(_frame(2), CAMERA)
    assert (remembered.track_id, fresh.track_id) == (0, 0), "each source counts its people from 0"
    assert not np.allclose(remembered.pose_3d, fresh.pose_3d, atol=1e-3)
