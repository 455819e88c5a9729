"""The papers' tables as lists of trainings: `rtpose reproduce NAME`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from rtpose.config import load_settings
from rtpose.errors import ConfigError
from rtpose.modules.flip import FlipAveraged
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.folders import BuiltInMotions, DataFolder
from rtpose.train.data.protocols import EvaluationData, TrainingData
from rtpose.train.data.readers import human36m, mpi_inf_3dhp
from rtpose.train.lifters.evaluate import (
    Evaluation,
    Example,
    InputKind,
    evaluate_depth,
    example,
    flip_averaging,
    protocol,
)
from rtpose.train.lifters.loop import train
from rtpose.train.lifters.methods import METHODS
from rtpose.train.settings import EXACT, SvmacWeights

RENDERED = "rendered people"
HUMAN36M, MPI_INF_3DHP = human36m.INFO.name, mpi_inf_3dhp.INFO.name
PERCENT = {"pck_150": "PCK@150", "auc": "AUC", "p_pck_150": "PCK@150, aligned", "p_auc": "AUC, aligned"}
"""Metrics of which more is better, and which the papers print in per cent."""

LENGTH = {"width": 256, "steps": 3000, "validate_every": 250}
"""Of the trainings of all rows: some minutes each on one core of a laptop."""
LENGTH_BUILT_IN = {"width": 128, "steps": 1000, "validate_every": 100}
"""The same on the built-in small packs, which are there to try things out."""


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    label: str
    paper: str
    """The paper's figure for it, on the table's `paper_data`."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Settings that differ from the method's defaults."""
    run: str = ""
    """Rows with the same name share a training; empty: a training of its own."""
    test_input: str = "gt"
    """As `rtpose eval --input`."""
    metric: str = ""
    """Empty: the table's."""
    paper_3dhp: str = ""
    """The paper's figure on MPI-INF-3DHP, where it has one beside Human3.6M's."""
    joints: str = "gt"
    """Trained on these 2D joints of Human3.6M."""
    test_joints: str = "gt"
    trained_on: str = ""
    """A data set; empty: the table's."""
    action: str = ""
    """Of the test data; empty: the mean of all poses, in Human3.6M of the fifteen actions, as in the papers."""
    decisive: bool = False
    """What the table says stands or falls with it: trained with every seed, the others of such a table with one."""


@dataclass(frozen=True)
class Table:
    """Trainings of one method, and the figure that they are compared by."""

    title: str
    method: str
    metric: str
    """A field of `Evaluation`."""
    paper_metric: str
    rows: tuple[Row, ...]
    paper_data: str = HUMAN36M
    needs: str = ""
    """The data set that the table is of; empty: any with 3D poses will do."""


def _noisy(px: int, trained_and_tested: str, tested_exact: str, only_z: str) -> tuple[Row, ...]:
    """The three rows of Table 3 that belong to one training with N(0, px)."""
    changes = {"noise": msgspec.structs.replace(EXACT, sigma_px=px)}
    run = f"noise-{px}px"
    return (
        Row(f"trained and tested with N(0, {px})", trained_and_tested, changes, run, f"noise:{px}"),
        Row(f"trained with N(0, {px}), tested on exact joints", tested_exact, changes, run),
        Row(f"trained and tested with N(0, {px}), only z", only_z, changes, run, f"noise:{px}", "z_mm"),
    )


def _per_action(gt: str, sh: str) -> tuple[Row, ...]:
    """The two lines of the consistency paper's Tables 1 and 2, turned: the actions, then their mean."""
    return tuple(
        Row(f"{source}, {action or 'mean of the actions'}", paper, {}, source, joints=joints, test_joints=joints,
            action=action)
        for source, joints, figures in (("GT", "gt", gt), ("SH", "sh", sh))
        for action, paper in zip((*human36m.ACTIONS, ""), figures.split(), strict=True)
    )  # fmt: skip


def _on_3dhp(metrics: Sequence[str], on_human36m: Sequence[str], on_3dhp: Sequence[str]) -> tuple[Row, ...]:
    """SVMAC's Tables 2 and 3: one training on each data set, both tested on MPI-INF-3DHP."""
    return tuple(
        Row(f"trained on {data}: {PERCENT.get(metric, 'P-MPJPE in mm')}", paper, {}, data, metric=metric,
            trained_on=data)
        for data, figures in ((HUMAN36M, on_human36m), (MPI_INF_3DHP, on_3dhp))
        for metric, paper in zip(metrics, figures, strict=True)
    )  # fmt: skip


TABLES: dict[str, Table] = {
    "svmac-table1": Table(
        "SVMAC, Table 1: Human3.6M",
        "svmac",
        "p_mpjpe_mm",
        "P-MPJPE in mm",
        (
            # Table 4 prints 56.8 for the same.
            Row("GT", "56.5", run="gt"),
            Row("SH", "98.3", run="sh", joints="sh", test_joints="sh"),
            Row("SH/GT: trained on SH, tested on GT", "64.8", run="sh", joints="sh"),
        ),
        needs=HUMAN36M,
    ),
    "svmac-table2": Table(
        "SVMAC, Table 2: MPI-INF-3DHP without alignment",
        "svmac",
        "pck_150",
        "PCK and AUC in %",
        _on_3dhp(("pck_150", "auc"), ("64.8", "31.6"), ("66.5", "33.0")),
        paper_data=MPI_INF_3DHP,
        needs=MPI_INF_3DHP,
    ),
    "svmac-table3": Table(
        "SVMAC, Table 3: MPI-INF-3DHP after alignment",
        "svmac",
        "p_pck_150",
        "PCK and AUC in %, P-MPJPE in mm",
        _on_3dhp(("p_pck_150", "p_auc", "p_mpjpe_mm"), ("86.9", "51.7", "80.3"), ("86.6", "53.1", "79.8")),
        paper_data=MPI_INF_3DHP,
        needs=MPI_INF_3DHP,
    ),
    "svmac-table4": Table(
        "SVMAC, Table 4: ablation",
        "svmac",
        "p_mpjpe_mm",
        "P-MPJPE in mm",
        (
            Row("w/o Disc", "90.0", {"discriminator": False}, paper_3dhp="134.2", decisive=True),
            Row("n = 1", "70.9", {"angles": 1}, paper_3dhp="98.7", decisive=True),
            Row("n = 2", "56.8", paper_3dhp="79.8", decisive=True),
            Row("n = 3", "56.5", {"angles": 3}, paper_3dhp="78.5"),
            Row(
                "n = 2 with 5% 3D Sup",
                "35.4",
                {"supervised_share": 0.05, "weights": SvmacWeights(supervised=30)},
                paper_3dhp="51.0",
            ),
        ),
    ),
    "consistency-table1": Table(
        "2D-3D consistency, Table 1: Human3.6M, protocol 1",
        "consistency",
        "mpjpe_mm",
        "MPJPE in mm",
        _per_action(
            "43.3 52.9 42.5 48.7 45.9 59.8 44.9 45.9 49.5 55.9 44.9 49.6 51.3 43.0 45.9 48.3",
            "62.8 64.8 61.2 66.8 67.6 83.5 62.5 66.0 70.9 90.1 64.3 65.6 73.0 55.1 61.3 67.7",
        ),
        needs=HUMAN36M,
    ),
    "consistency-table2": Table(
        "2D-3D consistency, Table 2: Human3.6M, protocol 2",
        "consistency",
        "p_mpjpe_mm",
        "P-MPJPE in mm",
        _per_action(
            "32.1 36.6 30.1 36.3 31.4 39.6 33.4 31.4 34.5 40.8 33.5 34.8 36.1 30.9 34.7 34.4",
            "48.8 48.4 46.6 52.3 50.9 61.2 48.1 46.3 55.5 71.1 51.0 48.5 54.3 41.9 48.7 51.6",
        ),
        needs=HUMAN36M,
    ),
    "consistency-table3": Table(
        "2D-3D consistency, Table 3: detector noise",
        "consistency",
        "p_mpjpe_mm",
        "P-MPJPE in mm",
        (
            Row("exact joints", "34.4", {}, "exact"),
            *_noisy(5, "52.1", "39.0", "33.3"),
            *_noisy(10, "75.7", "45.8", "40.6"),
            *_noisy(15, "98.8", "50.4", "45.8"),
            *_noisy(20, "120.1", "56.1", "49.4"),
        ),
    ),
    "consistency-table4": Table(
        "2D-3D consistency, Table 4: MPI-INF-3DHP",
        "consistency",
        "mpjpe_mm",
        "PCK in %, MPJPE in mm",
        (Row(PERCENT["pck_150"], "86.0", run="all", metric="pck_150"), Row("MPJPE in mm", "94.9", run="all")),
        paper_data=MPI_INF_3DHP,
        needs=MPI_INF_3DHP,
    ),
    "consistency-table5": Table(
        "2D-3D consistency, Table 5: ablation",
        "consistency",
        "mpjpe_mm",
        "MPJPE in mm",
        (
            Row("Sep + KCS", "51.6", {"synchronous": False, "weighted_kcs": False}, paper_3dhp="98.9", decisive=True),
            Row("Sep + wKCS", "50.7", {"synchronous": False}, paper_3dhp="98.1"),
            Row("Syn + KCS", "49.6", {"weighted_kcs": False}, paper_3dhp="98.2"),
            Row("Syn + wKCS", "48.3", paper_3dhp="94.9", decisive=True),
        ),
    ),
    # Trained by rtpose.train.reproduce.cascaded_table4.
    "cascaded-table4": Table(
        "Cascaded Dimension-Lifting, Table 4: ablation",
        "cascaded",
        "mpjpe_mm",
        "MPJPE in mm",
        (
            Row("Baseline", "54.1", {"variant": "baseline"}, decisive=True),
            Row("w/ JH", "52.0", {"variant": "jh"}, decisive=True),
            Row("w/ BJ", "50.8", {"variant": "bj"}, decisive=True),
            Row("Full", "48.7", {"variant": "full"}, decisive=True),
        ),
        needs=RENDERED,
    ),
}


class Step(Protocol):
    """How far a training is."""

    @property
    def step(self) -> int: ...

    @property
    def steps(self) -> int: ...


class Data(Protocol):
    """What a table says of its data."""

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
    """Spent in training."""
    training: Data
    tested: Data
    protocol: str
    """How the figure was taken."""
    metric: str
    value: float
    """The figure on the test data."""
    per_pose: NDArray[Any]
    """All poses, of the row's action or not."""
    example_of: Callable[[int], Example]
    """Any pose of the evaluation beside its truth."""
    chosen_on: str = "other subjects than those tested on"
    """Where the weights were best."""


def table_named(name: str) -> Table:
    """Errors: `ConfigError` for a table that is not there."""
    if name not in TABLES:
        raise ConfigError(f"no table '{name}': choose one of {', '.join(TABLES)}")
    return TABLES[name]


def check_data(name: str, folders: Sequence[DataFolder]) -> None:
    """Errors: `ConfigError` if the table is of a data set that is not among the folders, or cannot use one of them."""
    table = table_named(name)
    kinds = [folder.kind for folder in folders]
    if table.needs and table.needs not in kinds:
        raise ConfigError(f"{name} needs {table.needs}: name its folder by --data (the README says what is in it)")
    wanted = {table.needs, *(row.trained_on for row in table.rows)} - {""}
    if len(set(kinds)) < len(kinds) or (set(kinds) - wanted if wanted else len(kinds) > 1):
        raise ConfigError(f"{name} takes {' and '.join(sorted(wanted)) or 'one data set'}, not {' and '.join(kinds)}")


def shared_settings(folders: Sequence[DataFolder], overrides: Sequence[str]) -> list[str]:
    """The overrides, and before them those of the default length that they do not change: what `reproduce` is given."""
    length = LENGTH_BUILT_IN if any(isinstance(folder, BuiltInMotions) for folder in folders) else LENGTH
    changed = {text.partition("=")[0] for text in overrides}
    return [*(f"{name}={value}" for name, value in length.items() if name not in changed), *overrides]


def reproduce(
    name: str,
    folders: Sequence[DataFolder],
    folder: Path,
    *,
    seeds: Sequence[int] = (0,),
    overrides: Sequence[str] = (),
    report: Callable[[str, Step], None] = lambda label, progress: None,
) -> list[Cell]:
    """Train what the table needs, or take it from `folder` where it is finished, and evaluate on the test data.

    folders: the data; rows that are trained on data that is not among them are left out. overrides: settings that are
    the same for all rows, such as steps=2000. Errors: `ConfigError` for an unknown table or setting, or other data than
    the table's.
    """
    check_data(name, folders)
    table = TABLES[name]
    if table.method not in METHODS:
        raise ConfigError(f"{name} is of pictures, not of lifters")
    kind = METHODS[table.method]
    shared = load_settings(kind.settings, None, overrides, base={"noise": msgspec.to_builtins(EXACT)})
    by_kind = {data.kind: data for data in folders}
    of_table = table.needs or folders[0].kind

    @cache
    def training(data: str, joints: str) -> TrainingData:
        return by_kind[data].with_joints(joints).training()

    @cache
    def validation(data: str, joints: str) -> EvaluationData:
        return by_kind[data].with_joints(joints).validation()

    @cache
    def test(joints: str) -> EvaluationData:
        return by_kind[of_table].with_joints(joints).test()

    results: dict[tuple[Path, str, str], Evaluation] = {}
    cells = []
    for row in table.rows:
        trained_on = row.trained_on or of_table
        if trained_on not in by_kind:
            continue
        for seed in seeds if row.decisive or not any(other.decisive for other in table.rows) else seeds[:1]:
            settings = msgspec.structs.replace(shared, **row.changes, seed=seed)
            run = folder / f"{file_name(row.run or row.label)}-seed{seed}"
            tested, given = test(row.test_joints), InputKind.parse(row.test_input)
            data = training(trained_on, row.joints)
            trained = train(
                kind.method, settings, data, validation(trained_on, row.joints), run, resume=run.exists(),
                report=partial(report, f"{row.label}, seed {seed}"),
            )  # fmt: skip
            codec = DepthCodec(settings.distance)
            key = (run, row.test_joints, row.test_input)
            if key not in results:
                results[key] = evaluate_depth(trained.lifter, tested, codec, kind=given)
            metric = row.metric or table.metric
            cells.append(
                Cell(
                    row, seed, run, trained.seconds, data, tested,
                    protocol(tested, flip=flip_averaging({"flip_averaging": isinstance(trained.lifter, FlipAveraged)})),
                    metric,
                    value=_value(results[key], metric, tested, row.action, of_table == HUMAN36M),
                    per_pose=getattr(results[key], metric),
                    example_of=partial(example, trained.lifter, tested, codec, kind=given),
                )
            )  # fmt: skip
    return cells


def _value(result: Evaluation, metric: str, data: EvaluationData, action: str, mean_of_actions: bool) -> float:
    """NaN for an action that the test data does not have."""
    per_pose = getattr(result, metric)
    actions = np.array([clip.action for clip in data.clips])[result.clip]
    if action:
        return float(per_pose[actions == action].mean()) if (actions == action).any() else float("nan")
    if mean_of_actions:
        return float(np.mean([per_pose[actions == name].mean() for name in np.unique(actions)]))
    return float(np.nanmean(per_pose))


def file_name(label: str) -> str:
    """A row's folder."""
    return "".join(c if c.isalnum() else "-" for c in label.lower()).strip("-")


def table_rows(name: str, cells: Sequence[Cell]) -> list[list[str]]:
    """The table, its head first: ours (mean, and range over the seeds) beside the paper's, each with its data set."""
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
    """How the figures of `table_rows` were taken, in one line."""
    trained_on = {f"{c.training.name} (subjects {', '.join(c.training.subjects)})" for c in cells}
    of_actions = "figures without an action are the mean of the actions; " if cells[0].tested.name == HUMAN36M else ""
    return (
        f"Trained on {' and '.join(sorted(trained_on))}, with the weights that were best on {cells[0].chosen_on}; "
        f"settings of all rows: {' '.join(overrides) or 'the defaults'}; {of_actions}"
        f"{cells[0].protocol}."
    )
