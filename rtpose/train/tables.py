"""The papers' tables as lists of trainings: `rtpose reproduce NAME`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rtpose.config import load_settings
from rtpose.errors import ConfigError
from rtpose.train.evaluate import Example, InputKind, evaluate_depth, example
from rtpose.train.loop import Progress, Trained, train
from rtpose.train.methods import METHODS
from rtpose.train.motion_pack import MotionPack
from rtpose.train.settings import NoiseSettings


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    label: str
    paper: str
    """The paper's figure for it, with its data set."""
    changes: dict[str, Any]
    """Settings that differ from the method's defaults."""
    run: str = ""
    """Rows with the same name share a training; empty: a training of its own."""
    test_input: str = "gt"
    """As `rtpose eval --input`."""
    metric: str = ""
    """Empty: the table's."""


@dataclass(frozen=True)
class Table:
    """Trainings of one method, and the figure that they are compared by."""

    title: str
    method: str
    metric: str
    """A field of `Evaluation`."""
    paper_metric: str
    rows: tuple[Row, ...]


TEST_SUBJECT = "39"
"""Of the built-in validation pack: kept for the figures where no data is named."""

EXACT = NoiseSettings(sigma=0, outlier_share=0, hip_width=(1, 1), shoulder_width=(1, 1))
"""The papers train on the joints of motion capture."""


def _noisy(px: int, trained_and_tested: str, tested_exact: str, only_z: str) -> tuple[Row, ...]:
    """The three rows of Table 3 that belong to one training with N(0, px)."""
    changes = {"noise": msgspec.structs.replace(EXACT, sigma_px=px)}
    run = f"noise-{px}px"
    return (
        Row(f"trained and tested with N(0, {px})", trained_and_tested, changes, run, f"noise:{px}"),
        Row(f"trained with N(0, {px}), tested on exact joints", tested_exact, changes, run),
        Row(f"trained and tested with N(0, {px}), only z", only_z, changes, run, f"noise:{px}", "z_mm"),
    )


TABLES: dict[str, Table] = {
    "svmac-table4": Table(
        "SVMAC, Table 4: ablation",
        "svmac",
        "p_mpjpe_mm",
        "P-MPJPE in mm on Human3.6M",
        (
            Row("w/o Disc", "90.0", {"discriminator": False}),
            Row("n = 1", "70.9", {"angles": 1}),
            Row("n = 2", "56.8", {}),
            Row("n = 3", "56.5", {"angles": 3}),
            Row("n = 2 with 5% 3D Sup", "35.4", {"supervised_share": 0.05}),
        ),
    ),
    "consistency-table5": Table(
        "2D-3D consistency, Table 5: ablation",
        "consistency",
        "mpjpe_mm",
        "MPJPE in mm on Human3.6M",
        (
            Row("Sep + KCS", "51.6", {"synchronous": False, "weighted_kcs": False}),
            Row("Sep + wKCS", "50.7", {"synchronous": False}),
            Row("Syn + KCS", "49.6", {"weighted_kcs": False}),
            Row("Syn + wKCS", "48.3", {}),
        ),
    ),
    "consistency-table3": Table(
        "2D-3D consistency, Table 3: detector noise",
        "consistency",
        "p_mpjpe_mm",
        "P-MPJPE in mm on Human3.6M",
        (
            Row("exact joints", "34.4", {}, "exact"),
            *_noisy(5, "52.1", "39.0", "33.3"),
            *_noisy(10, "75.7", "45.8", "40.6"),
            *_noisy(15, "98.8", "50.4", "45.8"),
            *_noisy(20, "120.1", "56.1", "49.4"),
        ),
    ),
}


@dataclass(frozen=True)
class Cell:
    """One training of a row, evaluated."""

    row: Row
    seed: int
    folder: Path
    trained: Trained
    value: float
    """Mean of the table's metric on the test pack."""
    per_pose: NDArray[Any]
    example_of: Callable[[int], Example]
    """Any pose of the evaluation beside its truth."""


def reproduce(
    name: str,
    packs: tuple[MotionPack, MotionPack, MotionPack],
    folder: Path,
    *,
    seeds: Sequence[int] = (0,),
    overrides: Sequence[str] = (),
    every: int = 1,
    report: Callable[[str, Progress], None] = lambda label, progress: None,
) -> list[Cell]:
    """Train what the table needs, or take it from `folder` where it is finished, and evaluate on the test pack.

    packs: train, validation, test. overrides: settings that are the same for all rows, such as steps=2000. every: look
    at every so many frames of the test pack. Errors: `ConfigError` for an unknown table or setting.
    """
    if name not in TABLES:
        raise ConfigError(f"no table '{name}': choose one of {', '.join(TABLES)}")
    table = TABLES[name]
    kind = METHODS[table.method]
    shared = load_settings(kind.settings, None, overrides)
    if not any(text.startswith("noise") for text in overrides):
        shared = msgspec.structs.replace(shared, noise=EXACT)
    train_pack, validation_pack, test_pack = packs
    cells = []
    for row in table.rows:
        for seed in seeds:
            settings = msgspec.structs.replace(shared, **row.changes, seed=seed)
            run = folder / f"{_file_name(row.run or row.label)}-seed{seed}"
            trained = train(
                kind.method, settings, train_pack, validation_pack, run, resume=run.exists(),
                report=partial(report, f"{row.label}, seed {seed}"),
            )  # fmt: skip
            codec = kind.method(settings, train_pack).codec
            kind_of_input = InputKind.parse(row.test_input)
            result = evaluate_depth(trained.lifter, test_pack, codec, kind=kind_of_input, every=every)
            per_pose = getattr(result, row.metric or table.metric)
            example_of = partial(example, trained.lifter, test_pack, codec, every)
            cells.append(Cell(row, seed, run, trained, float(np.nanmean(per_pose)), per_pose, example_of))
    return cells


def _file_name(label: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in label.lower()).strip("-")


def table_rows(name: str, cells: Sequence[Cell], *, data: str) -> list[list[str]]:
    """The table, its head first: ours (mean, and range over the seeds) beside the paper's."""
    table = TABLES[name]
    rows = [["", f"ours: {table.metric}, {data}", f"paper: {table.paper_metric}", "seeds", "minutes of training"]]
    for row in table.rows:
        mine = [cell for cell in cells if cell.row is row]
        if not mine:
            rows.append([row.label, "not run", row.paper, "0", ""])
            continue
        values = np.array([cell.value for cell in mine])
        spread = f" ({values.min():.1f} to {values.max():.1f})" if len(values) > 1 else ""
        minutes = sum(cell.trained.seconds for cell in mine) / 60
        rows.append([row.label, f"{values.mean():.1f}{spread}", row.paper, str(len(mine)), f"{minutes:.1f}"])
    return rows
