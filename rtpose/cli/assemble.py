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
from rtpose.cli.terminal import (
    StatusLine,
    on_signals,
    started,
    when_changed,
)
from rtpose.errors import ConfigError, InputError, OutputError, RtposeError

if TYPE_CHECKING:
    from rtpose.config import RunSettings
    from rtpose.pipeline import Pipeline, Summary
    from rtpose.server.server import PoseServer
    from rtpose.types import Camera, Estimator, FrameSource, Result, Sink, SourceInfo


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
    """The estimator of one command, used for one source after the other."""

    def __init__(self, settings: RunSettings) -> None:
        from rtpose.geometry import DEFAULT_HEIGHT_M

        self.settings = settings
        self.stopped = False
        self._pipeline: Pipeline | None = None
        self.camera_of, camera_text = _camera(settings)
        height, said = settings.height_m, "as given"
        if height is None:
            height, said = DEFAULT_HEIGHT_M, "assumed"
        self.assumptions = [f"standing height {height:.2f} m, {said}", camera_text]
        self.smooth = "one-euro" if settings.smooth == "auto" else settings.smooth
        self.estimator: Estimator
        if settings.estimator == "cascaded":
            self.estimator = self._cascaded(height)
        else:
            self.estimator = self._two_stage(height)

    def _two_stage(self, height_m: float) -> Estimator:
        from rtpose.detect import open_detector
        from rtpose.estimate.two_stage import TwoStageEstimator
        from rtpose.lift.lifter import NetworkLifter
        from rtpose.track.nearest import NearestTracker
        from rtpose.weights import lifter_file

        settings = self.settings
        # A few people's joints are too little work to share out: a second thread costs more than it brings.
        threads = settings.threads or 1
        backend, precision, told = self._runtime(lifter_file(settings.lifter))
        lifter = NetworkLifter(
            settings.lifter, backend=backend, height_m=height_m, threads=threads, precision=precision,
            device=settings.device,
        )  # fmt: skip
        if settings.smooth == "auto" and lifter.remembers:
            self.smooth = "root"
        detector = open_detector(
            settings.detector,
            persons=settings.persons,
            threads=settings.threads,
            precision=self._tell_detector_precision(told),
        )
        return TwoStageEstimator(settings.detector, detector, NearestTracker(), lifter)

    def _cascaded(self, height_m: float) -> Estimator:
        from rtpose.detect.blazepose import PersonFinder
        from rtpose.estimate.cascaded import CascadedEstimator, CascadedNetwork, only_rendered
        from rtpose.track.nearest import NearestTracker
        from rtpose.weights import cascaded_file

        settings = self.settings
        file = cascaded_file(settings.cascaded)
        backend, precision, told = self._runtime(file)
        network = CascadedNetwork(
            file, backend=backend, threads=settings.threads, precision=precision, device=settings.device
        )
        if only_rendered(network.facts):
            print(
                f"rtpose: warning: {file.name} was trained on rendered people only: the default estimator is more "
                "accurate",
                file=sys.stderr,
            )
        return CascadedEstimator(
            network,
            PersonFinder(threads=settings.threads, precision=self._tell_detector_precision(told)),
            NearestTracker(),
            persons=settings.persons,
            height_m=height_m,
        )

    def stop(self) -> None:
        """End the source at hand after its frame at hand."""
        self.stopped = True
        if self._pipeline is not None:
            self._pipeline.stop()

    def _runtime(self, source: Path) -> tuple[str, str, list[str]]:
        """Backend and precision of the lifter or cascaded, and what there is to tell of them."""
        from rtpose.engines.choose import choose_backend
        from rtpose.engines.files import choose_engine

        settings = self.settings
        if settings.backend == "auto":
            chosen = choose_backend(source)
            return chosen.backend, chosen.precision, [f"backend auto: {chosen.reason}"]
        if settings.precision == "fp32":
            return settings.backend, "fp32", []
        choice = choose_engine(source, settings.backend, settings.precision, settings.device)
        return settings.backend, settings.precision, [choice.reason]

    def _tell_detector_precision(self, told: list[str]) -> str:
        """The detector's, which runs on openvino with engines of its own. Tells everything that was chosen."""
        from rtpose.engines.files import choose_engine
        from rtpose.model_files import FILES, ensure

        settings = self.settings
        precision = detector_precision(settings)
        if precision != "fp32":
            names = FILES if settings.estimator == "two-stage" else ("pose_detection.tflite",)
            told = [*told, *(choose_engine(ensure(name), precision=precision).reason for name in names)]
        for line in told:
            print(f"rtpose: {line}", file=sys.stderr)
        return precision

    @contextmanager
    def serving(
        self, *, source: str, live: bool, port: int, host: str = "127.0.0.1", token: str | None = None,
        on_drawn: Callable[[int], None] = lambda frame_id: None,
    ) -> Iterator[PoseServer]:  # fmt: skip
        """The page, for as long as the block lasts. on_drawn: told of each frame that a page has drawn."""
        from rtpose.server.protocol import hello
        from rtpose.server.server import PoseServer
        from rtpose.skeleton import H36M17

        greeting = hello(
            server_version=__version__, skeleton=H36M17, sources=[(source, (0, 0))], live=live,
            estimator=str(self.estimator.describe()["estimator"]), assumptions=self.assumptions,
            server_ns=time.monotonic_ns(),
        )  # fmt: skip
        with started(PoseServer(hello=greeting, host=host, port=port, token=token, on_drawn=on_drawn)) as server:
            yield server

    def play(
        self,
        source: FrameSource,
        *,
        server: PoseServer | None = None,
        recorders: Sequence[Sink] = (),
        streams: Sequence[Sink] = (),
        meta: dict[str, Any] | None = None,
        real_time: bool = False,
        on_result: Callable[[Result], None] = lambda result: None,
        status_line: bool = False,
    ) -> Summary:
        """Run one source to its end, or to Ctrl-C. `meta` is filled in for the recorders before they close."""
        from rtpose.pipeline import Pipeline
        from rtpose.server.protocol import Source
        from rtpose.sinks.websocket import WebSocketSink
        from rtpose.smooth.one_euro import NoSmoother, OneEuroSmoother

        settings = self.settings
        self.estimator.reset()
        if meta is not None:
            meta.update(self._meta(source))
        show = StatusLine() if status_line else None

        def on_status(text: str) -> None:
            if server is not None:
                server.set_status(text)
            if show:
                show.status(text)

        def on_each(result: Result) -> None:
            on_result(result)
            if show:
                show.result(result)

        smoother = OneEuroSmoother(settings.one_euro, joints=self.smooth == "one-euro")
        pipeline = Pipeline(
            source, self.estimator,
            NoSmoother() if self.smooth == "off" else smoother,
            camera_of=self.camera_of, recorders=recorders,
            viewers=[*([WebSocketSink(server)] if server else []), *streams],
            real_time=real_time, on_result=on_each, on_status=when_changed(on_status),
        )  # fmt: skip
        self._pipeline = pipeline
        if server is not None:
            server.update_hello(sources=[Source(source.info.name, list(source.info.size))])
            server.set_status("ok")

        try:
            with on_signals(self.stop):
                summary = pipeline.run()
        finally:
            if show:
                show.end()
        if server is not None and not real_time:
            server.set_status("the source has ended", ended=True)
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
