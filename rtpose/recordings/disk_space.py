"""Watches how much disk space a growing file has left."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

LOW_BYTES = 200 * 2**20
LOW_S = 300.0
"""Space is low below this many bytes, or when the file fills it within this time at its present rate."""
RESERVE_BYTES = 32 * 2**20
"""A recording ends before it uses this space: it is needed to close the file, and by other programs."""
CHECK_EVERY_S = 1.0


def free_bytes(folder: Path) -> int:
    """Errors: `OSError`."""
    return shutil.disk_usage(folder).free


class DiskWatch:
    """Checks once a second how long a file can keep growing."""

    def __init__(
        self,
        folder: Path,
        free_bytes: Callable[[Path], int] = free_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.full = False
        """Nothing more may be written, except the end of the file."""
        self.warning = ""
        """A message for the user while space is low, else ""."""
        self._folder = folder
        self._free_bytes = free_bytes
        self._clock = clock
        self._started_s = clock()
        self._next_check_s = self._started_s

    def check(self, written_bytes: int) -> None:
        """Update `full` and `warning`. written_bytes: present size of the file."""
        now_s = self._clock()
        if now_s < self._next_check_s:
            return
        self._next_check_s = now_s + CHECK_EVERY_S
        try:
            free = self._free_bytes(self._folder)
        except OSError:  # the next write reports it
            return
        room = free - RESERVE_BYTES
        self.full = room <= 0
        rate = written_bytes / max(now_s - self._started_s, CHECK_EVERY_S)
        if free < LOW_BYTES or room < LOW_S * rate:
            left = f"{free / 2**20:.0f} MB free"
            if 0 < room < 10 * LOW_S * rate:
                left += f", enough for {_minutes(room / rate)}"
            self.warning = f"disk nearly full: {left}"
        else:
            self.warning = ""


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
