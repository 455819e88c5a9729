"""The source's video with the skeletons drawn on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import av.container
import cv2
import numpy as np

from rtpose.errors import OutputError
from rtpose.sinks.drawing import draw_people
from rtpose.sinks.output_file import OutputFile
from rtpose.skeleton import H36M17, Skeleton
from rtpose.types import Image, Result

_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_TIME_BASE = Fraction(1, 60000)
"""Exact for 24 to 60 frames a second, also those of 1001; MPEG-4 allows no finer than 1/65535 s."""
_DEFAULT_FPS = 30.0


def check_name(path: Path) -> None:
    """Errors: `OutputError` if the name's ending is no kind of video that can be written."""
    if path.suffix.lower() not in _FORMATS:
        raise OutputError(f"{path}: an overlay is written as {', '.join(_FORMATS)}: change the name's ending")


class OverlayVideo:
    """Writes every frame with its people, at its own time: a variable frame rate stays one.

    The picture has the size of the first frame, made even by a black edge; frames of other sizes are fitted
    into it. Nothing is written if no frame came. An older file stays untouched until `close`.
    """

    def __init__(self, path: Path, *, overwrite: bool, fps: float | None = None, skeleton: Skeleton = H36M17) -> None:
        """fps: nominal rate of the source, a hint for the encoder.

        Errors: `OutputError` at once for a path that cannot be written or names no kind of video.
        """
        check_name(path)
        self._output = OutputFile(path, overwrite=overwrite)
        self._fps = fps if fps and 1 <= fps <= 1000 else _DEFAULT_FPS
        self._skeleton = skeleton
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._last_pts = -1
        self._failed = False

    def write(self, result: Result) -> None:
        """Draw and encode one frame.

        Errors: `OutputError` if the file cannot be written; later frames are then ignored.
        """
        if self._failed:
            return
        drawn = draw_people(result.frame.image, result.persons, self._skeleton)
        with self._output.writing(), self._abandoned_on_error():
            if self._container is None:
                name = str(self._output.part)
                self._container = av.open(name, "w", format=_FORMATS[self._output.path.suffix.lower()])
                self._stream = self._add_stream(self._container, drawn)
            assert self._stream is not None
            size = self._stream.width, self._stream.height
            frame = av.VideoFrame.from_ndarray(_fit(drawn, size), format="rgb24")
            frame.time_base = _TIME_BASE
            frame.pts = max(round(result.frame.pts_s / _TIME_BASE), self._last_pts + 1)
            self._last_pts = frame.pts
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file. Errors: `OutputError` if it cannot be written; an older file is then unchanged."""
        container, stream = self._container, self._stream
        if container is None or stream is None:
            return
        with self._output.writing(), self._abandoned_on_error():
            container.mux(stream.encode(None))
            container.close()
        self._container = None
        self._output.commit()

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
        else:  # without a target, MPEG-4 looks like 1995
            stream.bit_rate = int(width * height * self._fps * 0.2)
        return stream

    @contextmanager
    def _abandoned_on_error(self) -> Iterator[None]:
        """After an error the file is lost: close it, for Windows removes no open file."""
        try:
            yield
        except BaseException:
            self._failed = True
            container, self._container = self._container, None
            if container is not None:
                with suppress(OSError):  # the same full disk again
                    container.close()
            raise


def _encoder() -> str:
    """H.264 where this build of FFmpeg has it, else MPEG-4."""
    return "libx264" if "libx264" in av.codecs_available else "mpeg4"


def _fit(image: Image, size: tuple[int, int]) -> Image:
    """The picture inside a black one of `size` (width, height): as it is, or scaled to fit and centred."""
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
