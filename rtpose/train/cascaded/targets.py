"""What the blocks of `cascaded` are to answer: heatmaps, bone heatmaps, depth volumes. torch, whole batches.

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
    """A Gaussian around the stretch between a bone's ends, Eq. 1: (N, J, 2) -> (N, B, H, W), as in `Skeleton.bones`.

    The equation prints the distance without a square; the text calls it Gaussian, so it is squared here.
    """
    start, end = joints[:, _PARENT][:, :, None, None], joints[:, _CHILD][:, :, None, None]  # (N, B, 1, 1, 2)
    places = torch.arange(size, dtype=joints.dtype, device=joints.device)
    pixels = torch.stack(torch.meshgrid(places, places, indexing="xy"), -1)  # (H, W, 2) x, y
    along = end - start
    share = ((pixels - start) * along).sum(-1) / (along * along).sum(-1).clamp(min=1e-9)
    nearest = start + share.clamp(0, 1)[..., None] * along
    return torch.exp(-((pixels - nearest) ** 2).sum(-1) / (2 * sigma**2))


def bone_sigma(epoch: int, settings: TargetSettings) -> float:
    """Sigma of the bone heatmaps in epoch 0, 1, …: from coarse to fine."""
    first, last = settings.bone_sigma_px
    return first + (last - first) * min(1.0, epoch / settings.bone_sigma_epochs)


def bones_labelled(labelled: Tensor) -> Tensor:
    """(N, J) bool -> (N, B) bool: both ends are."""
    return labelled[:, _PARENT] & labelled[:, _CHILD]


def depth_bins(channels: Tensor, count: int) -> Tensor:
    """Depth counted in channels from the middle of the first -> the channel 0 .. count - 1 that it lies in; what is
    beyond the range goes to the ends. Section "Depth-Centric Block"."""
    return (channels + 0.5).floor().clamp(0, count - 1).long()


def depth_volumes(heatmaps: Tensor, bins: Tensor, count: int) -> Tensor:
    """Each joint's heatmap (N, J, H, W) in the channel of its depth bin (N, J): (N, C, H, W).

    Several joints may share a channel; where they overlap the larger value stays.
    """
    n, joints, height, width = heatmaps.shape
    volumes = heatmaps.new_zeros(n, count, height, width)
    index = bins[..., None, None].expand(n, joints, height, width)
    return volumes.scatter_reduce(1, index, heatmaps, "amax")


def pixel_depths(heatmaps: Tensor, bins: Tensor, at_least: float) -> tuple[Tensor, Tensor]:
    """d(w, h) of Eq. 4: the depth bin (N, H, W) of the joint whose heatmap is largest there, and where (N, H, W) that
    heatmap is at least `at_least`. Elsewhere a picture has no depth label."""
    peak, joint = heatmaps.max(1)
    return bins.gather(1, joint.flatten(1)).view_as(joint), peak >= at_least
