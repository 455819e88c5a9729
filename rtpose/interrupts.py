"""Ctrl-C, SIGTERM and the end of the terminal as a request to finish."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

_HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)  # Windows has none


@contextmanager
def on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """While the block lasts, the first Ctrl-C, SIGTERM or SIGHUP (the terminal was closed) calls `stop`; a second one
    ends the program at once. SIGHUP stays ignored if it was, as under nohup.

    Outside the main thread, where Python allows no signal handlers, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    terminals = [number for number in (1, 2) if os.isatty(number)]

    def handle(number: int, frame: object) -> None:
        if number == _HANGUP:
            _silence(terminals)
        for restored, old in before.items():
            signal.signal(restored, old)
        stop()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if _HANGUP is not None and signal.getsignal(_HANGUP) != signal.SIG_IGN:
        numbers.append(_HANGUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _silence(terminals: Sequence[int]) -> None:
    """Writing to a terminal that is gone would be an error: no one reads it any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in terminals:
        os.dup2(nowhere, number)
    os.close(nowhere)
