"""Where a data set comes from, under which terms, and which files it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rtpose.errors import InputError


@dataclass(frozen=True)
class DataSetInfo:
    """Facts about a data set for users."""

    name: str
    source: str
    """Where to get it."""
    terms: str
    """Its licence in one sentence."""
    files: tuple[str, ...]
    """The files that the reader needs."""


def expected_file(folder: Path, name: str, info: DataSetInfo) -> Path:
    """`folder / name`. Errors: `InputError` naming the folder, the expected file and where to get it."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder of {info.name} with {name}")
    path = folder / name
    if not path.is_file():
        raise InputError(f"{folder} has no {name}: it is not a folder of {info.name} ({info.source})")
    return path
