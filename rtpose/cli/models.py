"""`rtpose models`: list, pull, path, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

models_app = typer.Typer(help="List, download or import the detectors' network files.", no_args_is_help=True)


@models_app.command("list")
def models_list() -> None:
    """List the network files with their state and path."""
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
        str,
        typer.Argument(
            metavar="DETECTOR", help="blazepose (its networks lite and heavy, 41 MB, with npm) or rtmpose (40 MB)."
        ),
    ] = "blazepose",
) -> None:
    """Download a detector's networks now instead of on first use."""
    from rtpose.networks.downloads import pull_with_bar

    for path in pull_with_bar(detector):
        print(path)


@models_app.command("path")
def models_path(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A file name from `rtpose models list`.")],
) -> None:
    """Print the path of a network file."""
    from rtpose.networks.model_files import path_of
    from rtpose.networks.weights import shipped_files

    stem = name.removesuffix(".onnx")
    shipped = {file.stem: file for file in shipped_files()}
    print(shipped[stem] if stem in shipped else path_of(name))


@models_app.command("import")
def models_import(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="The npm package @mediapipe/pose (.tgz), an RTMPose zip file, or a network file from either.",
        ),
    ],
) -> None:
    """Import a detector's networks from a local file, for machines that are offline."""
    from rtpose.networks.downloads import import_file

    for path in import_file(file):
        print(path)
