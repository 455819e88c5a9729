"""`rtpose eval`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtpose.cli.options import DataJoints, DetectorOption, Overwrite
from rtpose.cli.terminal import needing_train
from rtpose.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table


def evaluate(
    lifter: Annotated[
        str | None,
        typer.Argument(
            metavar="NETWORK",
            help="A shipped lifter's name, cascaded, two-stage (pictures only), or an .onnx or .safetensors file.",
        ),
    ] = None,
    footage: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of real people with measured 3D ground truth (docs/footage.md), or rendered:FOLDER from "
            "`rtpose data footage`; runs the whole program over it. May be given several times.",
        ),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(help="With --footage: lite, full or heavy. May be given several times.", show_default="full"),
    ] = None,
    lifters: Annotated[
        list[str] | None,
        typer.Option("--lifter", help="With --footage: a lifter. May be given several times."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,…",
            help="With --footage: settings to try, such as lookahead_s=1,smooth=off. Repeatable.",
        ),
    ] = None,
    peer: Annotated[
        str | None,
        typer.Option(
            help="With --footage: mediapipe, from the ground truth file or run here; all are then judged on its frames."
        ),
    ] = None,
    pack: Annotated[
        Path | None,
        typer.Option(help="Motion pack: an .npz file of motions.", show_default="the built-in validation pack"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder of Human3.6M, MPI-INF-3DHP or motion packs: its test part. cascaded: rendered:FOLDER, "
            "mupots:FOLDER, human36m:FOLDER or muco:FOLDER."
        ),
    ] = None,
    joints: DataJoints = "gt",
    input_kind: Annotated[
        str,
        typer.Option(
            "--input",
            help="2D joints: gt (exact), detected (with a detector's errors), detected-video (errors that last), "
            "noise:PX. Boxes for cascaded: gt, detected.",
        ),
    ] = "gt",
    detector: DetectorOption = None,
    flip: Annotated[
        bool, typer.Option("--flip", help="Flip averaging: average with the estimate for the mirrored input.")
    ] = False,
    backend: Annotated[
        str | None,
        typer.Option(help="openvino, onnxruntime or torch.", show_default="openvino, for .safetensors torch"),
    ] = None,
    smooth: Annotated[bool, typer.Option("--smooth", help="Apply the One-Euro filter with its live defaults.")] = False,
    seed: Annotated[int, typer.Option(help="Random seed of the noise.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write all figures to this JSON file.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure errors on a motion pack (a file of motions), a test set or real footage (needs the extra 'train')."""
    if footage:
        from rtpose.cli.eval_footage import evaluate_footage

        if lifter is not None:
            raise ConfigError(f"with --footage, name lifters with --lifter {lifter}")
        evaluate_footage(footage, network or [], lifters or [], settings or [], peer, json_file, overwrite=overwrite)
        return
    if lifter is None:
        raise ConfigError("name a lifter, or a folder with --footage: rtpose eval --help")
    if network or lifters or settings or peer:
        raise ConfigError("--network, --lifter, --settings and --peer go with --footage: leave them out")
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from rtpose.recordings.output_file import OutputFile

    with needing_train("evaluation"):
        from rtpose.train.cascaded.evaluate import evaluated_on_pictures

    output = OutputFile(json_file, overwrite=overwrite) if json_file else None
    if evaluated_on_pictures(lifter):
        if pack or flip or smooth or joints != "gt":
            raise ConfigError(
                f"--pack, --joints, --flip and --smooth are for lifters, and {lifter} takes pictures: use --data"
            )
        figures = _evaluate_pictures(lifter, data, input_kind, backend, detector)
    elif detector:
        raise ConfigError(f"--detector applies to cascaded and two-stage; {lifter} takes 2D joints: leave it out")
    else:
        figures = _evaluate_lifter(lifter, pack, data, joints, input_kind, backend, flip=flip, smooth=smooth, seed=seed)
    columns = ("poses", "mpjpe_mm", "p_mpjpe_mm", "n_mpjpe_mm", "pck_150", "auc", "accel_error_m_s2")
    shown = f"{figures['lifter']} + One-Euro" if smooth else figures["lifter"]
    table = Table("", *columns, title=f"{shown} on {figures['pack']}, input {figures['input']}")
    rows = [
        *figures["per_action"].items(),
        *([("mean of actions", figures["mean_of_actions"])] if "mean_of_actions" in figures else []),
        *((f"subject {name}", row) for name, row in figures["per_subject"].items()),
        *figures.get("per_visible", {}).items(),
    ]
    digits = {"poses": 0, "pck_150": 3, "auc": 3}
    for name, row in [*rows, ("all", figures)]:
        table.add_row(name, *("" if row[c] is None else f"{row[c]:.{digits.get(c, 1)}f}" for c in columns))
    console = Console(width=140 if not sys.stdout.isatty() else None)
    console.print(table)
    if "people" in figures:
        console.print(_people_table(figures["people"]))
    print(figures["protocol"])
    if output:
        with output.writing():
            output.part.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2))
        output.commit()


def _evaluate_lifter(
    lifter: str, pack: Path | None, data: str | None, joints: str, input_kind: str, backend: str | None, *,
    flip: bool, smooth: bool, seed: int,
) -> dict[str, Any]:  # fmt: skip
    from rtpose.assets import small_val_pack
    from rtpose.config import OneEuroSettings
    from rtpose.train.data.data_sets import open_data_set
    from rtpose.train.data.motion_pack import load_motion_pack
    from rtpose.train.data.pack_evaluation import PackEvaluationSet
    from rtpose.train.lifters.evaluate import evaluate_lifter

    if pack and data:
        raise ConfigError("--pack names one file and --data a folder with a test part: give one of them")
    if data is None and joints != "gt":
        raise ConfigError("--joints applies to Human3.6M: name its folder with --data")
    if data:
        tested = open_data_set(Path(data), joints).test()
    else:
        tested = PackEvaluationSet(load_motion_pack(pack or small_val_pack()))
    return evaluate_lifter(
        lifter, tested, input_kind=input_kind, backend=backend, flip=flip, seed=seed,
        smooth=OneEuroSettings() if smooth else None,
    )  # fmt: skip


def _evaluate_pictures(
    network: str, data: str | None, input_kind: str, backend: str | None, detector: str | None
) -> dict[str, Any]:
    from rtpose.train.cascaded.evaluate import evaluate_pictures
    from rtpose.train.cascaded.open_pictures import open_pictures

    if data is None:
        raise ConfigError(f"{network} takes pictures: give some with 3D labels, --data rendered:FOLDER")
    if detector and input_kind != "detected":
        raise ConfigError("--detector finds people: give --input detected with it")
    pictures, about = open_pictures(data, "test")
    name = str(about.get("data_set") or Path(data.removeprefix("rendered:")).name)
    return evaluate_pictures(
        network, pictures, name=name, input_kind=input_kind, backend=backend or "openvino",
        detector=detector or "blazepose",
    )  # fmt: skip


def _people_table(figures: dict[str, Any]) -> Table:
    """3DPCK by the number of people in a picture, and by sequence where the pictures have some."""
    from rich.table import Table

    columns = list(next(iter(figures["per_count"].values())))
    table = Table("people in a picture", *columns)
    sequences = [*figures["per_sequence"].items()]
    if sequences:
        sequences.append(("mean of sequences", figures["mean_of_sequences"]))
    for name, row in [*figures["per_count"].items(), *sequences, ("all", figures)]:
        table.add_row(name, *(f"{row[c]:.{3 if c.startswith('pck') else 0}f}" for c in columns))
    return table
