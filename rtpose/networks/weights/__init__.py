"""The shipped networks: ONNX files with their facts inside, and a card for each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from rtpose.errors import ConfigError, ModelError
from rtpose.skeleton import H36M17

FOLDER = Path(str(files(__name__)))
SUFFIXES = (".onnx", ".safetensors")
"""Of the files that `rtpose train` writes; the second is for the backend "torch"."""


CASCADED = FOLDER / "cascaded.onnx"
"""The network for pictures."""


def shipped_lifters() -> list[str]:
    """Names of the lifters in this folder."""
    return sorted(file.stem for file in shipped_files() if file != CASCADED)


def shipped_files() -> list[Path]:
    """All network files in this folder."""
    return sorted(FOLDER.glob("*.onnx"))


def cascaded_file(path: str | None = None) -> Path:
    """The file of the network for pictures that was named, or the shipped one. Errors: `ModelError` for a path that
    does not exist."""
    if path is None:
        return CASCADED
    if not Path(path).is_file():
        raise ModelError(f"{path} does not exist: name a cascaded.onnx that `rtpose train cascaded` wrote")
    return Path(path)


def lifter_file(name_or_path: str) -> Path:
    """The file of a shipped lifter, or the path itself if it names a file.

    Errors: `ModelError` if a path does not exist, `ConfigError` for an unknown name.
    """
    if name_or_path.endswith(SUFFIXES):
        path = Path(name_or_path)
        if not path.is_file():
            raise ModelError(f"{path} does not exist: name one of {', '.join(shipped_lifters())} or an .onnx file")
        return path
    if name_or_path not in shipped_lifters():
        raise ConfigError(f"no lifter '{name_or_path}': choose one of {', '.join(shipped_lifters())}, or an .onnx file")
    return FOLDER / f"{name_or_path}.onnx"


def read_facts(file: Path, metadata: Mapping[str, str], kind: str) -> dict[str, Any]:
    """A network file's facts, checked against what this version can run. kind: what it should be, for people.

    Errors: `ModelError` for a file that lacks them, of another skeleton or version.
    """
    facts: dict[str, Any] = {}
    for key, text in metadata.items():
        try:
            facts[key] = json.loads(text)
        except ValueError:
            facts[key] = text
    missing = [key for key in ("name", "skeleton", "format", "normalisation") if key not in facts]
    if missing:
        raise ModelError(
            f"{file} is no {kind} of rtpose: its metadata lacks {', '.join(missing)} (expected a file that "
            "`rtpose train` exported)"
        )
    if facts["skeleton"] != H36M17.name:
        raise ModelError(f"{file} is a {kind} for the skeleton {facts['skeleton']}, expected {H36M17.name}")
    if facts["format"] != 1:
        raise ModelError(f"{file} is a {kind} of format {facts['format']}, this rtpose runs format 1: update rtpose")
    return facts


def checked_height(height_m: float) -> float:
    """The height itself. Errors: `ConfigError` for one that no person has."""
    if not 0.3 <= height_m <= 3.0:
        raise ConfigError(f"a height of {height_m:g} m is not possible: give 0.3 to 3.0 metres")
    return height_m
