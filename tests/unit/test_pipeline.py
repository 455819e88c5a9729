"""The pipeline with made-up parts."""

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from rtpose.geometry import camera_from_fov
from rtpose.pipeline import Pipeline, Summary
from rtpose.turns import others_turn
from rtpose.types import Camera, Frame, Person3D, Result, SourceInfo, SourceStats


class Source:
    """`count` frames at `fps`; a live one hands out the newest frame by its own clock."""

    def __init__(self, count: int, *, live: bool = False, fps: float = 100.0, error: Exception | None = None) -> None:
        self.info = SourceInfo("made up", live, (8, 6), fps, count)
        self.stats = SourceStats()
        self.closed = 0
        self._next = 0
        self._error = error

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        if self._next == self.info.frame_count:
            if self._error:
                raise self._error
            return None
        assert self.info.fps is not None
        image = np.zeros((6, 8, 3), np.uint8)
        frame = Frame(image, self._next, time.monotonic_ns(), self._next / self.info.fps)
        self._next += 1
        self.stats.delivered += 1
        return frame

    @property
    def ended(self) -> bool:
        return self._next == self.info.frame_count and not self._error

    @property
    def status(self) -> str:
        return "ok" if self._next % 2 else "trying again"

    def close(self) -> None:
        self.closed += 1


class Estimator:
    def begin(self, frame: Frame, camera: Camera) -> Callable[[], list[Person3D]]:
        return lambda: self.people(frame)

    def estimate(self, frame: Frame, camera: Camera) -> list[Person3D]:
        return self.people(frame)

    def people(self, frame: Frame) -> list[Person3D]:
        zeros = np.zeros((17, 3), np.float32)
        box = np.zeros(4, np.float32)
        person = Person3D(-1, box, zeros, zeros, np.zeros(3, np.float32), np.ones(17, np.float32))
        return [person] if frame.frame_id % 2 == 0 else []

    def reset(self) -> None: ...

    def describe(self) -> dict[str, object]:
        return {}


class Pass:
    def smooth(self, persons: Sequence[Person3D], t_s: float) -> list[Person3D]:
        return list(persons)

    def reset(self) -> None: ...


class Collect:
    def __init__(self, delay_s: float = 0.0, fail_at: int | None = None) -> None:
        self.frames: list[int] = []
        self.closed = 0
        self._delay_s = delay_s
        self._fail_at = fail_at

    def write(self, result: Result) -> None:
        time.sleep(self._delay_s)
        if result.frame.frame_id == self._fail_at:
            raise OSError("no space left")
        self.frames.append(result.frame.frame_id)

    def close(self) -> None:
        self.closed += 1


def pipeline(source: Source, **options: object) -> Pipeline:
    return Pipeline(source, Estimator(), Pass(), camera_of=camera_from_fov, **options)  # type: ignore[arg-type]


def test_a_file_is_recorded_frame_by_frame_whatever_a_viewer_does() -> None:
    source, recorder, viewer = Source(40), Collect(), Collect(delay_s=0.02)
    summary = pipeline(source, recorders=[recorder], viewers=[viewer]).run()
    assert recorder.frames == list(range(40))
    assert len(viewer.frames) < 40
    assert viewer.frames[-1] == 39  # the newest is never the one that is lost
    assert (summary.frames, summary.frames_with_people, summary.most_people) == (40, 20, 1)
    assert (source.closed, recorder.closed, viewer.closed) == (1, 1, 1)


def test_a_slow_recorder_loses_nothing() -> None:
    recorder = Collect(delay_s=0.002)
    pipeline(Source(80), recorders=[recorder]).run()
    assert recorder.frames == list(range(80))


def test_one_broken_sink_does_not_stop_the_others() -> None:
    good, bad = Collect(), Collect(fail_at=3)
    summary = pipeline(Source(20), recorders=[good, bad]).run()
    assert good.frames == list(range(20))
    assert bad.frames == [0, 1, 2]
    assert [str(e) for e in summary.sink_errors] == ["no space left"]
    assert (good.closed, bad.closed) == (1, 1)


def test_a_failing_sink_is_reported_at_once_and_only_once() -> None:
    """Reported while the run goes on, in the middle of it; `Bad` raises at every later call, too."""

    class Bad(Collect):
        def write(self, result: Result) -> None:
            super().write(result)
            if len(self.frames) >= 3:
                raise OSError("no space left")

        def close(self) -> None:
            raise OSError("no space left at the end")

    reports: list[tuple[str, float]] = []
    times: list[float] = []
    good = Collect()
    summary = pipeline(
        Source(100, fps=100.0), recorders=[good], viewers=[Bad()], real_time=True,
        on_result=lambda result: times.append(time.monotonic()),
        on_sink_error=lambda error: reports.append((str(error), time.monotonic())),
    ).run()  # fmt: skip
    ((text, reported_s),) = reports
    assert text == "no space left"
    assert reported_s < times[-1] - 0.2
    assert good.frames == list(range(100))
    assert [str(error) for error in summary.sink_errors] == ["no space left"]


def test_the_work_ends_when_no_recorder_is_left() -> None:
    summary = pipeline(Source(10_000), recorders=[Collect(fail_at=0)]).run()
    assert summary.frames < 10_000


def test_stop_finishes_the_outputs() -> None:
    source, recorder = Source(100_000), Collect()
    running = pipeline(source, recorders=[recorder])
    timer = threading.Timer(0.3, running.stop)
    timer.start()
    summary = running.run()
    timer.join()
    assert 0 < summary.frames < 100_000
    assert recorder.frames == list(range(summary.frames))
    assert (recorder.closed, source.closed) == (1, 1)


def test_an_error_of_the_source_reaches_the_caller_after_the_outputs_are_finished() -> None:
    source, recorder = Source(5, error=RuntimeError("torn cable")), Collect()
    with pytest.raises(RuntimeError, match="torn cable"):
        pipeline(source, recorders=[recorder]).run()
    assert recorder.frames == [0, 1, 2, 3, 4]
    assert (recorder.closed, source.closed) == (1, 1)


def test_live_reports_the_state_of_the_source() -> None:
    states: list[str] = []
    summary = pipeline(Source(6, live=True), on_status=states.append).run()
    assert summary.frames == 6
    assert {"ok", "trying again"} == set(states)


def test_real_time_keeps_to_the_frames_own_times() -> None:
    """A frame's capture time is when it is due, not when it was decoded ahead."""
    started = time.monotonic_ns()
    results: list[Result] = []
    pipeline(Source(11, fps=50.0), real_time=True, on_result=results.append).run()
    assert all(r.frame.t_ns - started >= r.frame.pts_s * 1e9 for r in results)
    assert len(results) == 11


@pytest.mark.parametrize("number", [0, 3])
def test_frames_say_which_source_they_are_of(number: int) -> None:
    sources: list[int] = []
    pipeline(Source(2), number=number, on_result=lambda result: sources.append(result.frame.source)).run()
    assert sources == [number, number]


def test_fps_of_nothing() -> None:
    assert Summary().fps == 0.0


class Overlapping(Estimator):
    """Finishes no frame before the next one is begun, and notes what happens."""

    def __init__(self, count: int) -> None:
        self.begun = [threading.Event() for _ in range(count + 1)]
        self.begun[count].set()
        self.notes: list[str] = []

    def begin(self, frame: Frame, camera: Camera) -> Callable[[], list[Person3D]]:
        self.notes.append(f"begin {frame.frame_id}")
        self.begun[frame.frame_id].set()

        def finish() -> list[Person3D]:
            with others_turn():
                assert self.begun[frame.frame_id + 1].wait(10)
            self.notes.append(f"finish {frame.frame_id}")
            return []

        return finish


@pytest.mark.parametrize("live", [False, True])
def test_the_next_frame_is_begun_while_one_is_finished_and_no_other(live: bool) -> None:
    estimator, recorder = Overlapping(5), Collect()
    Pipeline(Source(5, live=live), estimator, Pass(), camera_of=camera_from_fov, recorders=[recorder]).run()
    assert recorder.frames == [0, 1, 2, 3, 4]
    for i in range(5):
        finished = estimator.notes.index(f"finish {i}")
        assert sum(note.startswith("begin") for note in estimator.notes[:finished]) == min(i + 2, 5)


@pytest.mark.parametrize("half", ["begin", "people"])
def test_an_error_of_either_half_reaches_the_caller(half: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = getattr(Estimator, half)

    def broken(self: Estimator, frame: Frame, *rest: Camera) -> object:
        if frame.frame_id == 3:
            raise RuntimeError("torn")
        return whole(self, frame, *rest)

    monkeypatch.setattr(Estimator, half, broken)
    source, recorder = Source(10), Collect()
    with pytest.raises(RuntimeError, match="torn"):
        pipeline(source, recorders=[recorder]).run()
    assert recorder.frames == [0, 1, 2]
    assert (recorder.closed, source.closed) == (1, 1)


def test_a_live_source_that_gives_nothing_more_does_not_hold_up_the_end() -> None:
    class Silent(Source):
        """Two frames, then a camera that hangs."""

        def read(self, timeout_s: float = 1.0) -> Frame | None:
            frame = super().read() if self._next < 2 else None
            if frame is None:
                time.sleep(0.01)
            return frame

    summary = pipeline(
        Silent(1000, live=True), recorders=[Collect(fail_at=0)], on_result=lambda r: time.sleep(0.1)
    ).run()
    assert summary.frames <= 2
    assert len(summary.sink_errors) == 1


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    pipeline(Source(10_000), recorders=[Collect(fail_at=0)]).run()
    pipeline(Source(5)).run()
    assert threading.active_count() == before


def test_a_frame_waits_for_those_that_a_lookahead_needs() -> None:
    """100 frames a second, 0.05 s ahead: when a frame is finished, the five after it have been begun."""
    begun: list[int] = []
    reach: dict[int, int] = {}

    class Watching(Estimator):
        def begin(self, frame: Frame, camera: Camera) -> Callable[[], list[Person3D]]:
            begun.append(frame.frame_id)

            def finish() -> list[Person3D]:
                reach[frame.frame_id] = max(begun)
                return self.people(frame)

            return finish

    recorder = Collect()
    camera_of = camera_from_fov
    Pipeline(Source(30), Watching(), Pass(), camera_of=camera_of, lookahead_s=0.05, recorders=[recorder]).run()
    assert recorder.frames == list(range(30))
    assert all(reach[n] >= min(n + 5, 29) for n in range(30))
