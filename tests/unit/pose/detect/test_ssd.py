from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtpose.pose.detect import ssd


def boxes_at(*corners: tuple[float, float, float, float]) -> np.ndarray:
    """(N, 6, 2) candidates whose four points lie in the middle of their box."""
    boxes = np.array(corners, np.float32).reshape(-1, 2, 2)
    return np.concatenate([boxes, np.repeat(boxes.mean(1, keepdims=True), 4, axis=1)], axis=1)


def test_anchors_cover_the_input_in_the_networks_order() -> None:
    anchors = ssd.anchor_centres()
    assert anchors.shape == (2254, 2)
    # 28 x 28 cells with two anchors, 14 x 14 with two, 7 x 7 with six for three layers.
    np.testing.assert_allclose(anchors[[0, 1, 2]], [[0.5 / 28] * 2, [0.5 / 28] * 2, [1.5 / 28, 0.5 / 28]])
    np.testing.assert_allclose(anchors[28 * 2], [0.5 / 28, 1.5 / 28])
    np.testing.assert_allclose(anchors[28 * 28 * 2], [0.5 / 14] * 2)
    np.testing.assert_allclose(anchors[[28 * 28 * 2 + 14 * 14 * 2 + 5, -1]], [[0.5 / 7] * 2, [6.5 / 7] * 2])


def test_decode_adds_offsets_to_the_anchor() -> None:
    anchors = np.array([[0.5, 0.25], [0.1, 0.1]], np.float32)
    raw = np.zeros((2, 12), np.float32)
    raw[0] = [22.4, 0, 44.8, 112, 0, 11.2, 0, -112, 0, 0, 22.4, 22.4]
    points, scores = ssd.decode(raw, np.array([2.0, -2.0], np.float32), anchors, min_score=0.5)
    expected = [[0.5, 0.0], [0.7, 0.5], [0.5, 0.3], [0.5, -0.25], [0.5, 0.25], [0.6, 0.35]]
    np.testing.assert_allclose(points, [expected], atol=1e-6)
    np.testing.assert_allclose(scores, [1 / (1 + np.exp(-2))], rtol=1e-6)


def test_decode_drops_what_is_not_finite() -> None:
    raw = np.zeros((3, 12), np.float32)
    raw[0, 3], raw[1, 5] = np.nan, np.inf
    points, _ = ssd.decode(raw, np.full(3, 5, np.float32), np.zeros((3, 2), np.float32), min_score=0.5)
    assert len(points) == 1


def test_decode_of_nothing() -> None:
    raw, logits = np.zeros((2254, 12), np.float32), np.full(2254, -1e30, np.float32)
    points, scores = ssd.decode(raw, logits, ssd.anchor_centres(), min_score=0.5)
    points, scores = ssd.merge_overlaps(points, scores, max_overlap=0.3)
    assert points.shape == (0, 6, 2)
    assert scores.shape == (0,)


def test_overlapping_boxes_become_their_weighted_mean() -> None:
    points = boxes_at((0.0, 0.0, 0.4, 0.4), (0.04, 0.0, 0.44, 0.4), (0.6, 0.6, 0.9, 0.9))
    merged, scores = ssd.merge_overlaps(points, np.array([0.6, 0.9, 0.7], np.float32), max_overlap=0.3)
    np.testing.assert_allclose(scores, [0.9, 0.7])
    np.testing.assert_allclose(merged[0, 0, 0], 0.04 * 0.9 / 1.5, atol=1e-6)
    np.testing.assert_allclose(merged[1], points[2], atol=1e-6)


def test_boxes_without_area_end() -> None:
    points = boxes_at((0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5))
    merged, _ = ssd.merge_overlaps(points, np.array([0.9, 0.8], np.float32), max_overlap=0.3)
    assert len(merged) == 2


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=20))
def test_sigmoid_is_finite_and_rises(logits: list[float]) -> None:
    values = ssd.sigmoid(np.sort(np.array(logits, np.float32)))
    assert ((values >= 0) & (values <= 1)).all()
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize(
    ("other", "expected"),
    [((0, 0, 2, 2), 1.0), ((1, 0, 3, 2), 1 / 3), ((2, 2, 3, 3), 0.0), ((5, 5, 6, 6), 0.0)],
)
def test_box_overlap(other: tuple[float, ...], expected: float) -> None:
    box = np.array([0, 0, 2, 2], np.float32)
    np.testing.assert_allclose(ssd.box_overlap(box, np.array([other], np.float32)), [expected], rtol=1e-6)
