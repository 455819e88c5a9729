"""The fully supervised baseline, a lifter like that of Martinez et al. 2017."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rtpose.modules.consistency import ConsistencyGenerator
from rtpose.modules.flip import FlipAveraged
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.sets import TrainingSet
from rtpose.train.distributed import own_rows
from rtpose.train.lifters.method import JOINT_COUNT, update
from rtpose.train.lifters.settings import BaselineSettings


class Baseline:
    """See `rtpose.train.lifters.method.Method`. Two residual blocks, as in the paper; predicts depth only."""

    name = "baseline"

    def __init__(self, settings: BaselineSettings, data: TrainingSet) -> None:
        self.settings = settings
        self.codec = DepthCodec(settings.distance)
        self.data = data.labelled(self.codec, settings)
        self.generator = ConsistencyGenerator(width=settings.width, dropout=settings.dropout)
        self.networks = {"generator": self.generator}
        self.optimisers = {
            "generator": torch.optim.Adam(self.generator.parameters(), settings.learning_rate, settings.betas)
        }

    @property
    def architecture(self) -> dict[str, object]:
        """For the registry."""
        return {
            "network": "martinez",
            "joint_count": JOINT_COUNT,
            "width": self.settings.width,
            "flip_averaging": self.settings.flip_averaging,
        }

    def lifter_of(self, generator: nn.Module) -> nn.Module:
        """The generator, with flip averaging if the settings ask for it."""
        return FlipAveraged(generator) if self.settings.flip_averaging else generator

    def step(self, step: int, draw: torch.Generator) -> dict[str, Tensor]:
        """One update."""
        self.generator.train()
        points, depth = map(own_rows, self.data.batch(self.settings.batch_size, draw))
        # L1, not L2: joints that the detector only guessed must not dominate the step.
        loss = (self.generator(points) - depth).abs().mean()
        update(self.optimisers["generator"], loss)
        return {"depth": loss}
