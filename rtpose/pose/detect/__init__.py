"""Detectors: picture in, 2D joints of each person out. Looked up by name and imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rtpose.errors import ConfigError
from rtpose.types import Detector

if TYPE_CHECKING:
    from rtpose.pose.detect.roi import Finder

REGISTRY: dict[str, tuple[str, str, str]] = {
    "blazepose": ("rtpose.pose.detect.blazepose", "BlazePose", "PersonFinder"),
    "rtmpose": ("rtpose.pose.detect.rtmpose", "RtmPose", "PersonFinder"),
}
"""Name -> module, its detector, and the part of it that finds people alone."""


def open_detector(name: str, *, persons: int = 1, threads: int | None = None, precision: str = "fp32") -> Detector:
    """A detector that is ready to run; its network files are downloaded if they are not there yet.

    persons: most people to follow at once. threads: inference threads; None lets the runtime decide.
    precision: of its networks, see `rtpose.networks.engines.choose_engine`.
    Errors: `ConfigError` for an unknown name or fewer than one person, `ModelError` if its network files
    cannot be had, `MissingExtraError` if it needs a part of rtpose that is not installed.
    """
    module, detector, _ = _named(name)
    if persons < 1:
        raise ConfigError(f"cannot follow {persons} people: give 1 or more")
    made: Detector = _class(module, detector)(persons=persons, threads=threads, precision=precision)
    return made


def open_finder(name: str, *, threads: int | None = None, precision: str = "fp32") -> Finder:
    """The part of a detector that says where people are. Arguments and errors: as `open_detector`."""
    module, _, finder = _named(name)
    made: Finder = _class(module, finder)(threads=threads, precision=precision)
    return made


def outputs_of(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is used of the outputs of a detector's two networks, the one for people and the one for joints.

    Errors: `ConfigError` for an unknown name.
    """
    module = import_module(_named(name)[0])
    return module.PERSON_OUTPUTS, module.LANDMARK_OUTPUTS


def _named(name: str) -> tuple[str, str, str]:
    if name not in REGISTRY:
        raise ConfigError(f"no detector '{name}': choose one of {', '.join(REGISTRY)}")
    return REGISTRY[name]


def _class(module: str, name: str) -> Any:
    return getattr(import_module(module), name)
