"""A lifter that remembers: the single-frame network, then causal convolutions over time (as in VideoPose3D, Pavllo et
al. 2019, left-padded only). It corrects the depth and the 2D joints, too, whose jitter would otherwise stay in the
pose.

Two forms of the same network: `sequence` for whole motions (training), `forward` for one frame and what is remembered
(running). They give the same numbers. All state zero is a person seen for the first time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtpose.models.blocks import LEAKY_SLOPE
from rtpose.models.consistency import ConsistencyGenerator

POINT_SCALE = 10.0
"""Normalised points are about 0.1, features about 1: factor of the points on the way in, divisor on the way out."""


class CausalBlock(nn.Module):
    """A dilated convolution over the present and the past, a linear layer, and a shortcut."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.memory = (kernel - 1) * dilation
        """Past frames that the block looks at."""
        self.over_time = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, past_and_present: Tensor) -> Tensor:
        """(N, C, memory + T) -> (N, C, T)."""
        change: Tensor = self.mix(F.leaky_relu(self.over_time(past_and_present), LEAKY_SLOPE))
        return past_and_present[..., self.memory :] + change


class TemporalLifter(nn.Module):
    """Points of one frame and the past -> depth and corrected points."""

    def __init__(
        self,
        joint_count: int = 17,
        width: int = 512,
        channels: int = 256,
        kernel: int = 3,
        dilations: Sequence[int] = (1, 3, 9),
        dropout: float = 0.0,
    ) -> None:
        """width: of the trunk, the network of `rtpose train baseline`. channels: of the convolutions over time.

        At the start the corrections are zero: the network says what its trunk says.
        """
        super().__init__()
        self.joint_count = joint_count
        self.channels = channels
        self.trunk = ConsistencyGenerator(joint_count, width, dropout)
        self.join = nn.Linear(width + 3 * joint_count, channels)
        self.blocks = nn.ModuleList(CausalBlock(channels, kernel, dilation) for dilation in dilations)
        self.correction = nn.Linear(channels, 3 * joint_count)
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)

    @property
    def memories(self) -> list[int]:
        """Past frames that each block looks at: the lengths of the state tensors."""
        return [block.memory for block in self.blocks if isinstance(block, CausalBlock)]

    @property
    def receptive_field(self) -> int:
        """Frames that an answer depends on: the present one and all that came before within the blocks' reach."""
        return 1 + sum(self.memories)

    def new_state(self, count: int) -> list[Tensor]:
        """The state of people never seen before: (count, C, memory) for each block."""
        like = self.join.bias
        return [torch.zeros(count, self.channels, memory, dtype=like.dtype) for memory in self.memories]

    def forward(self, points: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """One frame: points (N, 2 J) -> depth (N, J), corrected points (N, 2 J), and the state for the next frame."""
        features, depth = self._each_frame(points)
        x = features[..., None]  # (N, C, 1)
        new_state = []
        for block, past in zip(self.blocks, state, strict=True):
            past_and_present = torch.cat([past, x], dim=-1)
            new_state.append(past_and_present[..., 1:])
            x = block(past_and_present)
        return *self._corrected(points, depth, x[..., 0]), *new_state

    def sequence(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Whole motions from their first frame: points (B, T, 2 J) -> depth (B, T, J), corrected points (B, T, 2 J)."""
        count, length = points.shape[:2]
        flat = points.flatten(0, 1)
        features, depth = self._each_frame(flat)
        x = features.view(count, length, -1).transpose(1, 2)  # (B, C, T)
        for block, memory in zip(self.blocks, self.memories, strict=True):
            x = block(F.pad(x, (memory, 0)))
        depth, corrected = self._corrected(flat, depth, x.transpose(1, 2).flatten(0, 1))
        return depth.view(count, length, -1), corrected.view(count, length, -1)

    def _each_frame(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 2 J) -> what goes through time (N, C), and the trunk's depth (N, J)."""
        hidden = self.trunk.layers[:-1](points)
        depth = self.trunk.layers[-1](hidden)
        depth = depth - depth[:, :1]
        return self.join(torch.cat([hidden, points * POINT_SCALE, depth], dim=1)), depth

    def _corrected(self, points: Tensor, depth: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """The corrected depth stays relative to the root; the corrected root need not lie where the detector saw it."""
        change_depth, change_points = self.correction(features).split([self.joint_count, 2 * self.joint_count], dim=1)
        depth = depth + change_depth
        return depth - depth[:, :1], points + change_points / POINT_SCALE
