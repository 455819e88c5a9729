"""`rtpose view`."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtpose import __version__
from rtpose.cli.options import DEFAULT_PORT, Browser, Host, Port, Private, Viewer, ViewerOption
from rtpose.cli.terminal import open_page
from rtpose.errors import InputError
from rtpose.interrupts import on_signals

if TYPE_CHECKING:
    from rtpose.recordings.recording import Recording

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts")


def view(
    poses: Annotated[Path, typer.Argument(metavar="RECORDING", help="A poses.npz or a .rtpose recording.")],
    video: Annotated[
        Path | None,
        typer.Option(help="Its source video, shown next to it.", show_default="the source, if next to the recording"),
    ] = None,
    port: Port = DEFAULT_PORT,
    host: Host = "127.0.0.1",
    private: Private = False,
    browser: Browser = True,
    viewer: ViewerOption = Viewer.BROWSER,
) -> None:
    """Play a recording in the browser or in a window."""
    from rtpose.recordings.npz import write_npz
    from rtpose.recordings.rtpose_file import is_rtpose
    from rtpose.server.protocol import hello
    from rtpose.server.server import PoseServer
    from rtpose.session import started

    recording = _read(poses)
    if video is not None and not video.is_file():
        raise InputError(f"there is no file {video}: give the video that the recording was made from")
    if viewer == Viewer.OPEN3D:
        _play_in_window(recording, poses.name)
        return
    with tempfile.TemporaryDirectory(prefix="rtpose-") as folder:
        served = poses
        if is_rtpose(poses):  # the page is served one kind of file
            served = Path(folder) / "recording.npz"
            with served.open("wb") as file:
                write_npz(file, recording)
        files = {"/recording.npz": served}
        shown = video or _video_of(recording, poses)
        if shown is not None:
            files["/video"] = shown
        server = PoseServer(
            hello=hello(
                server_version=__version__, skeleton=recording.skeleton, sources=[(poses.name, recording.image_size)],
                live=False, estimator=str(recording.meta.get("estimator") or "unknown"),
                assumptions=[str(text) for text in recording.meta.get("assumptions") or []],
                server_ns=time.monotonic_ns(), recording="/recording.npz", video="/video" if shown else None,
            ),
            host=host, port=port, private=private, files=files,
        )  # fmt: skip
        stop = threading.Event()
        with on_signals(stop.set), started(server):
            open_page(server, browser)
            print("Press Ctrl-C to stop.")
            while not stop.wait(0.2):  # a wait without a time limit would not see Ctrl-C on Windows
                pass


def _video_of(recording: Recording, poses: Path) -> Path | None:
    """The file beside the recording that has the name of its source. A stranger's recording may name any place, so no
    other is looked at."""
    source = recording.meta.get("source")
    if not isinstance(source, str) or "://" in source or Path(source).suffix.lower() not in VIDEO_SUFFIXES:
        return None
    place = poses.parent / Path(source).name
    return place if place.is_file() else None


def _read(file: Path) -> Recording:
    """Load a recording. Errors: `InputError`; for a video it names the right command."""
    from rtpose.recordings import load_recording

    if file.suffix.lower() in VIDEO_SUFFIXES and file.is_file():
        raise InputError(f"{file} is a video, not a recording of poses: rtpose video {file} --view")
    return load_recording(file)


def _play_in_window(recording: Recording, name: str) -> None:
    """Loop at real speed until the window is closed or Ctrl-C is pressed."""
    import numpy as np

    from rtpose.outputs.open3d_window import Open3DWindow

    if len(recording.timestamps_s) == 0:
        raise InputError(f"{name} has no frames to show")
    times_s = recording.timestamps_s - recording.timestamps_s[0]
    length_s = float(times_s[-1]) + 1 / 30
    stop = threading.Event()
    started_s = time.monotonic()
    with on_signals(stop.set), Open3DWindow(f"rtpose: {name}") as window:
        print("Close the window or press Ctrl-C to stop.")
        while window.draw() and not stop.wait(1 / 60):
            t_s = (time.monotonic() - started_s) % length_s
            frame = int(np.searchsorted(times_s, t_s, side="right")) - 1
            window.show(recording.people(frame), float(times_s[frame]), recording.world_of(frame))
