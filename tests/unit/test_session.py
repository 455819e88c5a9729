"""A session: several sources on one page, their states in one text, their threads, their errors; failing outputs."""

import signal
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from rtpose.board import SourceBoard
from rtpose.config import RunSettings
from rtpose.errors import ConfigError, InputError, OutputError
from rtpose.pipeline import Summary
from rtpose.session import Session, check_all, failure_text, run_together
from rtpose.types import SourceInfo


class Page:
    """Stands for the server: what it was told."""

    def __init__(self) -> None:
        self.statuses: list[tuple[str, bool]] = []
        self.failures: list[str] = []
        self.sources: list[list[tuple[str, list[int]]]] = []

    def set_status(self, text: str, ended: bool = False, failures: Sequence[str] = ()) -> None:
        self.statuses.append((text, ended))
        self.failures = list(failures)

    def update_hello(self, **changes: Any) -> None:
        self.sources.append([(source.name, source.image_size) for source in changes["sources"]])


def board_of(*names: str) -> tuple[SourceBoard, Page]:
    page = Page()
    infos = [SourceInfo(name, live=True, size=(64, 48), fps=None, frame_count=None) for name in names]
    return SourceBoard(infos, page), page  # type: ignore[arg-type]


def test_the_page_knows_all_sources_and_their_sizes() -> None:
    board, page = board_of("left", "right")
    board.size(0, (64, 48))
    board.size(1, (48, 64))
    assert page.sources == [[("left", [64, 48]), ("right", [64, 48])], [("left", [64, 48]), ("right", [48, 64])]]


def test_the_text_names_the_source_in_trouble() -> None:
    board, page = board_of("left", "right")
    board.status(1, "camera unplugged")
    board.status(0, "stream lost")
    board.status(1, "ok")
    board.end(1)
    board.status(0, "ok")
    board.end(0)
    assert page.statuses == [
        ("ok", False),
        ("right: camera unplugged", False),
        ("left: stream lost; right: camera unplugged", False),
        ("left: stream lost", False),
        ("left: stream lost", False),
        ("ok", False),
        ("the sources have ended", True),
    ]


def test_one_source_needs_no_name() -> None:
    board, page = board_of("left")
    board.status(0, "camera unplugged")
    board.end(0)
    assert page.statuses[1:] == [("camera unplugged", False), ("the source has ended", True)]


def test_what_breaks_one_leaves_the_others_running() -> None:
    board, page = board_of("left", "right")
    broken = threading.Event()

    def left() -> Summary:
        raise InputError("no picture")

    def right() -> Summary:
        while ("left: stopped: no picture", False) not in page.statuses:
            time.sleep(0.005)
        broken.set()
        return Summary(frames=3)

    outcomes = run_together([left, right], board, stop=lambda: None)
    assert broken.is_set()
    assert isinstance(outcomes[0], InputError)
    assert outcomes[1] == Summary(frames=3)
    with pytest.raises(InputError, match="no picture"):
        check_all(outcomes, print)
    assert check_all(outcomes[1:], print) == [Summary(frames=3)]


def test_the_errors_of_all_sources_are_reported() -> None:
    notices: list[str] = []
    with pytest.raises(InputError, match="first"):
        check_all([InputError("first"), Summary(), InputError("second")], notices.append)
    assert notices == ["second"]


def test_a_signal_stops_all() -> None:
    board, _ = board_of("left", "right")
    asked = threading.Event()

    def run() -> Summary:
        assert asked.wait(20)
        return Summary()

    threading.Timer(0.1, signal.raise_signal, (signal.SIGINT,)).start()
    assert run_together([run, run], board, stop=asked.set) == [Summary(), Summary()]


def test_failed_outputs_are_shown_beside_the_state_of_the_source() -> None:
    board, page = board_of("left")
    board.output_failed("poses.npz: the disk is full")
    board.output_failed("poses.npz: the disk is full")
    assert page.statuses == [("ok", False), ("ok", False)]
    assert page.failures == ["poses.npz: the disk is full"]
    board.status(0, "camera unplugged")
    assert page.statuses[-1] == ("camera unplugged", False)
    assert page.failures == ["poses.npz: the disk is full"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OutputError("a.npz: the disk is full"), "a.npz: the disk is full"),
        (OSError(28, "No space left on device"), "an output failed and was stopped (No space left on device)"),
        (KeyError("wrist"), "an output failed and was stopped (KeyError: 'wrist')"),
    ],
)
def test_what_is_said_of_a_failed_output(error: Exception, text: str) -> None:
    assert failure_text(error).startswith(text)


def test_what_is_known_of_the_ground_is_an_assumption_of_its_own() -> None:
    session = Session(RunSettings(lifter="svmac", pitch_deg=10, camera_height_m=1.5))
    assert any("pitch 10 degrees" in text for text in session.assumptions)
    assert any("1.50 m below the camera" in text for text in session.assumptions)
    assert "height of the camera" in session.height_from
    with pytest.raises(ConfigError, match="pitch"):
        Session(RunSettings(lifter="svmac", pitch_deg=100))
