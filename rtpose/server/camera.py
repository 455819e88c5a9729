"""A page as the camera: its name, and its clock in the server's time. No I/O."""

from __future__ import annotations

from typing import Protocol

from rtpose.server.protocol import decode_camera

MAX_DELAY_NS = 2_000_000_000
"""A picture takes less time than this to arrive; if it seems to take longer, the page's clock has jumped."""
CLOCK_DRIFT = 1e-4
"""Seconds per second by which two clocks may drift apart."""


class CameraFeed(Protocol):
    """Receives the pictures, in the server's thread, and must not wait. Implemented by `BrowserCamera` in `capture`."""

    def put(self, jpeg: bytes, t_ns: int, skipped: int = 0) -> None:
        """A picture, captured at `t_ns` (`time.monotonic_ns()`), after `skipped` frames that were not sent.

        Errors: `InputError` if it is not a picture.
        """
        ...

    def end(self) -> None:
        """The camera has disconnected; another may connect."""
        ...


class CameraPage:
    """A page while it is the camera."""

    def __init__(self, feed: CameraFeed, name: str) -> None:
        """name: how to call it in messages to other users."""
        self.name = name
        self._feed = feed
        self._clock = PageClock()
        self._counter: int | None = None

    def receive(self, message: bytes, now_ns: int) -> int:
        """Handle a message that arrived at `now_ns` and return the counter to acknowledge.

        Errors: `InputError` for anything but a camera picture.
        """
        header, jpeg = decode_camera(message)
        counter: int = header["counter"]
        t_ns = self._clock.captured_ns(header["captured_ms"], header["sent_ms"], now_ns)
        self._feed.put(jpeg, t_ns, 0 if self._counter is None else counter - self._counter - 1)
        self._counter = counter
        return counter


class PageClock:
    """Relates a page's clock to the server's.

    Arrival time minus sending time is the difference of the clocks plus the time in transit. The smallest recent value
    is closest to the difference.
    """

    def __init__(self) -> None:
        self._offset_ns = float("inf")
        self._last_ns = 0

    def captured_ns(self, captured_ms: float, sent_ms: float, now_ns: int) -> int:
        """When a picture was captured, on the server's clock: at most `MAX_DELAY_NS` before it arrived at `now_ns`.

        captured_ms, sent_ms: on the page's clock, of at most `MAX_PAGE_MS`.
        """
        offset_ns = now_ns - sent_ms * 1e6
        older_ns = self._offset_ns + CLOCK_DRIFT * (now_ns - self._last_ns)
        self._offset_ns = min(offset_ns, older_ns) if offset_ns - older_ns < MAX_DELAY_NS else offset_ns
        self._last_ns = now_ns
        earliest = now_ns - MAX_DELAY_NS
        return int(min(max(captured_ms * 1e6 + self._offset_ns, earliest), now_ns))
