import itertools
import math

import pytest
import torch

from rtpose.skeleton import H36M17
from rtpose.train.cascaded.losses import (
    coordinate_loss,
    heatmap_loss,
    neck_to_knee,
    normalised_size,
    ordinal_loss,
    pose_loss,
)


def test_heatmap_loss_by_hand() -> None:
    """Eq. 2: sums over pixels 4 * 1 and 4 * 9, a third channel is not labelled."""
    estimate = torch.tensor([1.0, 3.0, 100.0])[None, :, None, None].expand(1, 3, 2, 2)
    labelled = torch.tensor([[True, True, False]])
    assert float(heatmap_loss(estimate, torch.zeros(1, 3, 2, 2), labelled)) == (4 + 36) / 2
    assert float(heatmap_loss(estimate, torch.zeros(1, 3, 2, 2), ~labelled & False)) == 0


def test_ordinal_loss_by_hand() -> None:
    """Eq. 4, C = 3, d = 1: -(log P0 + log(1 - P1) + log(1 - P2)), mean over the channels."""
    probabilities = torch.tensor([0.8, 0.4, 0.1])
    scores = torch.logit(probabilities)[None, :, None, None]
    expected = -(math.log(0.8) + math.log(0.6) + math.log(0.9)) / 3
    loss = ordinal_loss(scores, torch.tensor([[[1]]]), torch.tensor([[[True]]]))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_the_ordinal_loss_is_smaller_the_nearer_the_wrong_bin() -> None:
    truth, where = torch.tensor([[[12]]]), torch.ones(1, 1, 1, dtype=torch.bool)
    channels = torch.arange(64)

    def loss(answer: int) -> float:
        scores = torch.where(channels < answer, 4.0, -4.0)[None, :, None, None]
        return float(ordinal_loss(scores, truth, where))

    ahead = [loss(answer) for answer in range(12, 64)]
    behind = [loss(answer) for answer in range(12, -1, -1)]
    for losses in (ahead, behind):
        assert all(a < b for a, b in itertools.pairwise(losses))
    assert loss(14) < loss(30)  # the paper's example; their squared errors are the same
    # Each bin further costs 4 per channel of 64 more.
    assert loss(30) - loss(14) == pytest.approx(16 * 4 / 64, rel=1e-4)


def test_the_ordinal_loss_looks_at_labelled_pixels_only() -> None:
    scores = torch.randn(1, 4, 2, 2, requires_grad=True)
    where = torch.tensor([[[True, False], [False, False]]])
    ordinal_loss(scores, torch.full((1, 2, 2), 2), where).backward()
    assert scores.grad is not None
    assert (scores.grad.abs().sum(1)[0] > 0).tolist() == where[0].tolist()


def test_coordinates_by_hand() -> None:
    """Two joints off by (1, 2, 3): a joint outside counts nothing; without depth z counts nothing."""
    target = torch.zeros(1, 3, 3)
    estimate = torch.tensor([1.0, 2.0, 3.0]).expand(1, 3, 3)
    inside = torch.tensor([[True, True, False]])
    with_depth = coordinate_loss(estimate, target, inside, torch.tensor([True]))
    flat = coordinate_loss(estimate, target, inside, torch.tensor([False]))
    assert float(with_depth) == 2
    assert float(flat) == 1


def test_2d_pictures_have_no_z_gradient() -> None:
    estimate = torch.randn(2, 17, 3, requires_grad=True)
    inside = torch.ones(2, 17, dtype=torch.bool)
    coordinate_loss(estimate, torch.zeros(2, 17, 3), inside, torch.tensor([True, False])).backward()
    assert estimate.grad is not None
    assert (estimate.grad[1, :, 2] == 0).all()
    assert (estimate.grad[1, :, :2] != 0).all()
    assert (estimate.grad[0] != 0).all()


def test_pose_loss_by_hand() -> None:
    estimate = torch.zeros(2, 17, 3)
    estimate[0, 4] = torch.tensor([0.1, -0.2, 0.3])
    assert float(pose_loss(estimate, torch.zeros(2, 17, 3))) == pytest.approx(0.6 / 34)


def test_neck_to_knee_by_hand() -> None:
    """Spine in steps of 0.2 m up to the shoulders, hips 0.1 m aside, thighs of 0.4 and 0.5 m."""
    pose = torch.zeros(1, 17, 3)
    for joint, place in {
        "spine": (0, -0.2, 0), "thorax": (0, -0.4, 0), "neck_base": (0, -0.6, 0),
        "left_hip": (0.1, 0, 0), "left_knee": (0.1, 0.4, 0), "right_hip": (-0.1, 0, 0), "right_knee": (-0.1, 0, 0.5),
    }.items():  # fmt: skip
        pose[0, H36M17.index_of[joint]] = torch.tensor(place)
    assert float(neck_to_knee(pose)) == pytest.approx(0.4 + 0.1 + 0.45)
    unit, log_size = normalised_size(pose)
    assert float(neck_to_knee(unit)) == pytest.approx(1.077)
    torch.testing.assert_close(unit * log_size.exp(), pose)
