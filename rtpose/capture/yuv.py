"""Pictures kept in the decoder's planes of brightness and colour.

A network needs a crop of about 256 px. Cropping the planes and converting only the crop costs less than converting
the whole picture and cropping that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any, cast

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from rtpose.types import Float32, Image
from rtpose.warp import warp

_CHROMA_STEPS = {
    "yuv420p": (2, 2), "yuvj420p": (2, 2),
    "yuv422p": (2, 1), "yuvj422p": (2, 1),
    "yuv444p": (1, 1), "yuvj444p": (1, 1),
}  # fmt: skip
"""Format -> pixels of the picture that share one value of the colour planes, (across, down)."""
_RED_BLUE_WEIGHTS = {
    1: (0.2126, 0.0722),
    2: (0.299, 0.114),  # unspecified: FFmpeg assumes BT.601 as well
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    9: (0.2627, 0.0593),
}
"""Weights of red and blue in the brightness, by the number of the colour space (ITU-T H.273, table 4): BT.709,
BT.601, BT.2020."""
_FULL_RANGE = 2

Turn = tuple[bool, bool, bool]
"""(transpose, then flip x, then flip y) from the picture as decoded to the picture as shown."""


def is_readable(frame: VideoFrame) -> bool:
    """Whether `YuvPicture` supports the frame's format and colour space."""
    return (
        frame.format.name in _CHROMA_STEPS
        and frame.colorspace in _RED_BLUE_WEIGHTS
        and all(plane.line_size >= plane.width for plane in frame.planes)  # upside down in memory: negative
    )


class YuvPicture:
    """A `DecodedPicture` on the planes of a decoded frame, which it keeps alive."""

    def __init__(self, frame: VideoFrame, turn: Turn, to_rgb: Callable[[VideoFrame], Image]) -> None:
        """frame: must be `is_readable`. to_rgb: makes the whole picture as shown; called at most once."""
        self._frame = frame
        self._planes = [
            np.frombuffer(cast(Any, plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
            for plane in frame.planes
        ]
        self._decoded_from_shown = _decoded_from_shown(frame.width, frame.height, turn)
        self._size = (frame.height, frame.width) if turn[0] else (frame.width, frame.height)
        self._to_rgb = to_rgb
        self._rgb: Image | None = None
        self._lock = Lock()

    @property
    def size(self) -> tuple[int, int]:
        """See `DecodedPicture`."""
        return self._size

    def rgb(self) -> Image:
        """See `DecodedPicture`."""
        with self._lock:
            if self._rgb is None:
                self._rgb = self._to_rgb(self._frame)
            return self._rgb

    def cut_out(self, picture_from_crop: NDArray[np.float64], out: Image, *, border: int) -> None:
        """See `rtpose.pose.detect.roi.cut_out`.

        Colour is interpolated between the centres of the pixels that share a value; `rgb` repeats the value instead.
        """
        name = self._frame.format.name
        full_range = name.startswith("yuvj") or self._frame.color_range == _FULL_RANGE
        luma_from_crop = _after(self._decoded_from_shown, picture_from_crop)
        chroma_from_crop = _after(_chroma_from_luma(name), luma_from_crop)
        black = (0 if full_range else 16, 128, 128)
        matrices = luma_from_crop, chroma_from_crop, chroma_from_crop
        planes = [
            warp(plane, matrix, (out.shape[1], out.shape[0]), border=border, outside=outside)
            for plane, matrix, outside in zip(self._planes, matrices, black, strict=True)
        ]
        cv2.transform(cv2.merge(planes), rgb_from_yuv(self._frame.colorspace, full_range=full_range), dst=out)


def _after(second: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3): two maps (2, 3) of the plane, one after the other."""
    both: NDArray[np.float64] = second[:, :2] @ first
    both[:, 2] += second[:, 2]
    return both


@cache
def _chroma_from_luma(name: str) -> NDArray[np.float64]:
    """(2, 3): pixels of the brightness -> of the colour planes, by format."""
    across, down = _CHROMA_STEPS[name]
    return np.array([[1 / across, 0, (1 / across - 1) / 2], [0, 1 / down, (1 / down - 1) / 2]])


@cache
def _decoded_from_shown(width: int, height: int, turn: Turn) -> NDArray[np.float64]:
    """(2, 3): pixels as shown -> pixels of the decoded frame of width x height."""
    transpose, flip_x, flip_y = turn
    x, y = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    shown_width, shown_height = (height, width) if transpose else (width, height)
    x = np.array([0, 0, shown_width - 1]) - x if flip_x else x
    y = np.array([0, 0, shown_height - 1]) - y if flip_y else y
    return np.stack([y, x] if transpose else [x, y])


@cache
def rgb_from_yuv(colorspace: int, *, full_range: bool) -> Float32:
    """(3, 4): Y, U, V and 1 of 8 bits -> R, G, B of 8 bits (inverse of ITU-T H.273, equations 27 to 43)."""
    red, blue = _RED_BLUE_WEIGHTS[colorspace]
    green = 1 - red - blue
    from_differences = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    black, spans = (0, (255, 255, 255)) if full_range else (16, (219, 224, 224))
    linear = from_differences * (255 / np.array(spans))
    return np.column_stack([linear, -linear @ (black, 128, 128)]).astype(np.float32)
