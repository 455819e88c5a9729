"""Makes exact joints look like a detector's: wider hips, narrower shoulders, jitter and outliers.

The body is changed in 3D before the projection; noise is added to the 2D points.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rtpose.skeleton import H36M17, LIMB_JOINTS
from rtpose.train.data.settings import UNIT_PX, NoiseSettings, TimeNoiseSettings

_LIMBS = torch.tensor(H36M17.indices(*LIMB_JOINTS))


def vary_body(poses: Tensor, settings: NoiseSettings, generator: torch.Generator) -> Tensor:
    """Change hip and shoulder width of motion capture poses (N, 17, D), or of clips (N, T, 17, D) with one body each.

    A detector sees the hips further apart than motion capture (`settings.hip_width`, a range of factors) and the
    shoulders closer together (`settings.shoulder_width`). Other joints do not move. Returns the same shape.
    """
    out = poses.clone()
    for joint, (low, high) in (("hip", settings.hip_width), ("shoulder", settings.shoulder_width)):
        left, right = H36M17.indices(f"left_{joint}", f"right_{joint}")
        factor = low + (high - low) * torch.rand(len(poses), *(1,) * (poses.dim() - 2), generator=generator)
        middle = (poses[..., left, :] + poses[..., right, :]) / 2
        out[..., left, :] = middle + (poses[..., left, :] - middle) * factor
        out[..., right, :] = middle + (poses[..., right, :] - middle) * factor
    return out


def add_detector_noise(
    points: Tensor, settings: NoiseSettings, generator: torch.Generator, unit: float | Tensor
) -> Tensor:
    """Add noise to 2D points (N, 17, 2) of detector-like joints.

    unit: length of one mean joint distance (`UNIT_PX` pixels) in the points' unit; for all, or (N, 1, 1) for each.

    Limb joints get Gaussian noise. A few of them (`settings.outlier_share`) get much more, like joints that a detector
    guesses. Joints in the middle of the body follow, because they are derived from limb joints, unless the noise is
    `on_all_joints`.
    """
    if settings.gap_share > 0:
        points = _guess_limbs(points, settings.gap_share, generator)
    if settings.sigma == 0 and settings.outlier_share == 0 and settings.sigma_px == 0:
        return points
    outlier = torch.rand(points.shape[:2], generator=generator) < settings.outlier_share
    noise = _noise(points, outlier, torch.randn(points.shape, generator=generator), settings, unit)
    if settings.clean_share > 0:
        noise = noise * (torch.rand(len(points), 1, 1, generator=generator) >= settings.clean_share)
    return points + noise


def add_noise_in_time(
    points: Tensor,
    settings: NoiseSettings,
    in_time: TimeNoiseSettings,
    frame_s: Tensor,
    generator: torch.Generator,
    unit: float,
) -> Tensor:
    """Add the noise of `add_detector_noise` to clips (B, T, 17, 2), correlated in time as `in_time` says.

    frame_s: (B,) seconds from one frame to the next.
    """
    count, length, joints = points.shape[:3]

    def per_clip(limits: tuple[float, float]) -> Tensor:
        low, high = limits
        return low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)

    dt = frame_s.view(-1, 1, 1, 1)
    white = torch.randn(count, length, joints, 2, generator=generator)
    keep = torch.exp(-dt / per_clip(in_time.correlation_s))[:, 0]  # (B, 1, 1)
    slow = [white[:, 0]]
    for new in white[:, 1:].unbind(1):
        slow.append(keep * slow[-1] + (1 - keep**2).sqrt() * new)
    share = per_clip(in_time.jitter_share)
    jitter = torch.randn(white.shape, generator=generator)
    normal = share.sqrt() * jitter + (1 - share).sqrt() * torch.stack(slow, 1)  # each value is N(0, 1)

    drawn = torch.rand(count, length, joints, generator=generator) < settings.outlier_share
    anew = torch.rand(count, length, joints, generator=generator) < dt[..., 0] / in_time.outlier_s
    last = torch.where(anew, torch.arange(length)[None, :, None], 0).cummax(1).values
    outlier = drawn.gather(1, last)

    exact = torch.rand(count, 1, 1, 1, generator=generator) < settings.clean_share
    level = torch.where(exact, 0.0, per_clip(in_time.level))
    return points + level * _noise(points, outlier, normal, settings, unit)


def _noise(points: Tensor, outlier: Tensor, normal: Tensor, settings: NoiseSettings, unit: float | Tensor) -> Tensor:
    """Scale standard normal numbers (..., 17, 2) to the noise; joints in the middle follow the limbs."""
    extent = (points.amax(-2) - points.amin(-2)).amax(-1)[..., None, None]
    sigma = torch.where(outlier, settings.outlier_sigma, settings.sigma)
    size = ((sigma[..., None] * extent) ** 2 + (settings.sigma_px / UNIT_PX * unit) ** 2).sqrt()
    if settings.on_all_joints:
        return normal * size
    own = normal * size * _INDEPENDENT.to(points.device)[:, None]
    return own + _FOLLOW.to(points.device) @ own


def _guess_limbs(points: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Replace whole limbs, as if hidden and guessed: each for a share of the people, with the limb of another person in
    the batch."""
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
    """Joints with independent noise (limbs and head), and how the other joints follow them."""
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
