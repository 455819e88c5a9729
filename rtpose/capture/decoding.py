"""Shared by video files and network streams: opening with PyAV, and decoded frame -> upright picture."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any, cast

import av
import av.error
import av.stream
import cv2
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from rtpose.capture.yuv import Turn, YuvPicture, is_readable
from rtpose.errors import InputError
from rtpose.types import Image, Picture

_WIDEST_PIXEL = 4.0  # a larger sample aspect ratio means a damaged header
_NO_VIDEO_FORMATS = {"tty"}  # FFmpeg plays text files as a terminal


def open_container(
    address: str,
    *,
    options: dict[str, str] | None = None,
    timeout_s: tuple[float, float] | None = None,
    form: str | None = None,
) -> InputContainer:
    """`av.open` for reading. timeout_s: for opening, for each read. form: FFmpeg's name of the format, None: by its
    content. Errors: `av.FFmpegError`, `OSError`."""
    # Titles in broken encodings must not prevent opening.
    return av.open(address, format=form, options=options, timeout=timeout_s, metadata_errors="replace")


def find_video(container: InputContainer, name: str) -> VideoStream:
    """The video stream to read; the cover picture of a music file does not count. Errors: `InputError`."""
    if container.format.name in _NO_VIDEO_FORMATS:
        raise InputError(f"'{name}' is text, not a video; give a video file")
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        what = "only sound, no video" if container.streams.audio else "no video"
        raise InputError(f"'{name}' contains {what}; give a file with video")
    stream = next((s for s in streams if s.disposition & av.stream.Disposition.default), streams[0])
    # Without a decoder, PyAV sets no context.
    if cast(Any, stream.codec_context) is None:
        raise InputError(f"'{name}' uses an unsupported video format; convert it with ffmpeg")
    return stream


def why(error: Exception) -> str:
    """The reason of an FFmpeg or system error, in a few words."""
    if isinstance(error, av.error.ExitError):
        return "no answer in time"
    if isinstance(error, av.error.InvalidDataError):
        return "the data is not a video that can be read"
    return str(getattr(error, "strerror", None) or error)


class ToPicture:
    """Decoded frames of one stream -> pictures as shown.

    Any pixel format becomes 8-bit RGB; common formats are converted on demand, and only the part that is needed. Pixels
    become square, and the display matrix (of a phone held upright) is applied to the nearest quarter turn, including
    mirroring.
    """

    def __init__(self, stream: VideoStream) -> None:
        """`stream` must be open; no reference to it is kept."""
        ratio = float(stream.sample_aspect_ratio or 1)
        self._pixel_width = ratio if 1 / _WIDEST_PIXEL <= ratio <= _WIDEST_PIXEL else 1.0
        # One reformatter per stream: `frame.to_ndarray(format=...)` takes 1.5 times as long.
        self._reformatter = VideoReformatter()
        self._reformatting = Lock()
        self._turn: Turn = (False, False, False)
        self._rotation: int | None = None

    def __call__(self, frame: VideoFrame) -> Picture:
        """The frame's picture. It stays valid after the stream is closed."""
        if self._pixel_width == 1 and is_readable(frame):
            turn = self._turn_of(frame)
            return YuvPicture(frame, turn, lambda frame: self._rgb(frame, turn))
        return self._rgb(frame, self._turn_of(frame))

    def _turn_of(self, frame: VideoFrame) -> Turn:
        """Read only when it changes, see `_turn`."""
        if frame.rotation != self._rotation:
            self._rotation, self._turn = frame.rotation, _turn(frame)
        return self._turn

    def _rgb(self, frame: VideoFrame, turn: Turn) -> Image:
        """(H, W, 3) uint8 RGB, C-contiguous, owned by the caller. For any thread."""
        width, height = frame.width, frame.height
        if self._pixel_width > 1:
            width = round(width * self._pixel_width)
        elif self._pixel_width < 1:
            height = round(height / self._pixel_width)
        with self._reformatting:
            converted = self._reformatter.reformat(frame, width=width, height=height, format="rgb24")
        image = cast(Image, converted.to_ndarray())
        if converted is frame:  # it was already RGB, and the decoder may still need its data
            image = image.copy()
        transpose, flip_x, flip_y = turn
        if transpose:
            image = cv2.transpose(image)
        if flip_x or flip_y:
            image = cv2.flip(image, -1 if flip_x and flip_y else int(flip_x))
        return np.ascontiguousarray(image)  # odd widths come with padded rows


def _turn(frame: VideoFrame) -> Turn:
    """The turn given by the frame's display matrix.

    A frame whose side data was read stays in memory until Python's garbage collector runs: that of a tiny copy is.
    On one thread: others would be started for it and waited for.
    """
    tiny = frame.reformat(width=16, height=16, interpolation=Interpolation.POINT, threads=1)
    try:
        data = cast(Any, tiny.side_data)[SideDataType.DISPLAYMATRIX]  # PyAV's stub has other types
    except KeyError:
        return False, False, False
    # Row vectors, y down: (x, y) is shown at (a x + c y, b x + d y).
    a, b, _, c, d = (int(v) for v in np.frombuffer(bytes(data), np.int32)[:5])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0


def is_unfinished_mp4(path: Path) -> bool:
    """Whether the file starts like an mp4 or mov: if it cannot be opened, its index is missing."""
    with path.open("rb") as file:
        return file.read(8)[4:8] in (b"ftyp", b"wide", b"mdat")


def mp4_boxes(head: bytes) -> list[bytes]:
    """Kinds of the boxes at the start of an mp4 or mov (`moov`: its index, `mdat`: its pictures), up to the first that
    continues beyond `head`; empty for other files."""
    kinds: list[bytes] = []
    place = 0
    while place + 8 <= len(head):
        size, kind = int.from_bytes(head[place : place + 4]), head[place + 4 : place + 8]
        if not kinds and kind not in (b"ftyp", b"wide", b"mdat"):
            break
        kinds.append(kind)
        if size < 8:  # a 64-bit size, or up to the end of the file
            break
        place += size
    return kinds
