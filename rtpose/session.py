"""Settings -> parts -> a running pipeline -> a summary. Prints nothing: what a person should know goes to `on_notice`.

session = Session(RunSettings(persons=2))
with open_source("in.mp4") as source:
    summary = session.record(source, Path("poses.npz"))
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rtpose import __version__
from rtpose.board import SourceBoard
from rtpose.camera import camera_of
from rtpose.config import RunSettings
from rtpose.errors import InputError, RtposeError
from rtpose.geometry import DEFAULT_HEIGHT_M
from rtpose.interrupts import on_signals
from rtpose.pipeline import Pipeline, Summary
from rtpose.pose.body.world import World
from rtpose.pose.estimators import Estimators, open_estimators
from rtpose.pose.replaceable import ReplaceableEstimator
from rtpose.pose.smooth import NoSmoother, OneEuroSmoother
from rtpose.printable import printable
from rtpose.types import Camera, FrameSource, Result, Sink, Smoother

if TYPE_CHECKING:
    import ssl

    from rtpose.outputs.open3d_window import Open3DWindow
    from rtpose.pose.body.bodies import Bodies
    from rtpose.pose.body.second_pass import SecondPass
    from rtpose.server.camera import CameraFeed
    from rtpose.server.server import PoseServer
    from rtpose.server.upload import VideoFeed


class Session:
    """The estimators of some settings, loaded once, for one source after the other or for several at once."""

    def __init__(
        self,
        settings: RunSettings | None = None,
        *,
        sources: int = 1,
        live: bool = False,
        on_notice: Callable[[str], None] = lambda line: None,
    ) -> None:
        """sources: how many run at once. They share the networks and nothing else. live: whether they are cameras, with
        which the estimator has to keep up (`network=auto`). on_notice: gets a line, once, for
        each choice, warning and failed output; called in any thread.

        Errors: `ConfigError`, `ModelError`, `MissingExtraError`.
        """
        import cv2

        cv2.setNumThreads(1)  # a crop is too little work for two, and a thread of OpenCV's that has none spins
        self.settings = settings or RunSettings()
        self.stopped = False
        self._on_notice = on_notice
        self._notices: set[str] = set()
        self._notices_lock = threading.Lock()
        self._pipelines: dict[int, Pipeline] = {}
        self._count, self._live = sources, live
        made = self._open()
        self.estimators = [ReplaceableEstimator(estimator) for estimator in made.each]
        """One for each source."""
        self.smooth = self.settings.smooth
        """What is smoothed; never auto."""
        if self.smooth == "auto":
            self.smooth = "root" if made.smooth_joints else "one-euro"

    def _open(self) -> Estimators:
        settings = self.settings
        self.camera_of, camera_text = camera_of(settings)
        """Image size (width, height) -> camera. Errors: `InputError` where a calibration is for another shape."""
        height_m, origin = settings.height_m, "as given"
        if height_m is None:
            height_m, origin = DEFAULT_HEIGHT_M, "assumed"
            if settings.camera_height_m is not None:
                origin = "assumed until people stand on the floor, then from the height of the camera"
        self.height_m, self.height_from = height_m, origin
        """The standing height that sizes and distances rest on, and where it comes from."""
        self._ground_texts = self.make_world().describe()
        self.assumptions = self._assumptions(camera_text)
        """While no source is known: one that says more of its lens changes the second."""
        return open_estimators(settings, count=self._count, height_m=height_m, live=self._live, on_notice=self.notify)

    def change(self, **given: Any) -> None:
        """Change settings while sources run: their next frames are estimated with them. Smoothing stays as it is.

        Errors: as of the constructor; the settings then stay as they were.
        """
        before = self.settings
        self.settings = msgspec.structs.replace(before, **given)
        try:
            made = self._open()
        except RtposeError:
            self.settings = before
            self._open()
            raise
        for estimator, new in zip(self.estimators, made.each, strict=True):
            estimator.replace(new)

    def stop(self) -> None:
        """End the running sources after their current frames; outputs are finished. Any thread, and signal handlers."""
        self.stopped = True
        for pipeline in list(self._pipelines.values()):
            pipeline.stop()

    def notify(self, line: str) -> None:
        """Pass a line on, once, however many sources it is true of."""
        with self._notices_lock:
            new = line not in self._notices
            self._notices.add(line)
        if new:
            self._on_notice(line)

    def make_smoother(self) -> Smoother:
        """A new smoother, for one source."""
        if self.smooth == "off" or self._fits_twice:  # the second pass smooths both ways
            return NoSmoother()
        return OneEuroSmoother(self.settings.one_euro, joints=self.smooth == "one-euro")

    @property
    def _fits_twice(self) -> bool:
        return self.settings.quality == "best" and self.settings.body == "on"

    def make_world(self) -> World:
        """Gravity and floor, for one source: what the settings give, the rest is learned.

        Errors: `ConfigError` for what no camera has.
        """
        s = self.settings
        return World(s.pitch_deg, s.roll_deg, s.camera_height_m, s.level, height_is_given=s.height_m is not None)

    def _assumptions(self, camera_text: str, ground_texts: Sequence[str] | None = None) -> list[str]:
        """ground_texts: of the world of a run; None: as settings say."""
        ground = self._ground_texts if ground_texts is None else ground_texts
        return [f"standing height {self.height_m:.2f} m, {self.height_from}", camera_text, *ground]

    def make_body(self) -> Bodies | None:
        """What makes bodies of people, new, for one source; None with `body=off`."""
        if self.settings.body == "off":
            return None
        from rtpose.pose.body.bodies import Bodies

        return Bodies(self.settings.corrections, planted=self.settings.feet == "planted", world=self.make_world())

    @contextmanager
    def serve(
        self, *, source: str, port: int, host: str = "127.0.0.1", token: str | None = None,
        private: bool = False,
        on_drawn: Callable[[int], None] = lambda frame_id: None, on_record: Callable[[bool], None] | None = None,
        changeable: bool = False, camera: CameraFeed | None = None, video: VideoFeed | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Iterator[PoseServer]:  # fmt: skip
        """The page, while the block lasts. source: the name to show. on_record: called when a page wants a recording
        begun or ended; None: pages may not. changeable: whether pages may change height, field of view, people and
        network. token, private, on_drawn, camera, video, tls: see `PoseServer`."""
        from rtpose.assets import sample_clip
        from rtpose.live_settings import SettingsChanger, hello_fields
        from rtpose.server.protocol import hello
        from rtpose.server.server import PoseServer
        from rtpose.skeleton import RTPOSE28

        greeting = hello(
            server_version=__version__, skeleton=RTPOSE28, sources=[(printable(source), (0, 0))], live=True,
            server_ns=time.monotonic_ns(), can_record=on_record is not None, takes_camera=camera is not None,
            takes_video=video is not None, **hello_fields(self, changeable=changeable),
        )  # fmt: skip
        changer = SettingsChanger(self, on_notice=self.notify)
        server = PoseServer(
            hello=greeting, host=host, port=port, token=token, private=private, on_drawn=on_drawn,
            on_record=on_record, on_settings=changer.request if changeable else None, camera=camera, video=video,
            sample=sample_clip() if video is not None else None, tls=tls,
        )  # fmt: skip
        changer.show_on(server)
        with started(server):
            yield server

    def run(
        self,
        source: FrameSource,
        *,
        server: PoseServer | None = None,
        window: Open3DWindow | None = None,
        recorders: Sequence[Sink] = (),
        streams: Sequence[Sink] = (),
        meta: dict[str, Any] | None = None,
        real_time: bool = False,
        on_result: Callable[[Result], None] = lambda result: None,
        board: SourceBoard | None = None,
        number: int = 0,
        body: Bodies | SecondPass | None = None,
    ) -> Summary:
        """Run one source to its end, to `stop`, to Ctrl-C, or until the user closes the window. Closes it and all
        outputs. An output that fails is reported at once; its error is in `Summary.sink_errors`.

        meta: filled in before the first frame, for the recorders. real_time: a file at its own speed.
        board, number: of several sources that run at once, and which one this is (see `run_together`). body: None: a
        new one.
        Errors: those of the source and of the estimator.
        """
        from rtpose.outputs.page import WebSocketSink

        estimator = self.estimators[number]
        estimator.reset()
        if meta is not None:
            meta.update(self._meta(source))
        shown = board or SourceBoard([source.info], server)
        camera_of_source, camera_text = camera_of(self.settings, source.info)
        known = self.settings
        if server is not None and board is None:
            server.update_hello(assumptions=self._assumptions(camera_text))

        body = body or self.make_body()

        def camera_now(size: tuple[int, int]) -> Camera:
            nonlocal known, camera_of_source
            if known is not self.settings:  # a page has changed them
                known = self.settings
                camera_of_source, _ = camera_of(known, source.info)
            return camera_of_source(size)

        def pass_on(result: Result) -> None:
            shown.size(number, result.frame.size)
            if source.info.live:
                self._pass_notes_on(source)
            if meta is not None and body is not None:  # a recorder reads it at its end
                meta["assumptions"] = self._assumptions(camera_text, body.world.describe(self.height_m))
            on_result(result)

        def report(error: Exception) -> None:
            line = failure_text(error)
            shown.output_failed(line)
            self.notify(line)

        pipeline = Pipeline(
            source, estimator, self.make_smoother(), body=body,
            camera_of=camera_now, lookahead_s=self.settings.lookahead_s, recorders=recorders,
            viewers=[*([WebSocketSink(server)] if server else []), *([window] if window else []), *streams],
            real_time=real_time, number=number, on_result=pass_on, on_sink_error=report,
            on_status=lambda text: shown.status(number, text),
        )  # fmt: skip
        self._pipelines[number] = pipeline
        if self.stopped:  # before this pipeline existed
            pipeline.stop()
        with on_signals(self.stop):
            summary = window.beside(pipeline.run, self.stop) if window else pipeline.run()
        self._pass_notes_on(source)
        if not real_time:
            shown.end(number)
        return summary

    def record(
        self, source: FrameSource, out: Path, *, overlay: Path | None = None, overwrite: bool = False,
        name: str | None = None, server: PoseServer | None = None, window: Open3DWindow | None = None,
        streams: Sequence[Sink] = (), real_time: bool = False,
        on_result: Callable[[Result], None] = lambda result: None,
        board: SourceBoard | None = None, number: int = 0,
    ) -> Summary:  # fmt: skip
        """Run one source, and write its poses to `out` (.npz) and the picture with skeletons to `overlay` (a video).

        name: of the source in the file; None: as the source calls itself. The rest: see `run`.
        Errors: also `OutputError` for files that exist or cannot be written, before any work; `InputError` for a source
        without a readable frame.
        """
        from rtpose.outputs.overlay import OverlayVideo
        from rtpose.recordings.npz_recorder import NpzRecorder

        meta: dict[str, Any] = {}
        with closing_on_error(source):
            self.camera_of(source.info.size)  # a calibration of another shape is reported before any file is touched
            shown = name or source.info.name
            recorder: Sink = NpzRecorder(out, overwrite=overwrite, meta=lambda: {**meta, "source": shown})
            live = self.make_body()
            body: Bodies | SecondPass | None = live
            if live is not None and self._fits_twice:
                from rtpose.pose.body.second_pass import SecondPass

                body = recorder = SecondPass(
                    live,
                    recorder,
                    self.make_world(),
                    self.settings.corrections,
                    planted=self.settings.feet == "planted",
                )
            recorders = [recorder]
            if overlay is not None:
                recorders.append(OverlayVideo(overlay, overwrite=overwrite, fps=source.info.fps))
        summary = self.run(
            source, server=server, window=window, recorders=recorders, streams=streams, meta=meta,
            real_time=real_time, on_result=on_result, board=board, number=number, body=body,
        )  # fmt: skip
        if summary.frames == 0 and not self.stopped:
            raise InputError(f"{shown} has no readable frame: nothing is written")
        return summary

    def _pass_notes_on(self, source: FrameSource) -> None:
        for line in list(source.stats.notes):
            self.notify(f"warning: {line}")

    def _meta(self, source: FrameSource) -> dict[str, Any]:
        smoothing: dict[str, Any] = {"name": self.smooth}
        if self.smooth != "off":
            smoothing.update(msgspec.to_builtins(self.settings.one_euro))
        return {
            "source": source.info.name,
            "fps": source.info.fps,
            **self.estimators[0].describe(),
            "smoothing": smoothing,
            "assumptions": self._assumptions(camera_of(self.settings, source.info)[1]),
            "body": self.settings.body,
            "quality": self.settings.quality,
            "feet": self.settings.feet,
            "drops": source.stats.dropped,
        }


def run_together(
    runs: Sequence[Callable[[], Summary]], board: SourceBoard, stop: Callable[[], None]
) -> list[Summary | Exception]:
    """Run several sources, each in a thread, to their ends or to Ctrl-C, which calls `stop`. One that fails leaves the
    others running. Returns what each returned or raised."""
    outcomes: list[Summary | Exception] = [RuntimeError("it did not run")] * len(runs)

    def run(number: int) -> None:
        try:
            outcomes[number] = runs[number]()
        except Exception as error:  # the seam: handed to the caller when all have ended
            outcomes[number] = error
            board.end(number, f"stopped: {error}")

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(runs))]
    with on_signals(stop):
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)  # a wait without a time limit would not see Ctrl-C on Windows
    return outcomes


def check_all(outcomes: Sequence[Summary | Exception], on_notice: Callable[[str], None]) -> list[Summary]:
    """The summaries, if every source has one. Errors: the first that a source raised; the others' go to `on_notice`."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    for error in errors[1:]:
        if isinstance(error, RtposeError):
            on_notice(str(error))
    if errors:
        raise errors[0]
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]


def failure_text(error: Exception) -> str:
    """One line for an output that failed."""
    if isinstance(error, RtposeError):
        return str(error)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
    return f"an output failed and was stopped ({reason}); the rest continues"


@contextmanager
def started(server: PoseServer) -> Iterator[PoseServer]:
    """The server listens while the block lasts."""
    server.start()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def closing_on_error(source: FrameSource) -> Iterator[None]:
    """Close the source if the block fails before a pipeline owns it."""
    try:
        yield
    except BaseException:
        source.close()
        raise
