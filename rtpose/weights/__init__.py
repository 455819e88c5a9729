"""The shipped networks: ONNX files with their facts inside, and a card for each."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from rtpose.errors import ConfigError, ModelError

FOLDER = Path(str(files(__name__)))
SUFFIXES = (".onnx", ".safetensors")
"""Of the files that `rtpose train` writes; the second is for the backend "torch"."""


def shipped_lifters() -> list[str]:
    """Names of the lifters in this folder."""
    return sorted(file.stem for file in FOLDER.glob("*.onnx"))


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
