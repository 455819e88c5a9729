"""`rtpose train`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtpose.cli.options import ConfigFile, DataJoints, Quiet, TrainOverrides
from rtpose.cli.terminal import needing_train, progress_bar

if TYPE_CHECKING:
    from rtpose.train.data.sets import EvaluationSet, TrainingSet
    from rtpose.train.lifters.loop import TrainedLifter
    from rtpose.train.lifters.settings import TrainSettings

train_app = typer.Typer(help="Train a network (needs the extra 'train').", no_args_is_help=True)

CascadedOverrides = Annotated[
    list[str] | None, typer.Argument(metavar="NAME=VALUE…", help="Settings, e.g. batch_size=16 stage_one.epochs=4.")
]
FusionOverrides = Annotated[
    list[str] | None, typer.Argument(metavar="NAME=VALUE…", help="Settings, e.g. frames.steps=2000 errors.own=0.")
]
TrainData = Annotated[
    Path | None,
    typer.Option(
        help="Folder of motion packs, Human3.6M, MPI-INF-3DHP, MPII or LSP.", show_default="the built-in small pack"
    ),
]


TrainOut = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder of the training run.", show_default="runs/NAME")
]


Resume = Annotated[bool, typer.Option("--resume", help="Resume the training in --out.")]


def _add_train_command(name: str, text: str) -> None:
    """Add `rtpose train NAME`. The methods differ only in their settings."""

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
    "The weakly supervised lifter: 2D joints and a critic trained on true poses. Writes OUT/consistency.onnx.",
)


@train_app.command("fusion")
def train_fusion_command(
    data: Annotated[Path, typer.Option(help="Folder with cmu17_train.npz and exercises.npz.")],
    settings: FusionOverrides = None,
    out: TrainOut = None,
    resume: Resume = False,
    config: ConfigFile = None,
    quiet: Quiet = False,
) -> None:
    """The default lifter: 2D joints and evidence to 3D, with memory. Writes OUT/fusion.onnx."""
    from rtpose.config import load_settings
    from rtpose.train.lifters.fusion.settings import FusionSettings

    with needing_train("training"):
        from rtpose.train.lifters.fusion.export import export_fusion
        from rtpose.train.lifters.fusion.loop import FusionProgress, train_fusion
        from rtpose.train.lifters.fusion.packs import packs_of

    chosen = load_settings(FusionSettings, config, settings or [])
    packs = packs_of(data, chosen)
    folder = out or Path("runs") / "fusion"
    with progress_bar(quiet, "steps") as update:

        def report(progress: FusionProgress) -> None:
            update(progress.step, progress.steps, f"error {progress.error_mm:.1f} mm")

        network = train_fusion(chosen, packs, folder, resume=resume, report=report)
    export_fusion(network, chosen, packs, folder / "fusion.onnx")
    print(folder / "fusion.onnx")


@train_app.command("cascaded")
def train_cascaded_command(
    data: Annotated[str, typer.Option(help="A folder of rendered pictures, human36m:FOLDER or muco:FOLDER.")],
    validation: Annotated[str, typer.Option(help="The same for validation, with other people; human36m uses S8.")],
    data_2d: Annotated[
        str | None, typer.Option(help="Pictures with 2D labels only: mpii:FOLDER or coco:FOLDER.")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="Start from an earlier training of the same network: its --out folder or .onnx file."),
    ] = None,
    settings: CascadedOverrides = None,
    out: TrainOut = None,
    resume: Resume = False,
    config: ConfigFile = None,
    quiet: Quiet = False,
) -> None:
    """Train cascaded dimension-lifting, from the picture straight to 3D. Writes OUT/cascaded.onnx."""
    from rtpose.config import load_settings
    from rtpose.train.cascaded.settings import CascadedSettings

    with needing_train("training"):
        from rtpose.train.cascaded.loop import CascadedProgress, train_cascaded
        from rtpose.train.cascaded.open_pictures import open_pictures
        from rtpose.train.cascaded.pretrained import open_start
        from rtpose.train.cascaded.shipping import export_cascaded

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

        def report(progress: CascadedProgress) -> None:
            update(progress.step, progress.steps, f"val MPJPE {progress.best_mpjpe_mm:.1f} mm")

        trained = train_cascaded(
            chosen, pictures, held_out, folder,
            data=json.dumps(about, sort_keys=True), pictures_2d=flat, start=earlier, resume=resume, report=report,
        )  # fmt: skip
    print(export_cascaded(chosen, trained, {**about, "pictures": len(pictures)}, folder))


def _train(
    name: str, overrides: list[str] | None, data: Path | None, joints: str, folder: Path, *,
    resume: bool, config: Path | None, quiet: bool,
) -> None:  # fmt: skip
    import msgspec

    from rtpose.config import load_settings

    with needing_train("training"):
        from rtpose.train.data.data_sets import BuiltInDataSet, open_data_set
        from rtpose.train.distributed import start_fabric
        from rtpose.train.lifters.catalogue import METHODS
        from rtpose.train.lifters.loop import LifterProgress, train
    from rtpose.train.data.settings import EXACT
    from rtpose.train.lifters.shipping import export_trained

    kind = METHODS[name]
    source = open_data_set(data, joints) if data else BuiltInDataSet(keep_test_subject=False).with_joints(joints)
    recorded = {"noise": msgspec.to_builtins(EXACT)} if source.exact_joints else None
    settings = load_settings(kind.settings, config, overrides or [], base=recorded)
    training, validation = source.training(), source.validation()
    fabric = start_fabric()
    with progress_bar(quiet or not fabric.is_global_zero, "steps") as update:

        def report(progress: LifterProgress) -> None:
            early = ", stopped early" if progress.stopped_early else ""
            update(progress.step, progress.steps, f"val {progress.best_mm:.1f} mm{early}")

        trained = train(
            kind.method, settings, training, validation, folder, resume=resume, fabric=fabric, report=report
        )
    if fabric.is_global_zero:
        print(f"trained on {_who(training)}; best weights by {_who(validation)}")
        print(export_trained(kind.method(settings, training), trained, training, validation, folder))
        print(_speed(trained) + _early(trained, settings))


def _who(data: TrainingSet | EvaluationSet) -> str:
    subjects = ", ".join(data.subjects)
    return f"{data.name}, {f'subjects {subjects}' if subjects else data.size}"


def _speed(trained: TrainedLifter) -> str:
    """The first half of a training's last line."""
    if math.isnan(trained.poses_per_second):
        return "no steps left to train"
    share = trained.not_matrix_share
    spent = "too few steps to profile" if math.isnan(share) else f"{share:.0%} of a step is not matrix work"
    return f"{trained.poses_per_second:,.0f} poses/s; {spent}"


def _early(trained: TrainedLifter, settings: TrainSettings) -> str:
    """The second half, if `patience` ran out."""
    if not trained.stopped_early:
        return ""
    return (
        f"; stopped early at step {trained.last_step} of {settings.steps}: the last {settings.patience} validations "
        f"were no better than step {trained.steps[-1]} (patience=0 never stops early)"
    )
