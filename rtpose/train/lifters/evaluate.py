"""Evaluates a lifter on an evaluation set: errors per pose, and the figures of `rtpose eval`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rtpose import metrics
from rtpose.config import OneEuroSettings
from rtpose.modules.flip import DepthFunction, flip_averaged
from rtpose.networks.options import LoadOptions
from rtpose.pose.lift.codec import DepthCodec, codec_from_facts
from rtpose.pose.lift.lifter import NetworkLifter
from rtpose.pose.smooth import OneEuroFilter
from rtpose.train.data.cameras import EVALUATION_CAMERAS_DEG, unit_poses
from rtpose.train.data.input_kind import InputKind
from rtpose.train.data.pack_evaluation import PackEvaluationSet
from rtpose.train.data.sets import EvaluationSet, View, clip_runs

SCALE_NOTE = "a lifter does not know the true size: each estimate is scaled to the true mean joint distance"
JOINTS_NOTE = (
    "17 joints as a detector defines them: root, spine, thorax, neck_base and head are derived (rtpose.skeleton)"
)


@dataclass(frozen=True)
class Evaluation:
    """Errors per pose, (N,), one view after the other."""

    mpjpe_mm: NDArray[Any]
    p_mpjpe_mm: NDArray[Any]
    n_mpjpe_mm: NDArray[Any]
    pck_150: NDArray[Any]
    auc: NDArray[Any]
    p_pck_150: NDArray[Any]
    """After Procrustes alignment, like `p_auc`."""
    p_auc: NDArray[Any]
    z_mm: NDArray[Any]
    """Depth error after Procrustes alignment."""
    accel_error_m_s2: NDArray[Any]
    """NaN at the ends of a clip."""
    clip: NDArray[Any]
    """Index of each pose's clip."""

    def means(self, rows: NDArray[Any] | None = None) -> dict[str, float]:
        """Number of poses (of `rows`, a mask), and the mean of each error over them."""
        rows = np.ones(len(self.clip), bool) if rows is None else rows
        names = [f.name for f in fields(self) if f.name != "clip"]
        return {"poses": int(rows.sum()), **{name: _mean(getattr(self, name)[rows]) for name in names}}


def _mean(values: NDArray[Any]) -> float:
    """Mean without NaN; NaN if there is nothing else."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def evaluate_depth(
    lifter: DepthFunction,
    data: EvaluationSet,
    codec: DepthCodec,
    *,
    kind: InputKind | None = None,
    every: int = 1,
    seed: int = 0,
    smooth: OneEuroSettings | None = None,
) -> Evaluation:
    """Lift every `every`-th frame of the data.

    `SCALE_NOTE` and `JOINTS_NOTE` say what is compared. smooth: apply the One-Euro filter, as in a live run.
    """
    generator = torch.Generator().manual_seed(seed)
    columns: list[list[NDArray[Any]]] = [[] for _ in fields(Evaluation)]
    for view in data.views(codec, kind or InputKind.parse("gt"), generator, every=every):
        estimate_mm, truth_mm = _lifted_mm(lifter, view, codec), view.truth_mm.numpy()
        if smooth is not None:
            for rows, clip in clip_runs(view.clip):
                estimate_mm[rows] = _smoothed(estimate_mm[rows], smooth, every / data.clips[clip].fps)
        aligned_mm = metrics.procrustes_aligned(estimate_mm, truth_mm)
        acceleration = np.full(len(truth_mm), np.nan)
        for rows, clip in clip_runs(view.clip):
            if len(truth_mm[rows]) > 2:
                fps = data.clips[clip].fps / every
                acceleration[rows][1:-1] = metrics.accel_error(estimate_mm[rows] / 1000, truth_mm[rows] / 1000, fps)
        for column, values in zip(
            columns,
            (
                metrics.mpjpe(estimate_mm, truth_mm),
                metrics.mpjpe(aligned_mm, truth_mm),
                metrics.n_mpjpe(estimate_mm, truth_mm),
                metrics.pck(estimate_mm, truth_mm),
                metrics.auc(estimate_mm, truth_mm),
                metrics.pck(aligned_mm, truth_mm),
                metrics.auc(aligned_mm, truth_mm),
                np.abs(aligned_mm - truth_mm)[..., 2].mean(-1),
                acceleration,
                view.clip,
            ),
            strict=True,
        ):
            column.append(values)
    return Evaluation(*(np.concatenate(column) for column in columns))


def _lifted_mm(lifter: DepthFunction, view: View, codec: DepthCodec) -> NDArray[Any]:
    """Estimates (N, J, 3) in camera axes, relative to the root, scaled to the true mean joint distance."""
    network_input, _ = codec.encode(view.points)
    with torch.no_grad():
        depth = torch.cat([lifter(part) for part in network_input.split(4096)])
    unit, _ = unit_poses(codec.decode(network_input, depth))
    _, size_mm = unit_poses(view.truth_mm)
    turned = unit @ view.camera_from_view.transpose(1, 2)
    estimate: NDArray[Any] = (turned * size_mm[:, None, None]).numpy()
    return estimate


@dataclass(frozen=True)
class ComparedPose:
    """One pose of an evaluation, (17, 3) mm in camera axes, root-relative."""

    truth_mm: NDArray[Any]
    aligned_mm: NDArray[Any]
    """The estimate after Procrustes alignment."""


def compared_pose(
    depth_of: DepthFunction, data: EvaluationSet, codec: DepthCodec, row: int, *, kind: InputKind, seed: int = 0
) -> ComparedPose:
    """Pose number `row` of `evaluate_depth`, called with the same arguments."""
    for view in data.views(codec, kind, torch.Generator().manual_seed(seed)):
        if row < len(view.clip):
            turns = view.camera_from_view.expand(len(view.clip), 3, 3)[row : row + 1]
            one = View(view.points[row : row + 1], view.truth_mm[row : row + 1], turns, view.clip[row : row + 1])
            truth_mm = one.truth_mm.numpy()
            return ComparedPose(truth_mm[0], metrics.procrustes_aligned(_lifted_mm(depth_of, one, codec), truth_mm)[0])
        row -= len(view.clip)
    raise IndexError(f"the evaluation set ends {row + 1} poses before this row")


def evaluate_lifter(
    lifter: str,
    data: EvaluationSet,
    *,
    input_kind: str = "gt",
    backend: str | None = None,
    flip: bool = False,
    seed: int = 0,
    smooth: OneEuroSettings | None = None,
) -> dict[str, Any]:
    """`rtpose eval`: the figures of a shipped or trained lifter as one JSON object.

    backend: None for torch with .safetensors files, else openvino. flip: average with the mirrored estimate of the
    mirrored input.
    """
    backend = backend or ("torch" if lifter.endswith(".safetensors") else "openvino")
    network = NetworkLifter(lifter, options=LoadOptions(backend))
    kind = InputKind.parse(input_kind)

    def depth_of(points: Tensor) -> Tensor:
        return torch.from_numpy(network.depth(points.numpy()))

    codec = codec_from_facts(network.facts["normalisation"])
    asked = flip_averaged(depth_of) if flip else depth_of
    result = evaluate_depth(asked, data, codec, kind=kind, seed=seed, smooth=smooth)
    averaging = flip_averaging(network.facts.get("architecture", {}), flip=flip)

    def groups(names_of_clips: Sequence[str]) -> dict[str, dict[str, float]]:
        names = np.array(names_of_clips)[result.clip]
        return {str(name): result.means(names == name) for name in np.unique(names)}

    per_action = groups([clip.action for clip in data.clips])
    return {
        "lifter": network.facts["name"],
        "weights_sha256": hashlib.sha256(network.file.read_bytes()).hexdigest(),
        "backend": backend,
        "pack": data.name,
        "input": input_name(data, kind),
        "smoothing": None if smooth is None else {"name": "one-euro", **msgspec.to_builtins(smooth)},
        "seed": seed,
        **result.means(),
        "per_action": per_action,
        "per_subject": groups([clip.subject for clip in data.clips]),
        "mean_of_actions": mean_of_groups(per_action),
        **({"cameras_deg": EVALUATION_CAMERAS_DEG} if isinstance(data, PackEvaluationSet) else {}),
        "flip_averaging": averaging != "no",
        "exclusions": data.exclusions,
        "scale": SCALE_NOTE,
        "joints": JOINTS_NOTE,
        "protocol": protocol(data, flip=averaging),
    }


def input_name(data: EvaluationSet, kind: InputKind) -> str:
    """Name of the lifter's input, for example "gt", "noise:10", "sh" or "sh+noise:10"."""
    given = [name for name in (data.joints_2d, kind.name) if name != "gt"]
    return "+".join(given) or "gt"


def mean_of_groups(groups: dict[str, dict[str, float]]) -> dict[str, float]:
    """Mean over groups of equal weight, as in the papers' tables for Human3.6M."""
    names = next(iter(groups.values()))
    means = {name: _mean(np.array([group[name] for group in groups.values()])) for name in names if name != "poses"}
    return {"poses": sum(group["poses"] for group in groups.values()), **means}


def flip_averaging(architecture: Mapping[str, Any], *, flip: bool = False) -> str:
    """Whether estimates are averaged with mirrored ones, in words. flip: averaging outside the network."""
    return "yes, in the network" if architecture.get("flip_averaging") else "yes" if flip else "no"


def protocol(data: EvaluationSet, *, flip: str) -> str:
    """The evaluation protocol in one line, for reports. flip: from `flip_averaging`."""
    return (
        "protocol 1: MPJPE, root-aligned; protocol 2: P-MPJPE, Procrustes with scale; "
        f"flip averaging: {flip}; left out: {data.exclusions}; {SCALE_NOTE}; {JOINTS_NOTE}"
    )


def _smoothed(poses_mm: NDArray[Any], settings: OneEuroSettings, frame_s: float) -> NDArray[Any]:
    """Filter the joints of a clip (T, J, 3)."""
    one_euro = OneEuroFilter(settings.min_cutoff_hz, settings.beta_per_m, settings.speed_cutoff_hz)
    return 1000 * np.stack([one_euro(pose / np.float32(1000), frame_s) for pose in poses_mm])
