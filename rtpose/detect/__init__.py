"""Detectors: picture in, 2D joints of each person out. Looked up by name and imported when first used."""

from __future__ import annotations

from importlib import import_module

from rtpose.errors import ConfigError
from rtpose.types import Detector

REGISTRY: dict[str, str] = {"blazepose": "rtpose.detect.blazepose:BlazePose"}


def open_detector(name: str, *, persons: int = 1, threads: int | None = None, precision: str = "fp32") -> Detector:
    """A detector that is ready to run; its network files are downloaded if they are not there yet.

    persons: most people to follow at once. threads: inference threads; None lets the runtime decide.
    precision: of its networks, see `rtpose.engines.files.choose_engine`.
    Errors: `ConfigError` for an unknown name or fewer than one person, `ModelError` if its network files
    cannot be had, `MissingExtraError` if it needs a part of rtpose that is not installed.
    """
    if name not in REGISTRY:
        raise ConfigError(f"no detector '{name}': choose one of {', '.join(REGISTRY)}")
    if persons < 1:
        raise ConfigError(f"cannot follow {persons} people: give 1 or more")
    module_name, class_name = REGISTRY[name].split(":")
    detector: Detector = getattr(import_module(module_name), class_name)(
        persons=persons, threads=threads, precision=precision
    )
    return detector
