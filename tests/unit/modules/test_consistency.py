import math

import pytest
import torch
from torch.autograd import gradcheck

from rtpose.modules.consistency import (
    ConsistencyGenerator,
    KinematicChainSpace,
    PoseCritic,
    ReprojectionNetwork,
    bone_distances,
    bone_matrix,
    bone_weights,
)
from rtpose.skeleton import H36M17

BONE = {child: column for column, (child, _) in enumerate(H36M17.bones)}
"""A bone is named by its far end."""


def test_distances_from_the_right_hip_bone() -> None:
    """Figure 5: to itself 0; three bones at 1 (left hip, right thigh, lower spine); two at 5 (the forearms)."""
    row = bone_distances()[BONE["right_hip"]]
    at = {d: {child for child, column in BONE.items() if row[column] == d} for d in range(7)}
    assert at[0] == {"right_hip"}
    assert at[1] == {"left_hip", "right_knee", "spine"}
    assert at[5] == {"left_wrist", "right_wrist"}
    assert at[6] == set()


def test_weights_follow_eq_5() -> None:
    weights, distances = bone_weights(), bone_distances()
    assert (weights[distances <= 1] == 1).all()
    for d in (2, 3, 4, 5):
        torch.testing.assert_close(weights[distances == d].unique(), torch.tensor([math.tanh(1 / (d - 1))]))
    assert torch.equal(weights, weights.T)


def test_kcs_holds_bone_lengths_and_angles() -> None:
    pose = torch.zeros(1, 17, 3)
    i = H36M17.index_of
    for joint in ("right_hip", "right_knee", "right_foot"):
        pose[0, i[joint], 0] = -0.5
    pose[0, i["left_hip"], 0] = 0.5
    kcs = KinematicChainSpace(weighted=False)(pose)[0]
    a, b = BONE["right_hip"], BONE["left_hip"]
    assert kcs[a, a].item() == pytest.approx(0.25)  # squared length
    assert kcs[a, b].item() == pytest.approx(-0.25)  # opposite directions
    assert (bone_matrix().sum(0) == 0).all()


def test_kcs_does_not_change_when_turned() -> None:
    pose = torch.randn(2, 17, 3)
    turn, _ = torch.linalg.qr(torch.randn(3, 3))
    kcs = KinematicChainSpace(weighted=True)
    torch.testing.assert_close(kcs(pose @ turn), kcs(pose), atol=1e-4, rtol=1e-4)


def test_shapes_and_gradients() -> None:
    points = torch.randn(4, 34)
    depth = ConsistencyGenerator(width=8)(points)
    assert depth.shape == (4, 17)
    assert (depth[:, 0] == 0).all()
    poses = torch.randn(4, 17, 3, dtype=torch.float64, requires_grad=True)
    assert ReprojectionNetwork(width=8)(poses.float()).shape == (4, 34)
    critic = PoseCritic(width=4).double()
    assert gradcheck(lambda p: critic(p, points.double()), (poses,), eps=1e-6, atol=1e-4)


def test_the_critic_judges_pairs() -> None:
    """Shuffled 2D poses change the mean score: the critic is not a sum of one term for each input."""
    torch.manual_seed(0)
    critic = PoseCritic(width=32)
    poses = torch.randn(64, 17, 3)
    points = poses[..., :2].flatten(1)
    assert abs(critic(poses, points).mean() - critic(poses, points.roll(1, 0)).mean()) > 1e-4


def test_the_reprojection_starts_at_the_poses_own_x_and_y() -> None:
    poses = torch.randn(4, 17, 3)
    torch.testing.assert_close(ReprojectionNetwork(width=8)(poses), poses[..., :2].flatten(1))
