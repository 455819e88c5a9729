"""The HTML page of a reproduced table: figures, loss curves, and the best, median and worst poses in 3D."""

from __future__ import annotations

import base64
import csv
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rtpose.skeleton import H36M17
from rtpose.train.lifters.evaluate import ComparedPose
from rtpose.train.reproduce.results import Cell, table_rows
from rtpose.train.reproduce.tables import PERCENT, TABLES

_NOT_CURVES = {"step", "learning_rate", "seconds", "poses_per_second", "not_matrix_share"}
_PLACES = ((0.0, "best"), (0.5, "median"), (1.0, "worst"))


def write_page(file: Path, name: str, cells: Sequence[Cell], *, note: str) -> None:
    """Write one self-contained HTML file. note: how the figures were measured."""
    table = TABLES[name]
    head, *rows = table_rows(name, cells)
    lines = ["<tr>" + "".join(f"<th>{html.escape(text)}</th>" for text in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in rows]
    pictures = "".join(
        f"<h2>{html.escape(cell.row.label)}, seed {cell.seed}</h2>"
        f"{image_element(_curves(cell))}{image_element(_poses(cell))}"
        for cell in cells
        if not cell.row.action  # all rows of actions show the same training
    )
    file.write_text(
        f"<!doctype html><meta charset=utf-8><title>{html.escape(table.title)}</title>"
        "<style>body{font:15px sans-serif;margin:2em;max-width:70em}td,th{padding:.3em 1em;text-align:left}"
        "img{max-width:100%}</style>"
        f"<h1>{html.escape(table.title)}</h1><table>{''.join(lines)}</table><p>{html.escape(note)}</p>{pictures}",
        encoding="utf-8",
    )


def image_element(figure: Figure) -> str:
    """The figure as an element of a page."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=80)
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}">'


def _curves(cell: Cell) -> Figure:
    """Each column of the run's log over its steps."""
    with (cell.folder / "log.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    names = [name for name in rows[0] if name not in _NOT_CURVES]
    figure = Figure(figsize=(2.2 * len(names), 2.2), layout="tight")
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(1, len(names), place)
        axes.plot([int(row["step"]) for row in rows], [float(row[name]) for row in rows])
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=6)
    return figure


def _poses(cell: Cell) -> Figure:
    """The best, the median and the worst pose beside the ground truth (grey)."""
    percent = cell.metric in PERCENT
    order = np.argsort(-cell.per_pose if percent else cell.per_pose)
    figure = Figure(figsize=(9, 3.2), layout="tight")
    for place, (share, word) in enumerate(_PLACES, start=1):
        row = int(order[round(share * (len(order) - 1))])
        axes: Any = figure.add_subplot(1, len(_PLACES), place, projection="3d")
        example: ComparedPose = cell.example_of(row)
        drawn_pose(axes, example.truth_mm, "0.6")
        drawn_pose(axes, example.aligned_mm, "tab:blue")
        value = cell.per_pose[row]
        axes.set_title(f"{word}: {value:.0%}" if percent else f"{word}: {value:.0f} mm", fontsize=9)
        axes.set_aspect("equal")
        axes.tick_params(labelsize=5)
    return figure


def drawn_pose(axes: Any, pose: NDArray[Any], colour: str) -> None:
    """pose: (17, 3) camera axes; drawn with depth towards the back and up at the top."""
    for a, b in H36M17.edges:
        x, y, z = pose[[a, b]].T
        axes.plot(x, z, -y, color=colour, linewidth=1.5)
