"""The commands. Each module holds a few of them; parts are imported when a command needs them."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from rtpose import __version__
from rtpose.cli import files, learn, live, measure, networks, terminal, video
from rtpose.errors import RtposeError

app = typer.Typer(
    name="rtpose",
    help="3D human poses from one camera or video, live, on an ordinary laptop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(live.demo)
app.command()(live.webcam)
app.command()(video.video)
app.command()(live.view)
app.command()(files.convert)
app.command()(files.recover)
app.command("eval")(learn.evaluate)
app.command()(learn.reproduce)
app.command()(networks.export)
app.command()(measure.bench)
app.command()(measure.doctor)
app.command("bench-worker", hidden=True)(measure.bench_worker)
app.add_typer(networks.models_app, name="models")
app.add_typer(learn.train_app, name="train")
app.add_typer(learn.data_app, name="data")


def main() -> None:
    """Entry point: a user's error is one line and exit code 2; `--debug` before the command shows the traceback."""
    try:
        # click would expand patterns on Windows, where no shell does; `rtpose video` does it everywhere, and better.
        app(windows_expand_args=False)
    except RtposeError as error:
        if terminal.debugging:
            raise
        print(f"rtpose: {error}", file=sys.stderr)
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
