"""Recorded 2D joints, seen by the real cameras, as `rtpose.train.data.protocols` wants them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rtpose.errors import ConfigError, InputError
from rtpose.geometry import camera_from_virtual, rays_from_pixels
from rtpose.pose.lift.codec import ROOT, DepthCodec
from rtpose.skeleton import H36M17
from rtpose.train.data import single_frames
from rtpose.train.data.noise import add_detector_noise, vary_body
from rtpose.train.data.protocols import Clip, View
from rtpose.train.data.readers import DatasetInfo, Poses2D, Poses3D, as_detected
from rtpose.train.lifters.evaluate import InputKind
from rtpose.train.settings import EXACT, UNIT_PX, NoiseSettings, TrainSettings
from rtpose.types import Float32

_THORAX, _NECK, _HEAD = H36M17.indices("thorax", "neck_base", "head")


def detected_and_complete(joints_px: Float32) -> tuple[Float32, NDArray[np.bool_]]:
    """(N, 17, 2) pixels of a data set -> the same without NaN, and which rows have all joints that a lifter needs.

    The stacked hourglass has no joint between neck and top of the head: the middle of the two stands for it. Joints
    that no detector-like joint is made of (`rtpose.skeleton`) may lack, and are 0.
    """
    filled = joints_px.copy()
    lacking = np.isnan(filled[:, _NECK])
    filled[:, _NECK] = np.where(lacking, (filled[:, _THORAX] + filled[:, _HEAD]) / 2, filled[:, _NECK])
    complete = np.asarray(np.isfinite(as_detected(filled)).all(axis=(1, 2)), dtype=np.bool_)
    return np.nan_to_num(filled, nan=0.0), complete


def on_virtual_plane(poses: Poses3D) -> tuple[Float32, Float32, NDArray[np.bool_], float]:
    """2D joints as a camera sees them that looks straight at the person's root, as `NetworkLifter` does.

    Returns points (N, 17, 2) at z = 1, camera_from_view (N, 3, 3), which rows are complete, and the length of one pixel
    on that plane.
    """
    assert poses.joints_px is not None
    assert poses.camera is not None
    pixels, complete = detected_and_complete(poses.joints_px)
    rays = rays_from_pixels(pixels, poses.camera)
    camera_from_view = camera_from_virtual(rays_from_pixels(as_detected(pixels)[:, ROOT], poses.camera))
    view = rays @ camera_from_view  # rows: the transposed rotation
    points = view[..., :2] / np.maximum(view[..., 2:], np.float32(1e-3))
    return points, camera_from_view, complete, 1 / poses.camera.fx


class RecordedInputs:
    """See `rtpose.train.data.protocols.Inputs`. Holds 2D joints alone."""

    def __init__(self, points: Tensor, px: Tensor, codec: DepthCodec, noise: NoiseSettings) -> None:
        """points: (N, 17, 2) of mean joint distance 1. px: (N,) what `UNIT_PX` pixels of each picture are in them."""
        self._points, self._px, self._codec, self._noise = points, px, codec, noise

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """See `Inputs`."""
        rows = torch.randint(len(self._points), (size,), generator=generator)
        points = single_frames.as_detected(vary_body(self._points[rows], self._noise, generator))
        unit = self._px[rows, None, None]
        network_input, _ = self._codec.encode(add_detector_noise(points, self._noise, generator, unit))
        inputs: Tensor = network_input
        return inputs


class RecordedLabelledInputs:
    """See `rtpose.train.data.protocols.LabelledInputs`."""

    def __init__(self, points: Tensor, poses: Tensor, px: Tensor, codec: DepthCodec, noise: NoiseSettings) -> None:
        """poses: (N, 17, 3), so large that a codec at distance 1 sees `points` of them."""
        self._both = torch.cat([points, poses], -1)
        self._px, self._codec, self._noise = px, codec, noise

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `LabelledInputs`."""
        points, poses = self.poses(size, generator)
        return points, poses[..., 2]

    def poses(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `LabelledInputs`."""
        rows = torch.randint(len(self._both), (size,), generator=generator)
        # Together, so that hips and shoulders move alike in the picture and in space.
        both = single_frames.as_detected(vary_body(self._both[rows], self._noise, generator))
        points, poses = both[..., :2], both[..., 2:] - both[:, ROOT : ROOT + 1, 2:]
        unit = self._px[rows, None, None]
        network_input, scale = self._codec.encode(add_detector_noise(points, self._noise, generator, unit))
        return network_input, poses * (self._codec.distance * scale)[:, None, None]


def _of_unit_size(points: Float32) -> tuple[Float32, Float32]:
    """(N, 17, 2) relative to the root, with mean joint distance 1; the factors (N,). Sizes alike, so that one person's
    limb fits another (`gap_share`)."""
    detected = as_detected(points)
    distances = np.linalg.norm(detected - detected[:, ROOT : ROOT + 1], axis=-1)[:, ROOT + 1 :]
    factor = (1 / np.maximum(distances.mean(-1), 1e-9)).astype(np.float32)
    return (points - detected[:, ROOT : ROOT + 1]) * factor[:, None, None], factor


class RecordedTraining:
    """Sequences with 2D and 3D joints as `rtpose.train.data.protocols.TrainingData`."""

    def __init__(self, poses: Sequence[Poses3D], info: DatasetInfo, joints_2d: str = "gt") -> None:
        """Frames without all 2D joints are left out."""
        self.name = f"{info.name}, 2D joints: {joints_2d}"
        self.subjects = sorted({p.subject for p in poses})
        self.acknowledgement = f"{info.name} ({info.source}). {info.terms}"
        points, bodies, px = [], [], []
        for sequence in poses:
            plane, camera_from_view, complete, pixel = on_virtual_plane(sequence)
            unit, factor = _of_unit_size(plane[complete])
            body = (sequence.poses_m @ camera_from_view)[complete]
            depth = as_detected(body)[:, ROOT, 2]
            points.append(unit)
            bodies.append(body * (factor / depth)[:, None, None])
            px.append(UNIT_PX * pixel * factor)
        self._points, self._bodies, self._px = np.concatenate(points), np.concatenate(bodies), np.concatenate(px)
        self.size = f"{len(poses)} sequences, {len(self._points)} poses"

    def inputs(self, codec: DepthCodec, settings: TrainSettings) -> RecordedInputs:
        """See `TrainingData`."""
        return RecordedInputs(torch.as_tensor(self._points), torch.as_tensor(self._px), codec, settings.noise)

    def labelled(self, codec: DepthCodec, settings: TrainSettings, *, share: float = 1.0) -> RecordedLabelledInputs:
        """See `TrainingData`."""
        count = len(self._points)
        rows: Any = slice(None)
        if share < 1:
            rows = np.random.default_rng(settings.seed).permutation(count)[: max(1, round(share * count))]
        points, bodies, px = (torch.as_tensor(array[rows]) for array in (self._points, self._bodies, self._px))
        return RecordedLabelledInputs(points, bodies, px, codec, settings.noise)


class PicturesTraining:
    """People in single pictures, 2D only, as `rtpose.train.data.protocols.TrainingData`.

    Their cameras are not known: `noise.sigma_px` is of a picture in which they are as large as in Human3.6M.
    """

    subjects: Sequence[str] = ()

    def __init__(self, people: Poses2D, info: DatasetInfo) -> None:
        """People without all joints are left out. Errors: `InputError` if nobody is left."""
        joints, complete = detected_and_complete(people.joints_px)
        if not complete.any():
            raise InputError(f"none of the {len(people)} people of {info.name} has all joints that a lifter needs")
        self._info = info
        self._points, _ = _of_unit_size(joints[complete])
        self.name = f"{info.name}, 2D joints: gt"
        self.acknowledgement = f"{info.name} ({info.source}). {info.terms}"
        self.size = f"{len(self._points)} people with all joints of {len(people)}"

    def inputs(self, codec: DepthCodec, settings: TrainSettings) -> RecordedInputs:
        """See `TrainingData`."""
        points = torch.as_tensor(self._points)
        return RecordedInputs(points, torch.ones(len(points)), codec, settings.noise)

    def labelled(self, codec: DepthCodec, settings: TrainSettings, *, share: float = 1.0) -> RecordedLabelledInputs:
        """There are no labels. Errors: `ConfigError`, always."""
        raise ConfigError(
            f"{self._info.name} has 2D joints alone, and this training needs 3D poses: train svmac with "
            "supervised_share=0, or name another data set"
        )


class RecordedEvaluation:
    """Sequences with 2D and 3D joints as `rtpose.train.data.protocols.EvaluationData`, one view each."""

    def __init__(
        self, poses: Sequence[Poses3D], info: DatasetInfo, joints_2d: str = "gt", exclusions: str = ""
    ) -> None:
        """exclusions: what was left out already."""
        self.name = info.name
        self.joints_2d = joints_2d
        self.subjects = sorted({p.subject for p in poses})
        self._poses = poses
        self._prepared = [on_virtual_plane(p) for p in poses]
        self.clips: list[Clip] = []
        self._rows: list[list[NDArray[np.int64]]] = []
        """Of each sequence the rows of its clips, which end where frames or joints lack or the action changes."""
        lacking = 0
        for sequence, (_, _, complete, _) in zip(poses, self._prepared, strict=True):
            lacking += int((~complete).sum())
            actions = np.array(sequence.actions or [sequence.action] * len(sequence))
            rows = np.flatnonzero(complete)
            breaks = (np.diff(sequence.frames[rows]) != 1) | (actions[rows][1:] != actions[rows][:-1])
            parts = [part for part in np.split(rows, np.flatnonzero(breaks) + 1) if len(part)]
            self._rows.append(parts)
            self.clips += [Clip(sequence.subject, str(actions[part[0]]), sequence.fps) for part in parts]
        left_out = [exclusions] if exclusions else []
        if lacking:
            left_out.append(f"{lacking} poses without all 2D joints")
        self.exclusions = "; ".join(left_out) or "none"
        self._count = sum(len(part) for parts in self._rows for part in parts)
        if not self._count:
            raise InputError(f"{info.name}: no pose has all 2D joints that a lifter needs")
        self.size = f"{len(poses)} sequences, {self._count} poses"

    def __len__(self) -> int:
        return self._count

    def views(
        self, codec: DepthCodec, kind: InputKind, generator: torch.Generator, *, every: int = 1
    ) -> Iterator[View]:
        """See `EvaluationData`."""
        if kind.noise != msgspec.structs.replace(EXACT, sigma_px=kind.noise.sigma_px):
            raise ConfigError(
                f"the input '{kind.name}' is made of motion packs: of {self.name} choose gt or noise:PX"
                + (" (and the 2D joints of a detector by --joints)" if self.name == "Human3.6M" else "")
            )
        first = 0
        for sequence, (points, camera_from_view, _, pixel), parts in zip(
            self._poses, self._prepared, self._rows, strict=True
        ):
            if not parts:
                continue
            rows = np.concatenate([part[::every] for part in parts])
            clip = np.concatenate([np.full(len(part[::every]), first + i) for i, part in enumerate(parts)])
            first += len(parts)
            exact = torch.from_numpy(as_detected(points[rows]))
            truth = 1000 * as_detected(sequence.poses_m[rows])
            yield View(
                points=add_detector_noise(exact, kind.noise, generator, unit=UNIT_PX * pixel),
                truth_mm=torch.from_numpy(truth - truth[:, ROOT : ROOT + 1]),
                camera_from_view=torch.from_numpy(camera_from_view[rows]),
                clip=clip,
            )
