"""What the critic of the consistency method is shown (Section 3.7)."""

import pytest
import torch
from torch import Tensor, nn

from rtpose.assets import small_val_pack
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.train.data.pack_training import PackTrainingSet
from rtpose.train.data.settings import EXACT
from rtpose.train.lifters.consistency import Consistency
from rtpose.train.lifters.settings import ConsistencySettings


class _TrueDepth(nn.Module):
    """A generator that is never wrong: it remembers what the points were made of."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(()))
        self.poses = torch.zeros(0)

    def forward(self, points: Tensor) -> Tensor:
        return self.poses[..., 2] + 0 * self.unused


@pytest.mark.parametrize("synchronous", [True, False])
def test_the_real_poses_are_the_labels_of_what_the_critic_judges(
    synchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator that says the truth makes, turned by whatever angle, the very poses that count as real.

    Up to 0.05 mean joint distances: the codec puts everyone at the same distance, whatever the scale that the picture
    was brought to, so that its perspective is a little another. Poses of other angles or frames are off by 1 and more.
    """
    settings = ConsistencySettings(width=8, batch_size=6, noise=EXACT, synchronous=synchronous)
    method = Consistency(settings, PackTrainingSet(load_motion_pack(small_val_pack())))
    generator = _TrueDepth()
    monkeypatch.setattr(method, "generator", generator)
    draw_poses = method.data.poses

    def remembered(size: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        points, generator.poses = draw_poses(size, draw)
        return points, generator.poses

    monkeypatch.setattr(method.data, "poses", remembered)
    shown: list[tuple[Tensor, Tensor]] = []

    def critic_loss(fake_poses: Tensor, fake_points: Tensor, real_poses: Tensor) -> Tensor:
        shown.append((fake_poses, real_poses))
        return fake_points.new_zeros((), requires_grad=True)

    monkeypatch.setattr(method, "_critic_loss", critic_loss)
    method.step(1, torch.Generator().manual_seed(0))
    fake, real = shown[0]
    torch.testing.assert_close(fake, real, atol=0.05, rtol=0)
    assert (fake - generator.poses).abs().max() > 1, "they are turned"
