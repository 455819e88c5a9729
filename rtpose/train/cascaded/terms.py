"""The terms of the loss of `cascaded` in both training stages, and their sum."""

from __future__ import annotations

import msgspec
import torch
from torch import Tensor

from rtpose.modules.cascaded import Cascaded, resized_places
from rtpose.train.cascaded.losses import coordinate_loss, heatmap_loss, normalised_size, ordinal_loss, pose_loss
from rtpose.train.cascaded.pictures import Batch
from rtpose.train.cascaded.settings import CascadedSettings
from rtpose.train.cascaded.targets import (
    bone_heatmaps,
    bone_sigma,
    bones_labelled,
    depth_bins,
    depth_volumes,
    joint_heatmaps,
    pixel_depths,
)


def stage_one_terms(network: Cascaded, batch: Batch, settings: CascadedSettings, epoch: int) -> dict[str, Tensor]:
    """The losses of all blocks before the lifting block, and of the lifting block on detached 2.5D joints."""
    stages = network.stages(batch.image)
    terms = {}
    if stages.heatmaps is not None:
        size, targets = stages.heatmaps.shape[-1], settings.targets
        plane = resized_places(batch.joints[..., :2], settings.network.input_px // 4, size)
        heatmaps = joint_heatmaps(plane, size, targets.joint_sigma_px)
        terms["joints"] = heatmap_loss(stages.heatmaps, heatmaps, batch.labelled)
        if stages.bones is not None:
            bones = bone_heatmaps(plane, size, bone_sigma(epoch, targets))
            terms["bones"] = heatmap_loss(stages.bones, bones, bones_labelled(batch.labelled))
        if stages.volume is not None and stages.ordinal is not None:
            count = settings.network.depth_channels
            bins = depth_bins(batch.joints[..., 2], count)
            volume = depth_volumes(heatmaps, bins, count)
            terms["volume"] = heatmap_loss(stages.volume, volume, batch.has_depth[:, None].expand(-1, count))
            depth, where = pixel_depths(heatmaps, bins, targets.ordinal_from)
            terms["ordinal"] = ordinal_loss(stages.ordinal, depth, where & batch.has_depth[:, None, None])
    terms["coordinates"] = coordinate_loss(stages.joints, batch.joints, batch.inside, batch.has_depth)
    if settings.early_lifting and int(batch.has_depth.sum()) > 1:  # batch normalisation needs two
        terms |= lifting_terms(network, stages.joints.detach(), stages.pooled.detach(), batch)
    return terms


def stage_two_terms(network: Cascaded, batch: Batch) -> dict[str, Tensor]:
    """The losses of the lifting block. Everything before it is frozen, including batch statistics."""
    network.eval()
    with torch.no_grad():
        stages = network.stages(batch.image)
    network.lifting.train()
    return lifting_terms(network, stages.joints, stages.pooled, batch)


def lifting_terms(network: Cascaded, joints: Tensor, pooled: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Eq. 9, and the scale error if the network has a scale branch. Only pictures with 3D labels are used, also for the
    batch normalisation."""
    rows = batch.has_depth
    pose, log_scale = network.lift(joints[rows], pooled[rows])
    target = batch.pose[rows]
    if log_scale is None:
        return {"pose": pose_loss(pose.float(), target)}
    target, size = normalised_size(target)
    return {"pose": pose_loss(pose.float(), target), "scale": (log_scale.float() - size).abs().mean()}


def weighted(terms: dict[str, Tensor], settings: CascadedSettings) -> Tensor:
    """The weighted sum of the losses. Pose and scale share no parameters with the rest and have weight 1."""
    weights = msgspec.to_builtins(settings.weights)
    return torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()
