"""The programs that look on, on a real server, and what becomes of them when they are cut off."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from command import wait_until

from rtpose.bench.clients import clients
from rtpose.capture.browser import BrowserCamera
from rtpose.errors import InputError
from rtpose.server import limits, protocol
from rtpose.server.server import PoseServer
from rtpose.skeleton import H36M17
from rtpose.types import Camera, Frame, Person3D, Result


@pytest.fixture
def server() -> Iterator[PoseServer]:
    hello = protocol.hello(
        server_version="1", skeleton=H36M17, sources=[("test", (64, 48))], live=True, estimator="none", assumptions=[],
        server_ns=0,
    )  # fmt: skip
    made = PoseServer(hello=hello, port=0)
    made.start()
    yield made
    made.close()


def a_result(frame_id: int) -> Result:
    zeros = np.zeros((17, 3), np.float32)
    person = Person3D(1, np.zeros(4, np.float32), zeros, zeros, np.ones(3, np.float32), zeros[:, 0])
    now_ns = time.monotonic_ns()
    frame = Frame(np.zeros((48, 64, 3), np.uint8), frame_id, now_ns, frame_id / 30)
    return Result(frame, Camera(1, 1, 0, 0), (person,), now_ns)


def publish(server: PoseServer, frame_ids: range, drawn: Callable[[], int]) -> None:
    """Each when all pages have drawn the one before."""
    for number, frame_id in enumerate(frame_ids):
        server.publish(a_result(frame_id))
        server.publish_picture(a_result(frame_id), bytes(70_000))
        wait_until(lambda wanted=3 * (number + 1): drawn() >= wanted, "the pages' word")  # type: ignore[misc]


@pytest.mark.slow
def test_pages_see_every_pose_beside_silent_and_rude_ones(server: PoseServer) -> None:
    words: list[int] = []
    server._on_drawn = words.append
    server.publish(a_result(999))  # before they are there: not counted
    with clients(server.url, 3, silent=2, rude=2) as lookers:
        words.clear()
        wanted = range(100, 120)
        publish(server, wanted, lambda: sum(word in wanted for word in words))
        wait_until(lambda: server.client_count <= 5, "the rude ones' end")
    seen = lookers.seen
    assert seen is not None
    assert seen.poses == [20, 20, 20]
    assert seen.last_frames == [119] * 3
    assert seen.lost == 0
    assert seen.thrown_out > 0
    assert seen.lags_ms is not None
    median, p99, longest = seen.lags_ms
    assert 0 < median <= p99 <= longest < 1000 * seen.seconds


def test_rude_ones_hold_connections_half_open_and_send_pictures_that_repeat_their_scans() -> None:
    camera = RefusingCamera()
    hello = protocol.hello(
        server_version="1", skeleton=H36M17, sources=[("test", (64, 48))], live=True, estimator="none", assumptions=[],
        server_ns=0,
    )  # fmt: skip
    server = PoseServer(hello=hello, port=0, camera=camera, on_record=lambda wanted: None)
    server.start()
    try:
        with clients(server.url, 1, rude=8) as lookers:
            assert server.token is not None
            command_line = Path(f"/proc/{lookers._process.pid}/cmdline")
            assert not command_line.exists() or server.token not in command_line.read_text()
            wait_until(lambda: server._door.strangers > 30, "half-open connections")
            wait_until(lambda: len(camera.refused) > 1, "pictures")
            assert server._door.strangers <= limits.MAX_STRANGERS_PER_ADDRESS
        assert lookers.seen is not None
        assert lookers.seen.lost == 0
    finally:
        server.close()
    assert set(camera.refused) == {"a JPEG picture with more scans than components is not accepted"}


class RefusingCamera(BrowserCamera):
    """Keeps why pictures were refused."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []

    def put(self, jpeg: bytes, t_ns: int, skipped: int = 0) -> None:
        try:
            super().put(jpeg, t_ns, skipped)
        except InputError as error:
            self.refused.append(str(error))
            raise


def test_who_does_not_get_in_is_reported(server: PoseServer, capfd: pytest.CaptureFixture[str]) -> None:
    server._site.token, server._site._private = "secret", True
    with pytest.raises(RuntimeError, match="1 clients could not connect"), clients(server.url.partition("?")[0], 1):
        pytest.fail("it is in")
    assert "401" in capfd.readouterr().err


def test_an_end_before_its_time_is_reported(server: PoseServer) -> None:
    with pytest.raises(RuntimeError, match="ended early"), clients(server.url, 1) as lookers:
        lookers._process.kill()


def test_what_goes_wrong_meanwhile_is_not_hidden(server: PoseServer) -> None:
    processes: list[subprocess.Popen[str]] = []

    def fail() -> None:
        with clients(server.url, 1) as lookers:
            processes.append(lookers._process)
            lookers._process.kill()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert processes[0].returncode is not None


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signal for one process")
def test_ctrl_c_of_the_whole_group_is_not_for_them(server: PoseServer) -> None:
    with clients(server.url, 1) as lookers:
        lookers._process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    assert lookers.seen is not None
