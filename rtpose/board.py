"""What a run tells the page and the terminal: names and sizes of its sources, problems, failed outputs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rtpose.printable import printable
from rtpose.types import SourceInfo

if TYPE_CHECKING:
    from rtpose.server.server import PoseServer


class SourceBoard:
    """The state of a run for page and terminal: names and sizes of the sources, one text for all that have problems,
    and the outputs that failed. Methods may be called from any thread."""

    def __init__(
        self,
        infos: Sequence[SourceInfo],
        server: PoseServer | None,
        on_trouble: Callable[[str], None] = lambda text: None,
    ) -> None:
        """on_trouble: gets a line when a source has a problem."""
        self._names = [printable(info.name) for info in infos]
        self._sizes = [info.size for info in infos]
        self._states = ["ok"] * len(infos)
        self._failures: list[str] = []
        self._ended: set[int] = set()
        self._server = server
        self._on_trouble = on_trouble
        self._lock = threading.Lock()
        self._send_sources()
        if server is not None:
            server.set_status("ok")

    def size(self, number: int, size: tuple[int, int]) -> None:
        """The size of a source's newest picture: a phone was turned, or a camera only now has one."""
        with self._lock:
            if size != self._sizes[number]:
                self._sizes[number] = size
                self._send_sources()

    def status(self, number: int, text: str) -> None:
        """The state of a source, `FrameSource.status`; nothing happens unless it is new."""
        with self._lock:
            if text == self._states[number]:
                return
            self._states[number] = text
            if text != "ok":
                self._on_trouble(self._with_name(number, text))
            self._send_status()

    def output_failed(self, text: str) -> None:
        """An output has failed, for good. text: what happened."""
        with self._lock:
            if text not in self._failures:
                self._failures.append(text)
                self._send_status()

    def end(self, number: int, text: str = "ok") -> None:
        """A source has ended. text: why, if not at its end."""
        with self._lock:
            self._states[number] = text
            self._ended.add(number)
            self._send_status()

    def _with_name(self, number: int, text: str) -> str:
        return f"{self._names[number]}: {text}" if len(self._names) > 1 else text

    def _send_sources(self) -> None:
        from rtpose.server.protocol import Source

        if self._server is not None:
            sources = [Source(name, list(size)) for name, size in zip(self._names, self._sizes, strict=True)]
            self._server.update_hello(sources=sources)

    def _send_status(self) -> None:
        if self._server is None:
            return
        well = "ok"
        if ended := len(self._ended) == len(self._names):
            well = "the source has ended" if len(self._names) == 1 else "the sources have ended"
        troubles = [self._with_name(number, text) for number, text in enumerate(self._states) if text != "ok"]
        self._server.set_status("; ".join(troubles) or well, ended=ended, failures=self._failures)
