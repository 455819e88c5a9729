import torch
from torch import nn

from rtpose.modules.flip import FlipAveraged, mirrored, mirrored_depth
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
