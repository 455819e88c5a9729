"""The report on many videos: a table for people, JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.table import Table
from rich.text import Text

from rtpose import __version__
from rtpose.batch.jobs import Outcome, State
from rtpose.errors import OutputError
from rtpose.printable import printable
from rtpose.recordings.output_file import OutputFile

FORMAT = 1
STYLES: dict[State, str] = {"done": "green", "skipped": "dim", "failed": "red", "stopped": "yellow"}


class VideoReport(msgspec.Struct, frozen=True):
    """One input."""

    input: str
    output: str
    overlay: str | None
    state: State
    frames: int | None
    """None if nothing was computed; so are the two below."""
    frames_with_people: int | None
    people: int | None
    """Most at once."""
    wall_s: float | None
    """Also None for skipped videos; so is fps."""
    fps: float | None
    dropped: dict[str, int]
    """Cause -> frames of the input that could not be read."""
    error: str | None


class Report(msgspec.Struct, frozen=True):
    """What `--report` writes."""

    rtpose: str
    videos: list[VideoReport]
    counts: dict[str, int]
    """State -> videos."""
    frames: int
    """Computed in this run; so are wall_s and fps."""
    wall_s: float
    fps: float
    workers: int
    format: int = FORMAT


def make_report(outcomes: Sequence[Outcome], wall_s: float, workers: int) -> Report:
    """outcomes: in display order. wall_s: duration of the whole run."""
    frames = sum(one.summary.frames for one in outcomes if one.state == "done" and one.summary)
    return Report(
        rtpose=__version__,
        videos=[_video(one) for one in outcomes],
        counts=dict(Counter(one.state for one in outcomes)),
        frames=frames,
        wall_s=wall_s,
        fps=frames / wall_s if wall_s > 0 else 0.0,
        workers=workers,
    )


def _video(outcome: Outcome) -> VideoReport:
    job, summary = outcome.job, outcome.summary
    timed = summary if outcome.state == "done" else None
    return VideoReport(
        input=printable(job.name),
        output=printable(str(job.out)),
        overlay=printable(str(job.overlay)) if job.overlay else None,
        state=outcome.state,
        frames=summary.frames if summary else None,
        frames_with_people=summary.frames_with_people if summary else None,
        people=summary.most_people if summary else None,
        wall_s=timed.wall_s if timed else None,
        fps=timed.fps if timed else None,
        dropped=summary.stats.dropped if summary else {},
        error=printable(outcome.error) if outcome.error else None,
    )


def report_table(report: Report) -> Table:
    """The report as a table."""
    shown = Table("file")
    for column in ("frames", "people", "fps"):
        shown.add_column(column, justify="right")
    shown.add_column("state")
    for video in report.videos:
        # As Text: names may hold brackets, which rich would read as markup.
        shown.add_row(
            Text(video.input), "" if video.frames is None else str(video.frames),
            "" if video.people is None else str(video.people), "" if video.fps is None else f"{video.fps:.0f}",
            Text(video.state, STYLES[video.state]),
        )  # fmt: skip
    return shown


def total_line(report: Report) -> str:
    """The report in one line."""
    counts = ", ".join(f"{report.counts[state]} {state}" for state in STYLES if state in report.counts)
    by = "1 worker" if report.workers == 1 else f"{report.workers} workers"
    return (
        f"{len(report.videos)} videos: {counts}; {report.frames} frames in {report.wall_s:.1f} s "
        f"({report.fps:.0f} fps) by {by}"
    )


def open_report(path: Path) -> OutputFile:
    """Prepare the report file, replacing an older one. Errors: `OutputError`, before any work."""
    if path.suffix.lower() != ".json":
        raise OutputError(f"{path}: a report is written as .json: give a name that ends in .json")
    return OutputFile(path, overwrite=True)


def write_report(file: OutputFile, report: Report) -> None:
    """Errors: `OutputError`."""
    with file.writing():
        file.part.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    file.commit()
