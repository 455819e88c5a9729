"""Cameras that project motions to 2D joints: random ones for training, a fixed list for evaluation.

Everything works on batches of tensors.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rtpose.pose.lift.codec import ROOT
from rtpose.train.data.settings import CameraSettings

# Azimuth and elevation in degrees (positive: the camera looks down) of the five evaluation cameras of `rtpose eval`.
# The azimuths are spread around the person; the heights range from a low tripod to a shelf.
EVALUATION_CAMERAS_DEG: tuple[tuple[float, float], ...] = (
    (15.0, 0.0),
    (87.0, 10.0),
    (159.0, 5.0),
    (231.0, -5.0),
    (303.0, 15.0),
)


def rotation_y(angle: Tensor) -> Tensor:
    """(N,) radians -> (N, 3, 3), rotating about the vertical axis; column vectors."""
    c, s, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([c, zero, s, zero, one, zero, -s, zero, c], -1).reshape(-1, 3, 3)


def rotation_x(angle: Tensor) -> Tensor:
    """(N,) radians -> (N, 3, 3), tilting; column vectors."""
    c, s, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([one, zero, zero, zero, c, -s, zero, s, c], -1).reshape(-1, 3, 3)


def rotation_z(angle: Tensor) -> Tensor:
    """(N,) radians -> (N, 3, 3), rolling; column vectors."""
    c, s, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([c, -s, zero, s, c, zero, zero, zero, one], -1).reshape(-1, 3, 3)


def camera_from_world(azimuth: Tensor, elevation: Tensor, roll: Tensor) -> Tensor:
    """Rotations (N, 3, 3) from world axes (y up) to camera axes (y down, z away).

    All angles are (N,) radians. azimuth: position around the person; 0 sees a person who faces world +z from the front.
    elevation: positive looks down on the person. roll: tilt of the camera to the side.
    """
    flip = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=azimuth.dtype))
    return rotation_z(roll) @ rotation_x(elevation) @ flip @ rotation_y(-azimuth)


def random_camera_rotations(count: int, settings: CameraSettings, generator: torch.Generator) -> Tensor:
    """(count, 3, 3): uniform azimuth; elevation and roll from the settings."""
    azimuth = (torch.rand(count, generator=generator) * 2 - 1) * math.pi
    low, high = settings.elevation_deg
    elevation = torch.deg2rad(low + (high - low) * torch.rand(count, generator=generator))
    roll = torch.deg2rad(settings.roll_deg * torch.randn(count, generator=generator))
    return camera_from_world(azimuth, elevation, roll)


def unit_poses(poses: Tensor) -> tuple[Tensor, Tensor]:
    """(N, J, 3) poses -> root-relative poses with mean joint distance 1 (Section 3), and the divisor (N,)."""
    relative = poses - poses[:, ROOT : ROOT + 1]
    size = relative.norm(dim=-1).sum(-1) / (poses.shape[1] - 1)
    return relative / size[:, None, None], size


def project(unit_camera_poses: Tensor, distance: Tensor | float) -> Tensor:
    """Perspective projection, focal length 1, of poses at `distance`: (N, J, 3) -> (N, J, 2). Eq. 1 and 2."""
    z = unit_camera_poses[..., 2] + (distance[:, None] if isinstance(distance, Tensor) else distance)
    return unit_camera_poses[..., :2] / z[..., None]
