"""The loss terms against hand-computed cases, and the sign of L_angle on real motion."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from rtpose.assets import small_pack, small_val_pack
from rtpose.modules.svmac import Critic
from rtpose.skeleton import H36M17
from rtpose.train.data.cameras import camera_from_world
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.train.data.pack_training import as_detected
from rtpose.train.lifters.losses import (
    angle_loss,
    camera_equal_loss,
    consistency_3d_loss,
    facing_sine,
    gradient_penalty_of,
    svmac_loss,
    symmetry_loss,
    weak_camera_loss,
)


def test_consistency_3d_is_the_mean_squared_distance_per_joint() -> None:
    a = torch.zeros(2, 17, 3)
    b = a.clone()
    b[0, 3] = torch.tensor([3.0, 4.0, 0])  # 25 on one of 17 joints, in one of two poses
    assert consistency_3d_loss([b], [a]).item() == pytest.approx(25 / 17 / 2)
    assert consistency_3d_loss([b, a], [a, a]).item() == pytest.approx(25 / 17 / 2 / 2)


def test_camera_equal_is_the_mean_over_pairs() -> None:
    zero, one = torch.zeros(1, 2, 3), torch.ones(1, 2, 3)
    assert camera_equal_loss([zero, one]).item() == pytest.approx(1)
    assert camera_equal_loss([zero, one, one]).item() == pytest.approx(2 / 3)


def test_svmac_runs_over_the_pairs_of_each_angle() -> None:
    zero = torch.zeros(1, 17, 2)
    one = torch.ones(1, 17, 2)  # squared distance 2 * 17
    assert svmac_loss([[zero, zero, one]]).item() == pytest.approx((34 + 34) / (17 * 3))
    assert svmac_loss([[zero, zero, one], [one, one, one]]).item() == pytest.approx((34 + 34) / (17 * 3) / 2)


def test_weak_camera_accepts_any_scale_and_rotation_and_nothing_else() -> None:
    rotation = camera_from_world(*(torch.tensor([x]) for x in (0.3, 0.2, 0.1)))
    assert weak_camera_loss([0.07 * rotation[:, :2]]).item() == pytest.approx(0, abs=1e-3)
    squeezed = torch.tensor([[[1.0, 0, 0], [0, 3.0, 0]]])  # 2/10 * diag(1, 9) - I = diag(-0.8, 0.8)
    assert weak_camera_loss([squeezed]).item() == pytest.approx(0.8 * math.sqrt(2), abs=1e-4)


def test_symmetry_compares_twin_bones() -> None:
    pose = torch.zeros(1, 17, 3)
    i = H36M17.index_of
    pose[0, i["left_wrist"]] = torch.tensor([2.0, 0, 0])  # the left forearm is 2 long, the right 0
    assert symmetry_loss(pose).item() == pytest.approx(4 / 6)


def test_gradient_penalty_of_a_known_slope() -> None:
    def slope_three(points: torch.Tensor) -> torch.Tensor:
        return 3 * points[:, 0]

    real, fake = torch.zeros(4, 34), torch.ones(4, 34)
    assert gradient_penalty_of(slope_three, [real], [fake]).item() == pytest.approx(4)


def test_gradient_penalty_takes_all_inputs_together() -> None:
    def slopes_three_and_four(poses: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        return 3 * poses[:, 0, 0] + 4 * points[:, 0]

    real = (torch.zeros(4, 17, 3), torch.zeros(4, 34))
    fake = (torch.ones(4, 17, 3), torch.ones(4, 34))
    assert gradient_penalty_of(slopes_three_and_four, real, fake).item() == pytest.approx(16)  # (5 - 1)^2


def test_gradient_penalty_reaches_the_critic() -> None:
    critic = Critic(width=8)
    gradient_penalty_of(critic, [torch.randn(4, 34)], [torch.randn(4, 34)]).backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())


def _seen_from_all_sides(path: Path) -> torch.Tensor:
    pack = load_motion_pack(path)
    poses = as_detected(torch.from_numpy(pack.poses_m[::7]))
    azimuth = torch.linspace(-math.pi, math.pi, len(poses))
    zero = torch.zeros_like(azimuth)
    return poses @ camera_from_world(azimuth, zero, zero).transpose(1, 2)


@pytest.mark.parametrize("pack", [small_pack(), small_val_pack()], ids=["training", "validation"])
def test_the_sign_of_the_angle_loss_on_real_motion(pack: Path) -> None:
    """Real poses, seen from any side, cost next to nothing; their depth-mirrored twins cost."""
    poses = _seen_from_all_sides(pack)
    mirrored = poses * torch.tensor([1.0, 1, -1])
    assert (facing_sine(poses) <= 0).float().mean() > 0.99
    assert (facing_sine(mirrored) <= 0).float().mean() < 0.01
    assert angle_loss(mirrored) > 100 * angle_loss(poses)


def test_someone_facing_the_camera_has_a_negative_sine() -> None:
    pose = torch.zeros(1, 17, 3)
    i = H36M17.index_of
    pose[0, i["left_shoulder"]] = torch.tensor([0.2, -0.4, 0])  # at the right of the picture
    pose[0, i["right_shoulder"]] = torch.tensor([-0.2, -0.4, 0])
    for side in ("left", "right"):
        pose[0, i[f"{side}_knee"]] = torch.tensor([0.05, 0.4, -0.1])  # nearer to the camera
        pose[0, i[f"{side}_foot"]] = torch.tensor([0, 0.8, 0])
    expected = -0.1 / math.hypot(0.05, 0.1)
    assert facing_sine(pose).item() == pytest.approx(expected, rel=1e-5)
    assert angle_loss(pose).item() == 0
    assert angle_loss(pose * torch.tensor([1.0, 1, -1])).item() == pytest.approx(-expected, rel=1e-5)
    assert np.isclose(facing_sine(pose * 3).item(), expected)
