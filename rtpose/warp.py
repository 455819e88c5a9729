"""Cutting a rotated rectangle out of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
    across, down = (
        _reach(row, size, length) for row, length in zip(plane_from_out.tolist(), plane.shape[1::-1], strict=True)
    )
    step = max(_CACHE_LINE // plane.strides[1], 1)
    plane[down[0] : down[1], across[0] : across[1] : step].max(initial=0)


def _reach(row: Sequence[float], size: tuple[int, int], length: int) -> tuple[int, int]:
    """First and last pixel, and one, on a side of `length` px that a row of the matrix makes of a square of `size`."""
    ends = [row[2] + x + y for x in (0.0, row[0] * (size[0] - 1)) for y in (0.0, row[1] * (size[1] - 1))]
    return min(max(math.floor(min(ends)), 0), length), min(max(math.ceil(max(ends)) + 1, 0), length)
