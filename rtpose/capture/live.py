"""Shared by all live sources: a reading thread, a slot for the newest frame, reopening.

The reader never waits for the consumer, so the latency stays at one frame, however slow the consumer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from rtpose.errors import InputError
from rtpose.stages import stage
from rtpose.types import Frame, Picture, SourceInfo, SourceStats, picture_size

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses between attempts to reopen; the last one repeats."""
FIRST_FRAME_S = 10.0
_CLOSE_WAIT_S = 2.0

MakePicture = Callable[[], Picture]
"""Makes the picture; called only for frames that are read, not for dropped ones."""


class ConnectionLost(Exception):  # noqa: N818 - an event, not an error: the source reopens
    """The camera or stream has stopped."""


class Connection(Protocol):
    """One opened camera or stream. Used by one thread at a time."""

    fps: float | None

    def grab(self) -> MakePicture | None:
        """Wait for the next frame; None for a damaged one. Raises `ConnectionLost`."""
        ...

    def close(self) -> None: ...


class LiveSource:
    """A `FrameSource` that keeps the newest frame of a `Connection` and reopens it when it is lost.

    `stats.dropped`: "consumer busy": frames replaced by a newer one before they were read; "damaged": frames
    that could not be decoded. `pts_s` is the time of arrival, counted from the first frame.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        *,
        connection: Connection | None = None,
        lost: str,
        reconnect: bool = True,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """Open and wait for the first frame.

        connect: opens a connection, or raises `InputError`. connection: the first one, if it is already open.
        lost: message for a lost connection, such as "camera unplugged".
        Errors: `InputError` if it cannot be opened or delivers no frame; nothing is left open.
        """
        self._connect = connect
        self._lost = lost
        self._reconnect = reconnect
        self._pauses_s = pauses_s
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._ended = False
        self._status = "ok"
        self._failure: Exception | None = None
        self._newest: tuple[MakePicture, int, int] | None = None  # its picture, frame_id, t_ns
        self._next_id = 0
        self._last_ns = 0
        self.stats = SourceStats()

        connection = connection or connect()
        try:
            make_picture = self._first_picture(connection, name)
            self._start_ns = time.monotonic_ns()
            picture = make_picture()
            self.info = SourceInfo(
                name=name,
                live=True,
                size=picture_size(picture),
                fps=connection.fps,
                frame_count=None,
            )
            self._put(lambda: picture, self._start_ns)
        except BaseException:
            connection.close()
            raise
        self._thread = threading.Thread(
            target=self._run, args=(connection,), name=f"rtpose capture {name}", daemon=True
        )
        self._thread.start()

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """The newest unread frame; None if there is none within `timeout_s`, or at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._ended, timeout_s)
            if self._failure is not None:
                raise self._failure
            if self._newest is None or self._closing.is_set():
                return None
            make_picture, frame_id, t_ns = self._newest
            self._newest = None
            self.stats.delivered += 1
        with stage("decode"):
            picture = make_picture()
        return Frame(picture, frame_id, t_ns, (t_ns - self._start_ns) / 1e9)

    @property
    def ended(self) -> bool:
        """True after `close`, or once the source is lost for good and its last frame was read."""
        with self._changed:
            return self._ended and self._newest is None and self._failure is None

    @property
    def status(self) -> str:
        """What was lost and when the next attempt follows, or "ok"."""
        return self._status

    def close(self) -> None:
        """Stop. A reader that hangs in a dead connection ends at that connection's time limit."""
        self._closing.set()
        with self._changed:
            self._ended = True
            self._newest = None
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_WAIT_S)

    def _first_picture(self, connection: Connection, name: str) -> MakePicture:
        deadline_s = time.monotonic() + FIRST_FRAME_S
        while time.monotonic() < deadline_s:
            try:
                make_picture = connection.grab()
            except ConnectionLost as error:
                raise InputError(
                    f"'{name}' opened but delivers no picture ({error}); check that it is running"
                ) from error
            if make_picture is not None:
                return make_picture
            self._drop("damaged")
        raise InputError(f"'{name}' delivered no picture within {FIRST_FRAME_S:.0f} s; check that it is running")

    def _run(self, connection: Connection) -> None:
        """The reader thread: only it uses and closes connections."""
        current: Connection | None = connection
        try:
            while current is not None:
                try:
                    self._pump(current)
                finally:
                    current.close()
                current = self._reopen() if self._reconnect else None
        except Exception as error:  # a bug: raised in the thread that reads
            self._failure = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _pump(self, connection: Connection) -> None:
        """Move frames into the slot until the connection is lost or the source is closed."""
        while not self._closing.is_set():
            try:
                with stage("capture"):
                    make_picture = connection.grab()
            except ConnectionLost:
                self._status = self._lost
                return
            if make_picture is None:
                self._drop("damaged")
            else:
                self._put(make_picture, time.monotonic_ns())
                self._status = "ok"

    def _reopen(self) -> Connection | None:
        """Retry with growing pauses until it succeeds; None if the source is closed meanwhile."""
        attempt = 0
        while True:
            pause_s = self._pauses_s[min(attempt, len(self._pauses_s) - 1)]
            self._status = f"{self._lost}, retrying in {pause_s:g} s"
            if self._closing.wait(pause_s):
                return None
            self._status = f"{self._lost}, reopening"
            try:
                connection = self._connect()
            except InputError:
                attempt += 1
                continue
            self.stats.reconnects += 1
            return connection

    def _put(self, make_picture: MakePicture, t_ns: int) -> None:
        with self._changed:
            if self._closing.is_set():
                return
            if self._newest is not None:
                self.stats.drop("consumer busy")
            # Some clocks have coarse steps (15 ms on Windows), but times must increase.
            self._last_ns = max(t_ns, self._last_ns + 1)
            self._newest = (make_picture, self._next_id, self._last_ns)
            self._next_id += 1
            self._changed.notify_all()

    def _drop(self, cause: str) -> None:
        with self._changed:
            self.stats.drop(cause)
            self._next_id += 1
