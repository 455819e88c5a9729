"""The way from a frame to a page, with a made-up clock and program."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from rtpose.bench import live
from rtpose.bench.clients import Received
from rtpose.bench.live import Drawn, SenderClock, measure_live
from rtpose.bench.report import ReceivedFigures
from rtpose.types import Camera, Frame, Result

MS = 1_000_000


def a_result(frame_id: int, t_ns: int, done_ns: int) -> Result:
    return Result(Frame(np.zeros((1, 1, 3), np.uint8), frame_id, t_ns, 0.0), Camera(1, 1, 0, 0), (), done_ns)


def test_times_are_from_the_taking_to_the_word_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(ns=0)
    monkeypatch.setattr(live.time, "monotonic_ns", lambda: now.ns)
    monkeypatch.setattr(live.time, "sleep", lambda seconds: None)
    drawn = Drawn()

    def play(on_result: Callable[[Result], None]) -> None:
        for number in range(4):
            t_ns = now.ns = now.ns + 100 * MS
            on_result(a_result(number, t_ns, t_ns + 10 * MS))
            if number != 2:  # replaced by a newer one before it was drawn
                now.ns = t_ns + (20 + number) * MS
                drawn(number)
                now.ns += 5 * MS
                drawn(number)  # a second page, later
        drawn(77)  # a frame that was never taken in this pass

    found = measure_live(play, drawn, "http://nowhere/", pages=0, browser=False, source_fps=30, passes=2)
    assert (found.frames, found.drawn_frames) == (8, 6)
    assert found.compute_ms.median == pytest.approx(10)
    assert found.drawn_ms is not None
    assert found.drawn_ms.median == pytest.approx(21)
    assert found.received is None
    assert found.memory is not None


def test_what_pages_received() -> None:
    seen = Received(
        seconds=4.0, poses=[118, 120, 90], last_frames=[29, 29, 28], lags_ms=(1.0, 5.0, 9.0), lost=1, thrown_out=7
    )
    found = live.received_figures(seen, frames=120, last_frame=29)
    assert found == ReceivedFigures(22.5, 0.75, 2, (1.0, 5.0, 9.0), 1, 7)


def test_the_senders_share_of_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(s=0.0, cpu_s=3.0)
    threads = [SimpleNamespace(name=name, native_id=number) for number, name in enumerate((*live.SENDERS, "decode"))]
    monkeypatch.setattr(live.time, "monotonic", lambda: now.s)
    monkeypatch.setattr(live.threading, "enumerate", lambda: threads)
    times = [SimpleNamespace(id=number, user_time=0.0, system_time=0.0) for number in range(3)]
    monkeypatch.setattr(live.psutil, "Process", lambda: SimpleNamespace(threads=lambda: times))
    clock = SenderClock()
    assert clock.sample()
    assert clock.share() is None
    times[0].user_time, times[1].system_time, times[2].user_time = 0.1, 0.2, 50.0
    now.s = 0.1
    assert not clock.sample()  # too soon
    assert clock.share() is None
    now.s = 3.0
    clock.sample()
    assert clock.share() == pytest.approx(0.1)


def test_threads_that_cannot_be_told_apart_give_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.psutil, "Process", lambda: SimpleNamespace(threads=list))
    clock = SenderClock()
    clock.sample()
    clock.sample()
    assert clock.share() is None
