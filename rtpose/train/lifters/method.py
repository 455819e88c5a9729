"""What a training method is, for the loop that runs them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rtpose.pose.lift.codec import DepthCodec
from rtpose.skeleton import H36M17
from rtpose.train.settings import TrainSettings

JOINT_COUNT = len(H36M17.joints)


class Method(Protocol):
    """Networks, their optimisers, and one step. Everything random in a step comes from `draw` or torch's own seed,
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
        """All that is trained. "generator" is the lifter: it is averaged, validated and shipped."""
        ...

    @property
    def optimisers(self) -> Mapping[str, torch.optim.Optimizer]: ...

    @property
    def architecture(self) -> Mapping[str, Any]:
        """What `rtpose.modules.registry` builds the shipped network from."""
        ...

    def step(self, draw: torch.Generator) -> dict[str, Tensor]:
        """One update of all networks. Returns the terms of the generator's loss by name.

        On several processes (`rtpose.train.processes`): with this process's rows of what `draw` gives for the batch
        (`own_rows`), anything else that is random in a row being drawn by `rand_rows`.
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
