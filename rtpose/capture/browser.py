"""A browser's camera as a source: the server receives its pictures and puts them in here."""

from __future__ import annotations

import queue
import re
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
DECODE_BUDGET_S = 1.0
"""A picture that takes longer to decode is dropped."""
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Ends the compressed data of a scan. Stuffed bytes, restart markers and fill bytes do not."""


class BrowserCamera:
    """A `FrameSource` that keeps the newest picture and decodes it when it is read.

    `put` and `end` may be called from any thread and never wait. The camera may disconnect and reconnect.
    `stats.dropped`: "page busy": frames that the page had no time to send; "consumer busy": pictures replaced by a
    newer one before they were read; "damaged": pictures that could not be decoded; "too slow": pictures that took
    longer to decode than `DECODE_BUDGET_S`.
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
        self._decoder = PictureDecoder()

    def put(self, jpeg: bytes, t_ns: int, skipped: int = 0) -> None:
        """Store the newest picture. t_ns: its capture time, `time.monotonic_ns()`; skipped: frames of the camera
        between the last picture and this one.

        Errors: `InputError` unless it is a JPEG of a permitted size and kind.
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
        """See `FrameSource`. Returns after `timeout_s` plus `DECODE_BUDGET_S` at the latest."""
        if not self._decoder.wait_until_free(timeout_s):
            return None
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._closed, timeout_s)
            if self._newest is None or self._closed or self._start_ns is None:
                return None
            jpeg, frame_id, t_ns = self._newest
            self._newest = None
            start_ns = self._start_ns
        try:
            with stage("decode"):
                image = self._decoder.decode(jpeg, DECODE_BUDGET_S)
        except TimeoutError:
            self.stats.drop("too slow")
            return None
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
        self._decoder.close()


class PictureDecoder:
    """Decodes untrusted pictures in its own thread, one at a time.

    A picture that takes too long delays neither the reader nor the end of the program: the thread is a daemon.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[bytes, queue.SimpleQueue[Image | None]] | None] = queue.SimpleQueue()
        self._free = threading.Event()
        self._free.set()
        self._thread: threading.Thread | None = None

    def wait_until_free(self, timeout_s: float) -> bool:
        """Whether the previous picture is decoded, within `timeout_s`."""
        return self._free.wait(timeout_s)

    def decode(self, jpeg: bytes, budget_s: float) -> Image | None:
        """(H, W, 3) RGB; None for damaged data. Only while the decoder is free, and by one thread.

        Errors: `TimeoutError` after `budget_s`; the result is thrown away then.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="rtpose-pictures", daemon=True)
            self._thread.start()
        result: queue.SimpleQueue[Image | None] = queue.SimpleQueue()
        self._free.clear()
        self._jobs.put((jpeg, result))
        try:
            return result.get(timeout=budget_s)
        except queue.Empty:
            raise TimeoutError from None

    def close(self) -> None:
        """End the thread after its current picture. Does not wait for it."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            jpeg, result = job
            try:
                image = _decode(jpeg)
            except cv2.error:
                image = None
            self._free.set()
            result.put(image)


def jpeg_size(data: bytes) -> tuple[int, int]:
    """(width, height) from a JPEG's header, without decoding.

    Only JPEGs as browsers make them are accepted: one frame, sequential, 8 bits, and each component in at most one
    scan. The decoder makes a pass over all pixels for each scan, so a small file with many scans takes minutes.
    Errors: `InputError` for anything else.
    """
    if data[:2] != b"\xff\xd8":
        raise InputError("this is not a JPEG picture")
    size, unscanned, at = None, bytearray(), 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xD9:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker in (0xC0, 0xC1) and size is None and _is_frame(segment):  # the start of a sequential frame
            size = int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big")
            unscanned += segment[6::3]
        elif marker == 0xDA and size is not None and segment and len(segment) == 2 * segment[0] + 4:
            for component in segment[1:-3:2]:
                if component not in unscanned:
                    raise InputError("a JPEG picture with more scans than components is not accepted")
                unscanned.remove(component)
            found = _MARKER.search(data, at)
            at = found.start() if found else len(data)
        # Tables, application data and comments may come before and between them.
        elif marker not in (0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)) or length < 2:
            size = None
            break
    if size is None:
        raise InputError("this is not a JPEG picture of a kind that browsers make")
    return size


def _is_frame(segment: bytes) -> bool:
    """Whether a frame header is complete, of 8 bits, not empty, and has 1 to 4 components."""
    return (
        len(segment) in (9, 12, 15, 18)
        and len(segment) == 6 + 3 * segment[5]
        and (segment[0] == 8 and any(segment[1:3]) and any(segment[3:5]))
    )


def _decode(jpeg: bytes) -> Image | None:
    """(H, W, 3) RGB; None for damaged data."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        return None
    image: Image = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return image
