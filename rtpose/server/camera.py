"""A page as the camera: who it is, and what its clock says in the server's time. No I/O."""

from __future__ import annotations

from typing import Protocol

from rtpose.server.protocol import decode_camera

MAX_DELAY_NS = 2_000_000_000
"""No picture is longer on its way: a page that seems so far behind has a clock that jumped."""
CLOCK_DRIFT = 1e-4
"""How fast two clocks may part."""


class CameraFeed(Protocol):
    """Where the pictures go; called in the server's thread, so it must not wait. `capture.browser.BrowserCamera`."""

    def put(self, jpeg: bytes, t_ns: int, skipped: int = 0) -> None:
        """A picture, captured at `t_ns` (`time.monotonic_ns()`), after `skipped` frames that were not sent.

        Errors: `InputError` if it is none.
        """
        ...

    def end(self) -> None:
        """The camera is gone; another may come."""
        ...


class CameraPage:
    """One page's time as the camera."""

    def __init__(self, feed: CameraFeed, name: str) -> None:
        """name: who it is, for other people."""
        self.name = name
        self._feed = feed
        self._clock = PageClock()
        self._counter: int | None = None

    def receive(self, message: bytes, now_ns: int) -> int:
        """A message of the page, come at `now_ns`; the counter to answer with. Errors: `InputError` for rubbish."""
        header, jpeg = decode_camera(message)
        counter: int = header["counter"]
        t_ns = self._clock.captured_ns(header["captured_ms"], header["sent_ms"], now_ns)
        self._feed.put(jpeg, t_ns, 0 if self._counter is None else counter - self._counter - 1)
        self._counter = counter
        return counter


class PageClock:
    """Relates a page's clock to the server's. A message's time of arrival is that of sending, the clocks' difference
    and the time on its way; the smallest sum of late is nearest to the difference."""

    def __init__(self) -> None:
        self._offset_ns = float("inf")
        self._last_ns = 0

    def captured_ns(self, captured_ms: float, sent_ms: float, now_ns: int) -> int:
        """When a picture was captured, on the server's clock: at most `MAX_DELAY_NS` before `now_ns`, when it came.

        captured_ms, sent_ms: on the page's clock, of at most `MAX_PAGE_MS`.
        """
        offset_ns = now_ns - sent_ms * 1e6
        older_ns = self._offset_ns + CLOCK_DRIFT * (now_ns - self._last_ns)
        self._offset_ns = min(offset_ns, older_ns) if offset_ns - older_ns < MAX_DELAY_NS else offset_ns
        self._last_ns = now_ns
        earliest = now_ns - MAX_DELAY_NS
        return int(min(max(captured_ms * 1e6 + self._offset_ns, earliest), now_ns))
