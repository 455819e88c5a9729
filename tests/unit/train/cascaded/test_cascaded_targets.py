import math

import pytest
import torch

from rtpose.skeleton import H36M17
from rtpose.train.cascaded.settings import TargetSettings
from rtpose.train.cascaded.targets import (
    bone_heatmaps,
    bone_sigma,
    bones_labelled,
    depth_bins,
    depth_volumes,
    joint_heatmaps,
    pixel_depths,
)


def test_joint_heatmaps_by_hand() -> None:
    joints = torch.full((1, 17, 2), 100.0)
    joints[0, 3] = torch.tensor([4.0, 2.0])
    maps = joint_heatmaps(joints, 8, 2.0)
    assert maps[0, 3, 2, 4] == 1
    assert float(maps[0, 3, 2, 6]) == pytest.approx(math.exp(-4 / 8))
    assert float(maps[0, 3, 5, 4]) == pytest.approx(math.exp(-9 / 8))
    assert float(maps[0, 3, 5, 6]) == pytest.approx(math.exp(-13 / 8))
    assert maps[0, 0].max() < 1e-6


def test_bone_heatmaps_by_hand() -> None:
    """Eq. 1 on the bone from (2, 2) to (2, 6): beside it, on it, and beyond its end."""
    bone = H36M17.bones.index(("right_knee", "right_hip"))
    joints = torch.zeros(1, 17, 2)
    hip, knee = H36M17.indices("right_hip", "right_knee")
    joints[0, hip], joints[0, knee] = torch.tensor([2.0, 2.0]), torch.tensor([2.0, 6.0])
    maps = bone_heatmaps(joints, 10, 1.5)[0, bone]
    assert maps[2, 2] == maps[4, 2] == maps[6, 2] == 1
    assert float(maps[4, 5]) == pytest.approx(math.exp(-9 / 4.5))
    assert float(maps[8, 2]) == pytest.approx(math.exp(-4 / 4.5))
    assert float(maps[9, 6]) == pytest.approx(math.exp(-(9 + 16) / 4.5))


def test_a_slanted_bone() -> None:
    """From (0, 0) to (6, 6): pixel (4, 0) lies sqrt(8) away."""
    bone = H36M17.bones.index(("head", "neck_base"))
    joints = torch.zeros(1, 17, 2)
    joints[0, H36M17.index_of["head"]] = 6.0
    assert float(bone_heatmaps(joints, 8, 2.0)[0, bone, 0, 4]) == pytest.approx(math.exp(-8 / 8))


def test_a_bone_without_length_is_a_joint() -> None:
    joints = torch.full((1, 17, 2), 3.0)
    torch.testing.assert_close(bone_heatmaps(joints, 8, 1.0)[0, 0], joint_heatmaps(joints, 8, 1.0)[0, 0])


def test_the_bone_sigma_shrinks_by_the_epoch() -> None:
    settings = TargetSettings(bone_sigma_px=(6.0, 2.0), bone_sigma_epochs=4)
    assert [bone_sigma(epoch, settings) for epoch in range(6)] == [6, 5, 4, 3, 2, 2]


def test_a_bone_is_labelled_if_both_ends_are() -> None:
    labelled = torch.ones(1, 17, dtype=torch.bool)
    labelled[0, H36M17.index_of["left_knee"]] = False
    missing = [H36M17.bones[i] for i in (~bones_labelled(labelled)[0]).nonzero().flatten()]
    assert missing == [("left_knee", "left_hip"), ("left_foot", "left_knee")]


def test_depth_bins_by_hand() -> None:
    assert depth_bins(torch.tensor([-0.5, -0.4, 0.6, 15.5, 30.9, 31.4, 40.0, -3.0]), 32).tolist() == [
        0, 0, 1, 16, 31, 31, 31, 0
    ]  # fmt: skip


def test_two_joints_in_one_depth_channel() -> None:
    joints = torch.full((1, 17, 2), 100.0)
    joints[0, 0], joints[0, 1], joints[0, 2] = (torch.tensor([x, 3.0]) for x in (1.0, 5.0, 6.0))
    maps = joint_heatmaps(joints, 8, 1.0)
    bins = torch.zeros(1, 17, dtype=torch.long)
    bins[0, 0] = bins[0, 1] = 2
    bins[0, 2] = 3
    volumes = depth_volumes(maps, bins, 4)
    assert volumes.shape == (1, 4, 8, 8)
    torch.testing.assert_close(volumes[0, 2], torch.maximum(maps[0, 0], maps[0, 1]))
    torch.testing.assert_close(volumes[0, 3], maps[0, 2])
    assert volumes[0, 2, 3, 1] == volumes[0, 2, 3, 5] == volumes[0, 3, 3, 6] == 1
    assert volumes[0, 1].max() == 0


def test_pixel_depths_are_the_strongest_joints() -> None:
    joints = torch.full((1, 17, 2), 100.0)
    joints[0, 4], joints[0, 9] = torch.tensor([1.0, 1.0]), torch.tensor([4.0, 1.0])
    maps = joint_heatmaps(joints, 6, 1.0)
    bins = torch.arange(17)[None]
    depth, where = pixel_depths(maps, bins, 0.5)
    assert depth[0, 1, 1] == depth[0, 1, 2] == 4
    assert depth[0, 1, 4] == depth[0, 1, 3] == 9
    # exp(-1/2) = 0.61 one pixel off, exp(-1) = 0.37 on the diagonal
    assert where[0].nonzero().tolist() == [
        [0, 1],
        [0, 4],
        [1, 0],
        [1, 1],
        [1, 2],
        [1, 3],
        [1, 4],
        [1, 5],
        [2, 1],
        [2, 4],
    ]
