"""Where frames come from: video files, network streams, cameras and pictures, all behind `FrameSource`.

The concrete sources are imported when first used: opening a folder of pictures loads no video library.
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
_CAMERA = re.compile(r"(camera:)?\d+|camera:.+|/dev/video\d+")


def open_source(spec: str, *, fps: float | None = None, reconnect: bool = True) -> FrameSource:
    """Open what `spec` names.

    spec: a video file; a picture; a folder or a glob of pictures; or a URL (rtsp://, http://, udp://, ...).
        A URL that has an end (a recording on a web server) is read frame by frame like a file, every other
        URL is live: the newest frame wins.
    fps: frames per second of pictures (default 30), and of files that carry no times. Live sources and
        files with times ignore it.
    reconnect: open a live stream again when it dies.
    Errors: `InputError`, with nothing left open.
    """
    if spec.lower().startswith("file://"):
        spec = url2pathname(urlsplit(spec).path)
    if _URL.match(spec):
        from rtpose.capture.streams import open_url

        return open_url(spec, fps=fps, reconnect=reconnect)

    from rtpose.capture.images import IMAGE_SUFFIXES, ImageFiles, find_images

    path = Path(spec).expanduser()
    try:
        is_file, exists = path.is_file(), path.exists()
    except (OSError, ValueError) as error:  # a folder that may not be entered, a zero byte in the name
        raise InputError(f"cannot open '{spec}': {error}; check the path and its permissions") from error
    if is_file and path.suffix.lower() not in IMAGE_SUFFIXES:
        from rtpose.capture.files import VideoFile

        return VideoFile(path, fps=fps)
    if not exists and _CAMERA.fullmatch(spec):
        raise InputError(f"no such file: '{spec}'; cameras are read by `rtpose webcam`")
    if exists and not is_file and not path.is_dir():
        raise InputError(f"'{spec}' is neither a file nor a folder; cameras are read by `rtpose webcam`")
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
    size, fps: (width, height) in pixels and rate to ask for; the camera decides, `info` tells what it gives.
    reconnect: open it again when it was unplugged.
    Errors: `InputError` that names the cameras that exist.
    """
    from rtpose.capture.webcam import open_webcam

    return open_webcam(camera, size=size, fps=fps, reconnect=reconnect)


def list_cameras() -> dict[int, str]:
    """Number -> name of the cameras of this machine. Only Linux has a list; elsewhere 0..4 are tried."""
    from rtpose.capture.webcam import list_webcams

    return list_webcams()
