"""`rtpose demo`, `webcam`, `view`."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from contextlib import ExitStack
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
    Viewer,
    ViewerOption,
)
from rtpose.cli.recording import LiveRecording
from rtpose.cli.terminal import (
    on_signals,
    open_page,
    started,
    summary_line,
)
from rtpose.errors import InputError

if TYPE_CHECKING:
    from rtpose.poses_file import PosesFile
    from rtpose.types import Person3D, Result


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
    record: Annotated[
        Path | None,
        typer.Option(help="Also write the poses: .rtpose, which loses nothing if the program dies, or .npz."),
    ] = None,
    record_video: Annotated[
        Path | None, typer.Option(help="Also write the camera's picture, on the same clock: .mp4, .mkv, .mov.")
    ] = None,
    record_folder: Annotated[Path, typer.Option(help="Where recordings go that are begun from the page.")] = Path("."),
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
    viewer: ViewerOption = Viewer.BROWSER,
    port: Port = DEFAULT_PORT,
    host: Host = "127.0.0.1",
    token: Annotated[str | None, typer.Option(help="What a page must know to connect.")] = None,
    browser: Browser = True,
) -> None:
    """Your own skeleton, live in the browser or in a window."""
    from rtpose.capture import open_camera, open_source

    settings = run_settings(
        config, persons=persons, height_m=height, fov_deg=fov, calibration=calibration,
        estimator=estimator, lifter=lifter, cascaded=cascaded, backend=backend, precision=precision, device=device,
        smooth=smooth,
    )  # fmt: skip
    recording = LiveRecording(record, record_video, record_folder, overwrite=overwrite)
    with ExitStack() as stack:
        stack.callback(recording.close)
        run = Run(settings)
        server, window = None, None
        if viewer == Viewer.OPEN3D:
            window = stack.enter_context(open_window(camera))
        else:
            server = stack.enter_context(
                run.serving(
                    source=camera, live=True, port=port, host=host, token=token, on_record=recording.switched.switch
                )
            )
            recording.show_on(server)
        if "://" in camera:
            source = open_source(camera)
        elif Path(camera).is_file():
            raise InputError(f"{camera} is a file, no camera: rtpose video {camera}")
        else:
            source = open_camera(int(camera) if camera.isdigit() else camera)
        if server is not None:
            open_page(server, browser)
        summary = run.play(
            source, server=server, window=window, recorders=recording.sinks, meta=recording.meta, status_line=True
        )
    print(summary_line(summary, record))


def view(
    poses: Annotated[Path, typer.Argument(metavar="RECORDING", help="A poses.npz or a .rtpose recording.")],
    port: Port = DEFAULT_PORT,
    host: Host = "127.0.0.1",
    browser: Browser = True,
    viewer: ViewerOption = Viewer.BROWSER,
) -> None:
    """Play a recording on the page or in a window."""
    from rtpose.poses_file import save_poses
    from rtpose.recording_file import is_recording, read_poses
    from rtpose.server.protocol import hello
    from rtpose.server.server import PoseServer
    from rtpose.skeleton import H36M17

    recording = read_poses(poses)
    if viewer == Viewer.OPEN3D:
        _play_in_window(recording, poses.name)
        return
    with tempfile.TemporaryDirectory(prefix="rtpose-") as folder:
        served = poses
        if is_recording(poses):  # the page is served one kind of file
            served = Path(folder) / "recording.npz"
            with served.open("wb") as file:
                save_poses(file, recording)
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


def _play_in_window(recording: PosesFile, name: str) -> None:
    """Over and over, at its own times, until the window is closed or Ctrl-C."""
    import numpy as np

    from rtpose.poses_file import persons_of

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
            window.show(persons_of(recording, frame), float(times_s[frame]))
