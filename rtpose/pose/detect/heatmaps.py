"""Reading BlazePose's heatmaps, SIZE x SIZE cells of the crop with a logit for each point."""

from __future__ import annotations

import numpy as np

from rtpose.pose.detect import ssd
from rtpose.types import Float32

SIZE = 64
REACH = 3
"""Cells around a point, in each direction, that refine its place."""
_REACH = np.arange(-REACH, REACH + 1)
MIN_REFINE_CONFIDENCE = 0.5
MIN_SPREAD_CONFIDENCE = 0.1
"""Cells of less confidence do not count as spread: thousands of them would outweigh the few that matter."""
_MIN_SPREAD_LOGIT = np.float32(np.log(MIN_SPREAD_CONFIDENCE / (1 - MIN_SPREAD_CONFIDENCE)))
UNKNOWN_SPREAD = SIZE / 6**0.5
"""Cells: that of a heatmap which is equally sure of every cell."""


def refine(points: Float32, heatmap: Float32) -> Float32:
    """Move points to the centre of mass of their heatmap nearby, where the heatmap is sure.

    points: (K, 2) in 0..1 of the crop. heatmap: (SIZE, SIZE, K) logits. Returns (K, 2).
    """
    count = len(points)
    cells = (points * SIZE).astype(np.intp)[:, :, None] + _REACH  # (K, x and y, 7)
    nearest = np.minimum(np.maximum(cells, 0), SIZE - 1)
    inside = cells == nearest
    cell = SIZE * nearest[:, 1, :, None] + nearest[:, 0, None, :]  # (K, 7 rows, 7 columns)
    confidence = ssd.sigmoid(heatmap.ravel().take(count * cell + np.arange(count)[:, None, None]))
    if not inside.all():
        confidence *= inside[:, 1, :, None] & inside[:, 0, None, :]
    weight = confidence.sum((1, 2))
    sure = (confidence.reshape(count, -1).max(1) >= MIN_REFINE_CONFIDENCE) & inside[:, :, REACH].all(1)  # the point
    mass = (np.stack([confidence.sum(1), confidence.sum(2)], 1) * cells).sum(2)
    refined = points.copy()
    refined[sure] = mass[sure] / weight[sure, None] / SIZE
    return refined


def peak_spread(heatmap: Float32) -> Float32:
    """How far each point's confidence is spread over the whole crop: small for one sharp peak, large for two.

    heatmap: (SIZE, SIZE, K) logits. Returns (K,): root mean square distance from the centre of mass, in cells; where no
    cell has `MIN_SPREAD_CONFIDENCE`, `UNKNOWN_SPREAD`.
    """
    count = heatmap.shape[2]
    logits = heatmap.ravel()
    sure = np.flatnonzero(logits > _MIN_SPREAD_LOGIT)
    cell = sure // count  # quicker than np.divmod
    point = sure - count * cell
    y = cell // SIZE
    x = cell - SIZE * y
    weight = ssd.sigmoid(logits[sure])
    total, sum_x, sum_y, sum_squares = (
        np.bincount(point, weight * values, count) for values in (1, x, y, x * x + y * y)
    )
    known = total > 0
    result = np.full(count, UNKNOWN_SPREAD, np.float32)
    mean_x, mean_y, mean_squares = (values[known] / total[known] for values in (sum_x, sum_y, sum_squares))
    result[known] = np.sqrt(np.maximum(mean_squares - mean_x**2 - mean_y**2, 0))
    return result
