"""A stream that fails at its third result."""

from __future__ import annotations

import time

from rtpose.types import Result

failed_s: list[float] = []
"""When it raised, `time.monotonic()`."""


class BreakingStream:
    """Stands for an output that breaks in the middle of a run, and at every later result."""

    def __init__(self, *_: object) -> None:
        self._results = 0

    def write(self, result: Result) -> None:
        self._results += 1
        if self._results >= 3:
            failed_s.append(time.monotonic())
            raise OSError(32, "Broken pipe")

    def close(self) -> None: ...
