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
        # K is about 1 / c, and its third column meets depths of about c: without these factors one step of Adam
        # moves a reprojection by as much as the person is wide.
        self.camera_scale: Tensor
        self.register_buffer("camera_scale", torch.tensor([1.0, 1.0, 1.0 / distance]) / distance)
        self._start_near_the_answer()

    def _start_near_the_answer(self) -> None:
        """Start with a flat person and the camera [I | 0] / c, which projects a person at distance c to about the
        right place. With the default initialisation repeated reprojections explode."""
        depth, camera = self.pose[-1], self.camera[-1]
        assert isinstance(depth, nn.Linear)
        assert isinstance(camera, nn.Linear)
        with torch.no_grad():
            depth.weight.mul_(0.1)
            depth.bias.zero_()
            camera.weight.mul_(0.01)
            camera.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1.0, 0]))

    def depth(self, points: Tensor) -> Tensor:
        """(N, 2 J) -> (N, J): the depth alone, without the camera branch."""
        depth: Tensor = self.pose(self.shared(points))
        return depth - depth[:, :1]

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 2 J) normalised x1 y1 x2 y2 … -> depth (N, J) relative to the root, camera (N, 2, 3)."""
        shared = self.shared(points)
        depth: Tensor = self.pose(shared)
        camera: Tensor = self.camera(shared)
        return depth - depth[:, :1], camera.reshape(-1, 2, 3) * self.camera_scale


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
