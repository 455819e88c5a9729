"""Who computes in Python when two threads want to. Standard library only.

Python runs one thread at a time. Whoever lets it go for a moment, as for each warp and each larger array, may wait for
milliseconds to get it back, and two who pass it to and fro do little else. So they take turns: a thread passes it on
only when it runs a network or waits, and the one that begins a frame goes before the one that finishes the last.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

MOST_WAIT_S = 0.02
"""Whoever goes second waits no longer, whatever the first does."""


class _Turn(Protocol):
    def begin(self) -> None: ...

    def end(self) -> None: ...

    def give_way(self) -> None: ...


_mine = threading.local()
"""`turn`: of this thread, where it takes turns with another."""


class Turns:
    """Of two threads."""

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()

    @contextmanager
    def first(self) -> Iterator[None]:
        """Around the work of the thread that goes first."""
        with _taking(_First(self._busy, self._idle)):
            yield

    @contextmanager
    def second(self) -> Iterator[None]:
        """Around each part of the other thread's work: it begins when the first needs no Python."""
        with _taking(_Second(self._busy, self._idle)):
            yield


class _First:
    def __init__(self, busy: threading.Lock, idle: threading.Event) -> None:
        self._busy, self._idle = busy, idle

    def begin(self) -> None:
        self._idle.clear()
        self._busy.acquire()

    def end(self) -> None:
        self._busy.release()
        self._idle.set()

    def give_way(self) -> None:
        """There is nobody to give way to."""


class _Second:
    def __init__(self, busy: threading.Lock, idle: threading.Event) -> None:
        self._busy, self._idle = busy, idle
        self._has = False

    def begin(self) -> None:
        self._idle.wait(MOST_WAIT_S)
        self._has = self._busy.acquire(timeout=MOST_WAIT_S)

    def end(self) -> None:
        if self._has:
            self._busy.release()

    def give_way(self) -> None:
        if self._has and not self._idle.is_set():
            self.end()
            self.begin()


@contextmanager
def _taking(turn: _Turn) -> Iterator[None]:
    turn.begin()
    _mine.turn = turn
    try:
        yield
    finally:
        del _mine.turn
        turn.end()


def give_way() -> None:
    """Between two parts of a longer work: if the thread that goes first waits for its turn, it has it now. Does nothing
    in threads that take no turns."""
    turn: _Turn | None = getattr(_mine, "turn", None)
    if turn is not None:
        turn.give_way()


@contextmanager
def others_turn() -> Iterator[None]:
    """Around what needs no Python: a network's run, or a wait. Does nothing in threads that take no turns."""
    turn: _Turn | None = getattr(_mine, "turn", None)
    if turn is None:
        yield
        return
    turn.end()
    try:
        yield
    finally:
        turn.begin()
