"""Recipes: which engine to build of which network, how to calibrate it, and how accurate it must be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from rtpose.config import Count, NotNegative, Positive
from rtpose.errors import ConfigError
from rtpose.networks import downloads, model_files
from rtpose.networks.weights import cascaded_file, lifter_file

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "engines" / "recipes", Path(__file__).parent / "recipes")
"""In a checkout, and in an installed wheel, which carries a copy."""

NonNegativeCount = Annotated[int, msgspec.Meta(ge=0)]
Precision = Literal["fp32", "bf16", "fp16", "int8"]


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an INT8 engine is calibrated on."""

    sets: tuple[Literal["sample", "rendered", "clips", "motions"], ...] = ("sample", "rendered", "clips")
    """sample: the built-in clip. rendered, clips: named by the user. motions: the built-in motions, for lifters."""
    count: Count = 300
    """Most inputs of the network to record."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far an engine's results may be from fp32's, on data that it was not calibrated on."""

    joints_2d_percent: Positive | None = None
    """Median distance of 2D joints, as a percentage of the person's height in the picture."""
    joints_3d_mm: Positive | None = None
    """Median distance of 3D joints, root-relative."""
    error_3d_mm: Positive | None = None
    """How much larger the error against the ground truth (the mean MPJPE) may be than fp32's."""
    people_percent: NotNegative = 2.0
    """Percentage of pictures in which only one of the two finds a person, or they find different people."""
    speedup: NotNegative = 1.05
    """An engine must be at least this many times as fast as fp32."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of `engines/recipes`."""

    network: str
    """pose_detection, pose_landmark_full (lite, heavy), a shipped lifter's name, cascaded, or a file's path."""
    backend: Literal["openvino", "tensorrt"]
    precision: Precision
    limits: Limits
    device: str = "cpu"
    batch: Annotated[tuple[Count, Count, Count], msgspec.Meta(description="smallest, usual, largest")] = (1, 1, 1)
    """Of a TensorRT engine; three equal numbers fix the batch. OpenVINO keeps the file's."""
    keep_float_first: NonNegativeCount = 0
    """The first convolutions of an INT8 engine that stay in floating point."""
    keep_float_px: NonNegativeCount = 0
    """Convolutions on maps of at most this side stay in floating point, too."""
    convolutions_only: bool = False
    """Everything after the last convolution stays in floating point, too."""
    calibration: Calibration = Calibration()

    def source(self) -> Path:
        """The network's file. Errors: `ModelError` if it cannot be fetched, `ConfigError` for an unknown name."""
        name = self.network
        if f"{name}.tflite" in model_files.FILES:
            return downloads.ensure(f"{name}.tflite")
        if name == "cascaded":
            return cascaded_file()
        return lifter_file(name)


def recipe_names() -> list[str]:
    """The recipes that come with rtpose."""
    return sorted(file.stem for file in _folder().glob("*.toml"))


def load_recipe(name_or_path: str) -> tuple[str, Recipe]:
    """One of rtpose's recipes by name, or a .toml file. Returns its name and the recipe. Errors: `ConfigError`."""
    file = Path(name_or_path) if name_or_path.endswith(".toml") else _folder() / f"{name_or_path}.toml"
    try:
        return file.stem, msgspec.toml.decode(file.read_bytes(), type=Recipe)
    except FileNotFoundError:
        raise ConfigError(
            f"no recipe {name_or_path}: choose one of {', '.join(recipe_names())}, or a .toml file"
        ) from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not a recipe: {error}") from None


def recipe_for(network: str, backend: str, device: str, precision: str) -> str | None:
    """The name of the recipe that builds this engine, if there is one."""
    for name in recipe_names():
        recipe = load_recipe(name)[1]
        if (recipe.network, recipe.backend, recipe.device, recipe.precision) == (network, backend, device, precision):
            return name
    return None


def _folder() -> Path:
    return next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
