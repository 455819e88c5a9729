"""Frame sources: video files, network streams, cameras and pictures, all behind `FrameSource`.

Each kind of source is imported when it is first used: opening a folder of pictures loads no video library.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rtpose.errors import InputError
from rtpose.types import FrameSource

__all__ = ["list_cameras", "open_camera", "open_source"]

# At least two letters before "://" or ":": "C:\clip.mp4" is a path.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
MAX_FPS = 1000
_CAMERA = re.compile(r"(camera:)?\d+|camera:.+|/dev/video\d+")


def open_source(spec: str, *, fps: float | None = None, reconnect: bool = True) -> FrameSource:
    """Open the source that `spec` names.

    spec: a video file; a picture; a folder or a glob of pictures; or a URL (rtsp://, http://, udp://, ...).
        A URL of known duration (a recording on a web server) is read frame by frame like a file; every other
        URL is live: the newest frame wins.
    fps: frame rate of pictures (default 30), and of files without timestamps. Live sources and files with
        timestamps ignore it.
    reconnect: reopen a live stream when it is lost.
    Errors: `InputError`; nothing is left open.
    """
    _check_rate(fps)
    if spec.lower().startswith("file://"):
        spec = url2pathname(urlsplit(spec).path)
    if _URL.match(spec):
        from rtpose.capture.streams import open_url

        return open_url(spec, fps=fps, reconnect=reconnect)

    from rtpose.capture.images import IMAGE_SUFFIXES, ImageFiles, find_images

    path = Path(spec).expanduser()
    try:
        is_file, exists = path.is_file(), path.exists()
    except (OSError, ValueError) as error:  # a folder without permission, a zero byte in the name
        raise InputError(f"cannot open '{spec}': {error}; check the path and its permissions") from error
    if is_file and path.suffix.lower() not in IMAGE_SUFFIXES:
        from rtpose.capture.files import VideoFile

        return VideoFile(path, fps=fps)
    if not exists and _CAMERA.fullmatch(spec):
        raise InputError(f"no such file: '{spec}'; use `rtpose webcam` for cameras")
    if (spec == "-" and not exists) or path.is_fifo():
        raise InputError(f"'{spec}' is a pipe, and a video is read from a file: save it first, `… > clip.mp4`")
    if exists and not is_file and not path.is_dir():
        raise InputError(f"'{spec}' is neither a file nor a folder; use `rtpose webcam` for cameras")
    return ImageFiles(spec, find_images(path), fps=fps)


def open_camera(
    camera: int | str = 0,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    reconnect: bool = True,
) -> FrameSource:
    """Open a camera of this machine, live.

    camera: its number, also as "0" or "camera:0", or its device file ("/dev/video0", Linux).
    size, fps: (width, height) in px and rate to request; the camera decides, see `info`.
    reconnect: reopen the camera after it was unplugged.
    Errors: `InputError` that lists the existing cameras.
    """
    _check_rate(fps)
    from rtpose.capture.webcam import open_webcam

    return open_webcam(camera, size=size, fps=fps, reconnect=reconnect)


def _check_rate(fps: float | None) -> None:
    if fps is not None and not 0 < fps <= MAX_FPS:
        raise InputError(f"{fps:g} frames a second is not a possible camera rate: give one above 0 and up to {MAX_FPS}")


def list_cameras() -> dict[int, str]:
    """Number -> name of the cameras of this machine. Only Linux has a list; elsewhere, 0..4 are tried."""
    from rtpose.capture.webcam import list_webcams

    return list_webcams()
