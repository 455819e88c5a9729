import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.pose.detect.roi import Roi
from rtpose.warp import warp

PICTURE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)

places = st.floats(-150, 200)


@given(
    places, places, st.floats(1, 300), st.floats(-4, 4), st.sampled_from([cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT])
)
def test_it_is_opencvs_warp(cx: float, cy: float, side: float, angle: float, border: int) -> None:
    matrix = Roi(cx, cy, side, angle).picture_from_crop(16)
    for plane in (PICTURE, PICTURE[:, ::-1, 0], PICTURE[5:20, 7:30, 1]):
        plain = cv2.warpAffine(
            np.ascontiguousarray(plane), matrix, (16, 12),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border, borderValue=(9, 9, 9),
        )  # fmt: skip
        assert np.array_equal(warp(plane, matrix, (16, 12), border=border, outside=9), plain)


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (300, 1)])
def test_thin_pictures(shape: tuple[int, int]) -> None:
    plane = np.full(shape, 7, np.uint8)
    out = np.empty((8, 8), np.uint8)
    assert warp(plane, np.eye(2, 3), (8, 8), border=cv2.BORDER_REPLICATE, out=out) is out
    assert (out == 7).all()
