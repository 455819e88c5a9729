"""Files shipped with rtpose: a rendered sample clip with its ground truth, and two small motion packs.

NOTICE.txt beside this file names their origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.types import Camera, Float32


def _path(name: str) -> Path:
    """Wheels are unpacked when installed, so a resource is a file. Errors: `InputError` if it is missing."""
    path = Path(str(files(__name__) / name))
    if not path.is_file():
        raise InputError(f"rtpose's own file {path} is missing: reinstall rtpose")
    return path


def sample_clip() -> Path:
    """A clip of 6 s (H.264, 640x480, 30 fps): one rendered person dancing in a room."""
    return _path("sample.mp4")


def sample_truth() -> Path:
    """The clip's ground truth, `.npz`; `SampleTruth.load` reads it."""
    return _path("sample_truth.npz")


def small_pack() -> Path:
    """A varied subset of the training motions, in the format of `cmu17_train.npz`."""
    return _path("cmu17_small.npz")


def small_val_pack() -> Path:
    """Motions of three other people, for validation, in the same format."""
    return _path("cmu17_small_val.npz")


@dataclass(frozen=True)
class SampleTruth:
    """Position of the sample's person in each frame. T frames, joints of `h36m17` as derived from a detector."""

    joints_3d: Float32
    """(T, 17, 3) metres, camera space: x right, y down, z away."""
    joints_2d: Float32
    """(T, 17, 2) pixels: x right, y down from the top-left corner of the picture."""
    camera: Camera
    image_size: tuple[int, int]
    """(width, height) px."""
    timestamps_s: NDArray[np.float64]
    """(T,) media time."""
    height_m: float
    """Standing height of the person, without shoes and hair."""
    joint_names: tuple[str, ...]
    readme: str
    """Definitions and provenance."""

    @classmethod
    def load(cls, path: Path | None = None) -> SampleTruth:
        """The embedded truth, or another file of its format. Errors: `InputError` for an unreadable file."""
        path = sample_truth() if path is None else path
        try:
            with np.load(path, allow_pickle=False) as file:
                data: dict[str, NDArray[Any]] = {name: file[name] for name in file.files}
            fx, fy, cx, cy = (float(value) for value in data["camera"])
            width, height = (int(value) for value in data["image_size"])
            return cls(
                joints_3d=data["joints_3d"],
                joints_2d=data["joints_2d"],
                camera=Camera(fx, fy, cx, cy),
                image_size=(width, height),
                timestamps_s=data["timestamps_s"],
                height_m=float(data["height_m"]),
                joint_names=tuple(str(name) for name in data["joint_names"]),
                readme=str(data["readme"]),
            )
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path} is not the ground truth of a sample clip: {error}") from error
