from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import numpy as np
import pytest

from rtpose.capture.live import ConnectionLost, LiveSource, MakePicture
from rtpose.errors import InputError
from rtpose.types import FrameSource

WaitFor = Callable[[Callable[[], bool]], None]
LOST = object()
DAMAGED = object()


class FakeConnection:
    """Gives what is put into `items`: numbers become pictures of that value."""

    fps = 25.0

    def __init__(self) -> None:
        self.items: queue.Queue[object] = queue.Queue()
        self.closed = 0
        self.converted: list[int] = []

    def grab(self) -> MakePicture | None:
        item = self.items.get()
        if item is LOST:
            raise ConnectionLost("gone")
        if isinstance(item, Exception):
            raise item
        if item is DAMAGED:
            return None
        assert isinstance(item, int)

        def picture() -> np.ndarray:
            self.converted.append(item)
            return np.full((4, 6, 3), item, np.uint8)

        return picture

    def close(self) -> None:
        self.closed += 1


def start(*items: object) -> FakeConnection:
    connection = FakeConnection()
    for item in items:
        connection.items.put(item)
    return connection


def test_newest_frame_wins_and_drops_are_counted(wait_for: WaitFor) -> None:
    connection = start(1)
    source = LiveSource("cam", lambda: connection, lost="camera unplugged")
    assert isinstance(source, FrameSource)
    assert source.info.live
    assert source.info.size == (6, 4)
    assert source.info.fps == 25
    first = source.read()
    assert first is not None
    assert (first.frame_id, first.pts_s, int(first.image[0, 0, 0])) == (0, 0.0, 1)
    for item in (2, 3, DAMAGED, 4, 5):
        connection.items.put(item)
    wait_for(lambda: source.stats.dropped.get("consumer busy") == 3)
    frame = source.read()
    assert frame is not None
    assert int(frame.image[0, 0, 0]) == 5
    assert frame.frame_id == 5
    assert frame.pts_s == pytest.approx((frame.t_ns - first.t_ns) / 1e9)
    assert frame.pts_s > 0
    assert source.stats.dropped == {"consumer busy": 3, "damaged": 1}
    assert source.stats.delivered == 2
    assert connection.converted == [1, 5]  # dropped frames cost no conversion
    assert source.read(timeout_s=0.01) is None  # every frame once
    assert not source.ended
    connection.items.put(LOST)
    source.close()
    assert source.ended
    assert connection.closed == 1


def test_reopens_with_growing_pauses(wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = start(1), start(2)
    opened: list[object] = [first, InputError("not yet"), InputError("not yet"), second]
    pauses: list[float | None] = []
    statuses: list[str] = []

    def connect() -> FakeConnection:
        item = opened.pop(0)
        if isinstance(item, InputError):
            raise item
        assert isinstance(item, FakeConnection)
        return item

    source = LiveSource("cam", connect, lost="camera unplugged", pauses_s=(0.5, 1, 4))
    real_wait = threading.Event.wait

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        if event is source._closing:
            pauses.append(timeout)
            statuses.append(source.status)
            return event.is_set()
        return real_wait(event, timeout)

    monkeypatch.setattr(threading.Event, "wait", wait)
    assert source.read() is not None
    first.items.put(LOST)
    frame = source.read(timeout_s=10)
    assert frame is not None
    assert int(frame.image[0, 0, 0]) == 2
    assert pauses == [0.5, 1, 4]
    assert statuses == [f"camera unplugged, retrying in {p} s" for p in ("0.5", "1", "4")]
    wait_for(lambda: source.status == "ok")
    assert source.stats.reconnects == 1
    assert first.closed == 1
    second.items.put(LOST)
    source.close()


def test_without_reconnect_it_ends_after_its_last_frame() -> None:
    connection = start(1, LOST)
    source = LiveSource("cam", lambda: connection, lost="stream lost", reconnect=False)
    source._thread.join(10)
    assert not source.ended
    assert source.read() is not None
    assert source.ended
    assert source.status == "stream lost"
    assert source.read(timeout_s=5) is None  # at once
    source.close()


@pytest.mark.parametrize("item", [LOST, RuntimeError("bug")])
def test_failed_open_leaves_nothing_and_can_be_repeated(item: object) -> None:
    connection = start(item)
    threads = threading.active_count()
    with pytest.raises(InputError if item is LOST else RuntimeError):
        LiveSource("cam", lambda: connection, lost="stream lost")
    assert connection.closed == 1
    assert threading.active_count() == threads
    again = start(7)
    source = LiveSource("cam", lambda: again, lost="stream lost")
    assert source.read() is not None
    again.items.put(LOST)
    source.close()


def test_a_bug_in_the_reader_reaches_the_consumer() -> None:
    connection = start(1, RuntimeError("bug"))
    source = LiveSource("cam", lambda: connection, lost="stream lost")
    source._thread.join(10)
    with pytest.raises(RuntimeError, match="bug"):
        source.read()
    source.close()
    assert connection.closed == 1


def test_close_interrupts_a_read_and_a_pause(wait_for: WaitFor) -> None:
    connection = start(1, LOST)
    source = LiveSource("cam", lambda: connection, lost="stream lost", pauses_s=(1000,))
    assert source.read() is not None
    wait_for(lambda: "retrying in 1000 s" in source.status)
    results: list[object] = []
    reader = threading.Thread(target=lambda: results.append(source.read(timeout_s=1000)))
    reader.start()
    source.close()
    reader.join(10)
    assert results == [None]
    assert not source._thread.is_alive()
    source.close()
