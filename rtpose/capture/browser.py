"""The camera of a browser, as a source: the server receives its pictures and puts them in here."""

from __future__ import annotations

import threading

import cv2
import numpy as np

from rtpose.errors import InputError
from rtpose.stages import stage
from rtpose.types import Frame, Image, SourceInfo, SourceStats

NAME = "browser's camera"
WAITING = "waiting for a browser's camera: press 'Use this camera' on the page, here or on a phone"
MAX_PIXELS = 2**22
MAX_SKIPPED = 1000
"""A larger number of skipped frames is not plausible and is ignored."""


class BrowserCamera:
    """A `FrameSource` that keeps the newest picture and decodes it when it is read.

    `put` and `end` may be called from any thread and never wait. The camera may disconnect and reconnect.
    `stats.dropped`: "page busy": frames that the page had no time to send; "consumer busy": pictures replaced by a
    newer one before they were read; "damaged": pictures that could not be decoded.
    """

    def __init__(self) -> None:
        """Does not wait for a camera: `info.size` is (0, 0)."""
        self.info = SourceInfo(name=NAME, live=True, size=(0, 0), fps=None, frame_count=None)
        self.stats = SourceStats()
        self._changed = threading.Condition()
        self._newest: tuple[bytes, int, int] | None = None  # JPEG, frame_id, t_ns
        self._next_id = 0
        self._start_ns: int | None = None
        self._last_ns = 0
        self._status = WAITING
        self._closed = False

    def put(self, jpeg: bytes, t_ns: int, skipped: int = 0) -> None:
        """Store the newest picture. t_ns: its capture time, `time.monotonic_ns()`; skipped: frames of the camera
        between the last picture and this one.

        Errors: `InputError` unless it is a JPEG of a permitted size.
        """
        width, height = jpeg_size(jpeg)
        if width * height > MAX_PIXELS:
            raise InputError(f"a picture of {width}x{height} pixels is too large")
        with self._changed:
            if self._closed:
                return
            if 0 < skipped <= MAX_SKIPPED:
                self.stats.drop("page busy", skipped)
                self._next_id += skipped
            if self._newest is not None:
                self.stats.drop("consumer busy")
            if self._start_ns is None:
                self._start_ns = t_ns
            # The page's clock is known only approximately: the later of two pictures may seem to be the earlier.
            self._last_ns = max(t_ns, self._last_ns + 1)
            self._newest = (jpeg, self._next_id, self._last_ns)
            self._next_id += 1
            self._status = "ok"
            self._changed.notify_all()

    def end(self) -> None:
        """The camera has disconnected; another may connect."""
        self._status = WAITING

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """See `FrameSource`."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._closed, timeout_s)
            if self._newest is None or self._closed or self._start_ns is None:
                return None
            jpeg, frame_id, t_ns = self._newest
            self._newest = None
            start_ns = self._start_ns
        with stage("decode"):
            image = _decode(jpeg)
        if image is None:
            self.stats.drop("damaged")
            return None
        self.stats.delivered += 1
        return Frame(image, frame_id, t_ns, (t_ns - start_ns) / 1e9)

    @property
    def ended(self) -> bool:
        """True after `close`."""
        return self._closed

    @property
    def status(self) -> str:
        """Whether a camera is connected."""
        return self._status

    def close(self) -> None:
        """Accept no more pictures."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def jpeg_size(data: bytes) -> tuple[int, int]:
    """(width, height) from a JPEG's header, without decoding.

    Only JPEGs as browsers make them are accepted: one frame, sequential (a progressive picture can take hundreds of
    passes over its pixels), 8 bits. Errors: `InputError` for anything else.
    """
    if data[:2] != b"\xff\xd8":
        raise InputError("this is not a JPEG picture")
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0xC0, 0xC1):  # start of a sequential frame: precision, height, width
            height, width = int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
            if data[at + 4] != 8 or width == 0 or height == 0:
                break
            return width, height
        # Tables, application data and comments may precede it.
        if marker not in (0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)) or length < 2:
            break
        at += 2 + length
    raise InputError("this is not a JPEG picture of a kind that browsers make")


def _decode(jpeg: bytes) -> Image | None:
    """(H, W, 3) RGB; None for damaged data."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        return None
    image: Image = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return image
