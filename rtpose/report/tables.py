"""The numbers of a report as CSV: angles over time, and ranges with repetitions."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rtpose.report.angles import KINDS
from rtpose.report.page import PersonPart
from rtpose.report.statistics import is_sure, range_of, side_difference

_NAMES = tuple(name for kind in KINDS for name in kind.columns)


def write_angles(path: Path, people: Sequence[PersonPart], frame_ids: Sequence[int]) -> None:
    """A row for each person and frame in which the person is seen: degrees and confidence of each angle, empty where it
    is unknown. Errors: `OSError`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        columns = [f"{name}_{what}" for name in _NAMES for what in ("deg", "confidence")]
        table.writerow(["frame_id", "time_s", "track_id", *columns])
        for part in people:
            person = part.angles
            unknown = np.full(len(person.times_s), np.nan)
            values = np.column_stack(
                [given.get(name, unknown) for name in _NAMES for given in (person.degrees, person.confidence)]
            )
            values[:, 1::2][~np.isfinite(values[:, ::2])] = np.nan
            for row in np.flatnonzero(np.isfinite(values).any(1)).tolist():
                numbers = [f"{v:.2f}" if np.isfinite(v) else "" for v in values[row].tolist()]
                table.writerow([frame_ids[row], f"{person.times_s[row]:.4f}", person.track_id, *numbers])


def write_summary(path: Path, people: Sequence[PersonPart], least: float) -> None:
    """A row for each angle of each person, then one for each repetition. Errors: `OSError`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ["track_id", "angle", "side", "low_deg", "high_deg", "range_deg", "sure_share", "left_minus_right_deg"]
        )
        for part in people:
            for kind in part.angles.kinds:
                found = [range_of(part.angles, name, least) for name in kind.columns]
                difference = side_difference(*found) if kind.sides else None
                for name, given in zip(kind.columns, found, strict=True):
                    side = name.split("_")[0] if kind.sides else ""
                    numbers: list[Any] = [""] * 4
                    if given is not None:
                        numbers = [
                            f"{given.low_deg:.1f}",
                            f"{given.high_deg:.1f}",
                            f"{given.span_deg:.1f}",
                            f"{given.sure_share:.3f}",
                        ]
                    elif name in part.angles.degrees:
                        numbers[3] = f"{is_sure(part.angles, name, least).mean():.3f}"
                    table.writerow(
                        [
                            part.angles.track_id,
                            kind.key,
                            side,
                            *numbers,
                            "" if difference is None else f"{difference[0]:.1f}",
                        ]
                    )
        table.writerow([])
        table.writerow(["track_id", "repetition_of", "side", "number", "start_s", "peak_s", "end_s", "peak_deg"])
        for part in people:
            for count in part.counts:
                for number, rep in enumerate(count.repetitions, start=1):
                    end = "" if rep.end_s is None else f"{rep.end_s:.3f}"
                    who = [part.angles.track_id, count.kind.key, count.side, number]
                    table.writerow([*who, f"{rep.start_s:.3f}", f"{rep.peak_s:.3f}", end, f"{rep.peak_deg:.1f}"])
