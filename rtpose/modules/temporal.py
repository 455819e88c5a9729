"""A lifter with memory: the single-frame network, then causal convolutions over time (as in VideoPose3D, Pavllo et
al. 2019, left-padded only). They say how to filter each joint over the last frames, and what to add to it: of the depth
and of the 2D joints, too, whose jitter would otherwise stay in the pose.

Two forms of the same network: `sequence` for whole motions (training), `forward` for one frame and what is remembered
(running). They give the same numbers. All state zero is a person seen for the first time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtpose.modules.blocks import LEAKY_SLOPE
from rtpose.modules.consistency import ConsistencyGenerator
from rtpose.modules.flip import mirrored, mirrored_depth

POINT_SCALE = 10.0
"""Normalised points are about 0.1, features about 1: factor of the points on the way in, divisor on the way out."""


class CausalBlock(nn.Module):
    """A dilated convolution over the present and the past, a linear layer, and a shortcut."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.memory = (kernel - 1) * dilation
        """Past frames that the block uses."""
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
        flip_averaging: bool = False,
    ) -> None:
        """width: of the trunk, the network of `rtpose train baseline`. channels: of the convolutions over time.
        flip_averaging: the trunk's depths are those of `FlipAveraged`.

        At the start filters and corrections are zero: the network says what its trunk says.
        """
        super().__init__()
        self.joint_count = joint_count
        self.channels = channels
        self.trunk = ConsistencyGenerator(joint_count, width, dropout)
        self.flip_averaging = flip_averaging
        self.join = nn.Linear(width + 3 * joint_count, channels)
        self.blocks = nn.ModuleList(CausalBlock(channels, kernel, dilation) for dilation in dilations)
        self.filters = nn.Linear(channels, 2 * joint_count * (self.receptive_field - 1))
        self.correction = nn.Linear(channels, 3 * joint_count)
        for last in (self.filters, self.correction):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    @property
    def memories(self) -> list[int]:
        """Past frames that each block uses."""
        return [block.memory for block in self.blocks if isinstance(block, CausalBlock)]

    @property
    def receptive_field(self) -> int:
        """Frames that an output depends on: the current one and all earlier ones within the blocks' reach. The
        filters reach as far."""
        return 1 + sum(self.memories)

    def new_state(self, count: int) -> list[Tensor]:
        """The state of newly seen people: (count, C, memory) for each block, and (count, 3 J + 1, receptive
        field - 1) for what the filters look at."""
        state = [torch.zeros(count, self.channels, memory) for memory in self.memories]
        return [*state, torch.zeros(count, 3 * self.joint_count + 1, self.receptive_field - 1)]

    def forward(self, points: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """One frame: points (N, 2 J) -> depth (N, J), corrected points (N, 2 J), and the state for the next frame."""
        *of_blocks, past = state
        features, now = self._each_frame(points)
        x = features[..., None]  # (N, C, 1)
        new_state = []
        for block, past_x in zip(self.blocks, of_blocks, strict=True):
            past_and_present = torch.cat([past_x, x], dim=-1)
            new_state.append(past_and_present[..., 1:])
            x = block(past_and_present)
        new_state.append(torch.cat([past, now[..., None]], dim=-1)[..., 1:])
        return *self._corrected(now, past, x[..., 0]), *new_state

    def sequence(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Whole motions from their first frame: points (B, T, 2 J) -> depth (B, T, J), corrected points (B, T, 2 J)."""
        count, length = points.shape[:2]
        features, now = self._each_frame(points.flatten(0, 1))
        x = features.view(count, length, -1).transpose(1, 2)  # (B, C, T)
        for block, memory in zip(self.blocks, self.memories, strict=True):
            x = block(F.pad(x, (memory, 0)))
        memory = self.receptive_field - 1
        before = F.pad(now.view(count, length, -1)[:, :-1], (0, 0, memory, 0))  # (B, memory + T - 1, 3 J + 1)
        past = before.unfold(1, memory, 1).flatten(0, 1)  # (B T, 3 J + 1, memory)
        depth, corrected = self._corrected(now, past, x.transpose(1, 2).flatten(0, 1))
        return depth.view(count, length, -1), corrected.view(count, length, -1)

    def _each_frame(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 2 J) -> what goes through time (N, C), and what is filtered (N, 3 J + 1): points, the trunk's depth, and
        a one, which tells frames that were seen from the zeros before them."""
        asked = points
        if self.flip_averaging:  # both at once: for one person the time goes into reading the weights
            asked = torch.stack([points, mirrored(points)], dim=1).flatten(0, 1)
        hidden = self.trunk.layers[:-1](asked)
        depth = self.trunk.layers[-1](hidden)
        depth = depth - depth[:, :1]
        if self.flip_averaging:
            hidden = torch.unflatten(hidden, 0, (-1, 2))[:, 0]
            of_points, of_mirrored = torch.unflatten(depth, 0, (-1, 2)).unbind(1)
            depth = (of_points + mirrored_depth(of_mirrored)) / 2
        features = self.join(torch.cat([hidden, points * POINT_SCALE, depth], dim=1))
        return features, torch.cat([points, depth, torch.ones_like(depth[:, :1])], dim=1)

    def _corrected(self, now: Tensor, past: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Filter (N, 3 J + 1) and (N, 3 J + 1, memory) as the features (N, C) say. Each filter's weights add up to one.

        The corrected depth stays relative to the root; the corrected root need not lie where the detector saw it.
        """
        joints = self.joint_count
        filters = self.filters(features).view(-1, 2 * joints, self.receptive_field - 1)  # -1: N stays free in ONNX
        of_points = torch.stack([filters[:, :joints]] * 2, dim=2).flatten(1, 2)  # x1 y1 x2 y2 …
        weights = torch.cat([of_points, filters[:, joints:]], dim=1) * past[:, -1:]
        values = now[:, :-1]
        filtered = values + (weights * (past[:, :-1] - values[..., None])).sum(-1)
        points, depth = filtered[:, : 2 * joints], filtered[:, 2 * joints :]
        change = self.correction(features)
        depth = depth + change[:, 2 * joints :]
        return depth - depth[:, :1], points + change[:, : 2 * joints] / POINT_SCALE
