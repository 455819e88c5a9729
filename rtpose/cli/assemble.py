"""Putting the parts together: settings -> estimator, pipeline and page."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtpose import __version__
from rtpose.cli.sources import SourceBoard
from rtpose.cli.terminal import (
    StatusLine,
    on_signals,
    started,
    when_changed,
)
from rtpose.errors import ConfigError, InputError, OutputError, RtposeError

if TYPE_CHECKING:
    import ssl

    from rtpose.config import RunSettings
    from rtpose.outputs.open3d_window import Open3DWindow
    from rtpose.pipeline import Pipeline, Summary
    from rtpose.server.camera import CameraFeed
    from rtpose.server.server import PoseServer
    from rtpose.types import Camera, Estimator, FrameSource, Result, Sink, SourceInfo, Tracker


def run_settings(config: Path | None, **given: Any) -> RunSettings:
    """Defaults, changed by the file, changed by what was given on the command line."""
    from rtpose.config import RunSettings, load_settings

    overrides = [
        f"{name}={json.dumps(str(v) if isinstance(v, Path) else v)}" for name, v in given.items() if v is not None
    ]
    settings = load_settings(RunSettings, config, overrides)
    of = {"lifter": "two-stage", "cascaded": "cascaded"}
    for name, estimator in of.items():
        if given.get(name) is not None and settings.estimator != estimator:
            raise ConfigError(
                f"--{name} is of --estimator {estimator}, but {settings.estimator} is to run: leave one out"
            )
    return settings


def detector_precision(settings: RunSettings) -> str:
    """The detector always runs on openvino, with engines of its own."""
    if settings.backend == "auto":
        return "auto"
    return settings.precision if settings.backend == "openvino" else "fp32"


class Run:
    """The estimators of one command, each used for one source after the other."""

    def __init__(self, settings: RunSettings, *, sources: int = 1) -> None:
        """sources: how many are played at once. They share the networks and nothing else."""
        from rtpose.geometry import DEFAULT_HEIGHT_M
        from rtpose.networks.pool import NetworkPool
        from rtpose.pose.track import NearestTracker

        self.settings = settings
        self.stopped = False
        self._pipelines: dict[int, Pipeline] = {}
        self._told: set[str] = set()
        self.camera_of, camera_text = _camera(settings)
        height, said = settings.height_m, "as given"
        if height is None:
            height, said = DEFAULT_HEIGHT_M, "assumed"
        self.assumptions = [f"standing height {height:.2f} m, {said}", camera_text]
        self.smooth = "one-euro" if settings.smooth == "auto" else settings.smooth
        make = self._cascaded if settings.estimator == "cascaded" else self._two_stage
        self._pool = NetworkPool()
        self.estimators = [make(height, NearestTracker(number, sources)) for number in range(sources)]

    @property
    def estimator(self) -> Estimator:
        """That of the only source, or of the first."""
        return self.estimators[0]

    def _two_stage(self, height_m: float, tracker: Tracker) -> Estimator:
        from rtpose.networks.options import LoadOptions
        from rtpose.networks.weights import lifter_file
        from rtpose.pose.detect import open_detector
        from rtpose.pose.lift.lifter import NetworkLifter
        from rtpose.pose.two_stage import TwoStageEstimator

        settings = self.settings
        # A few people's joints are too little work to share out: a second thread costs more than it brings.
        threads = settings.threads or 1
        backend, precision, told = self._runtime(lifter_file(settings.lifter))
        options = LoadOptions(backend, precision, settings.device, threads)
        lifter = NetworkLifter(settings.lifter, height_m=height_m, options=options, pool=self._pool)
        if settings.smooth == "auto" and lifter.remembers:
            self.smooth = "root"
        detector = open_detector(
            settings.detector,
            persons=settings.persons,
            options=LoadOptions(precision=self._tell_detector_precision(told), threads=settings.threads),
            pool=self._pool,
        )
        return TwoStageEstimator(settings.detector, detector, tracker, lifter)

    def _cascaded(self, height_m: float, tracker: Tracker) -> Estimator:
        from rtpose.networks.options import LoadOptions
        from rtpose.networks.weights import cascaded_file
        from rtpose.pose.cascaded.estimator import CascadedEstimator, CascadedNetwork, only_rendered
        from rtpose.pose.detect import open_finder

        settings = self.settings
        file = cascaded_file(settings.cascaded)
        backend, precision, told = self._runtime(file)
        options = LoadOptions(backend, precision, settings.device, settings.threads)
        network = CascadedNetwork(file, options=options, pool=self._pool)
        if only_rendered(network.facts):
            self._tell(
                f"warning: {file.name} was trained on rendered people only: its error on real ones is not measured"
            )
        return CascadedEstimator(
            network,
            open_finder(
                settings.detector,
                options=LoadOptions(precision=self._tell_detector_precision(told), threads=settings.threads),
                pool=self._pool,
            ),
            tracker,
            persons=settings.persons,
            height_m=height_m,
            finder_name=settings.detector,
        )

    def stop(self) -> None:
        """End the sources at hand after their frames at hand."""
        self.stopped = True
        for pipeline in list(self._pipelines.values()):
            pipeline.stop()

    def _tell(self, line: str) -> None:
        """Once, however many sources it is true of."""
        if line not in self._told:
            self._told.add(line)
            print(f"rtpose: {line}", file=sys.stderr)

    def _runtime(self, source: Path) -> tuple[str, str, list[str]]:
        """Backend and precision of the lifter or cascaded, and what there is to tell of them."""
        from rtpose.networks.choose import choose_backend
        from rtpose.networks.engines import choose_engine
        from rtpose.networks.options import LoadOptions

        settings = self.settings
        if settings.backend == "auto":
            chosen = choose_backend(source)
            return chosen.backend, chosen.precision, [f"backend auto: {chosen.reason}"]
        if settings.precision == "fp32":
            return settings.backend, "fp32", []
        choice = choose_engine(source, LoadOptions(settings.backend, settings.precision, settings.device))
        return settings.backend, settings.precision, [choice.reason]

    def _tell_detector_precision(self, told: list[str]) -> str:
        """The detector's, which runs on openvino with engines of its own. Tells everything that was chosen."""
        from rtpose.networks.downloads import ensure
        from rtpose.networks.engines import choose_engine
        from rtpose.networks.options import LoadOptions
        from rtpose.pose.detect import network_files

        settings = self.settings
        precision = detector_precision(settings)
        if precision != "fp32":
            finder, landmarks = network_files(settings.detector)
            names = [finder, landmarks] if settings.estimator == "two-stage" else [finder]
            told = [*told, *(choose_engine(ensure(name), LoadOptions(precision=precision)).reason for name in names)]
        for line in told:
            self._tell(line)
        return precision

    @contextmanager
    def serving(
        self, *, source: str, live: bool, port: int, host: str = "127.0.0.1", token: str | None = None,
        on_drawn: Callable[[int], None] = lambda frame_id: None, on_record: Callable[[bool], None] | None = None,
        camera: CameraFeed | None = None, tls: ssl.SSLContext | None = None,
    ) -> Iterator[PoseServer]:  # fmt: skip
        """The page, for as long as the block lasts. on_drawn, camera, tls: see `PoseServer`. on_record: told when a
        page wants a recording begun or ended; None: it may not."""
        from rtpose.server.protocol import hello
        from rtpose.server.server import PoseServer
        from rtpose.skeleton import H36M17

        greeting = hello(
            server_version=__version__, skeleton=H36M17, sources=[(source, (0, 0))], live=live,
            estimator=str(self.estimator.describe()["estimator"]), assumptions=self.assumptions,
            server_ns=time.monotonic_ns(), can_record=on_record is not None, takes_camera=camera is not None,
        )  # fmt: skip
        server = PoseServer(
            hello=greeting, host=host, port=port, token=token, on_drawn=on_drawn,
            on_record=on_record or (lambda wanted: None), camera=camera, tls=tls,
        )  # fmt: skip
        with started(server):
            yield server

    def play(
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
        status_line: StatusLine | None = None,
        board: SourceBoard | None = None,
        number: int = 0,
    ) -> Summary:
        """Run one source to its end, to Ctrl-C or until the user closes the window. `meta` is filled in for the
        recorders before they close.

        board, number: of several sources that are played at once, and which one this is (see `play_together`).
        """
        from rtpose.outputs.page import WebSocketSink
        from rtpose.pipeline import Pipeline
        from rtpose.pose.smooth import NoSmoother, OneEuroSmoother

        settings = self.settings
        estimator = self.estimators[number]
        estimator.reset()
        if meta is not None:
            meta.update(self._meta(source))
        shown = board or SourceBoard([source.info], server, status_line)

        def on_each(result: Result) -> None:
            shown.size(number, result.frame.size)
            on_result(result)
            if status_line:
                status_line.result(result)

        smoother = OneEuroSmoother(settings.one_euro, joints=self.smooth == "one-euro")
        pipeline = Pipeline(
            source, estimator,
            NoSmoother() if self.smooth == "off" else smoother,
            camera_of=self.camera_of, recorders=recorders,
            viewers=[*([WebSocketSink(server)] if server else []), *([window] if window else []), *streams],
            real_time=real_time, number=number, on_result=on_each,
            on_status=when_changed(lambda text: shown.status(number, text)),
        )  # fmt: skip
        self._pipelines[number] = pipeline
        if self.stopped:  # before there was anything to stop
            pipeline.stop()
        with on_signals(self.stop):
            summary = window.beside(pipeline.run, self.stop) if window else pipeline.run()
        if not real_time:
            shown.end(number)
        for error in summary.sink_errors:
            if isinstance(error, RtposeError):
                raise error
            raise OutputError(f"an output failed: {error!r} (run again with --debug before the command)") from error
        return summary

    def _meta(self, source: FrameSource) -> dict[str, Any]:
        import msgspec

        settings = self.settings
        smoothing: dict[str, Any] = {"name": self.smooth}
        if self.smooth != "off":
            smoothing.update(msgspec.to_builtins(settings.one_euro))
        return {
            "source": source.info.name,
            "fps": source.info.fps,
            **self.estimator.describe(),
            "smoothing": smoothing,
            "assumptions": self.assumptions,
            "drops": source.stats.dropped,
        }


def _camera(settings: RunSettings) -> tuple[Callable[[tuple[int, int]], Camera], str]:
    """Image size -> camera, and what is assumed for it."""
    from rtpose.config import CalibrationSettings, load_settings
    from rtpose.geometry import DEFAULT_FOV_DEG, camera_from_fov
    from rtpose.types import Camera

    if settings.calibration is not None:
        known = load_settings(CalibrationSettings, Path(settings.calibration))
        fx, fy, cx, cy = known.camera
        width, height = known.image_size

        def calibrated(size: tuple[int, int]) -> Camera:
            if abs(size[0] * height - size[1] * width) > 0.02 * size[0] * height:
                raise InputError(
                    f"{settings.calibration} is for pictures of {width}x{height}, these are {size[0]}x{size[1]}: "
                    "another shape, so another camera or setting"
                )
            sx, sy = size[0] / width, size[1] / height
            return Camera(fx * sx, fy * sy, cx * sx, cy * sy)

        return calibrated, f"camera from {settings.calibration}"
    fov = DEFAULT_FOV_DEG if settings.fov_deg is None else settings.fov_deg
    camera_from_fov((2, 2), fov)  # an impossible value is said now, not at the first frame
    said = "assumed" if settings.fov_deg is None else "as given"
    text = f"field of view {fov:g} degrees across the longer side, {said}"
    return lambda size: camera_from_fov(size, fov), text


def open_window(source: str) -> Open3DWindow:
    """The Open3D window, as a `with` block. In the main thread."""
    from rtpose.outputs.open3d_window import Open3DWindow

    return Open3DWindow(f"rtpose: {source}")


def open_file(name: str) -> FrameSource:
    from rtpose.capture import open_source

    return open_source(name)


def source_info(clip: Path) -> SourceInfo:
    source = open_file(str(clip))
    source.close()
    return source.info


@contextmanager
def closing_on_error(source: FrameSource) -> Iterator[None]:
    """Close the source if the block fails before a pipeline owns it."""
    try:
        yield
    except BaseException:
        source.close()
        raise
