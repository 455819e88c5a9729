"""`rtpose demo`, `webcam`, `view`."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtpose import __version__
from rtpose.cli.assemble import Run, run_settings
from rtpose.cli.options import (
    DEFAULT_PORT,
    BackendOption,
    Browser,
    Calibration,
    CascadedOption,
    ConfigFile,
    DeviceOption,
    EstimatorOption,
    Fov,
    Height,
    Host,
    LifterOption,
    Overwrite,
    Persons,
    Port,
    PrecisionOption,
    Send,
    Smooth,
)
from rtpose.cli.terminal import (
    on_signals,
    open_page,
    started,
    summary_line,
    warn,
)
from rtpose.errors import InputError

if TYPE_CHECKING:
    from rtpose.types import Person3D, Result, Sink


def demo(
    port: Port = DEFAULT_PORT,
    browser: Browser = True,
    estimator: EstimatorOption = None,
    lifter: LifterOption = None,
    cascaded: CascadedOption = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    loop: Annotated[
        bool | None,
        typer.Option("--loop/--once", help="Go on showing the clip until Ctrl-C.", show_default="loop on a terminal"),
    ] = None,
) -> None:
    """Play the built-in clip on the page, and print the error against its ground truth."""
    from rtpose.assets import SampleTruth, sample_clip
    from rtpose.capture import open_source
    from rtpose.sample_error import sample_error

    truth = SampleTruth.load()
    settings = run_settings(
        None, estimator=estimator, lifter=lifter, cascaded=cascaded, backend=backend, precision=precision,
        device=device, height_m=truth.height_m,
    )  # fmt: skip
    run = Run(settings)
    if loop is None:
        loop = sys.stdin.isatty() and sys.stdout.isatty()
    with run.serving(source=f"{sample_clip().name} (built-in)", live=True, port=port) as server:
        open_page(server, browser)
        while True:
            found: dict[int, tuple[Person3D, ...]] = {}

            def keep(result: Result, found: dict[int, tuple[Person3D, ...]] = found) -> None:
                found[result.frame.frame_id] = result.persons

            summary = run.play(open_source(str(sample_clip())), server=server, real_time=True, on_result=keep)
            if run.stopped:
                return
            print(sample_error(found, truth.joints_3d, truth.joints_2d))
            print(summary_line(summary))
            if not loop:
                return
            print("Playing again; Ctrl-C ends it.")


def webcam(
    camera: Annotated[
        str, typer.Option(help="Number of the camera, a device such as /dev/video2, or a stream's URL.")
    ] = "0",
    record: Annotated[Path | None, typer.Option(help="Also write a poses.npz.")] = None,
    overwrite: Overwrite = False,
    send: Send = None,
    persons: Persons = None,
    height: Height = None,
    fov: Fov = None,
    calibration: Calibration = None,
    estimator: EstimatorOption = None,
    lifter: LifterOption = None,
    cascaded: CascadedOption = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    smooth: Smooth = None,
    config: ConfigFile = None,
    port: Port = DEFAULT_PORT,
    host: Host = "127.0.0.1",
    token: Annotated[str | None, typer.Option(help="What a page must know to connect.")] = None,
    browser: Browser = True,
) -> None:
    """Your own skeleton, live in the browser."""
    from rtpose.capture import open_camera, open_source
    from rtpose.sinks.npz import NpzRecorder
    from rtpose.sinks.streams import open_streams

    settings = run_settings(
        config, persons=persons, height_m=height, fov_deg=fov, calibration=calibration,
        estimator=estimator, lifter=lifter, cascaded=cascaded, backend=backend, precision=precision, device=device,
        smooth=smooth,
    )  # fmt: skip
    run = Run(settings)
    recorders: list[Sink] = []
    meta: dict[str, Any] = {}
    if record is not None:
        recorders.append(NpzRecorder(record, overwrite=overwrite, meta=lambda: meta))
    with ExitStack() as stack:
        streams = stack.enter_context(open_streams(send or (), warn))
        server = stack.enter_context(run.serving(source=camera, live=True, port=port, host=host, token=token))
        if "://" in camera:
            source = open_source(camera)
        elif Path(camera).is_file():
            raise InputError(f"{camera} is a file, no camera: rtpose video {camera}")
        else:
            source = open_camera(int(camera) if camera.isdigit() else camera)
        open_page(server, browser)
        summary = run.play(source, server=server, recorders=recorders, streams=streams, meta=meta, status_line=True)
    print(summary_line(summary, record))


def view(
    poses: Annotated[Path, typer.Argument(metavar="POSES.npz", help="A file that `rtpose video` wrote.")],
    port: Port = DEFAULT_PORT,
    host: Host = "127.0.0.1",
    browser: Browser = True,
) -> None:
    """Play a poses.npz on the page."""
    from rtpose.poses_file import load_poses
    from rtpose.server.protocol import hello
    from rtpose.server.server import PoseServer
    from rtpose.skeleton import H36M17

    recording = load_poses(poses)
    server = PoseServer(
        hello=hello(
            server_version=__version__, skeleton=H36M17, sources=[(poses.name, recording.image_size)],
            live=False, estimator=str(recording.meta.get("estimator") or "unknown"),
            assumptions=[str(text) for text in recording.meta.get("assumptions") or []],
            server_ns=time.monotonic_ns(), recording="/recording.npz",
        ),
        host=host, port=port, recording=poses,
    )  # fmt: skip
    stop = threading.Event()
    with on_signals(stop.set), started(server):
        open_page(server, browser)
        print("Ctrl-C ends it.")
        while not stop.wait(0.2):  # a wait without a time limit would not see Ctrl-C on Windows
            pass
