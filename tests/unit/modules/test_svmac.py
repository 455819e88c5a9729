import pytest
import torch

from rtpose.errors import ModelError
from rtpose.modules.registry import build_network
from rtpose.modules.svmac import Critic, DepthLifter, SvmacGenerator


def test_the_first_camera_is_the_weak_perspective_identity() -> None:
    torch.manual_seed(0)
    generator = SvmacGenerator(width=64, distance=10).eval()
    depth, camera = generator(torch.randn(5, 34) / 10)
    identity = torch.tensor([[1.0, 0, 0], [0, 1, 0]]) / 10
    torch.testing.assert_close(camera, identity.expand(5, 2, 3), atol=5e-3, rtol=0)
    assert depth.abs().max() < 0.5
    assert (depth[:, 0] == 0).all()


def test_the_shipped_part_gives_the_same_depth() -> None:
    torch.manual_seed(0)
    generator = SvmacGenerator(width=16).eval()
    points = torch.randn(3, 34)
    torch.testing.assert_close(DepthLifter(generator)(points), generator(points)[0])


def test_the_critic_judges_each_sample_by_itself() -> None:
    torch.manual_seed(0)
    critic, points = Critic(width=16), torch.randn(4, 34)
    torch.testing.assert_close(critic(points)[:1], critic(points[:1]))


@pytest.mark.parametrize(
    ("architecture", "words"),
    [({"network": "magic"}, "magic"), ({}, "None"), ({"network": "svmac", "size": 3}, "cannot be built")],
)
def test_unknown_architectures_are_named(architecture: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        build_network(architecture)
