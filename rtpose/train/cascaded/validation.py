"""Validation of `cascaded` during its training: errors on people cropped by their true boxes, and heatmap pictures."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from rtpose import metrics
from rtpose.modules.cascaded import Cascaded, resized_places
from rtpose.pose.cascaded.crop_codec import CropCodec
from rtpose.train.cascaded.pictures import LabelledCrop, collate, shrunk
from rtpose.types import Float32, Image


@torch.no_grad()
def estimated(
    network: Cascaded, people: list[LabelledCrop], codec: CropCodec, batch_size: int, side: int
) -> tuple[Float32, Float32]:
    """The network's estimates in full precision: 2.5D joints (N, 17, 3) in voxels, poses (N, 17, 3) in millimetres.

    people: cropped by their true boxes. side: side of the network's input in pixels.
    """
    network.eval()
    device = next(network.parameters()).device
    joints, poses = [], []
    for i in range(0, len(people), batch_size):
        image = collate(people[i : i + batch_size], codec).image.to(device)
        out_joints, out_pose, _ = network(shrunk(image, side))
        joints.append(out_joints.cpu().numpy())
        poses.append(1000 * out_pose.cpu().numpy())
    return np.concatenate(joints), np.concatenate(poses)


def validate(
    network: Cascaded, people: list[LabelledCrop], codec: CropCodec, batch_size: int, side: int
) -> dict[str, float]:
    """Errors of `estimated`. MPJPE is root-relative and unscaled. NaN if the network has diverged."""
    joints, estimate_mm = estimated(network, people, codec, batch_size, side)
    truth_mm = 1000 * np.stack([one.pose for one in people])
    voxels = np.abs(joints - np.stack([one.joints for one in people]))
    aligned = metrics.p_mpjpe if np.isfinite(estimate_mm).all() else metrics.mpjpe  # NaN cannot be aligned
    return {
        "val_mpjpe_mm": float(metrics.mpjpe(estimate_mm, truth_mm).mean()),
        "val_p_mpjpe_mm": float(aligned(estimate_mm, truth_mm).mean()),
        "val_x_y_voxels": float(voxels[..., :2].mean()),
        "val_z_voxels": float(voxels[..., 2].mean()),
    }


@torch.no_grad()
def heatmap_pictures(network: Cascaded, people: list[LabelledCrop], codec: CropCodec, side: int) -> list[Image]:
    """For each person (S, K S, 3): the crop with its 2.5D joints, followed by the maximum over the bone heatmaps and
    over the joint heatmaps, if the network has them."""
    network.eval()
    image = collate(people, codec).image.to(next(network.parameters()).device)
    stages = network.stages(shrunk(image, side))
    places = resized_places(stages.joints[..., :2], codec.heatmap_px, codec.input_px)
    return [
        _heatmap_picture(one.crop, places[i], [maps[i] for maps in (stages.bones, stages.heatmaps) if maps is not None])
        for i, one in enumerate(people)
    ]


def _heatmap_picture(crop: Image, joints_px: Tensor, heatmaps: list[Tensor]) -> Image:
    size = len(crop)
    drawn = crop.copy()
    for x, y in joints_px.round().int().tolist():
        cv2.circle(drawn, (x, y), 2, (255, 255, 0), -1)
    panels = [drawn]
    for maps in heatmaps:
        strength = (255 * maps.amax(0)).clamp(0, 255).to(torch.uint8).cpu().numpy()
        coloured = cv2.cvtColor(cv2.applyColorMap(strength, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
        panels.append(cv2.resize(coloured, (size, size), interpolation=cv2.INTER_NEAREST).astype(np.uint8))
    return np.concatenate(panels, 1)
