"""`rtpose train`, `data`, `eval`, `reproduce`."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtpose.cli.options import (
    CascadedOverrides,
    ConfigFile,
    DataJoints,
    DetectorOption,
    Overwrite,
    Quiet,
    TrainOverrides,
)
from rtpose.cli.terminal import (
    needing_train,
    progress_bar,
)
from rtpose.errors import ConfigError, InputError

if TYPE_CHECKING:
    from rich.table import Table

    from rtpose.train.data import EvaluationData, TrainingData
    from rtpose.train.loop import Trained
    from rtpose.train.settings import TrainSettings

train_app = typer.Typer(help="Train a network (needs the extra 'train').", no_args_is_help=True)
data_app = typer.Typer(help="Motion data for training (needs the extra 'train').", no_args_is_help=True)
prepare_app = typer.Typer(help="Make a motion pack from a data set's original files.", no_args_is_help=True)
data_app.add_typer(prepare_app, name="prepare")


def evaluate(
    lifter: Annotated[
        str,
        typer.Argument(
            help="A shipped lifter's name, cascaded, two-stage (pictures only), or an .onnx or .safetensors file."
        ),
    ],
    pack: Annotated[Path | None, typer.Option(help="Motion pack.", show_default="the built-in validation pack")] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder of Human3.6M, MPI-INF-3DHP or motion packs: its test part. Of cascaded: rendered:FOLDER, "
            "mupots:FOLDER, human36m:FOLDER or muco:FOLDER."
        ),
    ] = None,
    joints: DataJoints = "gt",
    input_kind: Annotated[
        str,
        typer.Option(
            "--input", help="2D joints: gt, detected, detected-video, noise:PX. Boxes of cascaded: gt, detected."
        ),
    ] = "gt",
    detector: DetectorOption = None,
    flip: Annotated[bool, typer.Option("--flip", help="Average with the mirrored input's mirrored estimate.")] = False,
    backend: Annotated[
        str | None,
        typer.Option(help="openvino, onnxruntime or torch.", show_default="openvino, for .safetensors torch"),
    ] = None,
    smooth: Annotated[bool, typer.Option("--smooth", help="With One-Euro as a live run has by default.")] = False,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write all figures here.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """How good a lifter is: its errors on a motion pack or a test set (needs the extra 'train')."""
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from rtpose.sinks.output_file import OutputFile

    with needing_train("evaluation"):
        from rtpose.train.cascaded.evaluate import is_for_pictures

    output = OutputFile(json_file, overwrite=overwrite) if json_file else None
    if is_for_pictures(lifter):
        if pack or flip or smooth or joints != "gt":
            raise ConfigError(
                f"--pack, --joints, --flip and --smooth are of lifters, {lifter} is for pictures: use --data"
            )
        figures = _evaluate_pictures(lifter, data, input_kind, backend, detector)
    elif detector:
        raise ConfigError(f"--detector is of cascaded and two-stage, {lifter} takes 2D joints: leave it out")
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
    from rtpose.train.data_folder import open_data
    from rtpose.train.evaluate import MotionEvaluation, evaluate_lifter
    from rtpose.train.motion_pack import load_motion_pack

    if pack and data:
        raise ConfigError("--pack names one file and --data a folder with a test part: give one of them")
    if data is None and joints != "gt":
        raise ConfigError("--joints is of Human3.6M: name its folder by --data")
    if data:
        tested = open_data(Path(data), joints).test()
    else:
        tested = MotionEvaluation(load_motion_pack(pack or small_val_pack()))
    return evaluate_lifter(
        lifter, tested, input_kind=input_kind, backend=backend, flip=flip, seed=seed,
        smooth=OneEuroSettings() if smooth else None,
    )  # fmt: skip


def _evaluate_pictures(
    network: str, data: str | None, input_kind: str, backend: str | None, detector: str | None
) -> dict[str, Any]:
    from rtpose.train.cascaded.evaluate import evaluate_pictures
    from rtpose.train.datasets.open_pictures import open_pictures

    if data is None:
        raise ConfigError(f"{network} is for pictures: name some with 3D labels, --data rendered:FOLDER")
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


def reproduce(
    table: Annotated[str, typer.Argument(help="svmac-table1 to 4, consistency-table1 to 5, cascaded-table4.")],
    overrides: TrainOverrides = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of motion packs, Human3.6M or MPI-INF-3DHP; again for a table of two data sets. For "
            "cascaded-table4 two folders of rendered people, the second of test people.",
            show_default="the built-in small packs, for svmac-table4, consistency-table3 and consistency-table5",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the trainings and the page.")] = Path(
        "runs/tables"
    ),
    seeds: Annotated[int, typer.Option(help="Trainings of each row that is decisive.")] = 1,
    quiet: Quiet = False,
) -> None:
    """A paper's table: train its rows (or take finished ones), print ours beside the paper's, write a page."""
    from rich.console import Console
    from rich.table import Table

    with needing_train("reproducing a table"):
        from rtpose.train.cascaded.ablation import reproduce_ablation
        from rtpose.train.data_folder import BuiltInMotions, open_data
        from rtpose.train.tables import Step, reproduce, shared_settings, table_named, table_note, table_rows
        from rtpose.train.tables_page import write_page

    folder = out / table
    with progress_bar(quiet, table) as update:

        def report(label: str, progress: Step) -> None:
            update(progress.step, progress.steps, label)

        if table_named(table).method == "cascaded":
            settings = overrides or []
            cells = reproduce_ablation(table, data or [], folder, seeds=range(seeds), overrides=settings, report=report)
        else:
            folders = [open_data(path) for path in data] if data else [BuiltInMotions(keep_test_subject=True)]
            settings = shared_settings(folders, overrides or [])
            cells = reproduce(table, folders, folder, seeds=range(seeds), overrides=settings, report=report)
    head, *rows = table_rows(table, cells)
    shown = Table(*head)
    for row in rows:
        shown.add_row(*row)
    Console(width=140 if not sys.stdout.isatty() else None).print(shown)
    note = table_note(cells, settings)
    print(note)
    page = folder / "index.html"
    write_page(page, table, cells, note=note)
    print(page)


TrainData = Annotated[
    Path | None,
    typer.Option(
        help="Folder of motion packs, Human3.6M, MPI-INF-3DHP, MPII or LSP.", show_default="the built-in small pack"
    ),
]


TrainOut = Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the training.", show_default="runs/NAME")]


Resume = Annotated[bool, typer.Option("--resume", help="Go on with the training in --out.")]


def _add_train_command(name: str, text: str) -> None:
    """`rtpose train NAME`: the methods differ in their settings only."""

    def command(
        settings: TrainOverrides = None,
        data: TrainData = None,
        joints: DataJoints = "gt",
        out: TrainOut = None,
        resume: Resume = False,
        config: ConfigFile = None,
        quiet: Quiet = False,
    ) -> None:
        _train(name, settings, data, joints, out or Path("runs") / name, resume=resume, config=config, quiet=quiet)

    train_app.command(name, help=text)(command)


_add_train_command("svmac", "The unsupervised lifter of SVMAC: learns 3D from 2D joints alone. Writes OUT/svmac.onnx.")
_add_train_command(
    "consistency",
    "The weakly supervised lifter: 2D joints, and a critic that knows true poses. Writes OUT/consistency.onnx.",
)
_add_train_command("baseline", "A supervised lifter, told every depth: the yardstick. Writes OUT/baseline.onnx.")
_add_train_command(
    "temporal", "A lifter that remembers the last frames, on top of the baseline. Writes OUT/temporal.onnx."
)


@train_app.command("cascaded")
def train_cascaded_command(
    data: Annotated[str, typer.Option(help="Rendered pictures: the folder. Others: human36m:FOLDER or muco:FOLDER.")],
    validation: Annotated[str, typer.Option(help="The same with other people; human36m gives S8.")],
    data_2d: Annotated[str | None, typer.Option(help="With 2D labels alone: mpii:FOLDER or coco:FOLDER.")] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="Begin with what was learned in this --out of an earlier training, of the same network."),
    ] = None,
    settings: CascadedOverrides = None,
    out: TrainOut = None,
    resume: Resume = False,
    config: ConfigFile = None,
    quiet: Quiet = False,
) -> None:
    """From the picture straight to 3D: the network of cascaded dimension-lifting. Writes OUT/cascaded.onnx."""
    from rtpose.config import load_settings
    from rtpose.train.cascaded.settings import CascadedSettings

    with needing_train("training"):
        from rtpose.train.cascaded.loop import Progress, train_cascaded
        from rtpose.train.cascaded.pretrained import open_start
        from rtpose.train.cascaded.shipping import export_cascaded
        from rtpose.train.datasets.open_pictures import open_pictures

    chosen = load_settings(CascadedSettings, config, settings or [])
    pictures, about_pictures = open_pictures(data, "train")
    held_out, about_held_out = open_pictures(validation, "validation")
    about = {"train": about_pictures, "validation": about_held_out}
    flat = None
    if data_2d is not None:
        flat, about["2d"] = open_pictures(data_2d, "train")
    earlier = None
    if start is not None:
        earlier = open_start(start)
        about["start"] = earlier.about
    folder = out or Path("runs") / "cascaded"
    with progress_bar(quiet, "steps") as update:

        def report(progress: Progress) -> None:
            update(progress.step, progress.steps, f"val MPJPE {progress.best_mpjpe_mm:.1f} mm")

        trained = train_cascaded(
            chosen, pictures, held_out, folder,
            data=json.dumps(about, sort_keys=True), pictures_2d=flat, start=earlier, resume=resume, report=report,
        )  # fmt: skip
    print(export_cascaded(chosen, trained, {**about, "pictures": len(pictures)}, folder))


@prepare_app.command("cmu")
def data_prepare_cmu(
    folder: Annotated[Path, typer.Argument(help="Folder with the ASF and AMC files, or BVH files, at any depth.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The pack to write.", show_default="cmu17_train.npz, with --angles cmu_amc30_train.npz"
        ),
    ] = None,
    subjects: Annotated[str | None, typer.Option(help="Only these, with commas between.", show_default="all")] = None,
    angles: Annotated[
        bool,
        typer.Option("--angles", help="Joint angles, for `rtpose data render`, not places (ASF/AMC only)."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """A pack from the CMU motion capture database's ASF/AMC or BVH files, at 30 Hz."""
    with needing_train("preparing data"):
        from rtpose.train.datasets.cmu import prepare_cmu
        from rtpose.train.datasets.cmu_angles import prepare_cmu_angles

    prepare = prepare_cmu_angles if angles else prepare_cmu
    out = out or Path("cmu_amc30_train.npz" if angles else "cmu17_train.npz")
    chosen = [part.strip() for part in subjects.split(",")] if subjects else None
    with progress_bar(quiet, "clips") as update:
        frames = prepare(folder, out, subjects=chosen, progress=lambda done, total, name: update(done, total, name))
    print(f"{frames} frames -> {out}")


@data_app.command("render")
def data_render(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go; a stopped run goes on there.")],
    motions: Annotated[Path, typer.Option(help="The pack of joint angles, of `rtpose data prepare cmu --angles`.")],
    count: Annotated[int, typer.Option(help="Pictures, rounded up to whole files of 256.")] = 20480,
    size: Annotated[str, typer.Option(help="Width x height in pixels.")] = "256x256",
    people: Annotated[int, typer.Option(help="At most so many people in one picture, 1 to 4.")] = 3,
    group: Annotated[bool, typer.Option(help="Show everybody (2 or more) instead of cutting around one.")] = False,
    test: Annotated[bool, typer.Option(help="Motions, bodies and textures that are never trained on.")] = False,
    seed: Annotated[int, typer.Option(help="Other seeds give other pictures.")] = 0,
    backgrounds: Annotated[
        Path | None, typer.Option(help="Folder of your own pictures to put behind people.", show_default="none")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes.")] = max(1, os.cpu_count() or 1),
    sheet: Annotated[
        Path | None, typer.Option(help="Also write the first 48 pictures with their joints here.", show_default="none")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Render people with exact labels, to train and test networks on pictures (needs the extra 'synth')."""
    from rtpose.train.synth.dataset import PeopleSettings
    from rtpose.train.synth.photo import Split
    from rtpose.train.synth.shards import Progress, RenderedFolder, render_folder
    from rtpose.train.synth.sheet import contact_sheet, write_picture

    parts = size.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise InputError(f"--size {size}: give width x height, as in 256x256")
    settings = PeopleSettings(
        size=(int(parts[0]), int(parts[1])), most_people=people, group=group,
        split=Split.TEST if test else Split.TRAIN, seed=seed,
    )  # fmt: skip
    with progress_bar(quiet, "pictures") as update:

        def report(now: Progress) -> None:
            update(now.done, now.count, f"{now.made / max(now.seconds, 1e-9):.1f}/s")

        end = render_folder(
            folder, motions, settings, count, backgrounds=backgrounds, workers=workers, report=report,
            tell=lambda line: print(f"rtpose: {line}", file=sys.stderr),
        )  # fmt: skip
    print(f"{end.done} pictures in {folder}")
    if end.made:
        each = ", ".join(f"{step} {seconds / end.made * 1e3:.1f}" for step, seconds in end.steps_s.items())
        print(f"{end.made} made in {end.seconds:.0f} s: {end.made / end.seconds:.1f} a second by {end.workers} workers")
        print(f"{end.made / end.cpu_s:.1f} for each second of processor time")
        print(f"milliseconds of a worker for one picture: {each}")
    if sheet:
        pictures = RenderedFolder(folder)
        write_picture(sheet, contact_sheet([pictures[i] for i in range(min(48, len(pictures)))], columns=8))
        print(sheet)


@data_app.command("clips")
def data_clips(
    folder: Annotated[Path, typer.Argument(help="Where the clips go; a stopped run goes on there.")],
    motions: Annotated[Path, typer.Option(help="The pack of joint angles, of `rtpose data prepare cmu --angles`.")],
    count: Annotated[int, typer.Option(help="Clips, rounded up to whole files of 16.")] = 2048,
    frames: Annotated[int, typer.Option(help="Of each clip, at 8 to 34 a second.")] = 24,
    networks: Annotated[
        Path | None,
        typer.Option(
            help="Folder with pose_landmark_lite, _full and _heavy.tflite: all that are there are run.",
            show_default="pose_landmark_full.tflite of `rtpose models pull`",
        ),
    ] = None,
    places: Annotated[
        Path | None,
        typer.Option(help="Also motions of a pack of joints, such as cmu17_train.npz.", show_default="none"),
    ] = None,
    test: Annotated[bool, typer.Option(help="Motions, bodies and textures that are never trained on.")] = False,
    seed: Annotated[int, typer.Option(help="Other seeds give other clips.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes.")] = max(1, os.cpu_count() or 1),
    quiet: Quiet = False,
) -> None:
    """Render clips of a moving person with exact 3D joints, and keep what BlazePose says of each frame.

    Pictures are not kept: this is for lifters that learn from what a detector sees (needs the extra 'synth').
    """
    from rtpose import model_files
    from rtpose.train.synth.clip_shards import Progress, landmark_networks, render_clips
    from rtpose.train.synth.photo import Split

    files = landmark_networks(networks) if networks else {"full": model_files.ensure("pose_landmark_full.tflite")}
    with progress_bar(quiet, "clips") as update:

        def report(now: Progress) -> None:
            update(now.done, now.count, f"{now.seconds / max(now.made, 1):.1f} s each" if now.made else "")

        end = render_clips(
            folder, motions, files, count, split=Split.TEST if test else Split.TRAIN, seed=seed, frames=frames,
            places=places, workers=workers, report=report, tell=lambda line: print(f"rtpose: {line}", file=sys.stderr),
        )  # fmt: skip
    print(f"{end.done} clips in {folder}, seen by {', '.join(files)}; README.md there says what the arrays are")


def _train(
    name: str, overrides: list[str] | None, data: Path | None, joints: str, folder: Path, *,
    resume: bool, config: Path | None, quiet: bool,
) -> None:  # fmt: skip
    import msgspec

    from rtpose.config import load_settings

    with needing_train("training"):
        from rtpose.train.data_folder import BuiltInMotions, open_data
        from rtpose.train.loop import Progress, train
        from rtpose.train.methods import METHODS
        from rtpose.train.processes import start_fabric
    from rtpose.train.settings import EXACT
    from rtpose.train.shipping import export_trained

    kind = METHODS[name]
    source = open_data(data, joints) if data else BuiltInMotions(keep_test_subject=False).with_joints(joints)
    recorded = {"noise": msgspec.to_builtins(EXACT)} if source.exact_joints else None
    settings = load_settings(kind.settings, config, overrides or [], base=recorded)
    training, validation = source.training(), source.validation()
    fabric = start_fabric()
    with progress_bar(quiet or not fabric.is_global_zero, "steps") as update:

        def report(progress: Progress) -> None:
            early = ", stopped early" if progress.stopped_early else ""
            update(progress.step, progress.steps, f"val P-MPJPE {progress.best_p_mpjpe_mm:.1f} mm{early}")

        trained = train(
            kind.method, settings, training, validation, folder, resume=resume, fabric=fabric, report=report
        )
    if fabric.is_global_zero:
        print(f"trained on {_who(training)}; best weights by {_who(validation)}")
        print(export_trained(kind.method(settings, training), trained, training, validation, folder))
        print(_speed(trained) + _early(trained, settings))


def _who(data: TrainingData | EvaluationData) -> str:
    subjects = ", ".join(data.subjects)
    return f"{data.name}, {f'subjects {subjects}' if subjects else data.size}"


def _speed(trained: Trained) -> str:
    """How the last line of a training begins."""
    if math.isnan(trained.poses_per_second):
        return "no steps were left to do"
    share = trained.not_matrix_share
    spent = "too few steps to look into" if math.isnan(share) else f"{share:.0%} of a step is not matrix work"
    return f"{trained.poses_per_second:,.0f} poses/s; {spent}"


def _early(trained: Trained, settings: TrainSettings) -> str:
    """Its end, if `patience` ran out."""
    if not trained.stopped_early:
        return ""
    return (
        f"; stopped early at step {trained.last_step} of {settings.steps}: the last {settings.patience} validations "
        f"were no better than step {trained.step} (patience=0 goes on)"
    )
