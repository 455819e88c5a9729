"""What the steps of all trainings share: the seed of each step, and the weight averaging after it."""

from __future__ import annotations

import torch
from torch import nn


def step_seed(seed: int, step: int) -> int:
    """Seed for everything random in a step, so that a resumed run repeats an uninterrupted one."""
    return seed * 1_000_003 + step


@torch.no_grad()
def average_weights(averaged: nn.Module, current: nn.Module, decay: float, step: int) -> None:
    """Update the exponential moving average. Its memory is shorter at first, so the initial weights are forgotten."""
    decay = min(decay, step / (step + 10))
    for old, new in zip(averaged.state_dict().values(), current.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - decay)
        else:
            old.copy_(new)
