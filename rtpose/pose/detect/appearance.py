"""What somebody looks like: the colours of trunk and thighs, from the crop that the landmark network gets anyway."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rtpose.skeleton import BLAZEPOSE33
from rtpose.types import Float32, Image

LIGHT_BINS, COLOUR_BINS = 6, 12
BINS = LIGHT_BINS + 2 * COLOUR_BINS
COLOUR_RANGE = 80
"""Differences of colour channels, of 255, beyond plus and minus this share the outermost bins."""
COLOUR_SHARE = 0.05
"""How much of a frame's colours goes into what somebody looks like."""
PAINT = (128, 128, 128)
"""Points of just this colour were painted over and do not count."""
LEAST_VISIBLE = 0.3
"""A part with a corner of a lower score is not looked at."""
_CORNERS = list(BLAZEPOSE33.indices(
    "left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_knee"
))  # fmt: skip
_COUNT = np.array([LIGHT_BINS, COLOUR_BINS, COLOUR_BINS])
_FIRST = np.array([0, LIGHT_BINS, LIGHT_BINS + COLOUR_BINS])


def _trunk_and_thighs() -> tuple[Float32, int]:
    """Weights (N, 6) of the corners for the points that are looked at, those of the trunk first, and how many these
    are."""
    across, down = (grid.ravel() for grid in np.meshgrid(np.linspace(0.15, 0.85, 7), np.linspace(0.1, 0.9, 8)))
    trunk = np.stack([(1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down], 1)
    along = np.linspace(0.15, 0.9, 20)
    nothing = np.zeros_like(along)
    left = np.stack([nothing, nothing, 1 - along, nothing, along, nothing], 1)
    right = np.stack([nothing, nothing, nothing, 1 - along, nothing, along], 1)
    weights = np.concatenate([np.pad(trunk, ((0, 0), (0, 2))), left, right])
    return weights.astype(np.float32), len(trunk)


_WEIGHTS, _IN_TRUNK = _trunk_and_thighs()
_FIRST_OF_POINT = _FIRST + np.where(np.arange(len(_WEIGHTS)) < _IN_TRUNK, 0, BINS)[:, None]
_SHARE_OF_RGB = np.array([
    [1 / 765, 1 / (2 * COLOUR_RANGE), 0.5 / (2 * COLOUR_RANGE)],
    [1 / 765, -1 / (2 * COLOUR_RANGE), 0.5 / (2 * COLOUR_RANGE)],
    [1 / 765, 0, -1 / (2 * COLOUR_RANGE)],
], np.float32)  # fmt: skip
_MIDDLE = np.array([0, 0.5, 0.5], np.float32)


def appearance_of(crop: Image, joints: Float32, scores: Float32) -> Float32:
    """(2, BINS): one row of histograms for the trunk and one for the thighs, each adding up to 3 (lightness, red over
    green, yellow over blue).

    crop: (H, W, 3) RGB. joints: (33, 2) px of the crop. scores: (33,). NaN for a part that is not in sight.
    """
    points = (_WEIGHTS @ joints[_CORNERS]).astype(np.intp)
    nearest = np.minimum(np.maximum(points, 0), (crop.shape[1] - 1, crop.shape[0] - 1))
    pixels = crop[nearest[:, 1], nearest[:, 0]]
    counts = (points == nearest).all(1) & (pixels != PAINT).any(1)
    visible = (scores[_CORNERS] >= LEAST_VISIBLE).tolist()
    out = _histograms(pixels, counts)
    for row, part, corners in ((0, slice(None, _IN_TRUNK), slice(0, 4)), (1, slice(_IN_TRUNK, None), slice(2, 6))):
        number = np.count_nonzero(counts[part])
        if all(visible[corners]) and 2 * number >= len(counts[part]):
            out[row] /= number
        else:
            out[row] = np.nan
    return out


def unlikeness(a: Float32, b: Float32) -> float:
    """0 for the same colours, 1 for none in common: Bhattacharyya's distance, the mean of the parts that both show.
    NaN if there is none. a, b: (2, BINS) of `appearance_of`."""
    shared = [value for value in np.sqrt(a * b).sum(1).tolist() if math.isfinite(value)]
    return sum(math.sqrt(max(1 - value / 3, 0.0)) for value in shared) / len(shared) if shared else math.nan


def blended(before: Float32 | None, look: Float32 | None, share: float) -> Float32 | None:
    """What somebody looks like after another frame, of which `share` goes in; parts that one of both lacks are the
    other's."""
    if before is None or look is None:
        return look if before is None else before
    return np.where(np.isnan(before), look, np.where(np.isnan(look), before, before + share * (look - before)))


def _histograms(pixels: NDArray[np.uint8], counts: NDArray[np.bool_]) -> Float32:
    """(2, BINS): sums over the trunk's and the thighs' pixels (N, 3) RGB that count (N,). Each counts for the two bins
    that it lies between, so that light which changes a little changes little."""
    share = pixels.astype(np.float32) @ _SHARE_OF_RGB + _MIDDLE
    place = np.minimum(np.maximum(share, 0), 1) * (_COUNT - 1)
    low = np.minimum(place.astype(np.intp), _COUNT - 2)
    upper = (place - low) * counts[:, None]
    at = (low + _FIRST_OF_POINT).ravel()
    sums = np.bincount(at, (counts[:, None] - upper).ravel(), 2 * BINS) + np.bincount(at + 1, upper.ravel(), 2 * BINS)
    return sums.astype(np.float32).reshape(2, BINS)
