"""The networks that rtpose ships: its own as ONNX, each with a card, and BlazePose's as TFLite (see NOTICE)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from rtpose.errors import ConfigError, ModelError

FOLDER = Path(str(files(__name__)))
SUFFIXES = (".onnx", ".safetensors")
"""Of the files that `rtpose train` writes; the second is for the backend "torch"."""
FUSION = FOLDER / "fusion.onnx"
"""The default lifter."""
REPLACED_BY_FUSION = ("baseline", "temporal")
"""Lifters of earlier versions, which old commands, settings and recordings name."""
CASCADED = FOLDER / "cascaded.onnx"
"""The picture network of the estimator `cascaded`."""


def shipped_lifters() -> list[str]:
    """Names of the lifters in this folder."""
    return sorted(file.stem for file in shipped_files() if file != CASCADED)


def depth_lifters() -> list[str]:
    """Names of the shipped lifters that add depth to the joints of h36m17: all but `fusion`, which also takes evidence
    and has no engines."""
    return [name for name in shipped_lifters() if name != FUSION.stem]


def shipped_files() -> list[Path]:
    """rtpose's own networks in this folder."""
    return sorted(FOLDER.glob("*.onnx"))


def cascaded_file(path: str | None = None) -> Path:
    """The file of a picture network: `path`, or the shipped one. Errors: `ModelError` for a path that does not
    exist."""
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
        gone = " any more, fusion has replaced it" if name_or_path in REPLACED_BY_FUSION else ""
        raise ConfigError(
            f"no lifter '{name_or_path}'{gone}: choose one of {', '.join(shipped_lifters())}, or an .onnx file"
        )
    return FOLDER / f"{name_or_path}.onnx"
