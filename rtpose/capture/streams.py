"""Network streams (RTSP, HTTP, UDP, ...): live ones keep the newest frame, recordings deliver every frame."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from http import HTTPStatus
from http.client import HTTPException
from urllib.request import Request, urlopen

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from rtpose.capture.decoding import ToPicture, find_video, mp4_boxes, open_container, why
from rtpose.capture.files import VideoFile
from rtpose.capture.live import PAUSES_S, ConnectionLost, LiveSource, MakePicture
from rtpose.errors import InputError
from rtpose.types import FrameSource

_OPEN_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 5.0
# Two common options for live streams are not used. `nobuffer` discards the packets read while probing,
# including the first key frame, so the picture would start later; the newest frame wins anyway.
# `low_delay` shows pictures in decoding order, which is wrong for streams with B-frames.
_OPTIONS = {
    "analyzeduration": "2000000",  # microseconds; the default of 5 s delays the start
    "rtsp_flags": "prefer_tcp",  # lost UDP packets would smear the picture until the next key frame
}
_HEAD_BYTES = 4096
_PICTURES = "mjpeg"
"""Cheap cameras send JPEGs without the boundaries that HTTP asks for: read by the pictures' own markers, they are a
frame late, because the next one has to begin first."""


def open_url(
    url: str, *, fps: float | None = None, reconnect: bool = True, pauses_s: Sequence[float] = PAUSES_S
) -> FrameSource:
    """Open a stream, or a recording behind a URL (one of known duration, whose frames are all delivered).

    fps: for a recording without timestamps. reconnect, pauses_s: see `LiveSource`.
    Errors: `InputError`.
    """
    name = without_password(url)

    def live(form: str | None, container: InputContainer) -> LiveSource:
        return LiveSource(
            name,
            lambda: StreamConnection(_open(url, name, form), name),
            connection=StreamConnection(container, name),
            lost="stream lost",
            reconnect=reconnect,
            pauses_s=pauses_s,
        )

    try:
        container = _open(url, name)
        if container.duration or _has_length(url):
            return VideoFile(name, fps=fps, container=container)
        return live(None, container)
    except InputError as error:
        if not _is_web(url):
            raise
        if _has_its_index_last(url):
            raise InputError(
                f"cannot open '{name}': its index is at its end, and the server does not allow seeking to it; "
                "download it first, or rewrite it with `ffmpeg -i IN.mp4 -c copy -movflags +faststart OUT.mp4`"
            ) from None
        if not isinstance(error.__cause__, av.error.InvalidDataError | ConnectionLost):
            raise
        try:
            return live(_PICTURES, _open(url, name, _PICTURES))
        except InputError:
            raise error from None


class StreamConnection:
    """An open live stream, as a `Connection`."""

    def __init__(self, container: InputContainer, name: str) -> None:
        """Takes over `container`; closes it on failure. Errors: `InputError`."""
        self._container = container
        try:
            stream = find_video(container, name)
            # Not frame threads: each would delay the picture by one frame.
            stream.thread_type = "SLICE"
            self._to_picture = ToPicture(stream)
            rate = float(stream.average_rate or 0)
            self.fps: float | None = rate if 0 < rate < 1000 else None
            self._packets: Iterator[Packet[VideoStream]] = container.demux(stream)
        except BaseException:
            container.close()
            raise
        self._decoded: list[VideoFrame] = []

    def grab(self) -> MakePicture | None:
        """See `Connection`. Waits for data until the read timeout."""
        while not self._decoded:
            try:
                packet = next(self._packets)
            except (StopIteration, av.FFmpegError) as error:
                reason = "it ended" if isinstance(error, StopIteration) else why(error)
                raise ConnectionLost(reason) from error
            try:
                self._decoded = packet.decode()
            except av.FFmpegError:
                return None
        return partial(self._to_picture, self._decoded.pop(0))

    def close(self) -> None:
        self._container.close()


def without_password(url: str) -> str:
    """The URL with its password replaced by ***, for messages and output files.

    Values of the query are also replaced if their names begin like those of secrets: cheap cameras have `?pwd=`.
    """
    # Not by `urlsplit`, which refuses brackets that are not an IPv6 address.
    url = re.sub(r"^([^/]*//[^/@:]*):[^/]*@", r"\1:***@", url)
    return re.sub(r"([?&](?:pass|pwd|passwd|token|secret|key)[^=&#]*=)[^&#]*", r"\1***", url, flags=re.IGNORECASE)


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _has_length(url: str) -> bool:
    """Whether a web server says how long the file behind the URL is. Recordings that were never finished (a browser's
    webm) and raw streams have no duration, but they end; a camera's stream has neither."""
    if not _is_web(url):
        return False
    try:
        with urlopen(url, timeout=_OPEN_TIMEOUT_S) as answer:
            kind = answer.headers.get_content_maintype()
            return kind != "multipart" and int(answer.headers.get("Content-Length") or 0) > 0
    except (OSError, ValueError, HTTPException):
        return False


def _has_its_index_last(url: str) -> bool:
    """Whether it is an mp4 or mov with its index after its pictures, on a server without range requests."""
    request = Request(url, headers={"Range": f"bytes=0-{_HEAD_BYTES - 1}"})
    try:
        with urlopen(request, timeout=_OPEN_TIMEOUT_S) as answer:
            boxes = mp4_boxes(answer.read(_HEAD_BYTES))
            return answer.status != HTTPStatus.PARTIAL_CONTENT and b"mdat" in boxes and b"moov" not in boxes
    except (OSError, ValueError, HTTPException):
        return False


def _open(url: str, name: str, form: str | None = None) -> InputContainer:
    try:
        return open_container(url, form=form, options=_OPTIONS, timeout_s=(_OPEN_TIMEOUT_S, _READ_TIMEOUT_S))
    except (av.FFmpegError, OSError) as error:
        raise InputError(
            f"cannot open '{name}': {why(error)}; check the address and that the stream is running"
        ) from error
