"""What trainings draw their batches from and lifters are evaluated on, whatever the data set: protocols."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.settings import TrainSettings

if TYPE_CHECKING:
    from rtpose.train.lifters.evaluate import InputKind


class Inputs(Protocol):
    """An endless source of network inputs. No 3D number comes out of it."""

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """(size, 2 J) normalised points of random pictures; the same for the same generator state."""
        ...


class LabelledInputs(Protocol):
    """Network inputs with their depths, for the methods that are told them."""

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (size, 2 J) and depths (size, J)."""
        ...

    def poses(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (size, 2 J) and the poses (size, J, 3) that they show, root-relative, in the codec's units: depth in
        them is what a perfect lifter says."""
        ...


class TrainingData(Protocol):
    """What a method is given. One that only calls `inputs` cannot reach a 3D number."""

    @property
    def name(self) -> str:
        """The file or data set, and its 2D joints."""
        ...

    @property
    def subjects(self) -> Sequence[str]:
        """Empty where people have no names."""
        ...

    @property
    def acknowledgement(self) -> str:
        """What those who made the data ask to be said, or their terms."""
        ...

    @property
    def size(self) -> str:
        """For instance "3 clips, 900 frames"; with the name, it tells this data from other data."""
        ...

    def inputs(self, codec: DepthCodec, settings: TrainSettings) -> Inputs:
        """2D joints alone."""
        ...

    def labelled(self, codec: DepthCodec, settings: TrainSettings, *, share: float = 1.0) -> LabelledInputs:
        """2D joints with their 3D poses, of a share of the frames: the same ones for the same `settings.seed`.

        Errors: `ConfigError` if the data set has no 3D poses.
        """
        ...


@dataclass(frozen=True)
class Clip:
    """Frames one after the other."""

    subject: str
    action: str
    fps: float


@dataclass(frozen=True)
class View:
    """N poses seen by one camera."""

    points: Tensor
    """(N, J, 2) on the plane at z = 1 of a camera that looks at the root: what the lifter is given."""
    truth_mm: Tensor
    """(N, J, 3) detector-like joints in camera axes, relative to the root."""
    camera_from_view: Tensor
    """(N, 3, 3), or (1, 3, 3) for all: turns what is lifted from `points` into camera axes."""
    clip: NDArray[Any]
    """(N,) each pose's place in `EvaluationData.clips`; the poses of a clip are neighbours, in order."""


class EvaluationData(Protocol):
    """Poses that a lifter is judged by."""

    @property
    def name(self) -> str:
        """The file or data set."""
        ...

    @property
    def subjects(self) -> Sequence[str]: ...

    @property
    def size(self) -> str:
        """As of `TrainingData`."""
        ...

    @property
    def joints_2d(self) -> str:
        """Where the 2D joints come from: "gt", or a detector's name."""
        ...

    @property
    def clips(self) -> Sequence[Clip]: ...

    @property
    def exclusions(self) -> str:
        """Which poses are left out, "none" if none are."""
        ...

    def __len__(self) -> int:
        """Number of poses in all views."""
        ...

    def views(
        self, codec: DepthCodec, kind: InputKind, generator: torch.Generator, *, every: int = 1
    ) -> Iterator[View]:
        """All poses, of each clip every so many. Errors: `ConfigError` for a kind of input that cannot be made."""
        ...
