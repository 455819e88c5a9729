"""`--network auto`: which of BlazePose's landmark networks a run uses, and why."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from rtpose.errors import ModelError
from rtpose.networks import downloads
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.pose.detect.blazepose import LANDMARK_FILES, LANDMARK_OUTPUTS

LIVE_FPS = 30.0
LIVE_SHARE = 0.6
"""Of a frame's time, for the landmark network; the rest is for the camera, the lifter, the body and the page."""
HEAVY_OVER_FULL = 4.0
"""`heavy` takes at least that many times as long as `full` (here 5.4): with less room it is not even fetched."""
WARM_UP_RUNS, MIN_RUNS = 2, 3
MEASURE_S = 0.3
"""For each of at most two networks; with loading them, about a second in all."""


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """The landmark network of a run."""

    network: str
    """`lite`, `full` or `heavy`."""
    reason: str
    """One line for people, without the network's name."""


def choose_network(
    *, live: bool, persons: int = 1, options: LoadOptions = DEFAULT_OPTIONS, pool: NetworkPool | None = None
) -> NetworkChoice:
    """`heavy` for files, which need not keep up with a camera. Live, the best network that this machine runs for
    `persons` people at `LIVE_FPS`, by measuring it; `lite` if none does.

    A network that is missing is downloaded; if that fails, `full` is chosen, which is shipped. options: as for
    `BlazePose`. pool: `BlazePose` with the same pool and options does not load the network again.
    Errors: those of `NetworkPool.load`.
    """
    pool = pool or NetworkPool()
    if not live:
        return _if_fetched("heavy", "the most accurate; a file need not keep up with a camera")
    budget_ms = 1000 * LIVE_SHARE / LIVE_FPS / persons
    full_ms = _measure_ms("full", options, pool)
    within = f"of the {budget_ms:.0f} ms that a person may take at {LIVE_FPS:.0f} frames/s"
    if full_ms > budget_ms:
        return _if_fetched("lite", f"full takes {full_ms:.0f} {within}")
    full = NetworkChoice("full", f"{full_ms:.0f} {within}; heavy would take longer")
    if HEAVY_OVER_FULL * full_ms > budget_ms:
        return full
    heavy = _if_fetched("heavy", "")
    if heavy.network != "heavy":
        return heavy
    heavy_ms = _measure_ms("heavy", options, pool)
    if heavy_ms <= budget_ms:
        return NetworkChoice("heavy", f"{heavy_ms:.0f} {within}")
    return NetworkChoice("full", f"{full_ms:.0f} {within}; heavy takes {heavy_ms:.0f} ms")


def _if_fetched(network: str, reason: str) -> NetworkChoice:
    try:
        downloads.ensure(LANDMARK_FILES[network])
    except ModelError as error:
        return NetworkChoice("full", f"{network} is not there: {error}")
    return NetworkChoice(network, reason)


def _measure_ms(network: str, options: LoadOptions, pool: NetworkPool) -> float:
    """Median time of one run. The file must be there."""
    backend = pool.load(downloads.ensure(LANDMARK_FILES[network]), replace(options, outputs=LANDMARK_OUTPUTS))
    ((name, shape),) = backend.input_shapes.items()
    inputs = {name: np.zeros(shape, np.float32)}
    for _ in range(WARM_UP_RUNS):
        backend.run(inputs)
    times_s: list[float] = []
    while len(times_s) < MIN_RUNS or sum(times_s) < MEASURE_S:
        started_s = time.perf_counter()
        backend.run(inputs)
        times_s.append(time.perf_counter() - started_s)
    return 1000 * float(np.median(times_s))
