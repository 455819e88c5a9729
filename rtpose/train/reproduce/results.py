"""The results of a reproduced table, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rtpose.train.lifters.evaluate import ComparedPose
from rtpose.train.reproduce.tables import HUMAN36M, MPI_INF_3DHP, PERCENT, TABLES, Row


class TrainingProgress(Protocol):
    """Progress of a training."""

    @property
    def step(self) -> int: ...

    @property
    def steps(self) -> int: ...


class NamedSet(Protocol):
    """Data that a table mentions: its name and subjects."""

    @property
    def name(self) -> str: ...

    @property
    def subjects(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Cell:
    """One training of a row, evaluated."""

    row: Row
    seed: int
    folder: Path
    seconds: float
    """Training time."""
    training: NamedSet
    tested: NamedSet
    protocol: str
    """The evaluation protocol in one line."""
    metric: str
    value: float
    """The figure on the test data."""
    per_pose: NDArray[Any]
    """The metric for all poses, of all actions."""
    example_of: Callable[[int], ComparedPose]
    """Index of a pose -> the pose and its ground truth."""
    chosen_on: str = "other subjects than those tested on"
    """Data that chose the best weights."""


def file_name(label: str) -> str:
    """Name of a row's folder."""
    return "".join(c if c.isalnum() else "-" for c in label.lower()).strip("-")


def table_rows(name: str, cells: Sequence[Cell]) -> list[list[str]]:
    """The table with its head: our figures (mean and range over seeds) and the paper's, each with its data set."""
    table = TABLES[name]
    tested = cells[0].tested if cells else None
    where = f"{tested.name}, subjects {', '.join(tested.subjects)}" if tested else "nothing"
    paper_3dhp = tested is not None and tested.name == MPI_INF_3DHP and any(row.paper_3dhp for row in table.rows)
    paper_data = MPI_INF_3DHP if paper_3dhp else table.paper_data
    rows = [["", f"ours: {table.paper_metric} on {where}", f"paper: {table.paper_metric} on {paper_data}",
             "seeds", "minutes of training"]]  # fmt: skip
    for row in table.rows:
        paper = row.paper_3dhp if paper_3dhp else row.paper
        mine = [cell for cell in cells if cell.row is row]
        if not mine:
            rows.append([row.label, "not run", paper, "0", ""])
            continue
        values = np.array([cell.value for cell in mine]) * (100 if mine[0].metric in PERCENT else 1)
        spread = f" ({values.min():.1f} to {values.max():.1f})" if len(values) > 1 else ""
        minutes = sum(cell.seconds for cell in mine) / 60
        rows.append([row.label, f"{values.mean():.1f}{spread}", paper, str(len(mine)), f"{minutes:.1f}"])
    return rows


def table_note(cells: Sequence[Cell], overrides: Sequence[str]) -> str:
    """How the figures of `table_rows` were measured, in one line."""
    trained_on = {f"{c.training.name} (subjects {', '.join(c.training.subjects)})" for c in cells}
    of_actions = "figures without an action are the mean of the actions; " if cells[0].tested.name == HUMAN36M else ""
    return (
        f"Trained on {' and '.join(sorted(trained_on))}, with the weights that were best on {cells[0].chosen_on}; "
        f"settings of all rows: {' '.join(overrides) or 'the defaults'}; {of_actions}"
        f"{cells[0].protocol}."
    )


def compared(cells: Sequence[Cell]) -> list[str]:
    """For each metric, a line that compares the first and the last decisive row of a table, with a 95 % interval of the
    difference.

    With several seeds it is Student's over the seeds, which are paired; with one it comes from a bootstrap over the
    poses, also paired, and says nothing about other seeds.
    """
    lines = []
    for metric in dict.fromkeys(cell.metric for cell in cells):
        decisive = [cell for cell in cells if cell.row.decisive and cell.metric == metric]
        rows = list(dict.fromkeys(cell.row.label for cell in decisive))
        if len(rows) > 1:
            first, last = ([cell for cell in decisive if cell.row.label == label] for label in (rows[0], rows[-1]))
            low, mean, high = difference(first, last)
            unit = (100, " points") if metric in PERCENT else (1, " mm")
            low, mean, high = (unit[0] * value for value in (low, mean, high))
            over = f"{len(first)} paired seeds" if len(first) > 1 else f"{len(first[0].per_pose)} poses, one seed"
            lines.append(
                f"{rows[-1]} minus {rows[0]}: {mean:+.1f}{unit[1]} ({low:+.1f} to {high:+.1f}, 95 % over {over})"
            )
    return lines


def difference(first: Sequence[Cell], last: Sequence[Cell], *, draws: int = 2000) -> tuple[float, float, float]:
    """Lower end, mean and upper end of `last` minus `first`, at 95 %. Both hold the same seeds."""
    apart = np.array([b.value - a.value for a, b in zip(first, last, strict=True)])
    mean = float(apart.mean())
    if len(apart) > 1:
        reach = float(stats.t.ppf(0.975, len(apart) - 1) * apart.std(ddof=1) / np.sqrt(len(apart)))
        return mean - reach, mean, mean + reach
    per_pose = last[0].per_pose - first[0].per_pose
    rng = np.random.default_rng(0)
    means = [np.nanmean(per_pose[rng.integers(len(per_pose), size=len(per_pose))]) for _ in range(draws)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), mean, float(high)
