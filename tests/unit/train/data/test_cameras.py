import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.cameras import camera_from_world, project, random_camera_rotations, rotation_y, unit_poses
from rtpose.train.data.settings import CameraSettings

angle = st.floats(-math.pi, math.pi)


def _camera(azimuth: float, elevation: float = 0.0, roll: float = 0.0) -> torch.Tensor:
    return camera_from_world(*(torch.tensor([math.radians(a)]) for a in (azimuth, elevation, roll)))[0]


def test_a_person_who_faces_the_camera_has_the_left_hand_at_the_right() -> None:
    left, up, front = torch.eye(3)  # world: left is +x for someone who faces +z, y is up
    camera = _camera(0)
    torch.testing.assert_close(camera @ left, torch.tensor([1.0, 0, 0]))
    torch.testing.assert_close(camera @ up, torch.tensor([0.0, -1, 0]))
    torch.testing.assert_close(camera @ front, torch.tensor([0.0, 0, -1]))


def test_azimuth_90_sees_the_left_side() -> None:
    """The camera stands at world +x, the person's left: the left hand is near, the face looks to the left."""
    camera = _camera(90)
    assert (camera @ torch.tensor([1.0, 0, 0]))[2] == pytest.approx(-1, abs=1e-6)
    assert (camera @ torch.tensor([0.0, 0, 1]))[0] == pytest.approx(-1, abs=1e-6)


def test_positive_elevation_looks_down() -> None:
    """From above, the head is nearer to the camera than the feet."""
    assert (_camera(0, 20) @ torch.tensor([0.0, 1, 0]))[2] < 0


@given(angle, angle, angle)
def test_cameras_are_rotations(a: float, b: float, c: float) -> None:
    r = camera_from_world(*(torch.tensor([x]) for x in (a, b, c)))[0]
    torch.testing.assert_close(r @ r.T, torch.eye(3), atol=1e-5, rtol=0)
    assert torch.linalg.det(r).item() == pytest.approx(1, abs=1e-5)


def test_rotation_y_is_the_papers() -> None:
    """Eq. 7 and 8: row vectors times R are `rotation_y` from the left."""
    theta = 0.7
    paper = torch.tensor([[math.cos(theta), 0, -math.sin(theta)], [0, 1, 0], [math.sin(theta), 0, math.cos(theta)]])
    row = torch.randn(5, 3)
    torch.testing.assert_close(row @ paper, row @ rotation_y(torch.tensor([theta]))[0].T)


def test_random_cameras_stay_in_their_range_and_repeat() -> None:
    settings = CameraSettings(elevation_deg=(-10, 15), roll_deg=0)
    first = random_camera_rotations(500, settings, torch.Generator().manual_seed(1))
    assert torch.equal(first, random_camera_rotations(500, settings, torch.Generator().manual_seed(1)))
    elevation = torch.rad2deg(torch.asin(-first[:, 2, 1]))  # how far the world's up leans to the camera
    assert elevation.min() >= -10.01
    assert elevation.max() <= 15.01
    assert elevation.max() - elevation.min() > 20


def test_projection_is_what_the_codec_undoes() -> None:
    poses = torch.randn(4, 17, 3) / 3
    unit, size = unit_poses(poses)
    torch.testing.assert_close(unit * size[:, None, None], poses - poses[:, :1])
    torch.testing.assert_close(unit[:, 1:].norm(dim=-1).mean(-1), torch.ones(4))
    points = project(unit, 10.0).flatten(1)
    torch.testing.assert_close(DepthCodec(10).decode(points, unit[..., 2])[..., :2], unit[..., :2], atol=1e-5, rtol=0)
