"""Several sources at once: each has a pipeline in a thread of its own, and all share one page and the networks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rtpose.cli.terminal import on_signals
from rtpose.errors import RtposeError

if TYPE_CHECKING:
    from rtpose.cli.terminal import StatusLine
    from rtpose.pipeline import Summary
    from rtpose.server.server import PoseServer
    from rtpose.types import SourceInfo


class SourceBoard:
    """What page and terminal are told of the sources: names, sizes, and one text for the states of all.

    Methods may be called from any thread.
    """

    def __init__(self, infos: Sequence[SourceInfo], server: PoseServer | None, line: StatusLine | None) -> None:
        self._names = [info.name for info in infos]
        self._sizes = [info.size for info in infos]
        self._states = ["ok"] * len(infos)
        self._ended: set[int] = set()
        self._server = server
        self._line = line
        self._lock = threading.Lock()
        self._greet()
        if server is not None:
            server.set_status("ok")

    def size(self, number: int, size: tuple[int, int]) -> None:
        """The size of a source's newest picture: a phone may be turned, or was not there before."""
        with self._lock:
            if size != self._sizes[number]:
                self._sizes[number] = size
                self._greet()

    def status(self, number: int, text: str) -> None:
        """The state of a source, `FrameSource.status`."""
        with self._lock:
            self._states[number] = text
            if self._line is not None and text != "ok":
                self._line.status(self._named(number, text))
            self._tell()

    def end(self, number: int, text: str = "ok") -> None:
        """A source has ended; text: of what, if not by itself."""
        with self._lock:
            self._states[number] = text
            self._ended.add(number)
            self._tell()

    def _named(self, number: int, text: str) -> str:
        return f"{self._names[number]}: {text}" if len(self._names) > 1 else text

    def _greet(self) -> None:
        from rtpose.server.protocol import Source

        if self._server is not None:
            sources = [Source(name, list(size)) for name, size in zip(self._names, self._sizes, strict=True)]
            self._server.update_hello(sources=sources)

    def _tell(self) -> None:
        if self._server is None:
            return
        well = "ok"
        if ended := len(self._ended) == len(self._names):
            well = "the source has ended" if len(self._names) == 1 else "the sources have ended"
        troubles = [self._named(number, text) for number, text in enumerate(self._states) if text != "ok"]
        self._server.set_status("; ".join(troubles) or well, ended=ended)


def play_together(
    plays: Sequence[Callable[[], Summary]], board: SourceBoard, stop: Callable[[], None]
) -> list[Summary | Exception]:
    """Run all to their ends, or to Ctrl-C, which calls `stop`. What breaks one leaves the others running.

    Returns what each gave or raised.
    """
    outcomes: list[Summary | Exception] = [RuntimeError("it did not run")] * len(plays)

    def play(number: int) -> None:
        try:
            outcomes[number] = plays[number]()
        except Exception as error:  # the seam: handed to the caller when all have ended
            outcomes[number] = error
            board.end(number, f"stopped: {error}")

    threads = [threading.Thread(target=play, args=(number,), daemon=True) for number in range(len(plays))]
    with on_signals(stop):
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)  # a wait without a time limit would not see Ctrl-C on Windows
    return outcomes


def check_all(outcomes: Sequence[Summary | Exception]) -> list[Summary]:
    """The summaries, if every source has one. Errors: the first that is none; other users' errors are printed."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    for error in errors[1:]:
        if isinstance(error, RtposeError):
            print(f"rtpose: {error}", file=sys.stderr)
    if errors:
        raise errors[0]
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]


def numbered(file: Path | None, number: int, count: int) -> Path | None:
    """`poses.npz` -> `poses-0.npz` for the first of several sources."""
    return file if file is None or count == 1 else file.with_stem(f"{file.stem}-{number}")
