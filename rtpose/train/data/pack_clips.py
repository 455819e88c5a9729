"""Training on clips of a motion pack: random stretches, each seen by one random camera, with detector noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rtpose.errors import InputError
from rtpose.pose.lift.codec import ROOT, DepthCodec
from rtpose.train.data.cameras import project, random_camera_rotations, unit_poses
from rtpose.train.data.motion_pack import PACK_FPS, MotionPack
from rtpose.train.data.noise import add_noise_in_time, vary_body
from rtpose.train.data.pack_training import as_detected
from rtpose.train.data.settings import ClipSamplingSettings


@dataclass(frozen=True)
class ClipBatch:
    """A batch of B clips of T frames."""

    points: Tensor
    """(B, T, 2 J) network input."""
    exact_points: Tensor
    """(B, T, 2 J) the same without noise, normalised like the noisy frame."""
    poses: Tensor
    """(B, T, J, 3) true poses: camera axes, root-relative, in mean joint distances of each clip's body."""


class PackClips:
    """An endless source of random clips."""

    def __init__(self, pack: MotionPack, codec: DepthCodec, settings: ClipSamplingSettings) -> None:
        """Errors: `InputError` if all motions of the pack are shorter than a clip at the largest stride."""
        self._poses = torch.as_tensor(pack.poses_m)
        self._codec = codec
        self._settings = settings
        self._starts = [
            _starts(pack, math.ceil(stride * (settings.clip_frames - 1)) + 1) for stride in settings.strides
        ]

    def batch(self, size: int, generator: torch.Generator) -> ClipBatch:
        """`size` random clips; the same state of the generator gives the same clips."""
        settings = self._settings
        which = torch.randint(len(settings.strides), (size,), generator=generator)
        place = torch.rand(size, generator=generator)
        start = torch.stack([starts[(place * len(starts)).long()] for starts in self._starts])[which, range(size)]
        stride = torch.tensor(settings.strides, dtype=torch.float32)[which]
        rows = start[:, None] + stride[:, None] * torch.arange(settings.clip_frames)
        poses = as_detected(vary_body(_at(rows, self._poses), settings.noise, generator))  # (B, T, J, 3)
        unit, size_m = unit_poses(poses.flatten(0, 1))
        rotation = random_camera_rotations(size, settings.cameras, generator)[:, None]
        seen = unit.view(poses.shape) @ rotation.transpose(2, 3)
        exact = project(seen, self._codec.distance)
        noisy = add_noise_in_time(
            exact, settings.noise, settings.time_noise, stride / PACK_FPS, generator, unit=1 / self._codec.distance
        )
        points, scale = self._codec.encode(noisy.flatten(0, 1))
        exact_points = (exact - noisy[:, :, ROOT : ROOT + 1]) * scale.view(*rows.shape, 1, 1)
        size_m = size_m.view(rows.shape)
        relative_size = size_m / size_m.mean(1, keepdim=True)
        return ClipBatch(
            points=points.view(*rows.shape, -1),
            exact_points=exact_points.flatten(2),
            poses=seen * relative_size[..., None, None],
        )


def _at(rows: Tensor, poses: Tensor) -> Tensor:
    """Poses at fractional frames (B, T), on Catmull-Rom splines. Linear interpolation would add jitter at the pack's
    frames."""
    first, last = rows[:, :1].floor(), rows[:, -1:].ceil()
    before, after = rows.floor(), rows.ceil()
    frames = ((before - 1).maximum(first), before, after, (after + 1).minimum(last))
    a, b, c, d = (poses[f.long()] for f in frames)
    t = (rows - before)[..., None, None]
    return b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def _starts(pack: MotionPack, length: int) -> Tensor:
    """All frames where a clip of `length` frames can start."""
    starts = [
        torch.arange(int(first), int(last) - length + 1)
        for first, last in zip(pack.starts[:-1], pack.starts[1:], strict=True)
        if last - first >= length
    ]
    if not starts:
        raise InputError(
            f"{pack.path} has no motion of {length} frames: reduce clip_frames or strides, or use another pack"
        )
    return torch.cat(starts)
