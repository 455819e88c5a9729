"""How good a lifter is, on motions seen by five fixed cameras or on a data set's own pictures."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from rtpose.modules.flip import DepthFunction, flip_averaged
from rtpose.modules.temporal import TemporalLifter
from rtpose.networks.options import LoadOptions
from rtpose.pose.lift.codec import DepthCodec, codec_from_facts
from rtpose.pose.lift.lifter import NetworkLifter
from rtpose.pose.smooth import OneEuroFilter
from rtpose.train.data.cameras import EVALUATION_CAMERAS_DEG, camera_from_world, project, unit_poses
from rtpose.train.data.motion_pack import MotionPack
from rtpose.train.data.noise import add_detector_noise, add_noise_in_time, vary_body
from rtpose.train.data.protocols import Clip, EvaluationData, View
from rtpose.train.data.single_frames import as_detected
from rtpose.train.settings import EXACT, NoiseSettings, TimeNoiseSettings

SCALE = "the true size is told to nobody: every estimate is scaled to the true mean joint distance"
JOINTS = (
    "17 joints as a detector has them: root, spine, thorax, neck_base and head are made of others (rtpose.skeleton)"
)


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
        if text == "gt":
            return cls(text, EXACT)
        if text == "detected":
            return cls(text, NoiseSettings())
        if text == "detected-video":
            return cls(text, NoiseSettings(), AS_IN_VIDEO)
        if match := re.fullmatch(r"noise:(\d+(?:\.\d+)?)", text):
            return cls(text, msgspec.structs.replace(EXACT, sigma_px=float(match[1])))
        raise ConfigError(f"no input '{text}': choose gt, detected, detected-video or noise:PX, for instance noise:10")


@dataclass(frozen=True)
class Evaluation:
    """Errors of each pose, (N,), all views one after the other."""

    mpjpe_mm: NDArray[Any]
    p_mpjpe_mm: NDArray[Any]
    n_mpjpe_mm: NDArray[Any]
    pck_150: NDArray[Any]
    auc: NDArray[Any]
    p_pck_150: NDArray[Any]
    """After Procrustes alignment, as `p_auc`."""
    p_auc: NDArray[Any]
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


class MotionEvaluation:
    """A motion pack seen by `EVALUATION_CAMERAS_DEG`, one view per camera. See `EvaluationData`."""

    joints_2d = "gt"
    exclusions = "none"

    def __init__(self, pack: MotionPack) -> None:
        self.pack = pack
        self.name = pack.path.name
        self.subjects = pack.subjects
        self.size = f"{len(pack.clips)} clips, {len(pack.poses_m)} frames"
        self.clips = [Clip(str(c["subject"]), str(c["text"]), float(c["fps"])) for c in pack.clips]

    def __len__(self) -> int:
        return len(EVALUATION_CAMERAS_DEG) * len(self.pack.poses_m)

    def views(
        self, codec: DepthCodec, kind: InputKind, generator: torch.Generator, *, every: int = 1
    ) -> Iterator[View]:
        """See `EvaluationData`."""
        mocap = torch.from_numpy(self.pack.poses_m[::every])
        clip = self.pack.clip_of_frame()[::every]
        runs = [(rows, self.clips[c].fps / every) for rows, c in _runs(clip)]
        unit, size_m = unit_poses(as_detected(mocap))
        for azimuth, elevation in EVALUATION_CAMERAS_DEG:
            angles = torch.deg2rad(torch.tensor([azimuth, elevation, 0.0]))
            rotation = camera_from_world(angles[0:1], angles[1:2], angles[2:3])
            yield View(
                points=_points(mocap, size_m, rotation, codec, kind, runs, generator),
                truth_mm=unit @ rotation.transpose(1, 2) * (1000 * size_m[:, None, None]),
                camera_from_view=torch.eye(3)[None],
                clip=clip,
            )


def evaluate_depth(
    lifter: DepthFunction | MotionFunction,
    data: EvaluationData,
    codec: DepthCodec,
    *,
    kind: InputKind | None = None,
    every: int = 1,
    seed: int = 0,
    smooth: OneEuroSettings | None = None,
) -> Evaluation:
    """Lift every `every`-th frame of the data; a lifter that remembers starts anew with each clip. See `SCALE` and
    `JOINTS` for what is compared. smooth: the estimates go through a One-Euro filter, frame by frame as in a live run.
    """
    generator = torch.Generator().manual_seed(seed)
    columns: list[list[NDArray[Any]]] = [[] for _ in fields(Evaluation)]
    for view in data.views(codec, kind or InputKind.parse("gt"), generator, every=every):
        estimate_mm, truth_mm = _lifted_mm(lifter, view, codec), view.truth_mm.numpy()
        if smooth is not None:
            for rows, clip in _runs(view.clip):
                estimate_mm[rows] = _smoothed(estimate_mm[rows], smooth, every / data.clips[clip].fps)
        aligned_mm = metrics.procrustes_aligned(estimate_mm, truth_mm)
        acceleration = np.full(len(truth_mm), np.nan)
        for rows, clip in _runs(view.clip):
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


def _lifted_mm(lifter: DepthFunction | MotionFunction, view: View, codec: DepthCodec) -> NDArray[Any]:
    """(N, J, 3) in camera axes, relative to the root, of the true mean joint distance."""
    network_input, _ = codec.encode(view.points)
    with torch.no_grad():
        if isinstance(lifter, MotionFunction):
            lengths = [rows.stop - rows.start for rows, _ in _runs(view.clip)]
            depth, network_input = lifter.lift(network_input, lengths)
        else:
            depth = torch.cat([lifter(part) for part in network_input.split(4096)])
    unit, _ = unit_poses(codec.decode(network_input, depth))
    _, size_mm = unit_poses(view.truth_mm)
    turned = unit @ view.camera_from_view.transpose(1, 2)
    estimate: NDArray[Any] = (turned * size_mm[:, None, None]).numpy()
    return estimate


@dataclass(frozen=True)
class Example:
    """One pose of an evaluation, (17, 3) mm in camera axes, root-relative."""

    truth_mm: NDArray[Any]
    aligned_mm: NDArray[Any]
    """The estimate after Procrustes alignment."""


def example(
    depth_of: DepthFunction, data: EvaluationData, codec: DepthCodec, row: int, *, kind: InputKind, seed: int = 0
) -> Example:
    """Pose `row` of `evaluate_depth` with the same arguments."""
    for view in data.views(codec, kind, torch.Generator().manual_seed(seed)):
        if row < len(view.clip):
            turns = view.camera_from_view.expand(len(view.clip), 3, 3)[row : row + 1]
            one = View(view.points[row : row + 1], view.truth_mm[row : row + 1], turns, view.clip[row : row + 1])
            truth_mm = one.truth_mm.numpy()
            return Example(truth_mm[0], metrics.procrustes_aligned(_lifted_mm(depth_of, one, codec), truth_mm)[0])
        row -= len(view.clip)
    raise IndexError(f"the data has {row} poses fewer")


def evaluate_lifter(
    lifter: str,
    data: EvaluationData,
    *,
    input_kind: str = "gt",
    backend: str | None = None,
    flip: bool = False,
    seed: int = 0,
    smooth: OneEuroSettings | None = None,
) -> dict[str, Any]:
    """`rtpose eval`: the figures of a shipped or trained lifter as one object (see the README).

    backend: None for the one that reads the file: torch for .safetensors, else openvino. flip: average with the
    mirrored input's mirrored estimate. Errors: `ConfigError` for `flip` of a lifter that remembers.
    """
    backend = backend or ("torch" if lifter.endswith(".safetensors") else "openvino")
    network = NetworkLifter(lifter, options=LoadOptions(backend))
    kind = InputKind.parse(input_kind)
    if flip and network.remembers:
        raise ConfigError(
            f"{lifter} remembers the frames before, and --flip is for lifters of single frames: leave it out (such a "
            "lifter averages by itself if its trunk was trained with flip_averaging=true)"
        )

    def depth_of(points: Tensor) -> Tensor:
        return torch.from_numpy(network.depth(points.numpy()))

    codec = codec_from_facts(network.facts["normalisation"])
    asked = _stepped(network) if network.remembers else flip_averaged(depth_of) if flip else depth_of
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
        **({"cameras_deg": EVALUATION_CAMERAS_DEG} if isinstance(data, MotionEvaluation) else {}),
        "flip_averaging": averaging != "no",
        "exclusions": data.exclusions,
        "scale": SCALE,
        "joints": JOINTS,
        "protocol": protocol(data, flip=averaging),
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


def input_name(data: EvaluationData, kind: InputKind) -> str:
    """What the lifter was given, for instance "gt", "noise:10", "sh" or "sh+noise:10"."""
    given = [name for name in (data.joints_2d, kind.name) if name != "gt"]
    return "+".join(given) or "gt"


def mean_of_groups(groups: dict[str, dict[str, float]]) -> dict[str, float]:
    """Every group counts the same: the average of the papers' tables of Human3.6M."""
    names = next(iter(groups.values()))
    means = {name: _mean(np.array([group[name] for group in groups.values()])) for name in names if name != "poses"}
    return {"poses": sum(group["poses"] for group in groups.values()), **means}


def flip_averaging(architecture: Mapping[str, Any], *, flip: bool = False) -> str:
    """Whether estimates were averaged with the mirrored ones, in words. architecture: the lifter's; flip: asked for."""
    return "yes, in the network" if architecture.get("flip_averaging") else "yes" if flip else "no"


def protocol(data: EvaluationData, *, flip: str) -> str:
    """How the figures were taken, in one line for every report. flip: from `flip_averaging`."""
    return (
        "protocol 1: MPJPE, roots put together; protocol 2: P-MPJPE, Procrustes with scale; "
        f"flip averaging: {flip}; left out: {data.exclusions}; {SCALE}; {JOINTS}"
    )


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
