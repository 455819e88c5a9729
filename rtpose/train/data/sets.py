"""The interfaces of training sets and evaluation sets, which do not depend on the data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.input_kind import InputKind
from rtpose.train.data.settings import SamplingSettings


class InputSource(Protocol):
    """An endless source of network inputs without 3D data."""

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """(size, 2 J) normalised points of random pictures; depends only on the state of the generator."""
        ...


class LabelledInputSource(Protocol):
    """An endless source of network inputs with labels, for supervised methods."""

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (size, 2 J) and depths (size, J)."""
        ...

    def poses(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (size, 2 J) and their true poses (size, J, 3), root-relative, in the codec's units: z is the depth
        that a perfect lifter gives."""
        ...


class TrainingSet(Protocol):
    """The data of a training. A method that only calls `inputs` never sees 3D data."""

    @property
    def name(self) -> str:
        """The file or data set, and the source of its 2D joints."""
        ...

    @property
    def subjects(self) -> Sequence[str]:
        """Empty if the data set does not name its people."""
        ...

    @property
    def acknowledgement(self) -> str:
        """The acknowledgement that the authors ask for, or their terms."""
        ...

    @property
    def size(self) -> str:
        """For example "3 clips, 900 frames"; together with the name, it identifies the data."""
        ...

    def inputs(self, codec: DepthCodec, settings: SamplingSettings) -> InputSource:
        """2D joints only."""
        ...

    def labelled(self, codec: DepthCodec, settings: SamplingSettings, *, share: float = 1.0) -> LabelledInputSource:
        """2D joints with 3D poses, of a share of the frames; the same frames for the same `settings.seed`.

        Errors: `ConfigError` if the data set has no 3D poses.
        """
        ...


@dataclass(frozen=True)
class Clip:
    """A sequence of frames."""

    subject: str
    action: str
    fps: float


@dataclass(frozen=True)
class View:
    """N poses seen by one camera."""

    points: Tensor
    """(N, J, 2) 2D joints on the plane z = 1 of a camera that looks at the root: the input of the lifter."""
    truth_mm: Tensor
    """(N, J, 3) detector-like joints in camera axes, relative to the root."""
    camera_from_view: Tensor
    """(N, 3, 3), or (1, 3, 3) for all: rotates poses lifted from `points` to camera axes."""
    clip: NDArray[Any]
    """(N,) index of each pose's clip in `EvaluationSet.clips`. The poses of a clip follow each other in order."""


class EvaluationSet(Protocol):
    """The data of an evaluation."""

    @property
    def name(self) -> str:
        """The file or data set."""
        ...

    @property
    def subjects(self) -> Sequence[str]: ...

    @property
    def size(self) -> str:
        """See `TrainingSet`."""
        ...

    @property
    def joints_2d(self) -> str:
        """Source of the 2D joints: "gt", or a detector's name."""
        ...

    @property
    def clips(self) -> Sequence[Clip]: ...

    @property
    def exclusions(self) -> str:
        """Which poses are left out; "none" if none."""
        ...

    def __len__(self) -> int:
        """Number of poses in all views."""
        ...

    def views(
        self, codec: DepthCodec, kind: InputKind, generator: torch.Generator, *, every: int = 1
    ) -> Iterator[View]:
        """All views, with every `every`-th pose of each clip. Errors: `ConfigError` for an unsupported kind of
        input."""
        ...


def clip_runs(clip_of: NDArray[Any]) -> Iterator[tuple[slice, int]]:
    """(N,) each pose's clip -> the rows of each clip, and its index."""
    starts = np.flatnonzero(np.diff(clip_of, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(clip_of)], strict=True):
        yield slice(start, stop), int(clip_of[start])
