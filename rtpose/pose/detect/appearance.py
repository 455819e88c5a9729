"""What somebody looks like: the colours of trunk and thighs, from the crop that the landmark network gets anyway."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.skeleton import BLAZEPOSE33
from rtpose.types import Float32, Image

LIGHT_BINS, COLOUR_BINS = 6, 12
BINS = LIGHT_BINS + 2 * COLOUR_BINS
COLOUR_RANGE = 48
"""Lab's a and b beyond plus and minus this share the outermost bins: clothes are rarely more colourful."""
LEAST_VISIBLE = 0.3
"""A part with a corner of a lower score is not looked at."""
_GRID = 8
_TRUNK = BLAZEPOSE33.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
_THIGHS = tuple(BLAZEPOSE33.indices(f"{side}_hip", f"{side}_knee") for side in ("left", "right"))
_ACROSS, _DOWN = (grid.ravel()[:, None] for grid in np.meshgrid(np.linspace(0.15, 0.85, _GRID), np.linspace(0.1, 0.9, 10)))
_ALONG = np.linspace(0.15, 0.9, 24)[:, None]


def appearance_of(crop: Image, joints: Float32, scores: Float32) -> Float32:
    """(2, BINS): one row of histograms for the trunk and one for the thighs, each adding up to 3 (lightness, a, b).

    crop: (H, W, 3) RGB. joints: (33, 2) px of the crop. scores: (33,). NaN for a part that is not in sight.
    """
    out = np.full((2, BINS), np.nan, np.float32)
    height, width = crop.shape[:2]
    parts: list[tuple[int, NDArray[np.float32]]] = []
    if scores[list(_TRUNK)].min() >= LEAST_VISIBLE:
        left, right, left_hip, right_hip = joints[list(_TRUNK)]
        top, bottom = left + (right - left) * _ACROSS, left_hip + (right_hip - left_hip) * _ACROSS
        parts.append((0, top + (bottom - top) * _DOWN))
    thighs = [joints[a] + (joints[b] - joints[a]) * _ALONG for a, b in _THIGHS if scores[[a, b]].min() >= LEAST_VISIBLE]
    if thighs:
        parts.append((1, np.concatenate(thighs)))
    for row, points in parts:
        x, y = points.astype(np.intp).T
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        if inside.sum() >= len(points) // 2:
            out[row] = _histogram(crop[y[inside], x[inside]])
    return out


def unlikeness(a: Float32, b: Float32) -> float:
    """0 for the same colours, 1 for none in common: Bhattacharyya's distance, the mean of the parts that both show.
    NaN if there is none. a, b: (2, BINS) of `appearance_of`."""
    each = np.sqrt(np.maximum(1 - np.sqrt(a * b).sum(1) / 3, 0))
    known = np.isfinite(each)
    return float(each[known].mean()) if known.any() else float("nan")


def _histogram(pixels: Image) -> Float32:
    """(BINS,) of (N, 3) RGB. Each pixel counts for the two bins that it lies between, so that light which changes a
    little changes little."""
    lab = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2LAB)[0].astype(np.float32)
    count = len(lab)
    out = np.zeros(BINS, np.float32)
    first = 0
    for channel, bins in enumerate((LIGHT_BINS, COLOUR_BINS, COLOUR_BINS)):
        share = lab[:, channel] / 255 if channel == 0 else (lab[:, channel] - 128 + COLOUR_RANGE) / (2 * COLOUR_RANGE)
        place = share.clip(0, 1) * (bins - 1)
        low = np.minimum(place.astype(np.intp), bins - 2)
        rest = place - low
        out[first : first + bins] = np.bincount(low, 1 - rest, bins) + np.bincount(low + 1, rest, bins)
        first += bins
    return out / count
