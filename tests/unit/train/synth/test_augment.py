"""Pictures are turned, mirrored and scaled together with their labels."""

from __future__ import annotations

import numpy as np
import pytest

from rtpose.geometry import pixels_from_camera
from rtpose.skeleton import H36M17
from rtpose.train.synth.augment import Looks, moved, seen_again
from rtpose.train.synth.people import RenderedPerson, RenderedPicture
from rtpose.types import Camera


def a_picture() -> RenderedPicture:
    """17 joints of a made-up person, the left wrist a white dot on black."""
    rng = np.random.default_rng(3)
    camera = Camera(150.0, 150.0, 70.0, 60.0)
    metres = (rng.uniform(-0.8, 0.8, (17, 3)) + np.array([0, 0, 3])).astype(np.float32)
    wrist = H36M17.index_of["left_wrist"]
    metres[wrist] = [(80.5 - 70) / 150 * 3, (40.5 - 60) / 150 * 3, 3]
    pixels = pixels_from_camera(metres, camera)
    image = np.zeros((128, 128, 3), np.uint8)
    image[39:42, 79:82] = 255
    box = np.concatenate([pixels.min(0), pixels.max(0)])
    visible = (pixels >= 0).all(1) & (pixels < 128).all(1)
    return RenderedPicture(image, (RenderedPerson(pixels, metres, visible, box),), camera)


@pytest.mark.parametrize("seed", range(8))
def test_labels_stay_exact(seed: int) -> None:
    looks = Looks(turn_deg=25, turned=1.0, mirrored=0.5, scale=0.2, shift=0.1, colour=0.0)
    picture = seen_again(a_picture(), 96, np.random.default_rng(seed), looks)
    person = picture.people[0]
    assert picture.image.shape == (96, 96, 3)
    assert np.allclose(pixels_from_camera(person.joints_m, picture.camera), person.joints_px, atol=1e-2)
    low, high = person.box_px[:2], person.box_px[2:]
    assert ((person.joints_px >= low - 0.01) & (person.joints_px <= high + 0.01)).all()
    assert np.allclose(person.joints_m[:, 2], a_picture().people[0].joints_m[:, 2][_order(picture)])
    # The bright dot is where a wrist is said to be: the left one, or the right one of the mirrored person.
    ys, xs = np.nonzero(picture.image[..., 0] > 100)
    dot = np.array([xs.mean() + 0.5, ys.mean() + 0.5])
    wrist = "right_wrist" if _is_mirrored(picture) else "left_wrist"
    assert np.allclose(person.joints_px[H36M17.index_of[wrist]], dot, atol=0.8)


def _is_mirrored(picture: RenderedPicture) -> bool:
    before, after = a_picture().people[0].joints_m[:, 2], picture.people[0].joints_m[:, 2]
    return not np.allclose(before, after)


def _order(picture: RenderedPicture) -> np.typing.NDArray[np.intp]:
    return H36M17.twins if _is_mirrored(picture) else np.arange(17)


def test_a_quarter_turn_by_hand() -> None:
    picture = moved(a_picture(), 128, np.array([[0.0, -1.0], [1.0, 0.0]]), np.array([128.0, 0.0]))
    wrist = picture.people[0].joints_px[H36M17.index_of["left_wrist"]]
    assert np.allclose(wrist, [128 - 40.5, 80.5], atol=1e-3)
    assert picture.image[80, 87, 0] == 255
    assert (picture.camera.cx, picture.camera.cy) == (128 - 60, 70)


def test_joints_that_leave_the_window_are_not_visible() -> None:
    away = moved(a_picture(), 128, np.eye(2), np.array([-300.0, 0.0]))
    assert not away.people[0].visible.any()


def test_the_same_seed_gives_the_same_look() -> None:
    first, again = (seen_again(a_picture(), 64, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.image, again.image)
