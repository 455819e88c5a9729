"""The results of a reproduced table, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

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
    """Index of a pose -> the pose and its truth."""
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
