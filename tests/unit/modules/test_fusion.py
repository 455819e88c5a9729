"""The network of `fusion`."""

import pytest
import torch

from rtpose.modules.fusion import COUNT, FusionNet
from rtpose.pose.lift.fusion_codec import FEATURES, PLAIN, TWINS, mirrored_features
from rtpose.train.lifters.fusion.export import running_form


@pytest.fixture
def network() -> FusionNet:
    torch.manual_seed(0)
    net = FusionNet(FEATURES, PLAIN, width=32, blocks=1, memory=16, glance=8).eval()
    torch.nn.init.normal_(net.say.weight, std=0.1)
    return net


def clip(frames: int) -> torch.Tensor:
    x = torch.randn(2, frames, FEATURES)
    x[..., PLAIN - 1] = 1 / 30
    x[:, 0, PLAIN - 1] = 0
    return x


def test_a_clip_is_the_same_as_frame_after_frame(network: FusionNet) -> None:
    x = clip(5)
    turn = torch.linalg.qr(torch.randn(2, 5, 3, 3))[0]
    with torch.no_grad():
        poses, errors, gravity, _ = network.sequence(x, turn)
        hidden, last = torch.zeros(2, network.memory), torch.zeros(2, COUNT, 3)
        for t in range(5):
            last = last @ turn[:, t].transpose(-1, -2)
            last, error, down, hidden = network.step(*network.look(x[:, t]), x[:, t, PLAIN - 1 : PLAIN], last, hidden)
            torch.testing.assert_close(last, poses[:, t])
            torch.testing.assert_close(error, errors[:, t])
            torch.testing.assert_close(down, gravity[:, t])


def test_a_new_person_owes_nothing_to_a_stale_state(network: FusionNet) -> None:
    x = clip(1)[:, 0]
    with torch.no_grad():
        fresh = network.step(*network.look(x), x[:, PLAIN - 1 : PLAIN], torch.zeros(2, COUNT, 3), torch.zeros(2, 16))
        stale = network.step(*network.look(x), x[:, PLAIN - 1 : PLAIN], torch.randn(2, COUNT, 3), torch.randn(2, 16))
    for a, b in zip(fresh, stale, strict=True):
        torch.testing.assert_close(a, b)


def test_the_root_stays_at_the_origin(network: FusionNet) -> None:
    poses = network.sequence(clip(3), torch.eye(3).expand(2, 3, 3, 3))[0]
    assert (poses[:, :, 0] == 0).all()


def test_the_running_form_sees_a_mirrored_person_as_the_mirror_image(network: FusionNet) -> None:
    form = running_form(network)
    x = clip(1)[:, 0]
    x[:, PLAIN - 1] = 0.03
    last, hidden = torch.randn(2, COUNT, 3), torch.randn(2, 2, network.memory)
    index, sign = mirrored_features()
    side = torch.tensor([-1.0, 1.0, 1.0])
    with torch.no_grad():
        pose, error, down, state = form(x, last, hidden)
        m_pose, m_error, m_down, m_state = form(x[:, index] * torch.tensor(sign), last[:, TWINS] * side, hidden.flip(1))
    torch.testing.assert_close(m_pose, pose[:, TWINS] * side)
    torch.testing.assert_close(m_error, error[:, TWINS])
    torch.testing.assert_close(m_down, down * side)
    torch.testing.assert_close(m_state, state.flip(1))


def test_a_given_trunk_gets_no_gradient(network: FusionNet) -> None:
    network.sequence(clip(3), torch.eye(3).expand(2, 3, 3, 3), trunk_is_given=True)[0].sum().backward()
    assert all(p.grad is None for p in network.frame.parameters())
    assert network.say.weight.grad is not None
