"""How good a lifter is on a motion pack: all frames, seen by five fixed cameras."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rtpose import metrics
from rtpose.config import OneEuroSettings
from rtpose.errors import ConfigError
from rtpose.lift.codec import DepthCodec, codec_from_facts
from rtpose.lift.lifter import NetworkLifter
from rtpose.models.temporal import TemporalLifter
from rtpose.smooth.one_euro import OneEuroFilter
from rtpose.train.cameras import EVALUATION_CAMERAS_DEG, camera_from_world, project, unit_poses
from rtpose.train.joints_2d import as_detected
from rtpose.train.motion_pack import MotionPack
from rtpose.train.noise import add_detector_noise, add_noise_in_time, vary_body
from rtpose.train.settings import NoiseSettings, TimeNoiseSettings

DepthFunction = Callable[[Tensor], Tensor]
"""Network input (N, 2 J) -> depth (N, J)."""


@dataclass(frozen=True)
class MotionFunction:
    """A lifter that remembers: it is given motions, not single frames."""

    lift: Callable[[Tensor, list[int]], tuple[Tensor, Tensor]]
    """Network input (N, 2 J) of motions one after the other, and their lengths -> depth (N, J), and the corrected
    points (N, 2 J)."""


def motion_function(network: TemporalLifter) -> MotionFunction:
    """A temporal network, asked in its sequence form."""

    def lift(points: Tensor, lengths: list[int]) -> tuple[Tensor, Tensor]:
        depths, corrected = zip(
            *(network.sequence(motion[None]) for motion in torch.split(points, lengths)), strict=True
        )
        return torch.cat(depths, 1)[0], torch.cat(corrected, 1)[0]

    return MotionFunction(lift)


AS_IN_VIDEO = TimeNoiseSettings(jitter_share=(0.3, 0.3), correlation_s=(0.3, 0.3), outlier_s=0.15, level=(1, 1))
"""How noise goes on from frame to frame in `detected-video`, where each clip has one body. A single frame looks like
one of `detected`."""


@dataclass(frozen=True)
class InputKind:
    """What the lifter is given: `gt`, `noise:PX`, `detected` or `detected-video`."""

    name: str
    noise: NoiseSettings
    in_time: TimeNoiseSettings | None = None
    """None: every frame has a body and noise of its own."""

    @classmethod
    def parse(cls, text: str) -> InputKind:
        """Errors: `ConfigError` for anything else."""
        exact = NoiseSettings(sigma=0, outlier_share=0, hip_width=(1, 1), shoulder_width=(1, 1))
        if text == "gt":
            return cls(text, exact)
        if text == "detected":
            return cls(text, NoiseSettings())
        if text == "detected-video":
            return cls(text, NoiseSettings(), AS_IN_VIDEO)
        if match := re.fullmatch(r"noise:(\d+(?:\.\d+)?)", text):
            return cls(text, msgspec.structs.replace(exact, sigma_px=float(match[1])))
        raise ConfigError(f"no input '{text}': choose gt, detected, detected-video or noise:PX, for instance noise:10")


@dataclass(frozen=True)
class Evaluation:
    """Errors of each pose, (N,), all cameras one after the other, each in the pack's order."""

    mpjpe_mm: NDArray[Any]
    p_mpjpe_mm: NDArray[Any]
    n_mpjpe_mm: NDArray[Any]
    pck_150: NDArray[Any]
    auc: NDArray[Any]
    z_mm: NDArray[Any]
    """Of the depth alone, after Procrustes alignment."""
    accel_error_m_s2: NDArray[Any]
    """NaN at the ends of a clip."""
    clip: NDArray[Any]
    """Index of each pose's clip."""

    def means(self, rows: NDArray[Any] | None = None) -> dict[str, float]:
        """Mean of each figure over the poses (of `rows`, a mask), and their number."""
        rows = np.ones(len(self.clip), bool) if rows is None else rows
        names = [f.name for f in fields(self) if f.name != "clip"]
        return {"poses": int(rows.sum()), **{name: _mean(getattr(self, name)[rows]) for name in names}}


def _mean(values: NDArray[Any]) -> float:
    """Of the numbers among them; NaN if there is none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def evaluate_depth(
    lifter: DepthFunction | MotionFunction,
    pack: MotionPack,
    codec: DepthCodec,
    *,
    kind: InputKind | None = None,
    every: int = 1,
    seed: int = 0,
    smooth: OneEuroSettings | None = None,
) -> Evaluation:
    """Lift every `every`-th frame of the pack as seen by `EVALUATION_CAMERAS_DEG`; a lifter that remembers starts
    anew with each clip.

    Joints are detector-like on both sides (skeleton.py). Nobody is told the true size: an estimate is scaled to the
    true mean joint distance before its MPJPE is taken. No flip averaging, no poses left out. smooth: the estimates
    go through a One-Euro filter, frame by frame as in a live run.
    """
    kind = kind or InputKind.parse("gt")
    generator = torch.Generator().manual_seed(seed)
    mocap = torch.from_numpy(pack.poses_m[::every])
    clip_of = pack.clip_of_frame()[::every]
    fps = np.array([float(clip["fps"]) for clip in pack.clips]) / every
    unit, size_m = unit_poses(as_detected(mocap))
    scale = 1000 * size_m[:, None, None]
    clips = [(rows, fps[clip]) for rows, clip in _runs(clip_of)]
    lengths = [rows.stop - rows.start for rows, _ in clips]
    columns: list[list[NDArray[Any]]] = [[] for _ in fields(Evaluation)]
    for azimuth, elevation in EVALUATION_CAMERAS_DEG:
        angles = torch.deg2rad(torch.tensor([azimuth, elevation, 0.0]))
        rotation = camera_from_world(angles[0:1], angles[1:2], angles[2:3])
        truth = unit @ rotation.transpose(1, 2)
        network_input, _ = codec.encode(_points(mocap, size_m, rotation, codec, kind, clips, generator))
        with torch.no_grad():
            if isinstance(lifter, MotionFunction):
                depth, network_input = lifter.lift(network_input, lengths)
            else:
                depth = torch.cat([lifter(part) for part in network_input.split(4096)])
        estimate, _ = unit_poses(codec.decode(network_input, depth))
        estimate_mm, truth_mm = (estimate * scale).numpy(), (truth * scale).numpy()
        if smooth is not None:
            for rows, rate in clips:
                estimate_mm[rows] = _smoothed(estimate_mm[rows], smooth, 1 / rate)
        acceleration = np.full(len(truth_mm), np.nan)
        for rows, clip in _runs(clip_of):
            if len(truth_mm[rows]) > 2:
                error = metrics.accel_error(estimate_mm[rows] / 1000, truth_mm[rows] / 1000, fps[clip])
                acceleration[rows][1:-1] = error
        for column, values in zip(
            columns,
            (
                metrics.mpjpe(estimate_mm, truth_mm),
                metrics.p_mpjpe(estimate_mm, truth_mm),
                metrics.n_mpjpe(estimate_mm, truth_mm),
                metrics.pck(estimate_mm, truth_mm),
                metrics.auc(estimate_mm, truth_mm),
                np.abs(metrics.procrustes_aligned(estimate_mm, truth_mm) - truth_mm)[..., 2].mean(-1),
                acceleration,
                clip_of,
            ),
            strict=True,
        ):
            column.append(values)
    return Evaluation(*(np.concatenate(column) for column in columns))


@dataclass(frozen=True)
class Example:
    """One pose of an evaluation, (17, 3) mm in camera axes, root-relative."""

    truth_mm: NDArray[Any]
    aligned_mm: NDArray[Any]
    """The estimate after Procrustes alignment."""


def example(depth_of: DepthFunction, pack: MotionPack, codec: DepthCodec, every: int, row: int) -> Example:
    """Pose `row` of `evaluate_depth(depth_of, pack, codec, every=every)`, with exact 2D joints."""
    poses = torch.from_numpy(pack.poses_m[::every])
    camera, frame = divmod(row, len(poses))
    azimuth, elevation = EVALUATION_CAMERAS_DEG[camera]
    angles = torch.deg2rad(torch.tensor([azimuth, elevation, 0.0]))
    unit, size_m = unit_poses(as_detected(poses[frame : frame + 1]))
    truth = unit @ camera_from_world(angles[0:1], angles[1:2], angles[2:3]).transpose(1, 2)
    network_input, _ = codec.encode(project(truth, codec.distance))
    with torch.no_grad():
        lifted = codec.decode(network_input, depth_of(network_input))
    scale = 1000 * float(size_m[0])
    truth_mm = scale * truth.numpy()
    return Example(truth_mm[0], metrics.procrustes_aligned(scale * lifted.numpy(), truth_mm)[0])


def evaluate_lifter(
    lifter: str,
    pack: MotionPack,
    *,
    input_kind: str = "gt",
    backend: str = "openvino",
    seed: int = 0,
    smooth: OneEuroSettings | None = None,
) -> dict[str, Any]:
    """`rtpose eval`: the figures of a shipped or trained lifter as one object (see the README)."""
    network = NetworkLifter(lifter, backend=backend)
    kind = InputKind.parse(input_kind)

    def depth_of(points: Tensor) -> Tensor:
        return torch.from_numpy(network.depth(points.numpy()))

    result = evaluate_depth(
        _stepped(network) if network.remembers else depth_of,
        pack, codec_from_facts(network.facts["normalisation"]), kind=kind, seed=seed, smooth=smooth,
    )  # fmt: skip

    def groups(key: str) -> dict[str, dict[str, float]]:
        names = np.array([str(clip[key]) for clip in pack.clips])[result.clip]
        return {str(name): result.means(names == name) for name in np.unique(names)}

    return {
        "lifter": network.facts["name"],
        "weights_sha256": hashlib.sha256(network.file.read_bytes()).hexdigest(),
        "backend": backend,
        "pack": pack.path.name,
        "input": kind.name,
        "smoothing": None if smooth is None else {"name": "one-euro", **msgspec.to_builtins(smooth)},
        "seed": seed,
        **result.means(),
        "per_action": groups("text"),
        "per_subject": groups("subject"),
        "cameras_deg": EVALUATION_CAMERAS_DEG,
        "protocol": "detector-like joints; MPJPE after scaling to the true mean joint distance; no flip averaging; "
        "no poses left out",
    }


def _stepped(network: NetworkLifter) -> MotionFunction:
    """A file asked frame by frame as in a live run, all clips at the same time."""

    def lift(points: Tensor, lengths: list[int]) -> tuple[Tensor, Tensor]:
        given = points.numpy()
        corrected = np.empty_like(given)
        depth = np.empty((len(given), given.shape[1] // 2), np.float32)
        longest_first = np.argsort(lengths)[::-1]
        starts = (np.cumsum(lengths) - lengths)[longest_first]
        sorted_lengths = np.array(lengths)[longest_first]
        state = network.new_state(len(lengths))
        for t in range(max(lengths)):
            count = int((sorted_lengths > t).sum())
            rows = starts[:count] + t
            depth[rows], corrected[rows], state = network.step(
                given[rows], {name: values[:count] for name, values in state.items()}
            )
        return torch.from_numpy(depth), torch.from_numpy(corrected)

    return MotionFunction(lift)


def _points(
    mocap: Tensor,
    size_m: Tensor,
    rotation: Tensor,
    codec: DepthCodec,
    kind: InputKind,
    clips: list[tuple[slice, float]],
    generator: torch.Generator,
) -> Tensor:
    """2D joints (N, J, 2) of one camera, as the input's kind asks. clips: their rows and frame rates."""
    unit = 1 / codec.distance

    def seen(motion: Tensor, size: Tensor) -> Tensor:
        body = as_detected(motion) / size[:, None, None]
        return project((body - body[:, :1]) @ rotation.transpose(1, 2), codec.distance)

    if kind.in_time is None:
        return add_detector_noise(seen(vary_body(mocap, kind.noise, generator), size_m), kind.noise, generator, unit)
    noisy = []
    for rows, fps in clips:
        points = seen(vary_body(mocap[None, rows], kind.noise, generator)[0], size_m[rows])
        frame_s = torch.tensor([1 / fps], dtype=torch.float32)
        noisy.append(add_noise_in_time(points[None], kind.noise, kind.in_time, frame_s, generator, unit)[0])
    return torch.cat(noisy)


def _smoothed(poses_mm: NDArray[Any], settings: OneEuroSettings, frame_s: float) -> NDArray[Any]:
    """A clip (T, J, 3) through the filter of the joints."""
    one_euro = OneEuroFilter(settings.min_cutoff_hz, settings.beta_per_m, settings.speed_cutoff_hz)
    return 1000 * np.stack([one_euro(pose / np.float32(1000), frame_s) for pose in poses_mm])


def _runs(clip_of: NDArray[Any]) -> Iterator[tuple[slice, int]]:
    """(rows, clip) of each clip's stretch."""
    starts = np.flatnonzero(np.diff(clip_of, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(clip_of)], strict=True):
        yield slice(start, stop), int(clip_of[start])
