"""Error measures of 3D poses as used in the literature. numpy only.

Poses are (N, J, 3). All functions return one number per pose, (N,), in the unit of the input, unless stated otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

PCK_THRESHOLD_MM = 150.0
AUC_THRESHOLDS_MM = np.linspace(0.0, 150.0, 31)
"""0, 5, ..., 150 mm: the 31 steps of MPI-INF-3DHP."""


def root_relative(poses: Array, root: int = 0) -> Array:
    """(N, J, 3) with the root joint moved to the origin."""
    result: Array = poses - poses[:, root : root + 1]
    return result


def joint_errors(predicted: Array, truth: Array) -> Array:
    """(N, J) distance of each joint from the truth. Errors: `ValueError` if the shapes differ."""
    if predicted.shape != truth.shape:
        raise ValueError(f"predicted poses have shape {predicted.shape}, the true ones {truth.shape}")
    errors: Array = np.linalg.norm(predicted - truth, axis=-1)
    return errors


def mpjpe(predicted: Array, truth: Array) -> Array:
    """Mean per joint position error (Protocol 1). Both must be root-relative."""
    result: Array = joint_errors(predicted, truth).mean(-1)
    return result


def scale_aligned(predicted: Array, truth: Array) -> Array:
    """`predicted` scaled by one factor per pose to fit `truth` (least squares)."""
    dot = (predicted * truth).sum((1, 2), keepdims=True)
    norm = (predicted * predicted).sum((1, 2), keepdims=True)
    scaled: Array = predicted * (dot / np.maximum(norm, np.finfo(predicted.dtype).tiny))
    return scaled


def n_mpjpe(predicted: Array, truth: Array) -> Array:
    """MPJPE after the best scale (Rhodin et al. 2018). Both root-relative."""
    return mpjpe(scale_aligned(predicted, truth), truth)


def procrustes_aligned(predicted: Array, truth: Array) -> Array:
    """`predicted` rotated, scaled and moved onto `truth` (least squares, no mirroring)."""
    mean_p = predicted.mean(1, keepdims=True)
    mean_t = truth.mean(1, keepdims=True)
    p, t = predicted - mean_p, truth - mean_t
    u, s, vt = np.linalg.svd(p.transpose(0, 2, 1) @ t)
    flip = np.ones_like(s)
    flip[:, -1] = np.where(np.linalg.det(u) * np.linalg.det(vt) < 0, -1.0, 1.0)
    rotation = (u * flip[:, None, :]) @ vt
    norm = (p * p).sum((1, 2))
    scale = (s * flip).sum(-1) / np.maximum(norm, np.finfo(predicted.dtype).tiny)
    aligned: Array = scale[:, None, None] * (p @ rotation) + mean_t
    return aligned


def p_mpjpe(predicted: Array, truth: Array) -> Array:
    """MPJPE after Procrustes alignment with scale (Protocol 2)."""
    return mpjpe(procrustes_aligned(predicted, truth), truth)


def pck(predicted_mm: Array, truth_mm: Array, threshold_mm: float = PCK_THRESHOLD_MM) -> Array:
    """Share of joints within `threshold_mm`, 0..1 (percentage of correct keypoints)."""
    result: Array = (joint_errors(predicted_mm, truth_mm) <= threshold_mm).mean(-1)
    return result


def auc(predicted_mm: Array, truth_mm: Array) -> Array:
    """Mean of `pck` over 0..150 mm in 31 steps, 0..1."""
    errors = joint_errors(predicted_mm, truth_mm)
    result: Array = (errors[..., None] <= AUC_THRESHOLDS_MM).mean((1, 2))
    return result


def accelerations(poses: Array, fps: float) -> Array:
    """(N - 2, J, 3) second differences of a motion of N frames, per second squared."""
    result: Array = (poses[2:] - 2 * poses[1:-1] + poses[:-2]) * fps**2
    return result


def accel_error(predicted: Array, truth: Array, fps: float) -> Array:
    """(N - 2,) mean distance of the joints' accelerations, of one motion of N frames in order."""
    result: Array = joint_errors(accelerations(predicted, fps), accelerations(truth, fps)).mean(-1)
    return result


def match_people(estimated_px: Array, true_px: Array, reach_px: Array) -> NDArray[np.int64]:
    """Match estimated to true people as in MuPoTS-3D's evaluation: by the number of joints close to each other.

    estimated_px: (P, J, 2), true_px: (Q, J, 2), reach_px: (Q,) largest distance of a close joint in x and in y. Each
    true person in turn takes the free estimate with the most close joints. Returns (Q,) rows of the estimates, -1
    where none has a close joint.
    """
    off = np.abs(estimated_px[None] - true_px[:, None]).max(-1)  # (Q, P, J)
    near = (off < np.asarray(reach_px)[:, None, None]).sum(-1)
    rows = np.full(len(true_px), -1, np.int64)
    for i in range(len(true_px)):
        if near.shape[1] and near[i].max() > 0:
            rows[i] = near[i].argmax()
            near[:, rows[i]] = 0
    return rows


def with_bones_of(poses: Array, truth: Array, parents: Sequence[int]) -> Array:
    """(N, J, 3) `poses` with the bone directions of `poses` and the bone lengths of `truth`; the root is kept.

    MuPoTS-3D's evaluation does this before it compares. parents: (J,), -1 at the root; parents come before children.
    """
    out = poses.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            bone = poses[:, joint] - poses[:, parent]
            length = np.linalg.norm(bone, axis=-1, keepdims=True)
            true_length = np.linalg.norm(truth[:, joint] - truth[:, parent], axis=-1, keepdims=True)
            out[:, joint] = out[:, parent] + bone * (true_length / np.maximum(length, np.finfo(poses.dtype).tiny))
    return out


def people_pck(
    estimated_mm: Array, truth_mm: Array, rows: NDArray[np.int64], threshold_mm: float = PCK_THRESHOLD_MM
) -> Array:
    """3DPCK of several people: `pck` of each true person, (Q,), 0 for a person without a matched estimate.

    estimated_mm: (P, J, 3), truth_mm: (Q, J, 3), rows: from `match_people`.
    """
    found = rows >= 0
    shares = np.zeros(len(truth_mm))
    shares[found] = pck(estimated_mm[rows[found]], truth_mm[found], threshold_mm)
    return shares
