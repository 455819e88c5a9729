"""The weakly supervised method of "3D Human Pose Estimation Based on 2D-3D Consistency with Synchronized Adversarial
Training": the generator sees 2D joints and learns from a critic, which also sees the true poses of the same frames.
The loss contains no distance between an output and its label."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rtpose.modules.consistency import ConsistencyGenerator, PoseCritic, ReprojectionNetwork
from rtpose.modules.flip import FlipAveraged
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.cameras import project, rotation_y
from rtpose.train.data.sets import TrainingSet
from rtpose.train.distributed import own_rows, rand_rows
from rtpose.train.lifters.losses import angle_loss, gradient_penalty_of
from rtpose.train.lifters.method import JOINT_COUNT, update
from rtpose.train.lifters.settings import ConsistencySettings


class Consistency:
    """See `rtpose.train.lifters.method.Method`.

    Units: 3D and 2D poses are in mean joint distances (Section 3.6 divides both by it). For 2D that is `distance` times
    the codec's points.
    """

    name = "consistency"

    def __init__(self, settings: ConsistencySettings, data: TrainingSet) -> None:
        self.settings = settings
        self.codec = DepthCodec(settings.distance)
        self.data = data.labelled(self.codec, settings)
        self.generator = ConsistencyGenerator(width=settings.width, dropout=settings.dropout)
        self.reprojection = ReprojectionNetwork(width=settings.width)
        self.critic = PoseCritic(width=settings.width, weighted=settings.weighted_kcs)
        self.networks = {"generator": self.generator, "reprojection": self.reprojection, "critic": self.critic}
        rates = {"reprojection": settings.reprojection_rate}
        self.optimisers = {
            name: torch.optim.Adam(
                [{"params": list(network.parameters()), "rate": rates.get(name, 1.0)}],
                settings.learning_rate,
                settings.betas,
            )
            for name, network in self.networks.items()
        }

    @property
    def architecture(self) -> dict[str, object]:
        """For the registry."""
        return {
            "network": "martinez",
            "joint_count": JOINT_COUNT,
            "width": self.settings.width,
            "flip_averaging": self.settings.flip_averaging,
            "networks": self.settings.networks,
        }

    def lifter_of(self, generator: nn.Module) -> nn.Module:
        """The generator, with flip averaging if the settings ask for it."""
        return FlipAveraged(generator) if self.settings.flip_averaging else generator

    def step(self, step: int, draw: torch.Generator) -> dict[str, Tensor]:
        """One update of the three networks (Section 3.7: synchronously, in each iteration)."""
        settings, size, weights = self.settings, self.settings.batch_size, self.settings.weights
        for network in self.networks.values():
            network.train()
        self.critic.requires_grad_(False)
        points, labels = map(own_rows, self.data.poses(size, draw))
        centre = points.new_tensor([0.0, 0.0, settings.distance])
        pose = self.codec.decode(points, self.generator(points)) - centre
        angle = (rand_rows(points) * 2 - 1) * math.pi
        turn = rotation_y(angle).transpose(1, 2)
        rotated = pose @ turn
        terms = {"angle": weights.angle * angle_loss(pose)}
        if settings.synchronous:
            reprojected = self.reprojection(rotated)
        else:
            # "Sep": the reprojection network learns from the input only; here it just feeds the critic.
            own = (self.reprojection(pose.detach()) - points * settings.distance).square().mean()
            update(self.optimisers["reprojection"], own)
            reprojected = self.reprojection(rotated)
        terms["adversarial"] = -self.critic(rotated, reprojected).mean()  # Eq. 10 and 13
        loss = torch.stack(list(terms.values())).sum()
        trained = ["generator", "reprojection"] if settings.synchronous else ["generator"]
        for name in trained:
            self.optimisers[name].zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        for name in trained:
            self.optimisers[name].step()

        self.critic.requires_grad_(True)
        for _ in range(settings.critic_steps):
            real = labels @ turn if settings.paired else self._unpaired(labels)
            update(self.optimisers["critic"], self._critic_loss(rotated.detach(), reprojected.detach(), real))
        return terms

    @staticmethod
    def _unpaired(labels: Tensor) -> Tensor:
        """The labels (N, J, 3) in another order, rotated by other angles."""
        turn = rotation_y((rand_rows(labels) * 2 - 1) * math.pi).transpose(1, 2)
        return labels.roll(1, 0) @ turn

    def _critic_loss(self, fake_poses: Tensor, fake_points: Tensor, real_poses: Tensor) -> Tensor:
        """Eq. 9, and the gradient penalty.

        real_poses: (N, J, 3) the labels of `fake_poses`, rotated in the same way; their projection is the label of
        `fake_points`, as Section 3.7 says: "(Y_real, X_real) corresponds to the 3D-2D label of (Y_pred, X_rep)". The
        critic compares distributions; pairs only matter for the gradient penalty, which
        interpolates between each fake and its own label. That is some supervision, the same for all rows of Table 5;
        `paired=false` turns it off.
        """
        real_points = self.settings.distance * project(real_poses, self.settings.distance).flatten(1)
        wasserstein = self.critic(fake_poses, fake_points).mean() - self.critic(real_poses, real_points).mean()
        penalty = gradient_penalty_of(self.critic, (real_poses, real_points), (fake_poses, fake_points))
        loss: Tensor = wasserstein + self.settings.weights.gradient_penalty * penalty
        return loss
