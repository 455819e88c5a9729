"""Cutting a rotated rectangle out of a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.types import Image

_CACHE_LINE = 64
"""Bytes that the processor fetches from memory at once."""


def warp(
    plane: Image,
    plane_from_out: NDArray[np.float64],
    size: tuple[int, int],
    *,
    border: int,
    outside: int = 0,
    out: Image | None = None,
) -> Image:
    """The part of `plane` (H, W) or (H, W, C) given by a (2, 3) matrix, in one bilinear warp.

    plane_from_out: pixels of the result, of `size` (width, height) -> pixels of the plane.
    border: how to fill pixels outside the plane, a cv2.BORDER_... constant; `outside` is the value of BORDER_CONSTANT.
    out: array for the result.
    """
    _prefetch(plane, plane_from_out, size)
    warped: Image = cv2.warpAffine(
        plane,
        plane_from_out,
        size,
        dst=out,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=border,
        borderValue=(outside,) * 4,
    )
    return warped


def _prefetch(plane: Image, plane_from_out: NDArray[np.float64], size: tuple[int, int]) -> None:
    """Load the pixels that a warp will read into the processor's cache, row by row.

    A warp reads small blocks across many rows, which hardware prefetching does not predict: with a picture that another
    core has just decoded, it mostly waits for memory. Reading in order first halves the total time.
    """
    right, bottom = size[0] - 1, size[1] - 1
    corners = plane_from_out @ np.array([[0, right, 0, right], [0, 0, bottom, bottom], [1, 1, 1, 1]])
    height, width = plane.shape[:2]
    low = np.floor(corners.min(axis=1)).clip(0, (width, height)).astype(int)
    high = (np.ceil(corners.max(axis=1)) + 1).clip(0, (width, height)).astype(int)
    step = max(_CACHE_LINE // plane.strides[1], 1)
    plane[low[1] : high[1], low[0] : high[0] : step].max(initial=0)
