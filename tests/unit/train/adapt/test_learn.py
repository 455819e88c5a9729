"""Fine-tuning on takes: what is learned, what decides."""

import numpy as np
import pytest
import torch

from rtpose.modules.fusion import FusionNet
from rtpose.pose.lift.fusion_codec import FEATURES, PLAIN
from rtpose.train.adapt.learn import HeldOut, adapted
from rtpose.train.adapt.takes import Take


@pytest.fixture
def network() -> FusionNet:
    torch.manual_seed(0)
    return FusionNet(FEATURES, PLAIN, width=32, blocks=1, memory=16, glance=16).eval()


def take(network: FusionNet, shift_m: float, frames: int = 60) -> Take:
    """What the network itself says, with every joint but the root moved by `shift_m` along x."""
    rng = np.random.default_rng(1)
    still = rng.normal(size=FEATURES).astype(np.float32)
    features = still + 0.02 * rng.normal(size=(frames, FEATURES)).astype(np.float32)
    features[:, PLAIN - 1] = 1 / 30
    features[0, PLAIN - 1] = 0
    turn = np.broadcast_to(np.eye(3, dtype=np.float32), (frames, 3, 3)).copy()
    with torch.no_grad():
        pose = network.sequence(torch.from_numpy(features)[None], torch.from_numpy(turn)[None])[0][0].numpy().copy()
    pose[:, 1:, 0] += shift_m
    return Take(features, turn, pose, np.ones((frames, 28), np.float32), turn, np.arange(frames) / 30)


def test_it_comes_nearer_to_the_teacher_on_what_was_held_out(network: FusionNet) -> None:
    steps: list[int] = []
    before = {name: value.clone() for name, value in network.state_dict().items()}
    learned, held_out = adapted(network, [take(network, 0.1)], steps=40, report=steps.append)
    assert steps == list(range(1, 41))
    assert held_out.after_mm < 0.9 * held_out.before_mm
    assert any(not torch.equal(value, before[name]) for name, value in learned.state_dict().items())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("after_mm", "limbs_after", "better"), [(90, 4.0, True), (98, 4.0, False), (90, 4.3, False), (110, 3.0, False)]
)
def test_what_counts_as_better(after_mm: float, limbs_after: float, better: bool) -> None:
    assert HeldOut(100, after_mm, 4.0, limbs_after).better is better


def test_the_same_seed_learns_the_same(network: FusionNet) -> None:
    takes = [take(network, 0.05, frames=20)]
    first, second = (adapted(network, takes, steps=3, report=lambda step: None)[0].state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
