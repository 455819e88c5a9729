"""What pages provide: a browser's camera, and videos that they upload or name, as one live source."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rtpose.capture.browser import BrowserCamera
from rtpose.errors import InputError
from rtpose.types import Frame, FrameSource, SourceInfo, SourceStats

MAX_LATE_S = 1.0
"""A video that is further behind its time than this continues from where it is."""


class PageSource:
    """A live `FrameSource`: the pictures of a page's camera, or the frames of a video at their own speed.

    `put`, `end`, `play` and `stop_video` may be called from any thread and never wait. A video replaces the camera's
    pictures until it ends.
    """

    def __init__(self, open_video: Callable[[str], FrameSource]) -> None:
        """open_video: opens a video by its path. Its errors: `InputError`."""
        self._camera = BrowserCamera()
        self.info: SourceInfo = self._camera.info
        self.stats: SourceStats = self._camera.stats
        self._open_video = open_video
        self._lock = threading.Lock()
        self._wanted: tuple[Path, str, Callable[[], None]] | None = None
        """Path, name and the callback once it is no longer needed."""
        self._stopping = False
        self._video: FrameSource | None = None
        self._done: Callable[[], None] = lambda: None
        self._trouble = ""
        self._name = ""
        self._begin_s = 0.0
        self._next_id = 0
        self._last_ns = 0
        self._start_ns: int | None = None

    def put(self, jpeg: bytes, t_ns: int, skipped: int = 0) -> None:
        """The newest picture of the camera, see `BrowserCamera.put`."""
        self._camera.put(jpeg, t_ns, skipped)

    def end(self) -> None:
        """The camera has disconnected."""
        self._camera.end()

    def play(self, path: Path, name: str, done: Callable[[], None] = lambda: None) -> None:
        """Show a video next, instead of what is shown now. name: for people. done: called once the file is closed."""
        with self._lock:
            before, self._wanted = self._wanted, (path, name, done)
        if before is not None:
            before[2]()

    def stop_video(self) -> None:
        """End the video; the camera is shown again."""
        self._stopping = True

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """See `FrameSource`."""
        with self._lock:
            wanted, self._wanted = self._wanted, None
        if wanted is not None:
            self._close_video()
            self._open(*wanted)
        if self._stopping:
            self._close_video()
        frame = self._camera.read(min(timeout_s, 0.1)) if self._video is None else self._next_frame(self._video)
        return None if frame is None else self._numbered(frame)

    def _open(self, path: Path, name: str, done: Callable[[], None]) -> None:
        self._stopping, self._trouble, self._name, self._done = False, "", name, done
        try:
            self._video = self._open_video(str(path))
        except InputError as error:
            self._trouble = str(error).replace(str(path), name)
            self._close_video()
        self._begin_s = time.monotonic()

    def _next_frame(self, video: FrameSource) -> Frame | None:
        frame = video.read(0.1)
        if frame is None:
            if video.ended:
                self._close_video()
            return None
        late_s = time.monotonic() - self._begin_s - frame.pts_s
        if late_s > MAX_LATE_S:
            self._begin_s += late_s
        while late_s < 0 and not (self._stopping or self.ended or self._wanted):
            time.sleep(min(-late_s, 0.05))
            late_s = time.monotonic() - self._begin_s - frame.pts_s
        return replace(frame, t_ns=time.monotonic_ns())

    def _numbered(self, frame: Frame) -> Frame:
        """The frame with an id and times that continue from the last ones, whatever its source."""
        t_ns = self._last_ns = max(frame.t_ns, self._last_ns + 1)
        if self._start_ns is None:
            self._start_ns = t_ns
        self._next_id += 1
        return replace(frame, frame_id=self._next_id - 1, t_ns=t_ns, pts_s=(t_ns - self._start_ns) / 1e9)

    def _close_video(self) -> None:
        video, self._video, self._stopping = self._video, None, False
        if video is not None:
            video.close()
        done, self._done = self._done, lambda: None
        done()

    @property
    def ended(self) -> bool:
        """True after `close`."""
        return self._camera.ended

    @property
    def status(self) -> str:
        """Whether there is anything to see, or what was wrong with the last video."""
        if self._video is not None:
            return "ok"
        return self._trouble if self._trouble and self._camera.status != "ok" else self._camera.status

    def close(self) -> None:
        """Accept nothing more."""
        self._camera.close()
        self._close_video()
