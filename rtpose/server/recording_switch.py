"""Starts and stops recordings for pages, at a limited rate for the sake of files and logs. No I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rtpose.server import limits


class RecordingSwitch:
    """Passes on the first request at once, and after it one per `limits.RECORD_PAUSE_S`: the newest. In the loop's
    thread."""

    def __init__(self, switch: Callable[[bool], None]) -> None:
        """switch: starts (True) or stops a recording."""
        self._switch = switch
        self._wanted: bool | None = None
        self._pausing = False

    def request(self, wanted: bool) -> None:
        """A page asks to start (True) or stop a recording."""
        self._wanted = wanted
        if not self._pausing:
            self._apply()

    def _apply(self) -> None:
        self._pausing = self._wanted is not None
        if self._wanted is None:
            return
        wanted, self._wanted = self._wanted, None
        asyncio.get_running_loop().call_later(limits.RECORD_PAUSE_S, self._apply)
        self._switch(wanted)
