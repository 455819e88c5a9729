"""Flip averaging as part of the network: mirrored input gives the mirrored output."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from rtpose.skeleton import H36M17

DepthFunction = Callable[[Tensor], Tensor]
"""Network input (N, 2 J) -> depth (N, J)."""

_TWINS = H36M17.twins.tolist()


def mirrored(points: Tensor) -> Tensor:
    """Mirrored network input (N, 2 J): x negated, left and right joints swapped."""
    seen = torch.unflatten(points, 1, (-1, 2))[:, _TWINS]  # not len(points), which would fix it in the ONNX file
    return (seen * seen.new_tensor([-1.0, 1.0])).flatten(1)


def mirrored_depth(depth: Tensor) -> Tensor:
    """Mirrored depth (N, J): left and right joints swapped."""
    return depth[:, _TWINS]


def flip_averaged(depth_of: DepthFunction) -> DepthFunction:
    """The mean of the depths of the points and of the mirrored points' depths, mirrored back."""

    def averaged(points: Tensor) -> Tensor:
        return (depth_of(points) + mirrored_depth(depth_of(mirrored(points)))) / 2

    return averaged


class FlipAveraged(nn.Module):
    """`flip_averaged` of a lifter, as a network."""

    def __init__(self, lifter: nn.Module) -> None:
        """lifter: points (N, 2 J) -> depth (N, J)."""
        super().__init__()
        self.lifter = lifter

    def forward(self, points: Tensor) -> Tensor:
        """points (N, 2 J) -> depth (N, J)."""
        return flip_averaged(self.lifter)(points)


class FlipAveragedPicture(nn.Module):
    """The mean of a network's answers to a picture and the mirrored one, mirrored back, as a network for pictures."""

    def __init__(self, network: nn.Module, heatmap_px: int) -> None:
        """network: image (N, 3, S, S) -> joints (N, J, 3) in heatmap pixels, pose (N, J, 3), confidence (N, J)."""
        super().__init__()
        self.network = network
        self.heatmap_px = heatmap_px

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `rtpose.modules.cascaded.Cascaded.forward`."""
        joints, pose, confidence = self.network(image)
        other_joints, other_pose, other = self.network(image.flip(-1))
        sign = image.new_tensor([-1.0, 1.0, 1.0])
        shift = image.new_tensor([self.heatmap_px - 1.0, 0.0, 0.0])
        return (
            (joints + other_joints[:, _TWINS] * sign + shift) / 2,
            (pose + other_pose[:, _TWINS] * sign) / 2,
            (confidence + other[:, _TWINS]) / 2,
        )
