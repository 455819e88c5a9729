"""How a detector's 2D joints differ from motion capture's: hips apart, jitter, and joints that are only guessed.

The body is changed in 3D before it is photographed, the noise is added to the picture's points.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rtpose.skeleton import H36M17, LIMB_JOINTS
from rtpose.train.settings import UNIT_PX, NoiseSettings

_LIMBS = torch.tensor(H36M17.indices(*LIMB_JOINTS))


def vary_body(poses: Tensor, settings: NoiseSettings, generator: torch.Generator) -> Tensor:
    """Move hips and shoulders along their own lines, as detectors do. (N, 17, D) mocap -> (N, 17, D) mocap.

    A detector puts the hips further apart than motion capture (`settings.hip_width`, a range of factors) and the
    shoulders nearer together (`settings.shoulder_width`); the limbs below keep their places.
    """
    out = poses.clone()
    for joint, (low, high) in (("hip", settings.hip_width), ("shoulder", settings.shoulder_width)):
        left, right = H36M17.indices(f"left_{joint}", f"right_{joint}")
        factor = low + (high - low) * torch.rand(len(poses), 1, generator=generator)
        middle = (poses[:, left] + poses[:, right]) / 2
        out[:, left] = middle + (poses[:, left] - middle) * factor
        out[:, right] = middle + (poses[:, right] - middle) * factor
    return out


def add_detector_noise(
    points: Tensor, settings: NoiseSettings, generator: torch.Generator, unit: float | Tensor
) -> Tensor:
    """Noise on (N, 17, 2) picture points of detector-like joints.

    unit: a mean joint distance in the picture, that is what `UNIT_PX` pixels are; of all or, (N, 1, 1), of each.

    Limb joints get Gaussian noise, a few of them (`settings.outlier_share`) much more: a detector's guess for
    a joint that it does not see. The middle joints follow, because they are made of limb joints.
    """
    if settings.gap_share > 0:
        points = _guess_limbs(points, settings.gap_share, generator)
    if settings.sigma == 0 and settings.outlier_share == 0 and settings.sigma_px == 0:
        return points
    extent = (points.amax(1) - points.amin(1)).amax(-1)[:, None, None]
    shape = points.shape[:2]
    outlier = torch.rand(shape, generator=generator) < settings.outlier_share
    sigma = torch.where(outlier, settings.outlier_sigma, settings.sigma)
    size = ((sigma[..., None] * extent) ** 2 + (settings.sigma_px / UNIT_PX * unit) ** 2).sqrt()
    noise = torch.randn(points.shape, generator=generator) * size
    own = noise * _INDEPENDENT[:, None]
    return points + own + _FOLLOW @ own


def _guess_limbs(points: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Whole limbs that a detector does not see and guesses: for a share of the people each, with the offsets of
    somebody else in the batch."""
    out = points.clone()
    other = points[torch.randperm(len(points), generator=generator)]
    for group in _UNSEEN_TOGETHER:
        rows = torch.rand(len(points), generator=generator) < share
        for first, *rest in group:
            guessed = out[:, [first]] + other[:, rest] - other[:, [first]]
            out[:, rest] = torch.where(rows[:, None, None], guessed, out[:, rest])
    return out


def _limb(side: str, *joints: str) -> list[int]:
    return H36M17.indices(*(f"{side}_{joint}" for joint in joints))


_LEGS = [_limb(side, "hip", "knee", "foot") for side in ("left", "right")]
_UNSEEN_TOGETHER = (
    [_limb("left", "shoulder", "elbow", "wrist")],
    [_limb("right", "shoulder", "elbow", "wrist")],
    [_LEGS[0]],
    [_LEGS[1]],
    _LEGS,
)


def _follow_matrix() -> tuple[Tensor, Tensor]:
    """Which joints have noise of their own (limbs and head), and how the others follow them."""
    own = torch.zeros(17)
    own[_LIMBS] = 1.0
    own[H36M17.index_of["head"]] = 1.0
    follow = torch.zeros(17, 17)
    i = H36M17.index_of
    for joint, parts in {
        "root": {"left_hip": 0.5, "right_hip": 0.5},
        "thorax": {"left_shoulder": 0.5, "right_shoulder": 0.5},
        "spine": {"left_hip": 0.25, "right_hip": 0.25, "left_shoulder": 0.25, "right_shoulder": 0.25},
        "neck_base": {"left_shoulder": 0.25, "right_shoulder": 0.25, "head": 0.5},
    }.items():
        for part, weight in parts.items():
            follow[i[joint], i[part]] = weight
    return own, follow


_INDEPENDENT, _FOLLOW = _follow_matrix()
