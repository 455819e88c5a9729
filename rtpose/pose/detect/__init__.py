"""Detectors: picture in, 2D joints and evidence of depth of each person out. Imported by name when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rtpose.errors import ConfigError
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.types import Detector

if TYPE_CHECKING:
    from rtpose.networks.pool import NetworkPool
    from rtpose.pose.detect.roi import Finder

REGISTRY: dict[str, tuple[str, str, str]] = {
    "blazepose": ("rtpose.pose.detect.blazepose", "BlazePose", "PersonFinder"),
    "rtmpose": ("rtpose.pose.detect.rtmpose", "RtmPose", "PersonFinder"),
}
"""Name -> module, its detector class, and the class of the part that only finds people."""


def open_detector(
    name: str,
    *,
    persons: int = 1,
    network: str | None = None,
    options: LoadOptions = DEFAULT_OPTIONS,
    pool: NetworkPool | None = None,
) -> Detector:
    """A detector that is ready to run; network files that are missing are downloaded.

    persons: most people to follow at once. network: size of its landmark network, for `blazepose` `lite`, `full` or
    `heavy`; None: the detector's default. options: of its networks, apart from `outputs`. pool: shares them with
    others; None: a pool of its own.
    Errors: `ConfigError` for an unknown name or network or fewer than one person, `ModelError` if a network file
    cannot be fetched or read.
    """
    module, detector, _ = _named(name)
    if persons < 1:
        raise ConfigError(f"cannot follow {persons} people: give 1 or more")
    made: Detector = _class(module, detector)(persons=persons, network=network, options=options, pool=pool)
    return made


def open_finder(name: str, *, options: LoadOptions = DEFAULT_OPTIONS, pool: NetworkPool | None = None) -> Finder:
    """The part of a detector that says where people are. Arguments and errors: as of `open_detector`."""
    module, _, finder = _named(name)
    made: Finder = _class(module, finder)(options=options, pool=pool)
    return made


def outputs_of(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The outputs that a detector uses of its two networks: the one that finds people, and the one for joints.

    Errors: `ConfigError` for an unknown name.
    """
    module = import_module(_named(name)[0])
    return module.PERSON_OUTPUTS, module.LANDMARK_OUTPUTS


def network_files(name: str, network: str | None = None) -> tuple[str, str]:
    """Names of a detector's two files in `rtpose.networks.model_files`: the one that finds people, and the landmark
    network of the size `network` (None: the detector's default).

    Errors: `ConfigError` for an unknown detector or size.
    """
    module = import_module(_named(name)[0])
    files: dict[str, str] = module.LANDMARK_FILES
    chosen = network or next(iter(files))
    if chosen not in files:
        raise ConfigError(f"the detector {name} has no network '{network}': choose one of {', '.join(sorted(files))}")
    return module.PERSON_FILE, files[chosen]


def _named(name: str) -> tuple[str, str, str]:
    if name not in REGISTRY:
        raise ConfigError(f"no detector '{name}': choose one of {', '.join(REGISTRY)}")
    return REGISTRY[name]


def _class(module: str, name: str) -> Any:
    return getattr(import_module(module), name)
