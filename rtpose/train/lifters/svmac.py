"""SVMAC (Deng et al., 3DV 2021): training of the generator and the critic.

It uses 2D joints only, except for the variant with `supervised_share`, which adds labelled frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rtpose.modules.flip import FlipAveraged
from rtpose.modules.svmac import Critic, DepthLifter, SvmacGenerator, camera_from_level
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.cameras import project, rotation_y
from rtpose.train.data.sets import TrainingSet
from rtpose.train.distributed import own_rows, rand_rows
from rtpose.train.lifters.losses import (
    angle_loss,
    camera_equal_loss,
    consistency_3d_loss,
    gradient_penalty_of,
    svmac_loss,
    symmetry_loss,
    weak_camera_loss,
)
from rtpose.train.lifters.method import JOINT_COUNT, update
from rtpose.train.lifters.settings import SvmacSettings


@dataclass
class AngleEstimates:
    """The generator's estimates for a batch of 2D poses, at all angles. Poses are relative to the root, in level axes
    (see `rtpose.modules.svmac.camera_from_level`)."""

    cameras: list[Tensor]
    """n cameras (N, 2, 3): K of each angle."""
    rotated: list[Tensor]
    """Poses (N, J, 3): angle 0 is the estimate itself, then Eq. 8."""
    lifted: list[Tensor]
    """Poses lifted again from their reprojections (Eq. 10); angle 0 is the estimate itself (Eq. 14)."""
    reprojected: list[Tensor]
    """x_proj (N, J, 2) of angles 1 …."""


def turned_view(level: Tensor, camera_from_level: Tensor, angle: Tensor, codec: DepthCodec) -> tuple[Tensor, Tensor]:
    """Rotate people about gravity and view them with the same camera, as the data's cameras do.

    level: (N, J, 3) root-relative poses in level axes. camera_from_level: (N, 3, 3). angle: (N,) radians.

    Eq. 9 projects with the weak-perspective K, and Eq. 8 rotates about the camera's y axis. Rotated true poses then do
    not look like real pictures, which are in perspective, by cameras that pitch and roll. A critic that sees the
    difference makes estimates lean. A test shows that it sees none here.

    Returns the rotated poses, in level axes and scaled like the normalised points, and these points (N, J, 2).
    """
    # Eq. 8 with points as rows: Eq. 7's matrix from the right is `rotation_y` from the left.
    turned = level @ rotation_y(angle).transpose(1, 2)
    points, scale = codec.encode(project(turned @ camera_from_level.transpose(1, 2), codec.distance))
    return turned * scale[:, None, None], points.reshape(len(level), -1, 2)


class Svmac:
    """See `rtpose.train.lifters.method.Method`."""

    name = "svmac"

    def __init__(self, settings: SvmacSettings, data: TrainingSet) -> None:
        """With `supervised_share`, the labelled frames are fixed, drawn with the seed."""
        self.settings = settings
        self.codec = DepthCodec(settings.distance)
        self.data = data.inputs(self.codec, settings)
        self.labels = (
            data.labelled(self.codec, settings, share=settings.supervised_share)
            if settings.supervised_share > 0
            else None
        )
        self.generator = SvmacGenerator(width=settings.width, dropout=settings.dropout, distance=settings.distance)
        self.critic = Critic(width=settings.width)
        self.optimisers = {
            "generator": torch.optim.Adam(self.generator.parameters(), settings.learning_rate, settings.betas),
            "critic": torch.optim.Adam(self.critic.parameters(), settings.learning_rate, settings.betas),
        }
        self.networks = {"generator": self.generator, "critic": self.critic}

    @property
    def architecture(self) -> dict[str, object]:
        """For the registry."""
        return {
            "network": "svmac",
            "joint_count": JOINT_COUNT,
            "width": self.settings.width,
            "flip_averaging": self.settings.flip_averaging,
            "networks": self.settings.networks,
        }

    def lifter_of(self, generator: nn.Module) -> nn.Module:
        """The shipped part, with flip averaging if the settings ask for it."""
        assert isinstance(generator, SvmacGenerator)
        lifter = DepthLifter(generator)
        return FlipAveraged(lifter) if self.settings.flip_averaging else lifter

    def step(self, step: int, draw: torch.Generator) -> dict[str, Tensor]:
        """One update of the generator and the critic."""
        size = self.settings.batch_size
        self.generator.train()
        self.critic.requires_grad_(False)
        loss, terms, fake = self.generator_loss(own_rows(self.data.batch(size, draw)), step)
        if self.labels is not None:
            points, depth = map(own_rows, self.labels.batch(size, draw))
            # L1, not L2: joints that the detector only guessed must not dominate the step.
            error = (self.generator(points)[0] - depth).abs().mean()
            terms["supervised"] = self.settings.weights.supervised * error
            loss = loss + terms["supervised"]
        update(self.optimisers["generator"], loss)
        if self.settings.discriminator:
            self.critic.requires_grad_(True)
            for _ in range(self.settings.critic_steps):
                real = own_rows(self.data.batch(size, draw))
                update(self.optimisers["critic"], self.critic_loss(real, fake))
        return terms

    def _lift(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """GEN, Eq. 3: network input (N, 2 J) -> root-relative pose (N, J, 3) in level axes, camera (N, 2, 3)."""
        depth, camera = self.generator(points)
        pose = self.codec.decode(points, depth) - points.new_tensor([0.0, 0.0, self.settings.distance])
        return pose @ camera_from_level(camera), camera  # rows: the inverse

    def views(self, points: Tensor) -> AngleEstimates:
        """Estimate, rotate, project and lift again. points: (N, 2 J)."""
        pose, camera = self._lift(points)
        views = AngleEstimates(cameras=[camera], rotated=[pose], lifted=[pose], reprojected=[])
        # With n = 1 there is no other angle for consistency, but the critic still judges one random reprojection.
        for _ in range(max(1, self.settings.angles - 1)):
            angle = (rand_rows(points) * 2 - 1) * math.pi
            rotated, projected = turned_view(pose, camera_from_level(camera), angle, self.codec)
            views.rotated.append(rotated)
            views.reprojected.append(projected)
            if self.settings.angles > 1:
                lifted, camera_there = self._lift(projected.flatten(1))
                views.lifted.append(lifted)
                views.cameras.append(camera_there)
        return views

    def generator_loss(self, points: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Eq. 24. points: (N, 2 J) normalised 2D joints.

        n = 1 is trained "without the SVMAC loss" (Section 4.4). With `reprojection_alone`, it keeps the part of Eq. 15
        that needs no second angle: the estimate projects onto the input.

        L_angle is taken in level axes, in which the camera's pitch does not matter.

        Returns the loss, its terms by name, and the reprojections (N (n - 1), 2 J) for the critic, grouped by pose.
        """
        weights = self.settings.weights
        views = self.views(points)
        fake = torch.stack([p.flatten(1) for p in views.reprojected], dim=1).flatten(0, 1)
        terms = {
            "angle": weights.angle * angle_loss(views.lifted[0]),
            "symmetry": weights.symmetry * symmetry_loss(views.lifted[0]),
            "camera": weights.camera * weak_camera_loss(views.cameras),
        }
        if self.settings.angles > 1 or self.settings.reprojection_alone:
            terms["svmac"] = weights.svmac * svmac_loss(self._same_angle(points, views))
        if self.settings.angles > 1:
            terms["camera"] = terms["camera"] + weights.camera * camera_equal_loss(views.cameras)
            terms["consistency_3d"] = weights.consistency_3d * consistency_3d_loss(views.lifted[1:], views.rotated[1:])
        if self.settings.discriminator:
            # The sum over i of Eq. 16, with the usual sign of WGAN: reward poses that the critic takes for real.
            strong = self.settings.adversarial_steps is None or step <= self.settings.adversarial_steps
            weight = weights.adversarial * (1 if strong else 1 / self.codec.distance)
            terms["adversarial"] = -weight * len(views.reprojected) * self._judge(fake).mean()
        return torch.stack(list(terms.values())).sum(), terms, fake

    @staticmethod
    def _same_angle(points: Tensor, views: AngleEstimates) -> list[list[Tensor]]:
        """For each angle: its given 2D pose, and the projections of the pose lifted from it by all cameras (Eq. 13)."""
        shape = (len(points), -1, 2)
        given = [points.reshape(shape), *views.reprojected]
        return [
            [given[i], *(lifted @ camera.transpose(1, 2) for camera in views.cameras)]
            for i, lifted in enumerate(views.lifted)
        ]

    def _judge(self, points: Tensor) -> Tensor:
        """Score 2D poses in mean joint distances. At 1 / c of that size, the Lipschitz bound of 1 would make the critic
        negligible among the other terms."""
        score: Tensor = self.critic(points * self.codec.distance)
        return score

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Eq. 16. real: (N, 2 J) other 2D poses from the data; fake: (M, 2 J) reprojections, M / N for each
        pose."""
        fake = fake.detach()
        real = real.repeat_interleave(len(fake) // len(real), dim=0)
        wasserstein = self._judge(fake).mean() - self._judge(real).mean()
        penalty = gradient_penalty_of(self.critic, [real * self.codec.distance], [fake * self.codec.distance])
        return wasserstein + self.settings.weights.gradient_penalty * penalty
