"""Writes videos frame by frame, each frame at its own time."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import av.container
import cv2
import numpy as np

from rtpose.errors import OutputError
from rtpose.types import Image

_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_TIME_BASE = Fraction(1, 60000)
"""Exact for common rates, including 1001-based ones; MPEG-4 allows nothing finer than 1/65535 s."""
_DEFAULT_FPS = 30.0
_FRAGMENT_S = 0.5
_FRAGMENTED_MP4 = {
    # delay_moov: the header is written with the first fragment, and so keeps its start time instead of 0 s.
    "movflags": "frag_keyframe+delay_moov+default_base_moof",
    "frag_duration": str(round(_FRAGMENT_S * 1e6)),
    "flush_packets": "1",
}
_FRAGMENTED = {
    "mp4": _FRAGMENTED_MP4,
    "mov": _FRAGMENTED_MP4,
    "matroska": {"cluster_time_limit": str(round(_FRAGMENT_S * 1e3)), "flush_packets": "1"},
}


def check_video_name(path: Path, what: str) -> None:
    """what: subject of the message, "an overlay". Errors: `OutputError` if the ending is not a video format."""
    if path.suffix.lower() not in _FORMATS:
        raise OutputError(f"{path}: {what} is written as {', '.join(_FORMATS)}: change the name's ending")


class VideoWriter:
    """Writes pictures with their times, also at a variable frame rate.

    The video has the size of the first picture, with a black edge if it is odd; pictures of other sizes are fitted into
    it. The file is created with the first picture. All methods may raise `OSError`; the file is then closed.
    """

    def __init__(self, path: Path, *, kind: Path, fps: float | None = None, fragmented: bool = False) -> None:
        """kind: a name whose ending gives the format. fps: nominal rate, a hint for the encoder. fragmented:
        playable up to the last half second if the program dies, and slightly larger."""
        self._path = path
        self._format = _FORMATS[kind.suffix.lower()]
        self._fps = fps if fps and 1 <= fps <= 1000 else _DEFAULT_FPS
        self._fragmented = fragmented
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._last_pts = -1

    @property
    def begun(self) -> bool:
        """Whether the file has been created."""
        return self._container is not None

    def write(self, image: Image, pts_s: float) -> None:
        """Encode a picture, (H, W, 3) uint8 RGB."""
        try:
            if self._container is None:
                options = _FRAGMENTED[self._format] if self._fragmented else {}
                self._container = av.open(f"file:{self._path}", "w", format=self._format, options=options)
                self._stream = self._add_stream(self._container, image)
            assert self._stream is not None
            frame = av.VideoFrame.from_ndarray(_fit(image, (self._stream.width, self._stream.height)), format="rgb24")
            frame.time_base = _TIME_BASE
            frame.pts = max(round(pts_s / _TIME_BASE), self._last_pts + 1)
            self._last_pts = frame.pts
            self._container.mux(self._stream.encode(frame))
        except BaseException:
            self._abandon()
            raise

    def close(self) -> None:
        """Finish the file, if any."""
        if self._container is None or self._stream is None:
            return
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._container = None
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Close the file: Windows cannot remove an open one."""
        container, self._container = self._container, None
        if container is not None:
            with suppress(OSError):  # the same full disk again
                container.close()

    def _add_stream(self, container: av.container.OutputContainer, image: Image) -> av.VideoStream:
        height, width = image.shape[:2]
        codec = _encoder()
        stream = container.add_stream(codec, rate=Fraction(self._fps).limit_denominator(1001))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _TIME_BASE
        if codec == "libx264":
            stream.options = {"preset": "veryfast", "crf": "20"}
            if self._fragmented:  # otherwise the encoder holds pictures back
                stream.options = {**stream.options, "tune": "zerolatency"}
        else:  # the default bit rate of MPEG-4 looks bad
            stream.bit_rate = int(width * height * self._fps * 0.2)
        return stream


def _encoder() -> str:
    """H.264 where this build of FFmpeg has it, else MPEG-4."""
    return "libx264" if "libx264" in av.codecs_available else "mpeg4"


def _fit(image: Image, size: tuple[int, int]) -> Image:
    """The picture on a black canvas of `size` (width, height): as it is, or scaled to fit and centred."""
    width, height = size
    image_height, image_width = image.shape[:2]
    if (image_width, image_height) == size:
        return image
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    if (image_width + image_width % 2, image_height + image_height % 2) == size:
        canvas[:image_height, :image_width] = image
        return canvas
    scale = min(width / image_width, height / image_height)
    new_width, new_height = max(1, round(image_width * scale)), max(1, round(image_height * scale))
    x, y = (width - new_width) // 2, (height - new_height) // 2
    canvas[y : y + new_height, x : x + new_width] = cv2.resize(
        image, (new_width, new_height), interpolation=cv2.INTER_AREA
    )
    return canvas
