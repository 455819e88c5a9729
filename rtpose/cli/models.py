"""`rtpose models`: list, pull, path, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

models_app = typer.Typer(help="The detector's network files: list, fetch, import.", no_args_is_help=True)


@models_app.command("list")
def models_list() -> None:
    """The network files, where they lie and whether they are there."""
    from rich.console import Console
    from rich.table import Table

    from rtpose.networks.model_files import detectors, list_files
    from rtpose.networks.weights import CASCADED, shipped_files

    table = Table("file", "what", "state", "path")
    for detector in detectors():
        for status in list_files(detector):
            table.add_row(status.file.name, status.file.purpose, status.state, str(status.path))
    for file in shipped_files():
        purpose = "estimator: picture to 3D" if file == CASCADED else "lifter: 2D joints to 3D"
        table.add_row(file.name, purpose, "shipped", str(file))
    Console(soft_wrap=True).print(table)


@models_app.command("pull")
def models_pull(
    detector: Annotated[
        str, typer.Argument(help="blazepose (its networks lite and heavy, 41 MB, with npm) or rtmpose (40 MB).")
    ] = "blazepose",
) -> None:
    """Download a detector's networks, which otherwise happens when they are first used."""
    from rtpose.networks.downloads import pull_with_bar

    for path in pull_with_bar(detector):
        print(path)


@models_app.command("path")
def models_path(
    name: Annotated[str, typer.Argument(help="A file as `rtpose models list` names it.")],
) -> None:
    """Print where a file lies."""
    from rtpose.networks.model_files import path_of
    from rtpose.networks.weights import shipped_files

    stem = name.removesuffix(".onnx")
    shipped = {file.stem: file for file in shipped_files()}
    print(shipped[stem] if stem in shipped else path_of(name))


@models_app.command("import")
def models_import(
    file: Annotated[
        Path,
        typer.Argument(help="The npm package @mediapipe/pose (.tgz), a zip file of rtmpose, or a network out of one."),
    ],
) -> None:
    """Take a detector's networks from a file that you brought: for machines without a connection."""
    from rtpose.networks.downloads import import_file

    for path in import_file(file):
        print(path)
