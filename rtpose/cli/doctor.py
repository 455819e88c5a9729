"""`rtpose doctor`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rtpose import __version__
from rtpose.cli.options import DEFAULT_PORT, Port


def doctor(
    port: Port = DEFAULT_PORT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Check this installation: what works, what is wrong, what is optional, and what to do about it."""
    import msgspec
    from rich.console import Console

    from rtpose.doctor import Health, all_checks, examine, health_table, verdict

    lines = list(examine(all_checks(port)))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(Health(__version__, lines)), indent=2).decode())
    else:
        Console(width=140 if not sys.stdout.isatty() else None).print(health_table(lines))
        print(verdict(lines))
