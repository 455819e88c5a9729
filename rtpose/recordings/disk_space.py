"""How much room a growing file has left on its disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

LOW_BYTES = 200 * 2**20
LOW_S = 300.0
"""Room is low when less than either is left, at the file's own rate."""
RESERVE_BYTES = 32 * 2**20
"""A recording ends before less than this is left: enough to close it, and for the rest of the machine."""
LOOK_EVERY_S = 1.0


def free_bytes(folder: Path) -> int:
    """Errors: `OSError`."""
    return shutil.disk_usage(folder).free


class DiskWatch:
    """Looks once a second how long a file can go on growing."""

    def __init__(
        self,
        folder: Path,
        free_bytes: Callable[[Path], int] = free_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.full = False
        """Nothing more may be written, save the end."""
        self.warning = ""
        """For people: how much room is left, where it is low."""
        self._folder = folder
        self._free_bytes = free_bytes
        self._clock = clock
        self._started_s = clock()
        self._next_look_s = self._started_s

    def look(self, written_bytes: int) -> None:
        """written_bytes: what the file holds by now. Sets `full` and `warning`."""
        now_s = self._clock()
        if now_s < self._next_look_s:
            return
        self._next_look_s = now_s + LOOK_EVERY_S
        try:
            free = self._free_bytes(self._folder)
        except OSError:  # the next write tells
            return
        room = free - RESERVE_BYTES
        self.full = room <= 0
        rate = written_bytes / max(now_s - self._started_s, LOOK_EVERY_S)
        if free < LOW_BYTES or room < LOW_S * rate:
            left = f"{free / 2**20:.0f} MB free"
            if 0 < room < 10 * LOW_S * rate:
                left += f", room for {room / rate / 60:.0f} minutes"
            self.warning = f"disk nearly full: {left}"
        else:
            self.warning = ""
