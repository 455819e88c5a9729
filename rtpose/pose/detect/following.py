"""How people are followed from frame to frame, by the detectors and by `cascaded`."""

from __future__ import annotations

import numpy as np

from rtpose.pose.detect import ssd
from rtpose.pose.detect.roi import Roi
from rtpose.types import Float32

SEARCH_INTERVAL_S = 0.5
"""While people are tracked and there is room for more, how often to look for new ones (by the frames' time)."""
SAME_PLACE_DISTANCE = 0.15
"""Hips closer together than this share of the square's side are the same person's."""
SAME_PERSON_OVERLAP = 0.5
MAX_OUTSIDE_SCORE = 0.1
"""Highest score of a joint outside the picture, which the network can only guess."""
BBOX_MARGIN = 0.1


def should_search(tracked: int, persons: int, *, lost: bool, since_s: float) -> bool:
    """Whether to look for people: fewer than `persons` are tracked, and either none is, one was `lost`, or the last
    search was too long ago. since_s: time since that search; negative after a jump in time."""
    if tracked >= persons:
        return False
    return tracked == 0 or lost or not 0 <= since_s < SEARCH_INTERVAL_S


def capped_outside(scores: Float32, joints: Float32, size: tuple[int, int]) -> Float32:
    """Scores (J,) of joints (J, 2) px, low for those outside the picture of `size` (width, height)."""
    outside = (joints < 0) | (joints >= size)
    if not outside.any():
        return scores
    return np.where(outside.any(axis=1), np.minimum(scores, np.float32(MAX_OUTSIDE_SCORE)), scores)


def box_around(joints: Float32) -> Float32:
    """(4,) x0, y0, x1, y1 px of joints (J, 2), a tenth of its size larger on each side: heads and feet reach out."""
    low, high = joints.min(axis=0), joints.max(axis=0)
    margin = BBOX_MARGIN * (high - low)
    return np.concatenate([low - margin, high + margin]).astype(np.float32)


def overlap(a: Float32, b: Float32) -> bool:
    """Whether two boxes x0, y0, x1, y1 overlap so much that they may be the same person's."""
    return bool(ssd.box_overlap(a, b[None])[0] > SAME_PERSON_OVERLAP)


def same_square(a: Roi, b: Roi) -> bool:
    """Whether two squares show the same part of the picture."""
    return same_place(a, b) and min(a.side, b.side) > 0.6 * max(a.side, b.side)


def same_place(a: Roi, b: Roi) -> bool:
    """Whether two squares are around the same person's hips."""
    distance = np.hypot(a.cx - b.cx, a.cy - b.cy)
    return bool(distance < SAME_PLACE_DISTANCE * max(a.side, b.side))
