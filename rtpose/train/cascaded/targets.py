"""Training targets of the blocks of `cascaded`: heatmaps, bone heatmaps, depth volumes. Batches of torch tensors.

N pictures, J joints, B bones, H x W heatmaps, C depth channels. Joints are x, y in heatmap pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rtpose.skeleton import H36M17
from rtpose.train.cascaded.settings import TargetSettings

_CHILD = H36M17.indices(*(child for child, _ in H36M17.bones))
_PARENT = H36M17.indices(*(parent for _, parent in H36M17.bones))


def joint_heatmaps(joints: Tensor, size: int, sigma: float) -> Tensor:
    """A Gaussian of height 1 around each joint (N, J, 2): (N, J, H, W). Section "Bone-Joint Heatmap Block"."""
    places = torch.arange(size, dtype=joints.dtype, device=joints.device)
    x, y = (torch.exp(-((places - joints[..., axis, None]) ** 2) / (2 * sigma**2)) for axis in (0, 1))
    return y[..., :, None] * x[..., None, :]


def bone_heatmaps(joints: Tensor, size: int, sigma: float) -> Tensor:
    """A Gaussian around each bone, Eq. 1: (N, J, 2) -> (N, B, H, W), in the order of `Skeleton.bones`.

    The equation prints the distance without a square, but the text calls it Gaussian: it is squared here.
    """
    start, end = joints[:, _PARENT][:, :, None, None], joints[:, _CHILD][:, :, None, None]  # (N, B, 1, 1, 2)
    places = torch.arange(size, dtype=joints.dtype, device=joints.device)
    pixels = torch.stack(torch.meshgrid(places, places, indexing="xy"), -1)  # (H, W, 2) x, y
    along = end - start
    share = ((pixels - start) * along).sum(-1) / (along * along).sum(-1).clamp(min=1e-9)
    nearest = start + share.clamp(0, 1)[..., None] * along
    return torch.exp(-((pixels - nearest) ** 2).sum(-1) / (2 * sigma**2))


def bone_sigma(epoch: int, settings: TargetSettings) -> float:
    """Sigma of the bone heatmaps in epoch 0, 1, …, from coarse to fine."""
    first, last = settings.bone_sigma_px
    return first + (last - first) * min(1.0, epoch / settings.bone_sigma_epochs)


def bones_labelled(labelled: Tensor) -> Tensor:
    """Joint labelled (N, J) bool -> both ends of the bone labelled (N, B) bool."""
    return labelled[:, _PARENT] & labelled[:, _CHILD]


def depth_bins(channels: Tensor, count: int) -> Tensor:
    """Depth in channels, from the middle of the first one -> index 0 .. count - 1 of its channel, clamped to the range.
    Section "Depth-Centric Block"."""
    return (channels + 0.5).floor().clamp(0, count - 1).long()


def depth_volumes(heatmaps: Tensor, bins: Tensor, count: int) -> Tensor:
    """Each joint's heatmap (N, J, H, W) in the channel of its depth bin (N, J): (N, C, H, W).

    Joints may share a channel; where they overlap, the larger value is kept.
    """
    n, joints, height, width = heatmaps.shape
    volumes = heatmaps.new_zeros(n, count, height, width)
    index = bins[..., None, None].expand(n, joints, height, width)
    return volumes.scatter_reduce(1, index, heatmaps, "amax")


def pixel_depths(heatmaps: Tensor, bins: Tensor, at_least: float) -> tuple[Tensor, Tensor]:
    """d(w, h) of Eq. 4: depth bin (N, H, W) of the joint with the largest heatmap at each pixel, and a mask (N, H, W)
    of the pixels where that heatmap is at least `at_least`. Other pixels have no depth label."""
    peak, joint = heatmaps.max(1)
    return bins.gather(1, joint.flatten(1)).view_as(joint), peak >= at_least
