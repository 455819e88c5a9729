"""How good a lifter is on a pack: all frames, five fixed cameras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rtpose import metrics
from rtpose.lift.codec import DepthCodec
from rtpose.train.cameras import EVALUATION_CAMERAS_DEG, camera_from_world, project, unit_poses
from rtpose.train.joints_2d import as_detected
from rtpose.train.motion_pack import MotionPack
from rtpose.train.noise import add_detector_noise
from rtpose.train.settings import NoiseSettings

DepthFunction = Callable[[Tensor], Tensor]
"""Network input (N, 2 J) -> depth (N, J)."""

NO_NOISE = NoiseSettings(sigma=0, outlier_share=0, hip_width=(1, 1), shoulder_width=(1, 1))


@dataclass(frozen=True)
class Evaluation:
    """Per-pose errors over all cameras, in mm."""

    mpjpe_mm: np.ndarray
    n_mpjpe_mm: np.ndarray
    p_mpjpe_mm: np.ndarray

    def means(self) -> dict[str, float]:
        """Mean of each figure, and how many poses it is made of."""
        return {
            "mpjpe_mm": float(self.mpjpe_mm.mean()),
            "n_mpjpe_mm": float(self.n_mpjpe_mm.mean()),
            "p_mpjpe_mm": float(self.p_mpjpe_mm.mean()),
            "poses": len(self.p_mpjpe_mm),
        }


def evaluate_depth(
    depth_of: DepthFunction,
    pack: MotionPack,
    codec: DepthCodec,
    *,
    noise: NoiseSettings = NO_NOISE,
    every: int = 1,
    batch_size: int = 4096,
    seed: int = 0,
) -> Evaluation:
    """Lift every `every`-th frame of the pack as seen by `EVALUATION_CAMERAS_DEG`.

    Joints are detector-like on both sides (skeleton.py). The true size is given to none: MPJPE is taken after the
    estimate was scaled to the true mean joint distance, so that a weak-perspective lifter has one.
    """
    poses = as_detected(torch.from_numpy(pack.poses_m[::every]))
    unit, size_m = unit_poses(poses)
    generator = torch.Generator().manual_seed(seed)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for azimuth, elevation in EVALUATION_CAMERAS_DEG:
        angles = torch.deg2rad(torch.tensor([azimuth, elevation, 0.0]))
        rotation = camera_from_world(angles[0:1], angles[1:2], angles[2:3])
        for start in range(0, len(unit), batch_size):
            truth = unit[start : start + batch_size] @ rotation.transpose(1, 2)
            points = add_detector_noise(project(truth, codec.distance), noise, generator)
            network_input, _ = codec.encode(points)
            with torch.no_grad():
                lifted = codec.decode(network_input, depth_of(network_input))
            estimate, _ = unit_poses(lifted)
            scale = 1000 * size_m[start : start + batch_size, None, None]
            estimate_mm, truth_mm = (estimate * scale).numpy(), (truth * scale).numpy()
            parts.append(
                (
                    metrics.mpjpe(estimate_mm, truth_mm),
                    metrics.n_mpjpe(estimate_mm, truth_mm),
                    metrics.p_mpjpe(estimate_mm, truth_mm),
                )
            )
    mpjpe, n_mpjpe, p_mpjpe = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Evaluation(mpjpe, n_mpjpe, p_mpjpe)
