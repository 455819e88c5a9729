"""The losses of `cascaded`, Eq. 2, 3, 4 and 9. Missing labels are masked out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from rtpose.modules.cascaded import REFERENCE_M
from rtpose.skeleton import H36M17


def heatmap_loss(estimate: Tensor, target: Tensor, labelled: Tensor) -> Tensor:
    """Eq. 2 and 3: squared difference, summed over the pixels, mean over the labelled channels.

    estimate, target: (N, K, H, W). labelled: (N, K) bool.
    """
    per_channel = (estimate.float() - target).square().sum((2, 3))
    return masked_mean(per_channel, labelled)


def ordinal_loss(scores: Tensor, depth: Tensor, where: Tensor) -> Tensor:
    """Eq. 4 with Eq. 5, P_c = P(depth bin > c) for c = 0 .. C - 1: -(sum of log P_c for c < d, log(1 - P_c) for
    c >= d), mean over the channels and over the pixels with a depth.

    The paper prints the log-likelihood with channels numbered from 1; its negative is minimised.
    scores: (N, C, H, W) before the sigmoid. depth: (N, H, W) bins. where: (N, H, W) bool.
    """
    channels = torch.arange(scores.shape[1], device=scores.device)[None, :, None, None]
    deeper = (channels < depth[:, None]).to(torch.float32)
    each = F.binary_cross_entropy_with_logits(scores.float(), deeper, reduction="none")
    return masked_mean(each.mean(1), where)


def coordinate_loss(estimate: Tensor, target: Tensor, inside: Tensor, has_depth: Tensor) -> Tensor:
    """Absolute difference of the 2.5D joints (N, J, 3) in voxels, mean over joints and axes.

    inside: (N, J) bool, x and y are known and inside the crop.
    has_depth: (N,) bool; the z loss of 2D-only pictures is zero.
    """
    mask = torch.stack([inside, inside, inside & has_depth[:, None]], -1)
    filled = torch.where(mask, target, torch.zeros_like(target))
    # Divided by the count of complete labels, so that x and y have the same weight with and without z.
    count = inside.sum().clamp(min=1) * target.shape[-1]
    return ((estimate - filled).abs() * mask).sum() / count


def pose_loss(estimate: Tensor, target: Tensor) -> Tensor:
    """Eq. 9: absolute difference (N, J, 3), summed over the axes, mean over joints and pictures. Metres."""
    return masked_mean((estimate - target).abs().sum(-1), torch.ones_like(estimate[..., 0], dtype=torch.bool))


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values where the mask is set; 0 if the mask is empty. Masked values may be NaN."""
    kept = torch.where(mask, values, torch.zeros_like(values))
    return kept.sum() / mask.sum().clamp(min=1)


def neck_to_knee(poses: Tensor) -> Tensor:
    """Geo of Eq. 10: distance from neck to knee along the bones, mean of both sides. (N, J, 3) -> (N,), same unit.

    The neck is the joint between the shoulders (thorax in h36m17): from there, the bones of Human3.6M's first subject
    (0.26, 0.23, 0.13 and 0.44 m) add up to about the paper's 1.077 m; from the joint above it, to 1.19 m.
    """
    length = {}
    for child, parent in H36M17.bones:
        a, b = H36M17.indices(child, parent)
        length[child] = (poses[:, a] - poses[:, b]).norm(dim=-1)
    sides = [length[f"{side}_hip"] + length[f"{side}_knee"] for side in ("left", "right")]
    way: Tensor = length["thorax"] + length["spine"] + (sides[0] + sides[1]) / 2
    return way


def normalised_size(poses: Tensor) -> tuple[Tensor, Tensor]:
    """Eq. 10: scale poses (N, J, 3) to 1.077 m from neck to knee. Returns them and the logarithm of their original
    size."""
    factor = neck_to_knee(poses).clamp(min=1e-6) / REFERENCE_M
    return poses / factor[:, None, None], factor.log()
