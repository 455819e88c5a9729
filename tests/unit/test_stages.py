"""Stage times: without what is inside, from every thread, only while somebody measures."""

import threading
from collections.abc import Iterator

import pytest

from rtpose import stages
from rtpose.stages import measured_stages, stage, staged


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        monkeypatch.setattr(stages.time, "perf_counter", lambda: self.now_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_stage_does_not_count_those_inside_it(clock: Clock) -> None:
    with measured_stages() as times, stage("detect"):
        clock.now_s += 1
        for seconds in (2, 3):
            with stage("landmarks"):
                clock.now_s += seconds
                with stage("record"):
                    clock.now_s += 10
        clock.now_s += 5
    assert times == {"detect": [6], "landmarks": [2, 3], "record": [10, 10]}


def test_a_stage_that_fails_counts_and_leaves_the_outer_one_right(clock: Clock) -> None:
    @stage("lift")
    def fail() -> None:
        clock.now_s += 2
        raise ValueError

    with measured_stages() as times, stage("detect"):
        with pytest.raises(ValueError):  # noqa: PT011
            fail()
        clock.now_s += 1
    assert times == {"lift": [2], "detect": [1]}


def test_each_item_is_made_in_the_stage_and_used_outside_it(clock: Clock) -> None:
    def make() -> Iterator[int]:
        for item in range(3):
            clock.now_s += 1
            yield item

    with measured_stages() as times:
        for _ in staged("capture", make()):
            clock.now_s += 100
    assert times["capture"][:3] == [1, 1, 1]
    assert sum(times["capture"][3:]) == 0  # that there is no more is found out in the stage, too


def test_threads_do_not_take_each_others_time_for_their_inside(clock: Clock) -> None:
    def other() -> None:
        with stage("decode"):
            clock.now_s += 4

    with measured_stages() as times, stage("detect"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert times == {"decode": [4], "detect": [4]}


def test_nothing_is_kept_unmeasured(clock: Clock) -> None:
    with measured_stages() as times:
        pass
    with stage("detect"):
        clock.now_s += 1
    assert times == {}
    with measured_stages(), pytest.raises(RuntimeError, match="already"), measured_stages():
        pass
