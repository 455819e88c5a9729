"""How people are followed from frame to frame, alike in the detectors and in `cascaded`."""

from __future__ import annotations

import numpy as np

from rtpose.pose.detect import ssd
from rtpose.pose.detect.roi import Roi
from rtpose.types import Float32

SEARCH_INTERVAL_S = 0.5
"""With somebody tracked and room for more, new people are looked for this often (by the frames' time)."""
SAME_PLACE_DISTANCE = 0.15
"""Hips nearer to each other than this part of the square's side are taken for the same person's."""
SAME_PERSON_OVERLAP = 0.5
MAX_OUTSIDE_SCORE = 0.1
"""A joint outside the picture is a guess of the network: never surer than this."""
BBOX_MARGIN = 0.1


def should_search(tracked: int, persons: int, *, lost: bool, since_s: float) -> bool:
    """Whether to look for people: there is room for more of the `persons` wanted, and nobody is there, somebody was
    `lost`, or the last search was long ago. since_s: time since then; below zero it is a jump in time."""
    if tracked >= persons:
        return False
    return tracked == 0 or lost or not 0 <= since_s < SEARCH_INTERVAL_S


def capped_outside(scores: Float32, joints: Float32, size: tuple[int, int]) -> Float32:
    """Scores (J,) of joints (J, 2) px, low for those outside the picture of `size` (width, height)."""
    outside = ((joints < 0) | (joints >= size)).any(axis=1)
    return np.where(outside, np.minimum(scores, np.float32(MAX_OUTSIDE_SCORE)), scores)


def box_around(joints: Float32) -> Float32:
    """(4,) x0, y0, x1, y1 px of joints (J, 2), a tenth of its size larger on each side: heads and feet go on beyond."""
    low, high = joints.min(axis=0), joints.max(axis=0)
    margin = BBOX_MARGIN * (high - low)
    return np.concatenate([low - margin, high + margin]).astype(np.float32)


def overlap(a: Float32, b: Float32) -> bool:
    """Whether two boxes x0, y0, x1, y1 share so much that they may be the same person's."""
    return bool(ssd.box_overlap(a, b[None])[0] > SAME_PERSON_OVERLAP)


def same_square(a: Roi, b: Roi) -> bool:
    """Whether two squares show the same part of the picture."""
    return same_place(a, b) and min(a.side, b.side) > 0.6 * max(a.side, b.side)


def same_place(a: Roi, b: Roi) -> bool:
    """Whether two squares are around the same person's hips."""
    distance = np.hypot(a.cx - b.cx, a.cy - b.cy)
    return bool(distance < SAME_PLACE_DISTANCE * max(a.side, b.side))
