"""Prints a `BenchReport` as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from rtpose.bench.report import (
    Agreement,
    BenchReport,
    LiveFigures,
    MachineFigures,
    MemoryFigures,
    NetworkFigures,
    Ratio,
    SideFigures,
    Spread,
)


def print_report(report: BenchReport, console: Console) -> None:
    """Print every part that the report has."""
    console.print(machine_line(report.machine))
    if report.sides:
        console.print(sides_table(report.sides, report.rounds))
        for line in (*map(ratio_line, report.ratios), *map(agreement_line, report.agreements)):
            console.print(line)
        for side in report.sides:
            console.print(stages_table(side))
    if report.networks:
        console.print(networks_table(report.networks))
    if report.live:
        console.print(live_table(report.live))
        for row in report.live:
            if row.received is not None:
                console.print(received_line(row))
    if report.memory:
        console.print(memory_line(report.memory))


def machine_line(machine: MachineFigures) -> str:
    """One line: the machine, its load and its limits."""
    line = (
        f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}; "
        f"load before: {machine.load:.1f}"
    )
    if machine.matrix_gflops is None or machine.copy_gb_s is None:
        return line
    return f"{line}; matrix product {machine.matrix_gflops:.0f} GFLOP/s, copy {machine.copy_gb_s:.1f} GB/s"


def sides_table(sides: Sequence[SideFigures], rounds: int) -> Table:
    """One row for each side."""
    table = Table(
        "", "clip", "frames", "ms a frame", "fps", "between frames, ms", "CPU ms a frame", "memory MB", "people",
        "start s", title=f"End to end, median of {rounds} alternating rounds",
    )  # fmt: skip
    for side in sides:
        table.add_row(
            side.name, side.clip, str(side.frames), f"{side.ms_per_frame:.2f}", f"{side.fps:.1f}",
            _spread(side.between_frames_ms) if side.between_frames_ms else "", f"{1000 * side.cpu_s_per_frame:.2f}",
            f"{side.peak_memory_mb:.0f}", f"{side.people:.2f}", f"{side.start_s:.1f}",
        )  # fmt: skip
    return table


def stages_table(side: SideFigures) -> Table:
    """A side's time by stage."""
    table = Table(
        "stage", "passes a frame", "median ms", "p95 ms", "ms a frame", "share", title=f"Stages of {side.name}"
    )
    for stage in side.stages:
        table.add_row(
            stage.name, f"{stage.passes_per_frame:.2f}", f"{stage.ms.median:.3f}", f"{stage.ms.p95:.3f}",
            f"{stage.ms_per_frame:.3f}", f"{stage.share:.1%}",
        )  # fmt: skip
    return table


def ratio_line(ratio: Ratio) -> str:
    """In words."""
    return (
        f"{ratio.side} is {ratio.speed:.2f} times as fast as {ratio.than} (rounds {ratio.lowest:.2f} to "
        f"{ratio.highest:.2f}), with {ratio.cpu:.2f} of its CPU time"
    )


def agreement_line(found: Agreement) -> str:
    """In words."""
    line = (
        f"{found.side} and {found.than}, joints of {found.frames} frames: "
        f"{_spread(found.percent_of_height, 2)} % of the person's height apart"
    )
    return line if found.mm is None else f"{line}, in 3D {_spread(found.mm, 1)} mm"


def networks_table(networks: Sequence[NetworkFigures]) -> Table:
    """Each network compared with its floor."""
    table = Table(
        "network", "backend", "precision", "GFLOP", "MB", "floor ms", "median ms", "times the floor",
        "of the matrix rate",
        title="Networks, one person, compared with the time of their operations and bytes at this machine's limits",
    )  # fmt: skip
    for one in networks:
        table.add_row(
            one.name, one.backend, one.precision, f"{one.gflop:.4f}", f"{one.megabytes:.2f}", f"{one.floor_ms:.3f}",
            f"{one.ms:.3f}", f"{one.ms / one.floor_ms:.1f}", f"{one.matrix_share:.0%}",
        )  # fmt: skip
    return table


def live_table(rows: Sequence[LiveFigures]) -> Table:
    """A row for each number of pages."""
    table = Table(
        "pages", "fps", "of", "compute ms", "drawn after ms", "p95 / compute", "frames drawn", "sender, of a core",
        "poses/s, worst page", "lag ms, median / p99 / longest", "memory MB",
        title="Live: from a frame's time to the page's report (median / p95)",
    )  # fmt: skip
    for row in rows:
        times = "" if row.drawn_ms is None else f"{row.drawn_ms.p95 / row.compute_ms.median:.2f}"
        table.add_row(
            f"{row.pages}{' in a browser' if row.browser else ''}"
            + (f", {row.hostile} silent, {row.hostile} rude" if row.hostile else ""), f"{row.fps:.2f}",
            "" if row.source_fps is None else f"{row.source_fps:.0f}", _spread(row.compute_ms),
            "" if row.drawn_ms is None else _spread(row.drawn_ms), times, f"{row.drawn_frames} of {row.frames}",
            "not known here" if row.sender_cpu is None else f"{row.sender_cpu:.1%}",
            "" if row.received is None else f"{row.received.poses_per_page_s:.1f} ({row.received.share:.1%})",
            "" if row.received is None or row.received.lag_ms is None
            else " / ".join(f"{ms:.1f}" for ms in row.received.lag_ms),
            "" if row.memory is None else f"{row.memory.start_mb:.0f} to {row.memory.end_mb:.0f}",
        )  # fmt: skip
    return table


def received_line(row: LiveFigures) -> str:
    """In words, of a row with pages that are no browser."""
    assert row.received is not None
    good = row.pages - 2 * row.hostile
    return (
        f"{row.pages} pages: {row.received.newest} of {good} ended with the newest pose, {row.received.lost} were "
        f"disconnected; hostile ones were disconnected {row.received.thrown_out} times"
    )


def memory_line(memory: MemoryFigures) -> str:
    """In words."""
    slope = "not known" if memory.slope_mb_per_hour is None else f"{memory.slope_mb_per_hour:+.1f} MB an hour"
    return (
        f"{memory.minutes:.1f} minutes, {memory.frames} frames: memory from {memory.start_mb:.1f} to "
        f"{memory.end_mb:.1f} MB, slope {slope} (first fifth left out)"
    )


def _spread(values: Spread, digits: int = 2) -> str:
    return f"{values.median:.{digits}f} / {values.p95:.{digits}f}"
