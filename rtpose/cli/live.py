"""`rtpose demo`, `webcam`, `view`."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtpose import __version__
from rtpose.cli.assemble import Run, open_window, run_settings
from rtpose.cli.options import (
    DEFAULT_PORT,
    BackendOption,
    Browser,
    Calibration,
    CascadedOption,
    ConfigFile,
    DetectorOption,
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
    Tls,
    TlsCert,
    TlsKey,
    Token,
    Viewer,
    ViewerOption,
)
from rtpose.cli.recording import LiveRecording
from rtpose.cli.sources import SourceBoard, check_all, play_together
from rtpose.cli.terminal import (
    StatusLine,
    https,
    on_signals,
    open_page,
    started,
    summary_line,
    warn,
)
from rtpose.errors import ConfigError, InputError

if TYPE_CHECKING:
    from rtpose.recordings.recording import Recording
    from rtpose.types import FrameSource, Person3D, Result


def demo(
    port: Port = DEFAULT_PORT,
    browser: Browser = True,
    estimator: EstimatorOption = None,
    detector: DetectorOption = None,
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
    from rtpose.assets.sample_error import sample_error
    from rtpose.capture import open_source

    truth = SampleTruth.load()
    settings = run_settings(
        None, estimator=estimator, detector=detector, lifter=lifter, cascaded=cascaded, backend=backend,
        precision=precision, device=device, height_m=truth.height_m,
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
        Path | None,
        typer.Option(
            help="Also write the poses: .rtpose, which loses nothing if the program dies, or .npz; of several cameras "
            "NAME-0, NAME-1 …"
        ),
    ] = None,
    record_video: Annotated[
        Path | None, typer.Option(help="Also write the camera's picture, on the same clock: .mp4, .mkv, .mov.")
    ] = None,
    record_folder: Annotated[Path, typer.Option(help="Where recordings go that are begun from the page.")] = Path("."),
    overwrite: Overwrite = False,
    send: Send = None,
    persons: Persons = None,
    height: Height = None,
    fov: Fov = None,
    calibration: Calibration = None,
    estimator: EstimatorOption = None,
    detector: DetectorOption = None,
    lifter: LifterOption = None,
    cascaded: CascadedOption = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    smooth: Smooth = None,
    config: ConfigFile = None,
    viewer: ViewerOption = Viewer.BROWSER,
    port: Port = DEFAULT_PORT,
    host: Host = "127.0.0.1",
    token: Token = None,
    tls: Tls = False,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    browser: Browser = True,
) -> None:
    """Your own skeleton, live in the browser or in a window."""
    from rtpose.capture.browser import BrowserCamera
    from rtpose.outputs.send import open_streams

    settings = run_settings(
        config, persons=persons, height_m=height, fov_deg=fov, calibration=calibration,
        estimator=estimator, detector=detector, lifter=lifter, cascaded=cascaded, backend=backend,
        precision=precision, device=device, smooth=smooth,
    )  # fmt: skip
    cameras = camera or ["0"]
    if twice := {name for name in cameras if cameras.count(name) > 1}:
        raise ConfigError(f"--camera {twice.pop()} is given twice: each camera is one source")
    count = len(cameras)
    if viewer == Viewer.OPEN3D and (count > 1 or "browser" in cameras):
        raise ConfigError("a window shows one camera of this machine: leave out --viewer open3d, the page shows all")
    recording = LiveRecording(record, record_video, record_folder, sources=count, overwrite=overwrite)
    feed = BrowserCamera() if "browser" in cameras else None
    names = ", ".join(map(shown, cameras))
    with ExitStack() as stack:
        stack.callback(recording.close)
        streams = stack.enter_context(open_streams(send or (), warn, sources=count))
        run = Run(settings, sources=count)
        server, window = None, None
        if viewer == Viewer.OPEN3D:
            window = stack.enter_context(open_window(names))
        else:
            server = stack.enter_context(
                run.serving(
                    source=names, live=True, port=port, host=host, token=token, on_record=recording.switch,
                    camera=feed, tls=https(tls, tls_cert, tls_key),
                )
            )  # fmt: skip
            recording.show_on(server)
        sources: list[FrameSource] = []
        for name in cameras:
            sources.append(feed if feed is not None and name == "browser" else open_live(name))
            stack.callback(sources[-1].close)  # if the next cannot be opened
        if server is not None:
            open_page(server, browser)
            if feed is not None and not server.url_is_secure:
                print(
                    "rtpose: warning: browsers give their camera only to https pages and to pages of their own "
                    "computer: for a phone add --tls",
                    file=sys.stderr,
                )
        line = stack.enter_context(StatusLine())
        board = SourceBoard([source.info for source in sources], server, line)
        plays = [
            partial(
                run.play, source, server=server, window=window, recorders=recording.sinks[number],
                streams=streams[number], meta=recording.metas[number], status_line=line, board=board, number=number,
            )
            for number, source in enumerate(sources)
        ]  # fmt: skip
        # A window is drawn in the main thread.
        summaries = [plays[0]()] if window else check_all(play_together(plays, board, run.stop))
    for source, summary, file in zip(sources, summaries, recording.files, strict=True):
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
    poses: Annotated[Path, typer.Argument(metavar="RECORDING", help="A poses.npz or a .rtpose recording.")],
    port: Port = DEFAULT_PORT,
    host: Host = "127.0.0.1",
    browser: Browser = True,
    viewer: ViewerOption = Viewer.BROWSER,
) -> None:
    """Play a recording on the page or in a window."""
    from rtpose.recordings import load_recording
    from rtpose.recordings.npz import write_npz
    from rtpose.recordings.rtpose_file import is_rtpose
    from rtpose.server.protocol import hello
    from rtpose.server.server import PoseServer
    from rtpose.skeleton import H36M17

    recording = load_recording(poses)
    if viewer == Viewer.OPEN3D:
        _play_in_window(recording, poses.name)
        return
    with tempfile.TemporaryDirectory(prefix="rtpose-") as folder:
        served = poses
        if is_rtpose(poses):  # the page is served one kind of file
            served = Path(folder) / "recording.npz"
            with served.open("wb") as file:
                write_npz(file, recording)
        server = PoseServer(
            hello=hello(
                server_version=__version__, skeleton=H36M17, sources=[(poses.name, recording.image_size)],
                live=False, estimator=str(recording.meta.get("estimator") or "unknown"),
                assumptions=[str(text) for text in recording.meta.get("assumptions") or []],
                server_ns=time.monotonic_ns(), recording="/recording.npz",
            ),
            host=host, port=port, recording=served,
        )  # fmt: skip
        stop = threading.Event()
        with on_signals(stop.set), started(server):
            open_page(server, browser)
            print("Ctrl-C ends it.")
            while not stop.wait(0.2):  # a wait without a time limit would not see Ctrl-C on Windows
                pass


def _play_in_window(recording: Recording, name: str) -> None:
    """Over and over, at its own times, until the window is closed or Ctrl-C."""
    import numpy as np

    if len(recording.timestamps_s) == 0:
        raise InputError(f"{name} has no frames to show")
    times_s = recording.timestamps_s - recording.timestamps_s[0]
    length_s = float(times_s[-1]) + 1 / 30
    stop = threading.Event()
    started_s = time.monotonic()
    with on_signals(stop.set), open_window(name) as window:
        print("Closing the window or Ctrl-C ends it.")
        while window.draw() and not stop.wait(1 / 60):
            t_s = (time.monotonic() - started_s) % length_s
            frame = int(np.searchsorted(times_s, t_s, side="right")) - 1
            window.show(recording.people(frame), float(times_s[frame]))
