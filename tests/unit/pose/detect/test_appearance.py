import numpy as np
import pytest

from rtpose.pose.detect.appearance import BINS, PAINT, appearance_of, unlikeness
from rtpose.skeleton import BLAZEPOSE33

UPPER = ("left_shoulder", "right_shoulder")
PLACES = {
    "left_shoulder": (150, 60), "right_shoulder": (100, 60), "left_hip": (145, 130), "right_hip": (105, 130),
    "left_knee": (145, 190), "right_knee": (105, 190),
}  # fmt: skip


def look(shirt: tuple[int, int, int], trousers: tuple[int, int, int], hidden: str = "", dx: float = 0) -> np.ndarray:
    crop = np.zeros((256, 256, 3), np.uint8)
    crop[:130], crop[130:] = shirt, trousers
    crop = np.clip(crop + np.random.default_rng(0).normal(0, 5, crop.shape), 0, 255).astype(np.uint8)
    joints, scores = np.zeros((33, 2), np.float32), np.ones(33, np.float32)
    for name, place in PLACES.items():
        joints[BLAZEPOSE33.index_of[name]] = place
    if hidden:
        scores[BLAZEPOSE33.index_of[hidden]] = 0.0
    return appearance_of(crop, joints + np.float32([dx, 0]), scores)


RED, BLUE, GREY = (180, 40, 40), (40, 50, 160), (120, 120, 120)


def test_the_same_clothes_are_alike_and_others_are_not() -> None:
    assert look(RED, BLUE).shape == (2, BINS)
    np.testing.assert_allclose(look(RED, BLUE).sum(1), 3, rtol=1e-5)
    assert unlikeness(look(RED, BLUE), look(RED, BLUE)) == pytest.approx(0, abs=1e-3)
    assert unlikeness(look(RED, BLUE), look((170, 36, 38), (36, 46, 150), dx=8)) < 0.2
    assert unlikeness(look(RED, BLUE), look(GREY, BLUE)) > 0.4
    assert unlikeness(look(RED, BLUE), look(BLUE, RED)) > 0.6


def test_parts_out_of_sight_do_not_count() -> None:
    upper = look(RED, BLUE, hidden="left_knee")
    assert np.isnan(upper[1]).all()
    assert unlikeness(upper, look(RED, GREY)) == pytest.approx(0, abs=1e-3)
    assert np.isnan(unlikeness(upper, look(RED, BLUE, hidden="left_shoulder")))
    assert np.isnan(look(RED, BLUE, dx=1000)).all()


def test_what_is_painted_over_does_not_count() -> None:
    crop = np.zeros((256, 256, 3), np.uint8)
    crop[:] = RED
    crop[:, 126:] = PAINT  # half the trunk and one thigh
    joints = np.zeros((33, 2), np.float32)
    for name, place in PLACES.items():
        joints[BLAZEPOSE33.index_of[name]] = place
    half = appearance_of(crop, joints, np.ones(33, np.float32))
    crop[:] = RED
    assert unlikeness(half, appearance_of(crop, joints, np.ones(33, np.float32))) == pytest.approx(0, abs=1e-3)
    crop[:] = PAINT
    assert np.isnan(appearance_of(crop, joints, np.ones(33, np.float32))).all()
