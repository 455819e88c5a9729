from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from rtpose.pose.detect.roi import Roi, cut_out


def point(x: float, y: float) -> np.ndarray:
    return np.array([x, y], np.float32)


@pytest.mark.parametrize(
    ("above", "angle_deg"), [((100, 50), 0), ((150, 100), 90), ((50, 100), -90), ((100, 150), 180)]
)
def test_roi_turns_with_the_person(above: tuple[float, float], angle_deg: float) -> None:
    roi = Roi.around(point(100, 100), point(*above), margin=1.25)
    assert (roi.cx, roi.cy, roi.side) == (100, 100, 125)
    assert math.cos(roi.angle_rad - math.radians(angle_deg)) == pytest.approx(1)


@pytest.mark.parametrize("angle_deg", [0, 30, 90, 180, -120])
def test_a_person_stands_upright_in_the_crop(angle_deg: float) -> None:
    angle = math.radians(angle_deg)
    above = (100 + 40 * math.sin(angle), 90 - 40 * math.cos(angle))
    roi = Roi.around(point(100, 90), point(*above), margin=1.25)
    matrix = roi.picture_from_crop(256)
    np.testing.assert_allclose(matrix @ [128, 128, 1], [100, 90], atol=1e-4)
    # Half the square is 1.25 times the distance from the hips to the point above.
    np.testing.assert_allclose(matrix @ [128, 128 - 128 / 1.25, 1], above, atol=1e-3)


def test_cut_out_reads_the_right_pixels() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[10, 50] = (10, 200, 30)
    out = np.empty((16, 16, 3), np.uint8)
    cut_out(image, Roi(50, 10, 16).picture_from_crop(16), out, border=cv2.BORDER_CONSTANT)
    assert out[8, 8].tolist() == [10, 200, 30]
    assert out.astype(int).sum() == 240


def test_cut_out_beyond_the_picture() -> None:
    image = np.full((4, 4, 3), 9, np.uint8)
    out = np.empty((8, 8, 3), np.uint8)
    cut_out(image, Roi(0, 0, 8).picture_from_crop(8), out, border=cv2.BORDER_CONSTANT)
    assert out[:3].max() == 0
    assert out[5:7, 5:7].min() == 9
    cut_out(image, Roi(0, 0, 8).picture_from_crop(8), out, border=cv2.BORDER_REPLICATE)
    assert out.min() == 9


@pytest.mark.parametrize(
    ("roi", "usable"),
    [
        (Roi(50, 50, 80), True),
        (Roi(-30, 50, 80), True),
        (Roi(-50, 50, 80), False),
        (Roi(50, 141, 80), False),
        (Roi(50, 50, 0.5), False),
        (Roi(50, 50, 1e6), False),
        (Roi(math.nan, 50, 80), False),
        (Roi(50, 50, math.inf), False),
        (Roi(50, 50, 80, math.nan), False),
    ],
)
def test_unusable_squares(roi: Roi, usable: bool) -> None:
    assert roi.is_usable(100, 100) is usable
