"""Training and evaluation sets from annotated data sets: 2D joints seen by real cameras, with or without 3D poses."""

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
from rtpose.train.data.input_kind import InputKind
from rtpose.train.data.noise import add_detector_noise, vary_body
from rtpose.train.data.pack_training import as_detected
from rtpose.train.data.readers.data_set_info import DataSetInfo
from rtpose.train.data.readers.poses import Poses2D, Poses3D, as_detected_or_nan
from rtpose.train.data.sets import Clip, View
from rtpose.train.data.settings import EXACT, UNIT_PX, NoiseSettings, SamplingSettings
from rtpose.types import Float32

_THORAX, _NECK, _HEAD = H36M17.indices("thorax", "neck_base", "head")


def detected_and_complete(joints_px: Float32) -> tuple[Float32, NDArray[np.bool_]]:
    """(N, 17, 2) pixels of a data set -> the same without NaN, and which rows have all joints that a lifter needs.

    The stacked hourglass has no joint between neck and top of the head; the middle of the two replaces it. Joints that
    no detector-like joint is derived from (`rtpose.skeleton`) may be missing and become 0.
    """
    filled = joints_px.copy()
    lacking = np.isnan(filled[:, _NECK])
    filled[:, _NECK] = np.where(lacking, (filled[:, _THORAX] + filled[:, _HEAD]) / 2, filled[:, _NECK])
    complete = np.asarray(np.isfinite(as_detected_or_nan(filled)).all(axis=(1, 2)), dtype=np.bool_)
    return np.nan_to_num(filled, nan=0.0), complete


def on_virtual_plane(poses: Poses3D) -> tuple[Float32, Float32, NDArray[np.bool_], float]:
    """2D joints as seen by a camera that looks straight at the person's root, as in `NetworkLifter`.

    Returns points (N, 17, 2) at z = 1, camera_from_view (N, 3, 3), which rows are complete, and the size of one pixel
    on that plane.
    """
    assert poses.joints_px is not None
    assert poses.camera is not None
    pixels, complete = detected_and_complete(poses.joints_px)
    rays = rays_from_pixels(pixels, poses.camera)
    camera_from_view = camera_from_virtual(rays_from_pixels(as_detected_or_nan(pixels)[:, ROOT], poses.camera))
    view = rays @ camera_from_view  # rows: the transposed rotation
    points = view[..., :2] / np.maximum(view[..., 2:], np.float32(1e-3))
    return points, camera_from_view, complete, 1 / poses.camera.fx


class AnnotatedInputs:
    """See `rtpose.train.data.sets.InputSource`. Contains 2D joints only."""

    def __init__(self, points: Tensor, px: Tensor, codec: DepthCodec, noise: NoiseSettings) -> None:
        """points: (N, 17, 2) with mean joint distance 1. px: (N,) length of `UNIT_PX` pixels in their unit."""
        self._points, self._px, self._codec, self._noise = points, px, codec, noise

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """See `InputSource`."""
        rows = torch.randint(len(self._points), (size,), generator=generator)
        points = as_detected(vary_body(self._points[rows], self._noise, generator))
        unit = self._px[rows, None, None]
        network_input, _ = self._codec.encode(add_detector_noise(points, self._noise, generator, unit))
        inputs: Tensor = network_input
        return inputs


class AnnotatedLabelledInputs:
    """See `rtpose.train.data.sets.LabelledInputSource`."""

    def __init__(self, points: Tensor, poses: Tensor, px: Tensor, codec: DepthCodec, noise: NoiseSettings) -> None:
        """poses: (N, 17, 3), scaled so that a codec at distance 1 sees them at `points`."""
        self._both = torch.cat([points, poses], -1)
        self._px, self._codec, self._noise = px, codec, noise

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `LabelledInputSource`."""
        points, poses = self.poses(size, generator)
        return points, poses[..., 2]

    def poses(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `LabelledInputSource`."""
        rows = torch.randint(len(self._both), (size,), generator=generator)
        # Together, so that hips and shoulders change in the same way in 2D and 3D.
        both = as_detected(vary_body(self._both[rows], self._noise, generator))
        points, poses = both[..., :2], both[..., 2:] - both[:, ROOT : ROOT + 1, 2:]
        unit = self._px[rows, None, None]
        network_input, scale = self._codec.encode(add_detector_noise(points, self._noise, generator, unit))
        return network_input, poses * (self._codec.distance * scale)[:, None, None]


def _of_unit_size(points: Float32) -> tuple[Float32, Float32]:
    """(N, 17, 2) -> relative to the root with mean joint distance 1, and the factors (N,). With equal sizes, one
    person's limb fits another (`gap_share`)."""
    detected = as_detected_or_nan(points)
    distances = np.linalg.norm(detected - detected[:, ROOT : ROOT + 1], axis=-1)[:, ROOT + 1 :]
    factor = (1 / np.maximum(distances.mean(-1), 1e-9)).astype(np.float32)
    return (points - detected[:, ROOT : ROOT + 1]) * factor[:, None, None], factor


class AnnotatedTrainingSet:
    """Sequences with 2D and 3D joints as a training set."""

    def __init__(self, poses: Sequence[Poses3D], info: DataSetInfo, joints_2d: str = "gt") -> None:
        """Leaves out frames with missing 2D joints."""
        self.name = f"{info.name}, 2D joints: {joints_2d}"
        self.subjects = sorted({p.subject for p in poses})
        self.acknowledgement = f"{info.name} ({info.source}). {info.terms}"
        points, bodies, px = [], [], []
        for sequence in poses:
            plane, camera_from_view, complete, pixel = on_virtual_plane(sequence)
            unit, factor = _of_unit_size(plane[complete])
            body = (sequence.poses_m @ camera_from_view)[complete]
            depth = as_detected_or_nan(body)[:, ROOT, 2]
            points.append(unit)
            bodies.append(body * (factor / depth)[:, None, None])
            px.append(UNIT_PX * pixel * factor)
        self._points, self._bodies, self._px = np.concatenate(points), np.concatenate(bodies), np.concatenate(px)
        self.size = f"{len(poses)} sequences, {len(self._points)} poses"

    def inputs(self, codec: DepthCodec, settings: SamplingSettings) -> AnnotatedInputs:
        """See `TrainingSet`."""
        return AnnotatedInputs(torch.as_tensor(self._points), torch.as_tensor(self._px), codec, settings.noise)

    def labelled(self, codec: DepthCodec, settings: SamplingSettings, *, share: float = 1.0) -> AnnotatedLabelledInputs:
        """See `TrainingSet`."""
        count = len(self._points)
        rows: Any = slice(None)
        if share < 1:
            rows = np.random.default_rng(settings.seed).permutation(count)[: max(1, round(share * count))]
        points, bodies, px = (torch.as_tensor(array[rows]) for array in (self._points, self._bodies, self._px))
        return AnnotatedLabelledInputs(points, bodies, px, codec, settings.noise)


class TrainingSet2D:
    """People in single pictures, 2D only, as a training set.

    Their cameras are unknown: `noise.sigma_px` refers to a picture in which they are as large as in Human3.6M.
    """

    subjects: Sequence[str] = ()

    def __init__(self, people: Poses2D, info: DataSetInfo) -> None:
        """Leaves out people with missing joints. Errors: `InputError` if no one is left."""
        joints, complete = detected_and_complete(people.joints_px)
        if not complete.any():
            raise InputError(f"none of the {len(people)} people in {info.name} has all the joints that a lifter needs")
        self._info = info
        self._points, _ = _of_unit_size(joints[complete])
        self.name = f"{info.name}, 2D joints: gt"
        self.acknowledgement = f"{info.name} ({info.source}). {info.terms}"
        self.size = f"{len(self._points)} people with all joints of {len(people)}"

    def inputs(self, codec: DepthCodec, settings: SamplingSettings) -> AnnotatedInputs:
        """See `TrainingSet`."""
        points = torch.as_tensor(self._points)
        return AnnotatedInputs(points, torch.ones(len(points)), codec, settings.noise)

    def labelled(self, codec: DepthCodec, settings: SamplingSettings, *, share: float = 1.0) -> AnnotatedLabelledInputs:
        """Always raises `ConfigError`: there are no labels."""
        raise ConfigError(
            f"{self._info.name} has only 2D joints, and this training needs 3D poses: train svmac with "
            "supervised_share=0, or choose another data set"
        )


class AnnotatedEvaluationSet:
    """Sequences with 2D and 3D joints as an evaluation set, one view each."""

    def __init__(
        self, poses: Sequence[Poses3D], info: DataSetInfo, joints_2d: str = "gt", exclusions: str = ""
    ) -> None:
        """exclusions: what the reader left out."""
        self.name = info.name
        self.joints_2d = joints_2d
        self.subjects = sorted({p.subject for p in poses})
        self._poses = poses
        self._prepared = [on_virtual_plane(p) for p in poses]
        self.clips: list[Clip] = []
        self._rows: list[list[NDArray[np.int64]]] = []
        """For each sequence, the rows of its clips. A clip ends at missing frames or joints, or where the action
        changes."""
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
            left_out.append(f"{lacking} poses with missing 2D joints")
        self.exclusions = "; ".join(left_out) or "none"
        self._count = sum(len(part) for parts in self._rows for part in parts)
        if not self._count:
            raise InputError(f"{info.name}: no pose has all the 2D joints that a lifter needs")
        self.size = f"{len(poses)} sequences, {self._count} poses"

    def __len__(self) -> int:
        return self._count

    def views(
        self, codec: DepthCodec, kind: InputKind, generator: torch.Generator, *, every: int = 1
    ) -> Iterator[View]:
        """See `EvaluationSet`."""
        if kind.noise != msgspec.structs.replace(EXACT, sigma_px=kind.noise.sigma_px):
            raise ConfigError(
                f"the input '{kind.name}' needs motion packs: with {self.name}, choose gt or noise:PX"
                + (" (and a detector's 2D joints with --joints)" if self.name == "Human3.6M" else "")
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
            exact = torch.from_numpy(as_detected_or_nan(points[rows]))
            truth = 1000 * as_detected_or_nan(sequence.poses_m[rows])
            yield View(
                points=add_detector_noise(exact, kind.noise, generator, unit=UNIT_PX * pixel),
                truth_mm=torch.from_numpy(truth - truth[:, ROOT : ROOT + 1]),
                camera_from_view=torch.from_numpy(camera_from_view[rows]),
                clip=clip,
            )
