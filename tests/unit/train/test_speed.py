"""How fast a training is said to be."""

import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from rtpose.train import speed
from rtpose.train.speed import StepTimer

CPU = torch.device("cpu")


def test_poses_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of half a second and of one second with 6 poses each."""
    clock = iter([1.0, 1.5, 10.0, 11.0])
    monkeypatch.setattr(speed, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    meter = StepTimer(CPU, 6, seconds=100.0)
    assert math.isnan(meter.poses_per_second())
    for _ in range(2):
        with meter.step():
            pass
    assert meter.seconds == 101.5
    assert meter.poses_per_second() == 8
    assert meter.poses_per_second(last=1) == 6
    assert math.isnan(meter.not_matrix_share)


@pytest.mark.parametrize(
    ("work", "is_matrix_work"),
    [
        (lambda x: x @ x, True),
        (lambda x: torch.nn.functional.linear(x, x, x[0]), True),
        (lambda x: x[None] @ x[None], True),
        (lambda x: torch.nn.functional.conv1d(x[None], x[:, :, None]), True),
        (lambda x: x * x, False),
    ],
)
def test_the_share_that_is_not_matrix_work(work: Callable[[torch.Tensor], torch.Tensor], is_matrix_work: bool) -> None:
    meter, x = StepTimer(CPU, 1), torch.rand(200, 200)
    for _ in range(8):
        with meter.step():
            work(x)
    assert 0 < meter.not_matrix_share <= 1
    assert (meter.not_matrix_share < 1) == is_matrix_work
