"""Cameras at all heights and distances, as virtual cameras that look at the person."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rtpose.train.lifters.fusion.settings import ViewSettings


@dataclass(frozen=True)
class Seen:
    """People in front of their virtual cameras: x right, y down, z away, not yet rolled."""

    joints: Tensor
    """(N, T, 28, 3) metres, from the camera."""
    gravity: Tensor
    """(N, T, 3) unit vector, down."""
    elevation: Tensor
    """(N, T) radians, positive looks down."""
    view_from_world: Tensor
    """(N, T, 3, 3)."""


def see(joints: Tensor, root: Tensor, settings: ViewSettings, generator: torch.Generator) -> Seen:
    """joints: (N, T, 28, 3) relative to the root, world axes (y up); root: (N, T, 3)."""
    n = len(joints)
    azimuth = torch.rand(n, generator=generator) * 2 * math.pi
    mean, sd = settings.usual_elevation_deg
    low, high = settings.any_elevation_deg
    usual = mean + sd * torch.randn(n, generator=generator)
    anywhere = low + (high - low) * torch.rand(n, generator=generator)
    chosen = torch.rand(n, generator=generator) < settings.any_share
    elevation = torch.deg2rad(torch.where(chosen, anywhere, usual).clamp(-80, 85))
    near, far = (math.log(d) for d in settings.distance_m)
    distance = torch.exp(near + (far - near) * torch.rand(n, generator=generator))
    towards = torch.stack([azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos()], -1)
    middle = root[:, root.shape[1] // 2]
    # Far enough that no one walks through the camera.
    travelled = ((root - middle[:, None])[..., None, :] + joints) @ towards[:, None, :, None]
    distance = torch.maximum(distance, travelled.amax((1, 2, 3)) + settings.nearest_m)
    camera = middle + towards * distance[:, None]
    forward = torch.nn.functional.normalize(root - camera[:, None], dim=-1)
    up = torch.tensor([0.0, 1.0, 0.0]).expand_as(forward)
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, up), dim=-1)
    down = torch.linalg.cross(forward, right)
    virtual_from_world = torch.stack([right, down, forward], -2)
    placed = (joints + (root - camera[:, None])[..., None, :]) @ virtual_from_world.transpose(-1, -2)
    # A person beside the camera's axis may still have a hand in front of the virtual plane.
    placed = torch.cat([placed[..., :2], placed[..., 2:].clamp(min=0.2)], -1)
    gravity = -(virtual_from_world @ torch.tensor([0.0, 1.0, 0.0])[:, None])[..., 0]
    return Seen(placed, gravity, torch.asin(forward[..., 1].neg().clamp(-1, 1)), virtual_from_world)
