"""The commands, one file each. What a command needs is imported when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from rtpose import __version__
from rtpose.cli import terminal
from rtpose.cli.adapt import adapt
from rtpose.cli.bench import bench, bench_worker
from rtpose.cli.calibrate import calibrate
from rtpose.cli.convert import convert
from rtpose.cli.data import data_app
from rtpose.cli.demo import demo
from rtpose.cli.doctor import doctor
from rtpose.cli.eval import evaluate
from rtpose.cli.export import export
from rtpose.cli.models import models_app
from rtpose.cli.recover import recover
from rtpose.cli.report import report
from rtpose.cli.reproduce import reproduce
from rtpose.cli.train import train_app
from rtpose.cli.video import video
from rtpose.cli.view import view
from rtpose.cli.webcam import webcam
from rtpose.errors import RtposeError

app = typer.Typer(
    name="rtpose",
    help="3D human poses from one camera or video, live, on an ordinary laptop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
RUN, RECORDINGS, CHECK, NETWORKS, TRAINING = "Run", "Recordings", "Check", "Networks", "Training"

app.command(rich_help_panel=RUN)(demo)
app.command(rich_help_panel=RUN)(webcam)
app.command(rich_help_panel=RUN)(video)
app.command(rich_help_panel=RUN)(calibrate)
app.command(rich_help_panel=RECORDINGS)(view)
app.command(rich_help_panel=RECORDINGS)(convert)
app.command(rich_help_panel=RECORDINGS)(report)
app.command(rich_help_panel=RECORDINGS)(recover)
app.command(rich_help_panel=CHECK)(doctor)
app.command(rich_help_panel=CHECK)(bench)
app.add_typer(models_app, name="models", rich_help_panel=NETWORKS)
app.command(rich_help_panel=NETWORKS)(export)
app.add_typer(train_app, name="train", rich_help_panel=TRAINING)
app.command(rich_help_panel=TRAINING)(adapt)
app.add_typer(data_app, name="data", rich_help_panel=TRAINING)
app.command("eval", rich_help_panel=TRAINING)(evaluate)
app.command(rich_help_panel=TRAINING)(reproduce)
app.command("bench-worker", hidden=True)(bench_worker)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: a user's error is one line and exit code 2; `--debug` before the command shows the traceback.

    arguments: without the program's name; None: those of this process. Ends with SystemExit.
    """
    terminal.accept_all_characters()
    try:
        # click would expand patterns on Windows, where no shell does; `rtpose video` does it everywhere, and better.
        app(None if arguments is None else [*arguments], windows_expand_args=False)
    except RtposeError as error:
        if terminal.debugging:
            raise
        terminal.warn(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"rtpose {__version__}")
        raise typer.Exit


@app.callback()
def _global(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    terminal.debugging = debug or bool(os.environ.get("RTPOSE_DEBUG"))
