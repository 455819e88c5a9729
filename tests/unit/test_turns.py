"""Two threads take turns: the first goes first, the second runs while the first needs no Python."""

from __future__ import annotations

import threading
import time

import pytest

from rtpose import turns
from rtpose.turns import Turns, give_way, others_turn


class Second(threading.Thread):
    """Does one part of work as soon as it may."""

    def __init__(self, shared: Turns) -> None:
        super().__init__(daemon=True)
        self._shared = shared
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with self._shared.second():
            self.begun.set()
            self.go_on.wait(5)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_WAIT_S", 5.0)


@pytest.mark.usefixtures("patient")
def test_the_second_runs_while_the_first_is_in_a_network() -> None:
    shared = Turns()
    with shared.first():
        second = Second(shared)
        assert not second.begun.wait(0.05)
        with others_turn():
            assert second.begun.wait(5)
            second.go_on.set()
            second.join(5)
        assert not Second(shared).begun.wait(0.05)


@pytest.mark.usefixtures("patient")
def test_the_first_waits_for_the_part_that_was_begun() -> None:
    shared = Turns()
    second = Second(shared)
    assert second.begun.wait(5)
    threading.Timer(0.05, second.go_on.set).start()
    with shared.first():
        assert second.go_on.is_set()


def test_a_first_that_never_waits_holds_nobody_up() -> None:
    shared = Turns()
    with shared.first():
        began = time.monotonic()
        second = Second(shared)
        assert second.begun.wait(5)
        assert time.monotonic() - began >= turns.MOST_WAIT_S
        second.go_on.set()
        second.join(5)
    with shared.second():
        pass


@pytest.mark.usefixtures("patient")
def test_the_second_gives_way_between_its_parts() -> None:
    shared, order = Turns(), list[str]()
    begun, waits = threading.Event(), threading.Event()

    def second() -> None:
        with shared.second():
            begun.set()
            assert waits.wait(5)
            while shared._idle.is_set():  # until the first waits
                time.sleep(0.001)
            order.append("a part")
            give_way()
            order.append("the next part")

    thread = threading.Thread(target=second, daemon=True)
    thread.start()
    assert begun.wait(5)
    waits.set()
    with shared.first():
        order.append("the first")
    thread.join(5)
    assert order == ["a part", "the first", "the next part"]


def test_whoever_need_not_give_way_goes_on() -> None:
    give_way()
    shared = Turns()
    with shared.first():
        give_way()
    with shared.second():
        give_way()


@pytest.mark.usefixtures("patient")
def test_an_error_gives_the_turn_back() -> None:
    shared = Turns()
    with pytest.raises(ZeroDivisionError), shared.first(), others_turn():
        _ = 1 / 0
    second = Second(shared)
    assert second.begun.wait(5)
    second.go_on.set()


def test_other_threads_take_no_turns() -> None:
    with others_turn():
        pass
