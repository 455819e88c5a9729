"""The figures of `rtpose bench`: how they are computed. These classes are the schema of `--json`."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import psutil

from rtpose.cores import usable_cores
from rtpose.stages import STAGES

FORMAT = 2
PAGE_STAGES = ("send", "preview")


class Spread(msgspec.Struct, frozen=True):
    """Of one quantity."""

    median: float
    p95: float


class StageFigures(msgspec.Struct, frozen=True):
    """One stage of a frame's way. Nested stages are counted on their own, not here."""

    name: str
    passes_per_frame: float
    """How often the stage runs: "landmarks" once per person; "detect" every frame, though it seldom has to search."""
    ms: Spread
    """Of one pass."""
    ms_per_frame: float
    """Total time of all passes divided by the number of frames."""
    share: float
    """`ms_per_frame` as a fraction of the side's. Stages overlap in threads, so the sum may exceed 1."""


class SideFigures(msgspec.Struct, frozen=True):
    """One way to do the work."""

    name: str
    clip: str
    frames: int
    """Of one round."""
    start_s: float
    """Time until it is ready for the first frame; excluded from all other figures."""
    ms_per_frame: float
    """End to end, file to file: median of the rounds."""
    fps: float
    round_ms_per_frame: list[float]
    between_frames_ms: Spread | None
    """From one finished frame to the next; None for a single frame."""
    cpu_s_per_frame: float
    """CPU time of the whole process, all threads; median of the rounds."""
    peak_memory_mb: float
    """Peak memory of the process, sampled 20 times a second."""
    people: float
    """Mean of a frame."""
    stages: list[StageFigures]


class Ratio(msgspec.Struct, frozen=True):
    """How many times as fast one side is as another."""

    side: str
    than: str
    speed: float
    """Of the medians."""
    lowest: float
    """Of the rounds, each against the other side's in the same round."""
    highest: float
    cpu: float
    """The first side's CPU time per frame as a fraction of the other's."""


class Agreement(msgspec.Struct, frozen=True):
    """Distance between two sides' joints, over the frames in which both see the person."""

    side: str
    than: str
    frames: int
    percent_of_height: Spread
    """2D, 17 joints, in percent of the second side's extent from the highest to the lowest joint."""
    mm: Spread | None
    """3D relative to the root, if both sides have it."""


class MachineFigures(msgspec.Struct, frozen=True):
    """The machine, and its limits."""

    processor: str
    cores: int
    """Cores that this process may use."""
    system: str
    python: str
    load: float
    """Load average over the minute before measuring; above 0, other programs were running."""
    matrix_gflops: float | None = None
    """Measured rate of a float32 matrix product."""
    copy_gb_s: float | None = None
    """Measured rate of a large copy, read and written bytes together."""


class NetworkFigures(msgspec.Struct, frozen=True):
    """One network for one person, compared with the time that its operations and bytes take at the machine's limits."""

    name: str
    backend: str
    precision: str
    gflop: float
    megabytes: float
    """Weights, inputs and outputs as float32: the minimum to be moved."""
    floor_ms: float
    """The longer of the two times."""
    ms: float
    """Measured, median."""
    matrix_share: float
    """Its rate of operations as a fraction of the machine's float32 matrix product; int8 may exceed 1."""


class MemoryFigures(msgspec.Struct, frozen=True):
    """Memory of a long run."""

    minutes: float
    frames: int
    start_mb: float
    """Median of the first fifth after the warm-up."""
    end_mb: float
    """Median of the last fifth."""
    slope_mb_per_hour: float | None
    """Slope of a line through all samples after the warm-up (the first fifth of the time); None with one sample."""


class ReceivedFigures(msgspec.Struct, frozen=True):
    """What viewing programs received."""

    poses_per_page_s: float
    """Of the page that received least."""
    share: float
    """Of the page that received least, as a fraction of all estimated poses."""
    newest: int
    """Pages whose last pose is the last one of all."""
    lag_ms: tuple[float, float, float] | None
    """From a finished estimate to its arrival at a page: median, 99th percentile, longest. None if none arrived."""
    lost: int
    """Pages that were disconnected."""
    thrown_out: int
    """How often a hostile page was disconnected."""


class LiveFigures(msgspec.Struct, frozen=True):
    """A clip played at its own speed with pages connected."""

    pages: int
    browser: bool
    """True: a real browser that draws. False: programs that acknowledge at once."""
    frames: int
    fps: float
    """Estimated frames a second; at most the clip's own rate."""
    source_fps: float | None
    compute_ms: Spread
    """From a frame's time to its estimate."""
    drawn_ms: Spread | None
    """From a frame's time to the page's report that it is drawn."""
    drawn_frames: int
    """Frames that a page reported as drawn; newer frames replaced the others."""
    sender_cpu: float | None
    """Of one core: the server's thread and the one that feeds it; None where threads cannot be told apart."""
    received: ReceivedFigures | None
    """None in a browser, and without pages."""
    memory: MemoryFigures | None = None
    hostile: int = 0
    """How many pages never read; as many again send garbage."""


class BenchReport(msgspec.Struct):
    """Everything that one `rtpose bench` found."""

    version: str
    rounds: int
    machine: MachineFigures
    format: int = FORMAT
    sides: list[SideFigures] = []
    ratios: list[Ratio] = []
    agreements: list[Agreement] = []
    networks: list[NetworkFigures] = []
    live: list[LiveFigures] = []
    memory: MemoryFigures | None = None


class Round(msgspec.Struct, frozen=True):
    """One measured pass of one side over its clip."""

    frames: int
    wall_s: float
    cpu_s: float
    peak_bytes: int
    between_s: list[float]
    stages_s: dict[str, list[float]]
    people: float


def spread(values: Sequence[float], factor: float = 1.0) -> Spread:
    """Median and 95th percentile (linear between the two nearest) of one or more `values`, times `factor`."""
    median, p95 = np.percentile(values, [50, 95])
    return Spread(float(median) * factor, float(p95) * factor)


def side_figures(
    name: str, clip: str, start_s: float, rounds: Sequence[Round], with_page: Round | None = None
) -> SideFigures:
    """All rounds of a side as one row. with_page: a pass whose stages that only pages need are added."""
    of_rounds = [1000 * one.wall_s / one.frames for one in rounds]
    ms_per_frame = float(np.median(of_rounds))
    frames = sum(one.frames for one in rounds)
    stages = []

    def add(stage: str, times: Sequence[float], count: int) -> None:
        if not times:
            return
        ms = 1000 * sum(times) / count
        stages.append(StageFigures(stage, len(times) / count, spread(times, 1000), ms, _part(ms, ms_per_frame)))

    names = dict.fromkeys(stage for one in rounds for stage in one.stages_s)
    for stage in sorted(names, key=lambda name: STAGES.index(name) if name in STAGES else len(STAGES)):
        add(stage, [seconds for one in rounds for seconds in one.stages_s.get(stage, ())], frames)
    for stage in PAGE_STAGES if with_page else ():
        assert with_page is not None
        add(stage, with_page.stages_s.get(stage, []), with_page.frames)
    between = [seconds for one in rounds for seconds in one.between_s]
    return SideFigures(
        name=name, clip=clip, frames=rounds[0].frames, start_s=start_s, ms_per_frame=ms_per_frame,
        fps=_part(1000, ms_per_frame), round_ms_per_frame=of_rounds,
        between_frames_ms=spread(between, 1000) if between else None,
        cpu_s_per_frame=float(np.median([one.cpu_s / one.frames for one in rounds])),
        peak_memory_mb=max(one.peak_bytes for one in rounds) / 1e6,
        people=float(np.mean([one.people for one in rounds])), stages=stages,
    )  # fmt: skip


def ratio(side: SideFigures, than: SideFigures) -> Ratio:
    """Compare `side` with `than`, whose rounds alternated with its own."""
    pairs = [b / a for a, b in zip(side.round_ms_per_frame, than.round_ms_per_frame, strict=True)]
    return Ratio(
        side.name, than.name, than.ms_per_frame / side.ms_per_frame, min(pairs), max(pairs),
        _part(side.cpu_s_per_frame, than.cpu_s_per_frame),
    )  # fmt: skip


def memory_figures(samples: Sequence[tuple[float, int]], frames: int) -> MemoryFigures:
    """samples: (seconds since the start, bytes), in order; at least a few after the first fifth of the time."""
    times, sizes = np.array(samples, np.float64).T
    after = times >= times[0] + (times[-1] - times[0]) / 5
    times_h, sizes_mb = times[after] / 3600, sizes[after] / 1e6
    slope = float(np.polyfit(times_h - times_h[0], sizes_mb, 1)[0]) if len(times_h) > 1 else None
    fifth = max(1, len(sizes_mb) // 5)
    return MemoryFigures(
        minutes=float(times[-1] - times[0]) / 60, frames=frames, start_mb=float(np.median(sizes_mb[:fifth])),
        end_mb=float(np.median(sizes_mb[-fifth:])), slope_mb_per_hour=slope,
    )  # fmt: skip


def machine() -> MachineFigures:
    """This machine, its limits not measured yet."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")  # on Linux `platform` knows the architecture only
    if cpuinfo.exists():
        models = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    return MachineFigures(
        processor=name, cores=usable_cores(), system=platform.system(), python=platform.python_version(),
        load=psutil.getloadavg()[0],
    )  # fmt: skip


def _part(value: float, whole: float) -> float:
    return value / whole if whole > 0 else float("nan")
