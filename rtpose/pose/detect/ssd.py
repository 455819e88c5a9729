"""Decoding of BlazePose's person detector: anchors, boxes with alignment points, merging of overlaps."""

from __future__ import annotations

import numpy as np

from rtpose.types import Float32

INPUT_SIZE = 224
STRIDES = (8, 16, 32, 32, 32)
ANCHORS_PER_STRIDE = 2
SCORE_CLIP = 80.0
"""Logits are clipped to it, so that the exponential stays finite in float32."""


def anchor_centres() -> Float32:
    """(2254, 2): x, y of each anchor in 0..1 of the network's input, in the order of its outputs.

    Row by row over the cells; layers of one stride share their cells. Anchors have no size of their own:
    boxes are decoded relative to the whole input.
    """
    layers = []
    for stride in sorted(set(STRIDES)):
        cells = INPUT_SIZE // stride
        rows, columns = np.mgrid[0:cells, 0:cells]
        centres = (np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5) / cells
        layers.append(np.repeat(centres, ANCHORS_PER_STRIDE * STRIDES.count(stride), axis=0))
    return np.concatenate(layers).astype(np.float32)


def sigmoid(logits: Float32) -> Float32:
    """Elementwise 1 / (1 + exp(-x)), finite for every finite x."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.maximum(logits, -SCORE_CLIP))), dtype=np.float32)


def decode(raw: Float32, logits: Float32, anchors: Float32, *, min_score: float) -> tuple[Float32, Float32]:
    """The network's outputs -> candidates with at least `min_score`.

    raw: (A, 12) box centre, box size, four points, as offsets in input pixels from the anchors (A, 2).
    logits: (A,). Returns points (N, 6, 2) in 0..1 of the input, being the box's upper left and lower right
    corner and the four points, and scores (N,).
    """
    scores = sigmoid(logits)
    keep = np.flatnonzero((scores >= min_score) & np.isfinite(raw).all(axis=1))
    pairs = raw[keep].reshape(-1, 6, 2) / INPUT_SIZE
    centre, half = pairs[:, 0] + anchors[keep], pairs[:, 1] / 2
    points = pairs + anchors[keep][:, None]
    points[:, 0], points[:, 1] = centre - half, centre + half
    return points.astype(np.float32), scores[keep]


def merge_overlaps(points: Float32, scores: Float32, *, max_overlap: float) -> tuple[Float32, Float32]:
    """Weighted non-maximum suppression, best first.

    Boxes that overlap the best one by more than `max_overlap` (intersection over union) become one candidate:
    the mean of all their points, weighted by score, with the best one's score.
    points: (N, 6, 2) and scores (N,) as `decode` returns them. Returns the same with M <= N.
    """
    merged_points, merged_scores = [], []
    left = np.argsort(-scores, kind="stable")
    while left.size:
        same = box_overlap(points[left[0], :2].ravel(), points[left, :2].reshape(-1, 4)) > max_overlap
        same[0] = True  # a box without area overlaps nothing, not even itself
        group = left[same]
        merged_points.append(np.average(points[group], axis=0, weights=scores[group]))
        merged_scores.append(scores[left[0]])
        left = left[~same]
    return (
        np.array(merged_points, dtype=np.float32).reshape(-1, 6, 2),
        np.array(merged_scores, dtype=np.float32),
    )


def box_overlap(box: Float32, boxes: Float32) -> Float32:
    """Intersection over union of `box` (4,) with each of `boxes` (N, 4): x0, y0, x1, y1. Returns (N,)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), dtype=np.float32)
