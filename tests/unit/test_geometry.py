import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.errors import ConfigError
from rtpose.geometry import (
    camera_from_fov,
    camera_from_viewer,
    camera_from_virtual,
    fov_from_35mm,
    fov_from_focal,
    pixels_from_camera,
    rays_from_pixels,
    standing_height,
    viewer_from_camera,
)
from rtpose.skeleton import H36M17

coordinate = st.floats(-2, 2)


def test_viewer_axes() -> None:
    point = np.array([1, 2, 3], np.float32)  # right, down, away
    assert viewer_from_camera(point).tolist() == [1, -2, -3]  # right, up, towards
    assert camera_from_viewer(viewer_from_camera(point)).tolist() == point.tolist()


def test_fov_spans_the_longer_side() -> None:
    camera = camera_from_fov((1000, 500), 90)
    assert camera.fx == pytest.approx(500)
    assert (camera.cx, camera.cy) == (500, 250)
    assert camera_from_fov((500, 1000), 90).fx == pytest.approx(500)
    with pytest.raises(ConfigError, match="field of view"):
        camera_from_fov((10, 10), 0.5)


@given(coordinate, coordinate, st.floats(0.5, 20))
def test_projection_and_rays_are_inverse(x: float, y: float, z: float) -> None:
    camera = camera_from_fov((640, 480))
    point = np.array([[x, y, z]], np.float32)
    ray = rays_from_pixels(pixels_from_camera(point, camera), camera)
    np.testing.assert_allclose(ray * z, point, atol=1e-3)


@given(coordinate, coordinate)
def test_virtual_camera_looks_along_the_direction_without_roll(x: float, y: float) -> None:
    direction = np.array([[x, y, 1]], np.float32)
    rotation = camera_from_virtual(direction)[0]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(rotation @ [0, 0, 1], direction[0] / np.linalg.norm(direction), atol=1e-5)
    assert rotation[1, 0] == pytest.approx(0, abs=1e-6)  # its x axis stays horizontal


def _standing(height_m: float) -> np.ndarray:
    """An upright person whose bones have the textbook's lengths."""
    pose = np.zeros((17, 3), np.float32)
    heights = {"knee": 0.285, "foot": 0.039, "hip": 0.530, "shoulder": 0.818}
    for joint, share in heights.items():
        for sign, side in ((1, "left"), (-1, "right")):
            pose[H36M17.index_of[f"{side}_{joint}"]] = [0.1 * sign, -share * height_m, 0]
    for sign, side in ((1, "left"), (-1, "right")):
        pose[H36M17.index_of[f"{side}_elbow"]] = [0.1 * sign, -(0.818 - 0.186) * height_m, 0]
        pose[H36M17.index_of[f"{side}_wrist"]] = [0.1 * sign, -(0.818 - 0.332) * height_m, 0]
    for joint, share in {
        "root": 0.530,
        "thorax": 0.818,
        "head": 0.936,
        "spine": 0.674,
        "neck_base": 0.877,
    }.items():
        pose[H36M17.index_of[joint]] = [0, -share * height_m, 0]
    return pose


def test_standing_height_of_the_average_person() -> None:
    assert standing_height(_standing(1.8)) == pytest.approx(1.8, rel=1e-4)


@given(st.floats(0.5, 2.5), st.floats(-math.pi, math.pi))
def test_standing_height_scales_and_does_not_turn(factor: float, angle: float) -> None:
    c, s = math.cos(angle), math.sin(angle)
    turned = factor * _standing(1.7) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)
    assert standing_height(turned.astype(np.float32)) == pytest.approx(1.7 * factor, rel=1e-3)


def test_unseen_legs_do_not_count() -> None:
    pose, weights = _standing(1.7), np.ones(17, np.float32)
    legs = H36M17.indices("left_knee", "right_knee", "left_foot", "right_foot")
    pose[legs] *= 3
    weights[legs] = 0
    assert standing_height(pose, weights) == pytest.approx(1.7, rel=0.02)
    assert standing_height(pose) > 2


def test_a_35mm_equivalent_is_by_the_diagonal() -> None:
    assert fov_from_35mm((6000, 4000), 50) == pytest.approx(39.6, abs=0.05)  # 36 mm across: film's own shape
    assert fov_from_35mm((4000, 6000), 50) == pytest.approx(fov_from_35mm((6000, 4000), 50))  # held upright
    # 26 mm, as phones have: 79.5 degrees along the diagonal, of which a 4:3 picture's width is 0.8.
    assert fov_from_35mm((4032, 3024), 26) == pytest.approx(67.3, abs=0.05)


@given(st.floats(5, 150), st.sampled_from([(640, 480), (720, 1280), (500, 500)]))
def test_field_of_view_and_focal_length_are_inverse(fov_deg: float, size: tuple[int, int]) -> None:
    assert fov_from_focal(size, camera_from_fov(size, fov_deg).fx) == pytest.approx(fov_deg)
