"""`rtpose export`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rtpose.cli.options import Overwrite, Quiet
from rtpose.cli.terminal import needing_train, progress_bar
from rtpose.errors import ConfigError, RtposeError


def export(
    network: Annotated[
        str | None,
        typer.Argument(metavar="NETWORK", help="A shipped lifter, cascaded or an .onnx file to write as plain ONNX."),
    ] = None,
    out: Annotated[Path | None, typer.Argument(metavar="OUT.onnx", help="The plain ONNX file.")] = None,
    recipe: Annotated[
        list[str] | None, typer.Option(help="Build the engine of this recipe: a name from --list, or a .toml file.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Build every recipe that this machine can build.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the recipes and the state of their engines.")] = False,
    source: Annotated[
        Path | None,
        typer.Option("--network", help="Build from this network file.", show_default="the recipe's network"),
    ] = None,
    rendered: Annotated[
        list[Path] | None,
        typer.Option(help="Folder made by `rtpose data render`, for calibration and accuracy checks."),
    ] = None,
    clips: Annotated[list[str] | None, typer.Option(help="Clip for calibration and accuracy checks.")] = None,
    threads: Annotated[int | None, typer.Option(help="Inference threads.", show_default="all")] = None,
    force: Annotated[bool, typer.Option("--force", help="Rebuild engines that already exist.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Build engines (networks made faster for this machine: INT8, bf16, TensorRT), or write a network as plain ONNX.

    A recipe is a file that says how an engine is built; each engine's accuracy is checked before it is used. See
    docs/engines.md.
    """
    from rtpose.networks.recipes import recipe_names

    if listed:
        _list_recipes()
    elif every or recipe:
        if network or out or (every and (recipe or source)):
            raise ConfigError("--recipe NAME and --all build engines: do not also name a network to write")
        names = recipe_names() if every else list(recipe or [])
        _build_engines(names, source, rendered or [], clips or [], threads, force=force, every=every, quiet=quiet)
    elif network and out:
        with needing_train("writing plain ONNX"):
            from rtpose.engine_build.plain_onnx import write_plain

        print(write_plain(network, out, overwrite=overwrite))
    else:
        raise ConfigError(
            "nothing to export: --recipe NAME or --all builds engines, --list names them, "
            "`rtpose export fusion fusion.onnx` writes plain ONNX"
        )


def _build_engines(
    names: Sequence[str], source: Path | None, rendered: Sequence[Path], clips: Sequence[str], threads: int | None, *,
    force: bool, every: bool, quiet: bool,
) -> None:  # fmt: skip
    from rtpose.engine_build.build import build_engine
    from rtpose.networks.recipes import load_recipe

    for name, recipe in map(load_recipe, names):
        with progress_bar(quiet, name) as update:

            def report(step: str, done: int, total: int, update: Any = update) -> None:
                update(done, total or None, step)

            try:
                built = build_engine(
                    recipe, source=source, rendered=rendered, clips=clips, threads=threads, force=force, report=report
                )
            except RtposeError as error:
                if not every:
                    raise
                print(f"{name}: not built: {error}")
                continue
        state = ("kept, up to date" if built.fresh else "built") if built.accepted else "refused, fp32 stays"
        print(f"{name}: {state}: {built.reason}")
        if built.accepted:
            print(built.key.file)


def _list_recipes() -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from rtpose.networks.engines import key_of
    from rtpose.networks.recipes import load_recipe, recipe_names

    table = Table("recipe", "backend", "precision", "engine")
    for name, recipe in map(load_recipe, recipe_names()):
        try:
            report = key_of(recipe.source(), recipe.backend, recipe.device, recipe.precision).report()
            state = (
                "not built" if report is None else f"{'built' if report['accepted'] else 'refused'}: {report['reason']}"
            )
        except RtposeError as error:
            state = f"cannot be built here: {error}"
        table.add_row(name, f"{recipe.backend}, {recipe.device}", recipe.precision, escape(state))
    Console(width=None if sys.stdout.isatty() else 200).print(table)
