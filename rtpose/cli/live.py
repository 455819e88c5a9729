"""`rtpose demo`, `webcam`, `view`."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
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
    Smooth,
    Tls,
    TlsCert,
    TlsKey,
    Token,
)
from rtpose.cli.sources import SourceBoard, check_all, numbered, play_together
from rtpose.cli.terminal import (
    StatusLine,
    https,
    on_signals,
    open_page,
    started,
    summary_line,
)
from rtpose.errors import ConfigError, InputError

if TYPE_CHECKING:
    from rtpose.types import FrameSource, Person3D, Result, Sink


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
        list[str] | None,
        typer.Option(
            help="Number of the camera, a device such as /dev/video2, a stream's URL, or browser: that of a page, "
            "also on a phone. May be given several times.",
            show_default="0",
        ),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Also write a poses.npz; of several cameras NAME-0.npz, NAME-1.npz …")
    ] = None,
    overwrite: Overwrite = False,
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
    token: Token = None,
    tls: Tls = False,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    browser: Browser = True,
) -> None:
    """Your own skeleton, live in the browser."""
    from rtpose.capture.browser import BrowserCamera
    from rtpose.sinks.npz import NpzRecorder

    settings = run_settings(
        config, persons=persons, height_m=height, fov_deg=fov, calibration=calibration,
        estimator=estimator, lifter=lifter, cascaded=cascaded, backend=backend, precision=precision, device=device,
        smooth=smooth,
    )  # fmt: skip
    cameras = camera or ["0"]
    if twice := {name for name in cameras if cameras.count(name) > 1}:
        raise ConfigError(f"--camera {twice.pop()} is given twice: each camera is one source")
    count = len(cameras)
    run = Run(settings, sources=count)
    feed = BrowserCamera() if "browser" in cameras else None
    files = [numbered(record, number, count) for number in range(count)]
    metas: list[dict[str, Any]] = [{} for _ in cameras]
    recorders: list[list[Sink]] = [
        [NpzRecorder(file, overwrite=overwrite, meta=meta.copy)] if file else []
        for file, meta in zip(files, metas, strict=True)
    ]
    with ExitStack() as stack:
        server = stack.enter_context(
            run.serving(
                source=", ".join(map(shown, cameras)), live=True, port=port, host=host, token=token, camera=feed,
                tls=https(tls, tls_cert, tls_key),
            )
        )  # fmt: skip
        sources: list[FrameSource] = []
        for name in cameras:
            sources.append(feed if feed is not None and name == "browser" else open_live(name))
            stack.callback(sources[-1].close)  # if the next cannot be opened
        open_page(server, browser)
        if feed is not None and not server.url_is_secure:
            print(
                "rtpose: warning: browsers give their camera only to https pages and to pages of their own computer: "
                "for a phone add --tls",
                file=sys.stderr,
            )
        line = stack.enter_context(StatusLine())
        board = SourceBoard([source.info for source in sources], server, line)
        plays = [
            partial(
                run.play, sources[number], server=server, recorders=recorders[number], meta=metas[number],
                status_line=line, board=board, number=number,
            )
            for number in range(count)
        ]  # fmt: skip
        summaries = check_all(play_together(plays, board, run.stop))
    for source, summary, file in zip(sources, summaries, files, strict=True):
        print((f"{source.info.name}: " if count > 1 else "") + summary_line(summary, file))


def shown(camera: str) -> str:
    """What may be seen of `--camera`."""
    from rtpose.capture.streams import without_password

    return without_password(camera) if "://" in camera else camera


def open_live(camera: str) -> FrameSource:
    from rtpose.capture import open_camera, open_source

    if "://" in camera:
        return open_source(camera)
    if Path(camera).is_file():
        raise InputError(f"{camera} is a file, no camera: rtpose video {camera}")
    return open_camera(int(camera) if camera.isdigit() else camera)


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
