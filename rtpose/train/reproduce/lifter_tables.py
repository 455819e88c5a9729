"""Reproduces the tables of the lifters' papers: trains each row and evaluates it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from rtpose.config import load_settings
from rtpose.errors import ConfigError
from rtpose.modules.flip import FlipAveraged
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.data_sets import BuiltInDataSet, DataSet
from rtpose.train.data.input_kind import InputKind
from rtpose.train.data.sets import EvaluationSet, TrainingSet
from rtpose.train.data.settings import EXACT
from rtpose.train.distributed import start_fabric
from rtpose.train.lifters.catalogue import METHODS
from rtpose.train.lifters.evaluate import Evaluation, compared_pose, evaluate_depth, flip_averaging, protocol
from rtpose.train.lifters.loop import TrainedLifter, train
from rtpose.train.lifters.seeds import train_seeds
from rtpose.train.reproduce.results import Cell, TrainingProgress, file_name
from rtpose.train.reproduce.tables import HUMAN36M, TABLES, table_named

LENGTH = {"width": 256, "steps": 3000, "validate_every": 250}
"""Settings of all rows: some minutes each on one core of a laptop."""
SEEDS_AT_ONCE = 10
"""Seeds trained in one process. More are trained group after group: a table of ten can grow to one of twenty."""
LENGTH_BUILT_IN = {"width": 128, "steps": 1000, "validate_every": 100}
"""The same for the built-in small packs, which are for trying things out."""


def check_data(name: str, folders: Sequence[DataSet]) -> None:
    """Errors: `ConfigError` if the table needs a data set that is not given, or cannot use a given one."""
    table = table_named(name)
    kinds = [folder.kind for folder in folders]
    if table.needs and table.needs not in kinds:
        raise ConfigError(f"{name} needs {table.needs}: give its folder as --data")
    wanted = {table.needs, *(row.trained_on for row in table.rows)} - {""}
    if len(set(kinds)) < len(kinds) or (set(kinds) - wanted if wanted else len(kinds) > 1):
        raise ConfigError(f"{name} takes {' and '.join(sorted(wanted)) or 'one data set'}, not {' and '.join(kinds)}")


def shared_settings(folders: Sequence[DataSet], overrides: Sequence[str]) -> list[str]:
    """The overrides, and before them those of the default length that they do not change: what `reproduce_lifter_table`
    is given."""
    length = LENGTH_BUILT_IN if any(isinstance(folder, BuiltInDataSet) for folder in folders) else LENGTH
    changed = {text.partition("=")[0] for text in overrides}
    return [*(f"{name}={value}" for name, value in length.items() if name not in changed), *overrides]


def reproduce_lifter_table(
    name: str,
    folders: Sequence[DataSet],
    folder: Path,
    *,
    seeds: Sequence[int] = (0,),
    overrides: Sequence[str] = (),
    report: Callable[[str, TrainingProgress], None] = lambda label, progress: None,
) -> list[Cell]:
    """Train each row, or take finished ones from `folder`, and evaluate them on the test set. The seeds of a row are
    trained in one process, paired with those of other rows; weights are chosen by the table's metric.

    folders: the data sets; rows that are trained on other data are left out. overrides: settings for all rows, such as
    steps=2000. Errors: `ConfigError` for an unknown table or setting, or for data that the table cannot use.
    """
    check_data(name, folders)
    table = TABLES[name]
    if table.method not in METHODS:
        raise ConfigError(f"{name} is a table of pictures, not of lifters")
    kind = METHODS[table.method]
    base: dict[str, Any] = {"noise": msgspec.to_builtins(EXACT)}
    if table.metric in ("p_mpjpe_mm", "mpjpe_mm"):
        base["choose_by"] = table.metric
    shared = load_settings(kind.settings, None, overrides, base=base)
    by_kind = {data.kind: data for data in folders}
    of_table = table.needs or folders[0].kind

    @cache
    def training(data: str, joints: str) -> TrainingSet:
        return by_kind[data].with_joints(joints).training()

    @cache
    def validation(data: str, joints: str) -> EvaluationSet:
        return by_kind[data].with_joints(joints).validation()

    @cache
    def test(joints: str) -> EvaluationSet:
        return by_kind[of_table].with_joints(joints).test()

    results: dict[tuple[Path, int, str, str], Evaluation] = {}
    fabric = start_fabric()
    cells = []
    for row in table.rows:
        trained_on = row.trained_on or of_table
        if trained_on not in by_kind:
            continue
        wanted = seeds if row.decisive or not any(other.decisive for other in table.rows) else seeds[:1]
        settings = msgspec.structs.replace(shared, **row.changes)
        data, judge = training(trained_on, row.joints), validation(trained_on, row.joints)
        tested, given = test(row.test_joints), InputKind.parse(row.test_input)
        trainings: list[tuple[int, Path, TrainedLifter]] = []
        for group in (wanted[i : i + SEEDS_AT_ONCE] for i in range(0, len(wanted), SEEDS_AT_ONCE)):
            name_of_group = f"seed{group[0]}" if len(group) == 1 else f"seeds{group[0]}to{group[-1]}"
            run = folder / f"{file_name(row.run or row.label)}-{name_of_group}"
            of_group = msgspec.structs.replace(settings, seed=group[0])
            if len(group) == 1:
                lifters = [
                    train(
                        kind.method, of_group, data, judge, run,
                        resume=run.exists(), fabric=fabric, report=partial(report, row.label),
                    )
                ]  # fmt: skip
            else:
                lifters = train_seeds(
                    kind.method, of_group, group, data, judge, run,
                    resume=run.exists(), report=partial(report, f"{row.label}, seeds {group[0]} to {group[-1]}"),
                )  # fmt: skip
            trainings += [(seed, run, lifter) for seed, lifter in zip(group, lifters, strict=True)]
        codec = DepthCodec(settings.distance)
        for seed, run, trained in trainings:
            key = (run, seed, row.test_joints, row.test_input)
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
                    example_of=partial(compared_pose, trained.lifter, tested, codec, kind=given),
                )
            )  # fmt: skip
    return cells


def _value(result: Evaluation, metric: str, data: EvaluationSet, action: str, mean_of_actions: bool) -> float:
    """The figure of a row. NaN for an action that the test set does not have."""
    per_pose = getattr(result, metric)
    actions = np.array([clip.action for clip in data.clips])[result.clip]
    if action:
        return float(per_pose[actions == action].mean()) if (actions == action).any() else float("nan")
    if mean_of_actions:
        return float(np.mean([per_pose[actions == name].mean() for name in np.unique(actions)]))
    return float(np.nanmean(per_pose))
