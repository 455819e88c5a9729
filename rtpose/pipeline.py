"""capture → estimate → smooth → body → sinks. Threads, mailboxes and lifecycle; knows protocols, no concrete part.

Files: a reader thread decodes a few frames ahead, every frame is estimated. Live sources keep the newest frame by
themselves. A thread begins each frame's estimate while the pipeline's own finishes the one before. Each sink has a
thread and a queue of its own: a recorder's loses nothing and may slow the estimate down, a viewer's holds only the
newest result.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from rtpose.stages import stage
from rtpose.turns import Turns, others_turn
from rtpose.types import (
    BodyFitter,
    Camera,
    Estimator,
    Frame,
    FrameSource,
    Person3D,
    Result,
    Sink,
    Smoother,
    SourceStats,
)

DECODE_AHEAD = 4
"""Frames of a file that wait for the estimator."""
BEGUN_AHEAD = 1
"""Frames whose estimate is begun before that of the last one is finished: one, so that a live picture never waits."""
MOST_HELD = 150
"""Frames that wait for those after them, however far a lookahead reaches: they are kept in memory."""
RECORDER_QUEUE = 8
"""Results that wait for a recorder before the estimator waits for it."""

Item = TypeVar("Item")
Begun = tuple[Frame, Camera, Callable[[], list[Person3D]]]
"""A frame whose estimate is begun, and what finishes it."""


@dataclass
class Summary:
    """What a run did."""

    frames: int = 0
    frames_with_people: int = 0
    most_people: int = 0
    wall_s: float = 0.0
    stats: SourceStats = field(default_factory=SourceStats)
    sink_errors: list[Exception] = field(default_factory=list)
    """Of the outputs that failed, the first of each."""

    @property
    def fps(self) -> float:
        """Estimated frames per second of wall time."""
        return self.frames / self.wall_s if self.wall_s > 0 else 0.0


class SinkThread:
    """One sink with its mailbox. A sink that fails is reported at once and gets nothing more; the rest goes on."""

    def __init__(self, sink: Sink, *, lossless: bool, on_error: Callable[[Exception], None]) -> None:
        """on_error: called in the sink's thread with the first exception that the sink raises, when it does."""
        self.error: Exception | None = None
        self._on_error = on_error
        self._sink = sink
        self._lossless = lossless
        self._mailbox: queue.Queue[Result | None] = queue.Queue(RECORDER_QUEUE if lossless else 1)
        self._thread = threading.Thread(target=self._run, name=type(sink).__name__, daemon=True)
        self._thread.start()

    def put(self, result: Result) -> None:
        """Hand a result over: waits while a recorder is behind, replaces what a viewer has not taken yet."""
        if self._lossless:
            self._mailbox.put(result)
            return
        while True:
            try:
                self._mailbox.put_nowait(result)
                return
            except queue.Full:
                try:
                    self._mailbox.get_nowait()
                except queue.Empty:
                    continue

    def close(self) -> None:
        """Let the sink take what waits for it, then finish it."""
        self._mailbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (result := self._mailbox.get()) is not None:
            if self.error is None:
                self._guard(partial(self._sink.write, result))
        self._guard(self._sink.close)

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # the seam: whatever a sink does, the stream goes on
            if self.error is None:
                self.error = error
                self._on_error(error)


class Pipeline:
    """Runs one source to its end, or until `stop` is called."""

    def __init__(
        self,
        source: FrameSource,
        estimator: Estimator,
        smoother: Smoother,
        *,
        camera_of: Callable[[tuple[int, int]], Camera],
        body: BodyFitter | None = None,
        lookahead_s: float = 0.0,
        recorders: Sequence[Sink] = (),
        viewers: Sequence[Sink] = (),
        real_time: bool = False,
        number: int = 0,
        on_result: Callable[[Result], None] = lambda result: None,
        on_status: Callable[[str], None] = lambda status: None,
        on_sink_error: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        """camera_of: image size -> camera. body: None leaves the joints as they are. lookahead_s: a
        frame is finished when those of so many seconds after it have been begun. real_time: show a file's frames at
        their own times, not as fast as possible. number: which of several sources it is, `Frame.source`. on_result:
        called in the pipeline's thread; on_status: in one of its threads; on_sink_error: in the thread of the sink that
        failed, once for each."""
        self._source = source
        self._estimator = estimator
        self._smoother = smoother
        self._camera_of = camera_of
        self._body = body
        self._lookahead_s = lookahead_s
        self._recorders = recorders
        self._viewers = viewers
        self._real_time = real_time
        self._number = number
        self._on_result = on_result
        self._on_status = on_status
        self._on_sink_error = on_sink_error
        self._stop = threading.Event()
        self._turns = Turns()

    def stop(self) -> None:
        """End after the frame at hand; outputs are finished. May be called from a signal handler."""
        self._stop.set()

    def run(self) -> Summary:
        """Blocks until the source ends. The source and all sinks are closed whatever happens."""
        summary = Summary(stats=self._source.stats)
        sinks = [SinkThread(s, lossless=True, on_error=self._on_sink_error) for s in self._recorders]
        sinks += [SinkThread(s, lossless=False, on_error=self._on_sink_error) for s in self._viewers]
        started = time.monotonic()
        begun = _ahead(self._begin_all(started), BEGUN_AHEAD, self._stop)
        if self._lookahead_s > 0:
            begun = _held_back(begun, self._lookahead_s)
        try:
            for frame, camera, finish in begun:
                result = self._finish(frame, camera, finish)
                for sink in sinks:
                    sink.put(result)
                summary.frames += 1
                summary.frames_with_people += bool(result.persons)
                summary.most_people = max(summary.most_people, len(result.persons))
                self._on_result(result)
                if self._recorders and all(sink.error for sink in sinks[: len(self._recorders)]):
                    break  # nothing more would be kept
        finally:
            self._stop.set()  # of the threads, too
            begun.close()
            self._source.close()
            for sink in sinks:
                sink.close()
        summary.wall_s = time.monotonic() - started
        summary.sink_errors = [sink.error for sink in sinks if sink.error]
        return summary

    def _begin_all(self, started_s: float) -> Generator[Begun, None, None]:
        """Frames with their estimates begun, and what finishes them."""
        live = self._source.info.live
        frames = (
            _live_frames(self._source, self._stop, self._on_status)
            if live
            else _ahead(_file_frames(self._source), DECODE_AHEAD, self._stop)
        )
        try:
            with self._turns.first():
                for frame in frames:
                    frame = replace(frame, source=self._number)
                    if self._real_time:
                        if self._stops_before(started_s + frame.pts_s):
                            return
                        frame = replace(frame, t_ns=time.monotonic_ns())  # it was decoded ahead of its time
                    camera = self._camera_of(frame.size)
                    yield frame, camera, self._estimator.begin(frame, camera)
        finally:
            frames.close()

    def _stops_before(self, time_s: float) -> bool:
        """Waits for `time_s` on the monotonic clock."""
        delay = time_s - time.monotonic()
        with others_turn():
            return delay > 0 and self._stop.wait(delay)

    def _finish(self, frame: Frame, camera: Camera, finish: Callable[[], list[Person3D]]) -> Result:
        with self._turns.second():
            persons = finish()
        world_from_camera = None
        with self._turns.second():
            with stage("smooth"):
                persons = self._smoother.smooth(persons, frame.pts_s)
            if self._body is not None:
                with stage("body"):
                    persons, world_from_camera = self._body.fit(persons, camera, frame.pts_s)
        return Result(
            frame=frame,
            camera=camera,
            persons=tuple(persons),
            t_done_ns=time.monotonic_ns(),
            world_from_camera=world_from_camera,
        )


def _live_frames(
    source: FrameSource, stop: threading.Event, on_status: Callable[[str], None]
) -> Generator[Frame, None, None]:
    """The newest frame each time; the source keeps the mailbox itself."""
    while not stop.is_set() and not source.ended:
        with others_turn():
            frame = source.read(timeout_s=0.2)
        on_status(source.status)
        if frame is not None:
            yield frame


def _file_frames(source: FrameSource) -> Generator[Frame, None, None]:
    while not source.ended:
        frame = source.read()
        if frame is not None:
            yield frame


def _held_back(begun: Generator[Begun, None, None], lookahead_s: float) -> Generator[Begun, None, None]:
    """The same, each when one that is `lookahead_s` later has been begun, or none will be."""
    held: deque[Begun] = deque()
    try:
        for item in begun:
            held.append(item)
            while item[0].pts_s - held[0][0].pts_s >= lookahead_s or len(held) > MOST_HELD:
                yield held.popleft()
        yield from held
    finally:
        begun.close()


def _ahead(items: Generator[Item, None, None], room: int, stop: threading.Event) -> Generator[Item, None, None]:
    """`items` up to the stop, made in a thread. It begins none before there is room for it, so that a waiting item is
    never older than it must be. Closing this generator ends the thread and closes `items`."""
    free = threading.Semaphore(room + 1)
    """For `room` items, and the one that is taken."""
    made: queue.SimpleQueue[tuple[Item] | Exception | None] = queue.SimpleQueue()
    closing = threading.Event()

    def make() -> None:
        try:
            while True:
                if not free.acquire(blocking=False):
                    with others_turn():
                        free.acquire()
                if closing.is_set():
                    return
                made.put((next(items),))
        except StopIteration:
            made.put(None)
        except Exception as error:  # handed to the thread that takes the items, which raises it
            made.put(error)
        finally:
            items.close()

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while not stop.is_set():
            try:
                item = made.get_nowait()
            except queue.Empty:
                try:
                    with others_turn():
                        item = made.get(timeout=0.1)
                except queue.Empty:
                    continue
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            yield item[0]
            free.release()
    finally:
        closing.set()
        free.release()
        thread.join()
