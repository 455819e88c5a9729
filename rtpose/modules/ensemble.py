"""Several lifters as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """The mean depth of lifters that were trained from different initial weights: their errors partly cancel out."""

    def __init__(self, lifters: Sequence[nn.Module]) -> None:
        """lifters: each points (N, 2 J) -> depth (N, J)."""
        super().__init__()
        self.lifters = nn.ModuleList(lifters)

    def forward(self, points: Tensor) -> Tensor:
        """points (N, 2 J) -> depth (N, J)."""
        return torch.stack([lifter(points) for lifter in self.lifters]).mean(0)
