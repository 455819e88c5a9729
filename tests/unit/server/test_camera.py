"""A page as the camera: whose it is, what it may send, and what its clock says."""

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from rtpose.errors import InputError
from rtpose.server import limits
from rtpose.server.camera import MAX_DELAY_NS, CameraPage, PageClock
from rtpose.server.protocol import (
    CAMERA,
    CAMERA_TAKEN,
    KIND_CAMERA,
    MAX_CAMERA_MESSAGE_BYTES,
    MAX_CLIENT_MESSAGE_BYTES,
    MAX_PAGE_MS,
    PROTOCOL_VERSION,
)
from rtpose.server.server import PoseServer

MakeServer = Callable[..., PoseServer]
WAIT_S = 20.0


class Feed:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.pictures: list[tuple[bytes, int, int]] = []
        self.ends = 0

    def put(self, jpeg: bytes, t_ns: int, skipped: int = 0) -> None:
        if jpeg.startswith(b"bad"):
            raise InputError("this is no picture")
        self.pictures.append((jpeg, t_ns, skipped))

    def end(self) -> None:
        self.ends += 1


def picture(counter: int, jpeg: bytes = b"jpeg", captured_ms: float = 0.0, sent_ms: float = 0.0) -> bytes:
    return CAMERA.pack(PROTOCOL_VERSION, KIND_CAMERA, 0, counter, captured_ms, sent_ms) + jpeg


def film(server: PoseServer, query: str | None = None) -> ClientConnection:
    query = f"?token={server.token}" if query is None else query
    return connect(f"ws://127.0.0.1:{server.port}/camera{query}", close_timeout=2)


def taken(socket: ClientConnection) -> int:
    message = json.loads(socket.recv(WAIT_S))
    assert message["type"] == "taken"
    return int(message["counter"])


def closed(socket: ClientConnection) -> tuple[int, str]:
    """What the server says when it ends the connection."""
    with pytest.raises(ConnectionClosed) as error:
        read_to_the_end(socket)
    assert error.value.rcvd is not None
    return error.value.rcvd.code, error.value.rcvd.reason


def read_to_the_end(socket: ClientConnection) -> None:
    while True:
        socket.recv(WAIT_S)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.01)


def test_each_picture_is_acknowledged_and_handed_on(make_server: MakeServer) -> None:
    feed = Feed()
    server = make_server(camera=feed)
    with film(server) as socket:
        assert taken(socket) == -1
        before_ns = time.monotonic_ns()
        for counter, sent_ms in ((7, 5000.0), (8, 5040.0), (11, 5100.0)):
            large = b"x" * (10 * MAX_CLIENT_MESSAGE_BYTES)
            socket.send(picture(counter, large, captured_ms=sent_ms - 30, sent_ms=sent_ms))
            assert taken(socket) == counter
        # Browsers send long messages in parts.
        whole = picture(12, b"in parts", sent_ms=5200.0, captured_ms=5150.0)
        socket.send([whole[:10], whole[10:26], whole[26:]])
        assert taken(socket) == 12
    assert [skipped for _, _, skipped in feed.pictures] == [0, 0, 2, 0]
    assert feed.pictures[-1][0] == b"in parts"
    # 30 ms before it was sent, at the latest before it came.
    assert before_ns - 30e6 <= feed.pictures[0][1] <= time.monotonic_ns() - 30e6
    wait_until(lambda: feed.ends == 1)


def test_one_page_at_a_time(make_server: MakeServer) -> None:
    feed = Feed()
    server = make_server(camera=feed)
    with film(server) as first:
        assert taken(first) == -1
        with film(server) as second:
            assert closed(second) == (CAMERA_TAKEN, "the page at this computer is already the camera")
        first.send(picture(1))
        assert taken(first) == 1
        assert feed.ends == 0
    wait_until(lambda: feed.ends == 1)
    with film(server) as third:
        assert taken(third) == -1


def test_a_silent_camera_makes_room(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CAMERA_SILENCE_S", 0.3)
    feed = Feed()
    server = make_server(camera=feed)
    with film(server) as silent:
        assert taken(silent) == -1
        assert closed(silent) == (1008, "no picture received")
    wait_until(lambda: feed.ends == 1)
    with film(server) as other:
        assert taken(other) == -1


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (b"", 1008, "shorter than its header"),
        (b"\x00" * CAMERA.size, 1008, "reload the page"),
        (picture(1, b"bad"), 1008, "this is no picture"),
        (picture(1, captured_ms=float("nan")), 1008, "without a valid time"),
        (picture(1, sent_ms=-1e300), 1008, "without a valid time"),
        ("text", 1008, ""),
        (picture(1, b"x" * MAX_CAMERA_MESSAGE_BYTES), 1009, ""),
    ],
    ids=["empty", "rubbish", "no picture", "no time", "no clock", "text", "too long"],
)
def test_rubbish_ends_it(make_server: MakeServer, message: bytes | str, code: int, reason: str) -> None:
    feed = Feed()
    server = make_server(camera=feed)
    with film(server) as socket:
        assert taken(socket) == -1
        socket.send(message)
        assert closed(socket)[0] == code
        assert reason in closed(socket)[1]
    assert feed.pictures == []
    wait_until(lambda: feed.ends == 1)
    with film(server) as other:
        assert taken(other) == -1


def test_the_limits_of_other_pages_stay(make_server: MakeServer) -> None:
    server = make_server(camera=Feed())
    for message, code in ((picture(1), 1008), ("x" * (MAX_CLIENT_MESSAGE_BYTES + 1), 1009)):
        with connect(f"ws://127.0.0.1:{server.port}/socket", close_timeout=2) as socket:
            socket.send(message)
            assert closed(socket)[0] == code


def test_there_is_no_camera_unless_asked_for_and_with_the_token(make_server: MakeServer) -> None:
    for server, query, status in (
        (make_server(), "", 404),
        (make_server(camera=Feed()), "", 401),  # on a machine that others use, too
        (make_server(camera=Feed(), token="secret"), "", 401),
        (make_server(camera=Feed(), token="secret"), "?token=wrong", 403),
    ):
        with pytest.raises(InvalidStatus) as error:
            film(server, query)
        assert error.value.response.status_code == status
    server = make_server(camera=Feed())
    with pytest.raises(InvalidStatus) as error:
        connect(f"ws://127.0.0.1:{server.port}/camera?token={server.token}", origin="http://elsewhere.example")  # type: ignore[arg-type]
    assert error.value.response.status_code == 403


def test_a_picture_that_took_longer_was_captured_as_early() -> None:
    """Page's clock: 1 s behind. The first picture takes 10 ms to come, the second 200 ms."""
    clock = PageClock()
    assert clock.captured_ns(100.0, 130.0, 1_140_000_000) == 1_110_000_000
    slow = clock.captured_ns(200.0, 230.0, 1_430_000_000)
    assert slow == pytest.approx(1_210_000_000, abs=1e5), "not later, though it came later"


def test_a_clock_that_jumps_is_believed_anew() -> None:
    clock = PageClock()
    clock.captured_ns(100.0, 110.0, 10**9)
    hour_ns = 3600 * 10**9
    # The page's clock stood still for an hour, as clocks do in some sleeping computers.
    assert clock.captured_ns(200.0, 210.0, 10**9 + hour_ns) == 10**9 + hour_ns - 10_000_000


page_ms = st.floats(-MAX_PAGE_MS, MAX_PAGE_MS)


@given(st.lists(st.tuples(page_ms, page_ms, st.integers(0, 2**62)), max_size=5))
def test_no_clock_leads_out_of_the_last_seconds(messages: list[tuple[float, float, int]]) -> None:
    clock = PageClock()
    for captured_ms, sent_ms, now_ns in sorted(messages, key=lambda message: message[2]):
        captured_ns = clock.captured_ns(captured_ms, sent_ms, now_ns)
        assert now_ns - MAX_DELAY_NS - 1000 <= captured_ns <= now_ns + 1000


def test_the_first_picture_of_a_page_makes_no_gap() -> None:
    feed = Feed()
    CameraPage(feed, "a phone").receive(picture(500), now_ns=10**9)
    assert feed.pictures[0][2] == 0
