import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.errors import ModelError
from rtpose.geometry import camera_from_fov, pixels_from_camera, standing_height
from rtpose.pose.cascaded.crop_codec import CropCodec, crop_codec_from_facts
from rtpose.pose.detect.roi import Roi
from rtpose.types import Camera

CODEC = CropCodec(input_px=128, heatmap_px=32, depth_channels=32)
CAMERA = camera_from_fov((640, 480), 60)


def person(seed: int = 0, at: tuple[float, float, float] = (0.8, -0.3, 4.0)) -> np.ndarray:
    pose = np.random.default_rng(seed).normal(0, 0.4, (17, 3)).astype(np.float32)
    return pose - pose[0] + np.array(at, np.float32)


def test_a_box_becomes_a_square_with_margin() -> None:
    assert CODEC.roi(np.array([10, 20, 50, 100], np.float32)) == Roi(30.0, 60.0, 100.0)


def test_joints_by_hand() -> None:
    """A square of 100 px around (30, 60): its middle is the crop's pixel 64, the heatmap's (64.5 / 4) - 0.5."""
    joints = CODEC.encode_joints(np.array([[30, 60], [-20, 10]], np.float32), Roi(30, 60, 100))
    np.testing.assert_allclose(joints, [[15.625, 15.625], [-0.375, -0.375]], atol=1e-5)


@given(st.floats(-3, 3), st.floats(20, 500), st.floats(0, 640), st.floats(0, 480))
def test_joints_there_and_back(angle: float, side: float, x: float, y: float) -> None:
    roi, joints = Roi(x, y, side, angle), np.array([[x + 3, y - 5], [100.0, 50.0]], np.float32)
    np.testing.assert_allclose(CODEC.decode_joints(CODEC.encode_joints(joints, roi), roi), joints, atol=1e-2)


def test_the_crop_shows_what_the_joints_say() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[200:208, 300:308] = 255
    roi = Roi(310, 190, 128, 0.5)
    rows, columns = np.nonzero(CODEC.crop(image, roi)[..., 0] > 128)
    heat = CODEC.encode_joints(np.array([[303.5, 203.5]], np.float32), roi)[0]
    np.testing.assert_allclose((heat + 0.5) * 4 - 0.5, [columns.mean(), rows.mean()], atol=0.3)


def test_the_input_is_normalised() -> None:
    crops = np.zeros((1, 128, 128, 3), np.uint8)
    crops[..., 0] = 255
    np.testing.assert_allclose(
        CODEC.encode(crops)[0, :, 0, 0], [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-5
    )
    assert CODEC.encode(crops).shape == (1, 3, 128, 128)


@given(st.floats(-3, 3), st.floats(0, 640), st.floats(0, 480))
def test_poses_there_and_back(angle: float, x: float, y: float) -> None:
    joints, roi = person(), Roi(x, y, 100, angle)
    back = CODEC.decode_pose(CODEC.encode_pose(joints, roi, CAMERA), roi, CAMERA)
    np.testing.assert_allclose(back, joints - joints[0], atol=1e-5)


def test_a_turned_crop_turns_the_pose() -> None:
    """A quarter turn clockwise of the square: the picture's right is the crop's up."""
    joints = np.zeros((17, 3), np.float32)
    joints[:, 2] = 4
    joints[1, 0] = 0.5
    middle = Roi(CAMERA.cx, CAMERA.cy, 100, math.pi / 2)
    np.testing.assert_allclose(CODEC.encode_pose(joints, middle, CAMERA)[1], [0, -0.5, 0], atol=1e-6)
    heat = CODEC.encode_joints(np.array([[CAMERA.cx, CAMERA.cy], [CAMERA.cx + 20, CAMERA.cy]], np.float32), middle)
    assert (heat[1] - heat[0])[1] < -1
    assert abs((heat[1] - heat[0])[0]) < 1e-4


def test_the_view_looks_at_the_crop() -> None:
    """Someone who stands on the ray through the crop's middle and leans away along it is deep, not to the side."""
    ray = np.array([0.5, 0.2, 1.0], np.float32)
    joints = np.stack([ray * 4, *[ray * 5] * 16]).astype(np.float32)
    pixel = pixels_from_camera(joints[:1], CAMERA)[0]
    pose = CODEC.encode_pose(joints, Roi(float(pixel[0]), float(pixel[1]), 100), CAMERA)
    np.testing.assert_allclose(pose[1], [0, 0, np.linalg.norm(ray)], atol=1e-5)


def test_depth_by_hand() -> None:
    """2 m over 32 channels: 1 / 16 m each; the root between the two middle ones."""
    depth = CODEC.encode_depth(np.array([0.0, 0.5, -1.0], np.float32))
    np.testing.assert_allclose(depth, [15.5, 23.5, -0.5])


def test_a_height_scales_the_pose() -> None:
    joints, roi = person(), Roi(300, 200, 100)
    pose = CODEC.decode_pose(CODEC.encode_pose(joints, roi, CAMERA), roi, CAMERA, height_m=1.8)
    assert float(standing_height(pose)) == pytest.approx(1.8, rel=1e-4)
    np.testing.assert_allclose(pose / pose[1, 0], (joints - joints[0]) / (joints - joints[0])[1, 0], rtol=1e-3)


@given(st.integers(0, 100), st.floats(-2, 2), st.floats(-1, 1), st.floats(2.5, 9))
def test_a_person_is_placed_where_she_stands(seed: int, x: float, y: float, z: float) -> None:
    joints = person(seed, (x, y, z))
    root = CODEC.place(joints - joints[0], pixels_from_camera(joints, CAMERA), np.ones(17, np.float32), CAMERA)
    np.testing.assert_allclose(root, joints[0], atol=1e-3 * z)


def test_joints_in_one_point_stay_before_the_camera() -> None:
    root = CODEC.place(np.zeros((17, 3), np.float32), np.full((17, 2), 50, np.float32), np.ones(17, np.float32), CAMERA)
    assert np.isfinite(root).all()
    assert root[2] > 0


def test_facts() -> None:
    assert crop_codec_from_facts(CODEC.facts()) == CODEC
    for facts in ({}, {"codec": "depth"}, CODEC.facts() | {"mean": [0, 0, 0]}, CODEC.facts() | {"more": 1}, "crop"):
        with pytest.raises(ModelError, match="update rtpose"):
            crop_codec_from_facts(facts)


def test_another_focal_length_another_distance() -> None:
    """The same picture through a lens of twice the focal length: about twice as far."""
    joints = person(3, (0.0, 0.0, 6.0))
    far = Camera(2 * CAMERA.fx, 2 * CAMERA.fy, CAMERA.cx, CAMERA.cy)
    root = CODEC.place(joints - joints[0], pixels_from_camera(joints, CAMERA), np.ones(17, np.float32), far)
    assert root[2] == pytest.approx(12, rel=0.1)
