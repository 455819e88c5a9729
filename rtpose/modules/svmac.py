"""The generator and the discriminator of SVMAC (Deng et al., 3DV 2021), Sections 3.1 and 3.3."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rtpose.modules.blocks import DenseLayer, ResidualBlock


class SvmacGenerator(nn.Module):
    """2D joints -> depth of each joint, and a weak-perspective camera K (Figure 2).

    A dense layer and a shared residual block, then two branches of two residual blocks and a linear layer each.
    """

    def __init__(self, joint_count: int = 17, width: int = 1024, dropout: float = 0.0, distance: float = 10.0) -> None:
        """distance: c, how far the codec puts the person from the camera."""
        super().__init__()
        self.shared = nn.Sequential(
            DenseLayer(2 * joint_count, width, dropout=dropout), ResidualBlock(width, dropout=dropout)
        )
        self.pose = nn.Sequential(
            ResidualBlock(width, dropout=dropout),
            ResidualBlock(width, dropout=dropout),
            nn.Linear(width, joint_count),
        )
        self.camera = nn.Sequential(
            ResidualBlock(width, dropout=dropout),
            ResidualBlock(width, dropout=dropout),
            nn.Linear(width, 6),
        )
        # K is about 1 / c: without this factor one step of Adam moves a reprojection by as much as the person is wide.
        self.camera_scale = 1.0 / distance
        self._start_near_the_answer()

    def _start_near_the_answer(self) -> None:
        """Start with a flat person and the level camera [I | 0] / c, which projects a person at distance c to about the
        right size. With the default initialisation repeated reprojections explode."""
        depth, camera = self.pose[-1], self.camera[-1]
        assert isinstance(depth, nn.Linear)
        assert isinstance(camera, nn.Linear)
        with torch.no_grad():
            depth.weight.mul_(0.1)
            depth.bias.zero_()
            camera.weight.mul_(0.01)
            camera.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1.0, 0]))

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 2 J) normalised x1 y1 x2 y2 … -> depth (N, J) relative to the root, camera (N, 2, 3), which
        projects poses in level axes (see `camera_from_level`)."""
        shared = self.shared(points)
        depth: Tensor = self.pose(shared)
        camera: Tensor = self.camera(shared)
        return depth - depth[:, :1], camera.reshape(-1, 2, 3) * self.camera_scale


def camera_from_level(cameras: Tensor) -> Tensor:
    """Weak-perspective cameras K (N, 2, 3) -> (N, 3, 3), the rotations in them: K without its scale (Gram and Schmidt).

    Level axes are the camera's before it pitched and rolled: x right, y along gravity, z away. The second column is the
    direction of gravity in camera axes.
    """
    x = nn.functional.normalize(cameras[:, 0], dim=-1)
    y = nn.functional.normalize(cameras[:, 1] - (cameras[:, 1] * x).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=1)


class Critic(nn.Module):
    """2D joints -> how real they look: a dense layer, two residual blocks, a linear layer (Section 3.3).

    No batch normalisation: WGAN-GP's penalty is on the gradient of each sample by itself.
    """

    def __init__(self, joint_count: int = 17, width: int = 1024) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            DenseLayer(2 * joint_count, width, batch_norm=False),
            ResidualBlock(width, batch_norm=False),
            ResidualBlock(width, batch_norm=False),
            nn.Linear(width, 1),
        )

    def forward(self, points: Tensor) -> Tensor:
        """(N, 2 J) -> (N,)."""
        score: Tensor = self.layers(points)
        return score.squeeze(-1)


class DepthLifter(nn.Module):
    """The shipped network: a generator reduced to `depth`, with one named input and output."""

    def __init__(self, generator: SvmacGenerator) -> None:
        super().__init__()
        self.shared = generator.shared
        self.pose = generator.pose

    def forward(self, points: Tensor) -> Tensor:
        """points (N, 2 J) -> depth (N, J) relative to the root."""
        depth: Tensor = self.pose(self.shared(points))
        return depth - depth[:, :1]
