"""One pass of rtpose's own side."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rtpose.bench.worker import run_order
from rtpose.stages import stage
from rtpose.types import Camera, Frame, Result


def play(
    clip: str, out: Path | None, page: bool, on_result: Callable[[Result], None], stop: Callable[[], bool]
) -> None:
    """Ten frames, the odd ones with two people; stops when asked to, as the pipeline does."""
    assert (clip, page) == ("clip.mp4", True)
    for number in range(10):
        with stage("lift"):
            pass
        people = ("somebody",) * (2 * (number % 2))
        on_result(Result(Frame(np.zeros((1, 1, 3), np.uint8), number, 0, 0.0), Camera(1, 1, 0, 0), people, 0))  # type: ignore[arg-type]
        if stop():
            return


@pytest.mark.parametrize(("limit", "frames", "people"), [(None, 10, 1.0), (4, 4, 1.0), (1, 1, 0.0)])
def test_a_pass(limit: int | None, frames: int, people: float) -> None:
    answer = run_order(play, {"clip": "clip.mp4", "out": None, "frames": limit, "page": True, "details": True})
    assert (answer["frames"], answer["people"]) == (frames, people)
    assert len(answer["between_s"]) == frames - 1
    assert len(answer["stages_s"]["lift"]) == frames
    assert sum(answer["between_s"]) <= answer["wall_s"]


def test_without_details_nothing_grows_with_the_clip() -> None:
    answer = run_order(play, {"clip": "clip.mp4", "out": None, "frames": None, "page": True, "details": False})
    assert (answer["frames"], answer["between_s"], answer["stages_s"]) == (10, [], {})
