"""Errors of results against a clip's ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rtpose import metrics
from rtpose.types import Float32, Person3D


@dataclass(frozen=True)
class SampleError:
    """Means over the frames in which the person was found. `str()` gives the line that `rtpose demo` prints."""

    frames: int
    found: int
    mpjpe_mm: float
    p_mpjpe_mm: float
    root_m: float
    """Mean distance of the root joint from its true place."""
    pixel_error: float
    """Mean distance of the 2D joints, in percent of the person's height in the picture."""

    def __str__(self) -> str:
        if self.found == 0:
            return f"error against the ground truth: no person was found in {self.frames} frames"
        return (
            f"error against the ground truth: MPJPE {self.mpjpe_mm:.0f} mm, P-MPJPE {self.p_mpjpe_mm:.0f} mm, "
            f"root position {100 * self.root_m:.0f} cm, 2D {self.pixel_error:.1f} % of the person's height; "
            f"found in {self.found} of {self.frames} frames"
        )


def sample_error(found: Mapping[int, Sequence[Person3D]], joints_3d: Float32, joints_2d: Float32) -> SampleError:
    """Compare the first person of each frame with the ground truth.

    found: `frame_id` -> people. joints_3d: (T, 17, 3) metres, camera space. joints_2d: (T, 17, 2) px.
    """
    first = {frame_id: people[0] for frame_id, people in found.items() if people}
    if not first:
        return SampleError(len(found), 0, np.nan, np.nan, np.nan, np.nan)
    rows, persons = list(first), list(first.values())
    truth, truth_2d = joints_3d[rows], joints_2d[rows]
    joints = truth.shape[1]  # of people, these come first
    poses = np.stack([p.pose_3d[:joints] for p in persons])
    true_poses = metrics.root_relative(truth)
    pixels = metrics.joint_errors(np.stack([p.keypoints_2d[:joints, :2] for p in persons]), truth_2d)
    extent = truth_2d[..., 1].max(1) - truth_2d[..., 1].min(1)
    return SampleError(
        frames=len(found),
        found=len(first),
        mpjpe_mm=1000 * float(metrics.mpjpe(poses, true_poses).mean()),
        p_mpjpe_mm=1000 * float(metrics.p_mpjpe(poses, true_poses).mean()),
        root_m=float(np.linalg.norm(np.stack([p.root_3d for p in persons]) - truth[:, 0], axis=1).mean()),
        pixel_error=100 * float((pixels.mean(1) / extent).mean()),
    )
