"""Opens the estimators that the settings describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from rtpose.config import RunSettings
from rtpose.cores import usable_cores
from rtpose.errors import ConfigError
from rtpose.geometry import DEFAULT_HEIGHT_M
from rtpose.networks.choose import choose_backend
from rtpose.networks.downloads import ensure
from rtpose.networks.engines import choose_engine
from rtpose.networks.options import LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.networks.weights import cascaded_file, lifter_file
from rtpose.pose.detect import network_files, open_detector, open_finder
from rtpose.pose.track import PersonTracker
from rtpose.types import Estimator, Tracker


@dataclass(frozen=True, slots=True)
class Estimators:
    """One estimator for each source of a run. They share only their networks."""

    each: list[Estimator]
    smooth_joints: bool
    """Whether the joints need no smoother, because the lifter has a memory."""


def open_estimators(
    settings: RunSettings,
    *,
    count: int = 1,
    height_m: float | None = None,
    live: bool = False,
    on_notice: Callable[[str], None] = lambda line: None,
) -> Estimators:
    """Open the estimators that `settings` describe, and download missing network files.

    live: whether frames come from a camera, which decides what `network=auto` means. height_m: everybody's standing
    height; overrides the settings. If both are None, cascaded keeps the network's size and a lifter uses
    `DEFAULT_HEIGHT_M`. on_notice: called with a line for each automatic choice and each warning.
    Errors: `ConfigError`, `ModelError`, `MissingExtraError`.
    """
    height_m = settings.height_m if height_m is None else height_m
    trackers = [PersonTracker(number, count) for number in range(count)]
    pool = NetworkPool()
    settings = _with_network(settings, live, pool, on_notice)
    if settings.estimator == "cascaded":
        return Estimators([_cascaded(settings, height_m, tracker, pool, on_notice) for tracker in trackers], False)
    made = [_two_stage(settings, height_m, tracker, pool, on_notice) for tracker in trackers]
    return Estimators([estimator for estimator, _ in made], made[0][1])


def detector_precision(settings: RunSettings) -> str:
    """Of the detector, which always runs on openvino and has its own engines."""
    if settings.backend == "auto":
        return "auto"
    return settings.precision if settings.backend == "openvino" else "fp32"


def _detector_options(settings: RunSettings, precision: str) -> LoadOptions:
    """On two cores, a small landmark network of one person runs on one thread. Decoder, lifter and body keep the other
    core busy for as long; a network on two threads would wait for the one that they delay."""
    small = settings.detector == "blazepose" and settings.network in (None, "full", "lite") and settings.persons == 1
    threads = 1 if small and usable_cores() <= 2 else None
    return LoadOptions(precision=precision, threads=settings.threads or threads)


def _with_network(
    settings: RunSettings, live: bool, pool: NetworkPool, on_notice: Callable[[str], None]
) -> RunSettings:
    """The settings with `network=auto` replaced by the landmark network for this machine."""
    if settings.network != "auto" or settings.estimator != "two-stage":
        return settings
    if settings.detector != "blazepose":
        return replace(settings, network=None)
    from rtpose.pose.detect.choose import choose_network

    options = LoadOptions(precision=detector_precision(settings), threads=settings.threads)
    choice = choose_network(live=live, persons=settings.persons, options=options, pool=pool)
    on_notice(f"network auto: {choice.network} ({choice.reason})")
    return replace(settings, network=choice.network)


def _two_stage(
    settings: RunSettings,
    height_m: float | None,
    tracker: Tracker,
    pool: NetworkPool,
    on_notice: Callable[[str], None],
) -> tuple[Estimator, bool]:
    from rtpose.pose.lift import open_lifter
    from rtpose.pose.lift.lookahead import Lookahead
    from rtpose.pose.two_stage import TwoStageEstimator

    backend, precision, reason = _runtime(settings, lifter_file(settings.lifter))
    # The joints of a few people are too little work for a second thread: it costs more than it saves.
    options = LoadOptions(backend, precision, settings.device, settings.threads or 1)
    height_m = DEFAULT_HEIGHT_M if height_m is None else height_m
    lifter = open_lifter(settings.lifter, height_m=height_m, options=options, pool=pool)
    backwards = None
    if settings.lookahead_s > 0:
        if not lifter.remembers:
            raise ConfigError(
                f"the lifter {settings.lifter} has no memory, so it cannot look ahead: leave --lookahead out"
            )
        backwards = open_lifter(settings.lifter, height_m=height_m, options=options, pool=pool)
    precision = _announced_precision(settings, reason, on_notice)
    options = _detector_options(settings, precision)
    detector = open_detector(
        settings.detector, persons=settings.persons, network=settings.network, options=options, pool=pool
    )
    name = settings.detector if settings.network is None else f"{settings.detector} {settings.network}"
    lookahead = None if backwards is None else Lookahead(lifter, backwards, detector.skeleton, settings.lookahead_s)
    return TwoStageEstimator(name, detector, tracker, lifter, lookahead), lifter.remembers


def _cascaded(
    settings: RunSettings,
    height_m: float | None,
    tracker: Tracker,
    pool: NetworkPool,
    on_notice: Callable[[str], None],
) -> Estimator:
    from rtpose.pose.cascaded.estimator import CascadedEstimator, CascadedNetwork, only_rendered

    file = cascaded_file(settings.cascaded)
    backend, precision, reason = _runtime(settings, file)
    options = LoadOptions(backend, precision, settings.device, settings.threads)
    network = CascadedNetwork(file, options=options, pool=pool)
    if only_rendered(network.facts):
        on_notice(f"warning: {file.name} was trained on rendered people only: its error on real ones is not measured")
    precision = _announced_precision(settings, reason, on_notice)
    options = LoadOptions(precision=precision, threads=settings.threads)
    finder = open_finder(settings.detector, options=options, pool=pool)
    return CascadedEstimator(
        network, finder, tracker, persons=settings.persons, height_m=height_m, finder_name=settings.detector
    )


def _runtime(settings: RunSettings, network: Path) -> tuple[str, str, str | None]:
    """Backend and precision of the lifter or of cascaded, and the reason for the choice."""
    if settings.backend == "auto":
        chosen = choose_backend(network)
        return chosen.backend, chosen.precision, f"backend auto: {chosen.reason}"
    if settings.precision == "fp32":
        return settings.backend, "fp32", None
    choice = choose_engine(network, LoadOptions(settings.backend, settings.precision, settings.device))
    return settings.backend, settings.precision, choice.reason


def _announced_precision(settings: RunSettings, reason: str | None, on_notice: Callable[[str], None]) -> str:
    """The detector's precision. Reports why it and the other network's (`reason`) were chosen."""
    reasons = [] if reason is None else [reason]
    precision = detector_precision(settings)
    if precision != "fp32":
        finder, landmarks = network_files(settings.detector, settings.network)
        names = [finder, landmarks] if settings.estimator == "two-stage" else [finder]
        reasons += [choose_engine(ensure(name), LoadOptions(precision=precision)).reason for name in names]
    for line in reasons:
        on_notice(line)
    return precision
