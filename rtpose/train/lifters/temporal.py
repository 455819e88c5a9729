"""Training of the temporal lifter: supervised like the baseline, but on motions."""

from __future__ import annotations

import json

import torch
from torch import Tensor, nn

from rtpose.errors import ConfigError
from rtpose.modules.consistency import ConsistencyGenerator
from rtpose.modules.flip import FlipAveraged
from rtpose.modules.temporal import TemporalLifter
from rtpose.networks.backends.torch import TorchBackend
from rtpose.networks.weights import lifter_file
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.cameras import unit_poses
from rtpose.train.data.pack_clips import PackClips
from rtpose.train.data.pack_training import PackTrainingSet
from rtpose.train.data.sets import TrainingSet
from rtpose.train.distributed import own_rows
from rtpose.train.lifters.method import JOINT_COUNT, update
from rtpose.train.lifters.settings import TemporalSettings


class Temporal:
    """See `rtpose.train.lifters.method.Method`."""

    name = "temporal"

    def __init__(self, settings: TemporalSettings, data: TrainingSet) -> None:
        """Errors: `ConfigError` for data other than motion packs, or if the trunk's file is not a network of
        `rtpose train baseline`."""
        if not isinstance(data, PackTrainingSet):
            raise ConfigError(
                f"the temporal lifter trains on motion packs, not on {data.name}: give a folder of motion packs"
            )
        if settings.noise.gap_share > 0:
            raise ConfigError("noise.gap_share is for single frames: leave it at 0 for the temporal lifter")
        self.settings = settings
        self.codec = DepthCodec(settings.distance)
        self.data = PackClips(data.pack, self.codec, settings)
        trunk, averaged = (None, False) if settings.init_from is None else _trunk(settings.init_from, self.codec)
        self.architecture: dict[str, object] = {
            "network": "temporal",
            "joint_count": JOINT_COUNT,
            "width": settings.width if trunk is None else trunk.layers[-1].in_features,
            "channels": settings.width,
            "kernel": settings.kernel,
            "dilations": list(settings.dilations),
            "flip_averaging": averaged,
        }
        self.generator = TemporalLifter(
            width=int(str(self.architecture["width"])), channels=settings.width, kernel=settings.kernel,
            dilations=settings.dilations, flip_averaging=averaged,
        )  # fmt: skip
        self.trunk_is_given = trunk is not None
        if trunk is not None:
            self.generator.trunk.load_state_dict(trunk.state_dict())
            self.generator.trunk.requires_grad_(False)
        self.networks = {"generator": self.generator}
        trained = [p for p in self.generator.parameters() if p.requires_grad]
        self.optimisers = {"generator": torch.optim.Adam(trained, settings.learning_rate, settings.betas)}

    def lifter_of(self, generator: nn.Module) -> nn.Module:
        """The generator is the lifter."""
        return generator

    def step(self, step: int, draw: torch.Generator) -> dict[str, Tensor]:
        """One update."""
        self.generator.train()
        if self.trunk_is_given:
            self.generator.trunk.eval()  # also keeps its batch statistics
        motions = self.data.batch(self.settings.batch_size, draw)
        given, exact, poses = map(own_rows, (motions.points, motions.exact_points, motions.poses))
        depth, points = self.generator.sequence(given)
        decoded = self.codec.decode(points.flatten(0, 1), depth.flatten(0, 1))
        # The true size is unknown and each frame has its own unit: compare at the true size, like the evaluation.
        _, true_size = unit_poses(poses.flatten(0, 1))
        unit, _ = unit_poses(decoded)
        error = (unit * true_size[:, None, None]).view(poses.shape) - poses
        position = error.norm(dim=-1).mean()
        velocity = error.diff(dim=1).norm(dim=-1).mean()
        acceleration = error.diff(n=2, dim=1).norm(dim=-1).mean()
        # The poses at the true size do not show whether the corrected points grow or shrink as a whole.
        points_error = (points - exact).view(*poses.shape[:-1], 2) * self.codec.distance
        points_2d = points_error.norm(dim=-1).mean()
        weights = self.settings.weights
        loss = (
            position + weights.velocity * velocity + weights.acceleration * acceleration + weights.points_2d * points_2d
        )
        update(self.optimisers["generator"], loss)
        return {"position": position, "velocity": velocity, "acceleration": acceleration, "points_2d": points_2d}


def _trunk(name_or_file: str, codec: DepthCodec) -> tuple[ConsistencyGenerator, bool]:
    """A network of `rtpose train baseline` from a file, and whether it uses flip averaging."""
    file = lifter_file(name_or_file)
    backend = TorchBackend(file)
    network = backend.network
    averaged = isinstance(network, FlipAveraged)
    inner = network.lifter if isinstance(network, FlipAveraged) else network
    if not isinstance(inner, ConsistencyGenerator):
        raise ConfigError(f"init_from={name_or_file}: {file} is not a baseline; give a file of `rtpose train baseline`")
    if (known := json.loads(backend.metadata["normalisation"])) != codec.facts():
        raise ConfigError(f"init_from={name_or_file}: its normalisation is {known}, not {codec.facts()}: set distance")
    return inner, averaged
