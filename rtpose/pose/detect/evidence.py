"""BlazePose's outputs about one person as `Evidence`: in the picture's pixels and the camera's axes."""

from __future__ import annotations

import math

import numpy as np

from rtpose.pose.detect import heatmaps, ssd
from rtpose.pose.detect.roi import Roi
from rtpose.skeleton import BLAZEPOSE33
from rtpose.types import Evidence, Float32

JOINTS = len(BLAZEPOSE33.joints)


def evidence_in_square(raw: Float32, world: Float32, heatmap: Float32 | None, roi: Roi, crop_size: int) -> Evidence:
    """From the network's outputs about a square that it saw as crop_size x crop_size px: raw (39, 5), world (39, 3),
    heatmap (64, 64, 39), None if nobody asks for its spread."""
    picture_per_crop = np.float32(roi.side / crop_size)
    spread_px = None
    if heatmap is not None:
        spread_px = heatmaps.peak_spread(heatmap)[:JOINTS] * (picture_per_crop * np.float32(crop_size / heatmaps.SIZE))
    c, s = math.cos(roi.angle_rad), math.sin(roi.angle_rad)
    picture_from_square = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)
    sure = ssd.sigmoid(np.ascontiguousarray(raw[:JOINTS, 3:].T))
    return Evidence(
        image_z_px=raw[:JOINTS, 2] * picture_per_crop,
        world_m=world[:JOINTS] @ picture_from_square.T,
        visibility=sure[0],
        presence=sure[1],
        spread_px=spread_px,
        angle_rad=roi.angle_rad,
    )
