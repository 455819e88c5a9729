"""The interface of a training method, as the training loop uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rtpose.pose.lift.codec import DepthCodec
from rtpose.skeleton import H36M17
from rtpose.train.lifters.settings import TrainSettings

JOINT_COUNT = len(H36M17.joints)


class Method(Protocol):
    """Networks, their optimisers, and one step. All randomness in a step comes from `draw` or from torch's global seed,
    which the loop sets for each step."""

    @property
    def name(self) -> str:
        """As in `rtpose train NAME`."""
        ...

    @property
    def settings(self) -> TrainSettings: ...

    @property
    def codec(self) -> DepthCodec: ...

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """All trained networks. "generator" is the lifter, which is averaged, validated and shipped."""
        ...

    @property
    def optimisers(self) -> Mapping[str, torch.optim.Optimizer]: ...

    @property
    def architecture(self) -> Mapping[str, Any]:
        """Arguments from which `rtpose.modules.registry` builds the shipped network."""
        ...

    def step(self, step: int, draw: torch.Generator) -> dict[str, Tensor]:
        """Update number `step` (1, 2, …) of all networks. Returns the terms of the generator's loss by name.

        On several processes (`rtpose.train.distributed`), a step uses this process's rows of the batch (`own_rows`) and
        draws other random numbers per row with `rand_rows`.
        """
        ...

    def lifter_of(self, generator: nn.Module) -> nn.Module:
        """The shipped part of a generator: points (N, 2 J) -> depth (N, J)."""
        ...


def update(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of gradient descent."""
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimiser.step()
