"""`rtpose reproduce`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rtpose.cli.options import Quiet, TrainOverrides
from rtpose.cli.terminal import needing_train, progress_bar
from rtpose.errors import ConfigError


def reproduce(
    table: Annotated[
        str,
        typer.Argument(
            help="svmac-table1 to 4, consistency-table1 to 5, "
            "consistency-noise, cascaded-table4, svmac-figure5, svmac-figure6, consistency-figure8."
        ),
    ],
    overrides: TrainOverrides = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of motion packs, Human3.6M or MPI-INF-3DHP; repeatable, for two data sets. For "
            "cascaded-table4 two folders of rendered people, the second of test people.",
            show_default="the built-in small packs, for svmac-table4, consistency-table3 and consistency-table5",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for training runs and the page.")] = Path(
        "runs/tables"
    ),
    seeds: Annotated[int, typer.Option(help="Training runs for each decisive row.")] = 1,
    lifter: Annotated[
        str | None, typer.Option(help="For figures: a shipped lifter or a file.", show_default="the paper's")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Reproduce a paper's table: train its rows (or reuse finished ones) and compare them with the paper's."""
    from rich.console import Console
    from rich.table import Table

    with needing_train("reproducing a table"):
        from rtpose.train.data.data_sets import BuiltInDataSet, open_data_set
        from rtpose.train.reproduce.cascaded_table4 import reproduce_cascaded_table
        from rtpose.train.reproduce.gallery import GALLERIES, write_gallery
        from rtpose.train.reproduce.lifter_tables import reproduce_lifter_table, shared_settings
        from rtpose.train.reproduce.page import write_page
        from rtpose.train.reproduce.results import TrainingProgress, compared, table_note, table_rows
        from rtpose.train.reproduce.tables import table_named

    folder = out / table
    if table in GALLERIES:
        if not data or len(data) != 1:
            raise ConfigError(
                f"{table} needs the folder of {GALLERIES[table][2].upper()}, with its pictures: give it as --data"
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_gallery(folder / "index.html", table, data[0], lifter=lifter)
        print(folder / "index.html")
        return
    with progress_bar(quiet, table) as update:

        def report(label: str, progress: TrainingProgress) -> None:
            update(progress.step, progress.steps, label)

        if table_named(table).method == "cascaded":
            settings = overrides or []
            cells = reproduce_cascaded_table(
                table, data or [], folder, seeds=range(seeds), overrides=settings, report=report
            )
        else:
            folders = [open_data_set(path) for path in data] if data else [BuiltInDataSet(keep_test_subject=True)]
            settings = shared_settings(folders, overrides or [])
            cells = reproduce_lifter_table(
                table, folders, folder, seeds=range(seeds), overrides=settings, report=report
            )
    head, *rows = table_rows(table, cells)
    shown = Table(*head)
    for row in rows:
        shown.add_row(*row)
    Console(width=140 if not sys.stdout.isatty() else None).print(shown)
    note = " ".join([*(f"{line}." for line in compared(cells)), table_note(cells, settings)])
    print(note)
    page = folder / "index.html"
    write_page(page, table, cells, note=note)
    print(page)
