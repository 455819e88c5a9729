"""What the critic of svmac is shown: turned true poses must look like reals."""

import math

import pytest
import torch
from torch import Tensor

from rtpose.assets import small_pack
from rtpose.modules.flip import FlipAveraged
from rtpose.modules.registry import build_network
from rtpose.modules.svmac import camera_from_level
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.cameras import random_camera_rotations, rotation_y, unit_poses
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.train.data.pack_training import PackTrainingSet, as_detected
from rtpose.train.data.settings import EXACT, CameraSettings
from rtpose.train.lifters.losses import consistency_3d_loss
from rtpose.train.lifters.settings import SvmacSettings
from rtpose.train.lifters.svmac import Svmac, turned_view

CODEC = DepthCodec()
COUNT = 12000
LEVEL_FROM_WORLD = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
"""World axes (y up) to level axes (y down, z away), for a camera in front of a person who faces world +z."""


def _auc(real: Tensor, fake: Tensor) -> float:
    """Area under the curve of a classifier on joints and their products, trained on one half, tested on the other."""

    def features(points: Tensor) -> Tensor:
        x = (points * CODEC.distance).double()
        upper = torch.triu_indices(x.shape[1], x.shape[1])
        return torch.cat([torch.ones_like(x[:, :1]), x, x[:, upper[0]] * x[:, upper[1]]], dim=1)

    train = torch.cat([features(real[::2]), features(fake[::2])])
    label = torch.cat([torch.ones(len(real[::2])), -torch.ones(len(fake[::2]))]).double()
    weights = torch.linalg.solve(train.T @ train + 0.3 * torch.eye(train.shape[1]), train.T @ label)
    scores = torch.cat([features(real[1::2]) @ weights, features(fake[1::2]) @ weights])
    ranks = scores.argsort().argsort().double()[: len(real[1::2])] + 1
    n, m = len(real[1::2]), len(fake[1::2])
    return float((ranks.sum() - n * (n + 1) / 2) / (n * m))


@pytest.fixture(scope="module")
def seen() -> tuple[Tensor, Tensor, Tensor]:
    """Points of reals, and other true poses of the same frames with their cameras, in level axes."""
    draw = torch.Generator().manual_seed(0)
    mocap = torch.from_numpy(load_motion_pack(small_pack()).poses_m)

    def some() -> tuple[Tensor, Tensor]:
        unit, _ = unit_poses(as_detected(mocap[torch.randint(len(mocap), (COUNT,), generator=draw)]))
        return unit, random_camera_rotations(COUNT, CameraSettings(), draw)

    unit, camera_from_world = some()
    zero = torch.zeros(COUNT)
    real = turned_view(unit @ LEVEL_FROM_WORLD, camera_from_world @ LEVEL_FROM_WORLD, zero, CODEC)[1].flatten(1)
    unit, camera_from_world = some()
    return real, unit @ LEVEL_FROM_WORLD, camera_from_world @ LEVEL_FROM_WORLD


def test_turned_true_poses_look_like_reals(seen: tuple[Tensor, Tensor, Tensor]) -> None:
    real, level, camera = seen
    angle = (torch.rand(COUNT, generator=torch.Generator().manual_seed(1)) * 2 - 1) * math.pi
    fake = turned_view(level, camera, angle, CODEC)[1].flatten(1)
    assert abs(_auc(real, fake) - 0.5) < 0.02


def test_the_classifier_sees_turns_about_the_cameras_axis_and_weak_perspective(
    seen: tuple[Tensor, Tensor, Tensor],
) -> None:
    """The paper's Eq. 8 and 9 to the letter: the test above can fail."""
    real, level, camera = seen
    angle = (torch.rand(COUNT, generator=torch.Generator().manual_seed(1)) * 2 - 1) * math.pi
    turned = level @ camera.transpose(1, 2) @ rotation_y(angle).transpose(1, 2)
    assert _auc(real, CODEC.encode(turned[..., :2])[0]) > 0.57
    about_the_camera = turned_view(level @ camera.transpose(1, 2), torch.eye(3).expand(COUNT, 3, 3), angle, CODEC)[1]
    assert _auc(real, about_the_camera.flatten(1)) > 0.53


def test_the_camera_holds_a_rotation_whatever_its_scale() -> None:
    rotation = random_camera_rotations(5, CameraSettings(), torch.Generator().manual_seed(0)) @ LEVEL_FROM_WORLD
    torch.testing.assert_close(camera_from_level(0.07 * rotation[:, :2]), rotation)


def _method(**changes: object) -> Svmac:
    torch.manual_seed(0)
    data = PackTrainingSet(load_motion_pack(small_pack()))
    return Svmac(SvmacSettings(width=8, batch_size=4, noise=EXACT, **changes), data)  # type: ignore[arg-type]


def test_the_adversarial_loss_weighs_less_after_its_first_steps() -> None:
    method = _method(adversarial_steps=2)
    points = method.data.batch(4, torch.Generator().manual_seed(0))
    weights = []
    for step in (2, 3):
        torch.manual_seed(0)
        weights.append(method.generator_loss(points, step)[1]["adversarial"].item())
    assert weights[0] == pytest.approx(10 * weights[1])
    throughout = _method()
    torch.manual_seed(0)
    assert throughout.generator_loss(points, 10**6)[1]["adversarial"].item() == pytest.approx(weights[0])


def test_the_shipped_network_averages_if_asked() -> None:
    for flip_averaging in (False, True):
        method = _method(flip_averaging=flip_averaging)
        lifter = method.lifter_of(method.generator)
        assert isinstance(lifter, FlipAveraged) is flip_averaging
        points = torch.randn(2, 34)
        again = build_network(method.architecture)
        again.load_state_dict(lifter.state_dict())
        torch.testing.assert_close(again.eval()(points), lifter.eval()(points))


def test_one_angle_without_the_reprojection_has_no_term_of_eq_15() -> None:
    points = torch.randn(4, 34) / 10
    assert "svmac" in _method(angles=1).generator_loss(points, 1)[1]
    assert "svmac" not in _method(angles=1, reprojection_alone=False).generator_loss(points, 1)[1]


def test_the_target_of_l_3d_gets_no_gradient() -> None:
    lifted, target = (torch.randn(4, 17, 3, requires_grad=True) for _ in range(2))
    consistency_3d_loss([lifted], [target]).backward()
    assert target.grad is None
    assert lifted.grad is not None
