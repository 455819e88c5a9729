import torch
from torch import nn

from rtpose.modules.cascaded import Cascaded
from rtpose.modules.flip import FlipAveraged, FlipAveragedPicture, mirrored, mirrored_depth
from rtpose.skeleton import H36M17


def test_mirroring_by_hand() -> None:
    points = torch.zeros(1, 17, 2)
    left, right, head = H36M17.indices("left_wrist", "right_wrist", "head")
    points[0, left], points[0, right], points[0, head] = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    seen = mirrored(points.flatten(1)).reshape(17, 2)
    assert seen[[left, right, head]].tolist() == [[-3, 4], [-1, 2], [-5, 6]]
    assert torch.equal(mirrored(mirrored(points.flatten(1))), points.flatten(1))


def test_a_flip_averaged_lifter_says_the_same_in_a_mirror() -> None:
    """Whatever the network: the mirrored input has the mirrored depths, and averaging again changes nothing."""
    torch.manual_seed(0)
    network, points = nn.Linear(34, 17), torch.randn(5, 34)
    averaged = FlipAveraged(network)
    with torch.no_grad():
        plain, both = network(points), averaged(points)
        torch.testing.assert_close(averaged(mirrored(points)), mirrored_depth(both))
        assert not torch.allclose(network(mirrored(points)), mirrored_depth(plain))
        torch.testing.assert_close(FlipAveraged(averaged)(points), both)
        torch.testing.assert_close(both, (plain + mirrored_depth(network(mirrored(points)))) / 2)


def test_a_mirrored_picture_gives_the_mirrored_answer() -> None:
    torch.manual_seed(0)
    inner = Cascaded(input_px=64, depth_channels=8, trunk="resnet18", trunk_width=0.125, width=8, lift_width=16).eval()
    network = FlipAveragedPicture(inner, inner.heatmap_px)
    image = torch.randn(2, 3, 64, 64)
    joints, pose, confidence = network(image)
    other_joints, other_pose, other_confidence = network(image.flip(-1))
    twins = H36M17.twins.tolist()
    torch.testing.assert_close(other_pose[:, twins] * torch.tensor([-1.0, 1, 1]), pose)
    torch.testing.assert_close(other_joints[:, twins, 0], inner.heatmap_px - 1 - joints[..., 0])
    torch.testing.assert_close(other_joints[:, twins, 1:], joints[..., 1:])
    torch.testing.assert_close(other_confidence[:, twins], confidence)
