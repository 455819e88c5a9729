"""The commands. Parts are put together here, and imported when a command needs them."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtpose import __version__
from rtpose.errors import ConfigError, InputError, MissingExtraError, OutputError, RtposeError

if TYPE_CHECKING:
    from rich.table import Table

    from rtpose.bench.report import Agreement, LiveFigures, MachineFigures, NetworkFigures, SideFigures
    from rtpose.config import RunSettings
    from rtpose.pipeline import Pipeline, Summary
    from rtpose.server.server import PoseServer
    from rtpose.train.data import EvaluationData, TrainingData
    from rtpose.train.loop import Trained
    from rtpose.train.settings import TrainSettings
    from rtpose.types import Camera, Estimator, FrameSource, Person3D, Result, Sink, SourceInfo

app = typer.Typer(
    name="rtpose",
    help="3D human poses from one camera or video, live, on an ordinary laptop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="The detector's network files: list, fetch, import.", no_args_is_help=True)
train_app = typer.Typer(help="Train a network (needs the extra 'train').", no_args_is_help=True)
app.add_typer(models_app, name="models")
app.add_typer(train_app, name="train")
data_app = typer.Typer(help="Motion data for training (needs the extra 'train').", no_args_is_help=True)
prepare_app = typer.Typer(help="Make a motion pack from a data set's original files.", no_args_is_help=True)
data_app.add_typer(prepare_app, name="prepare")
app.add_typer(data_app, name="data")


def main() -> None:
    """Entry point: a user's error is one line and exit code 2; `--debug` before the command shows the traceback."""
    try:
        app()
    except RtposeError as error:
        if _debug:
            raise
        print(f"rtpose: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


_debug = False


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
    global _debug
    _debug = debug or bool(os.environ.get("RTPOSE_DEBUG"))


# Options that several commands share.

Persons = Annotated[int | None, typer.Option(help="Most people to follow at once.", show_default="1")]
Height = Annotated[
    float | None, typer.Option(help="Standing height of the person in metres.", show_default="1.70, assumed")
]
Fov = Annotated[
    float | None,
    typer.Option(help="Field of view in degrees across the picture's longer side.", show_default="60, assumed"),
]
Calibration = Annotated[Path | None, typer.Option(help="Camera calibration file (YAML); goes before --fov.")]
LifterOption = Annotated[
    str | None,
    typer.Option(
        "--lifter",
        help="2D to 3D network: temporal, baseline, consistency, svmac or an .onnx file.",
        show_default="temporal",
    ),
]
EstimatorOption = Annotated[
    str | None,
    typer.Option(
        "--estimator",
        help="two-stage (2D joints, then a lifter) or cascaded (picture to 3D).",
        show_default="two-stage",
    ),
]
CascadedOption = Annotated[
    str | None,
    typer.Option("--cascaded", help="The .onnx file of --estimator cascaded.", show_default="the shipped one"),
]
BackendOption = Annotated[
    str | None,
    typer.Option(
        "--backend",
        help="Runtime of the lifter or of cascaded: openvino, onnxruntime, torch, tensorrt, or auto.",
        show_default="openvino",
    ),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="fp32, bf16, fp16, int8 (engines of `rtpose export`), or auto: the fastest accepted engines.",
        show_default="fp32; auto with --backend auto",
    ),
]
DeviceOption = Annotated[
    str | None,
    typer.Option("--device", help="Where the backend runs: cpu, gpu, npu, cuda …", show_default="cpu"),
]
Smooth = Annotated[
    str | None,
    typer.Option(
        help="one-euro, root (only its place in the room) or off.", show_default="one-euro; root for a temporal lifter"
    ),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A YAML file with any of these settings.")]
TrainOverrides = Annotated[
    list[str] | None, typer.Argument(metavar="NAME=VALUE…", help="Settings, e.g. steps=2000 noise.sigma=0.02.")
]
Port = Annotated[int, typer.Option(help="Port of the page; 0 takes any free one.")]
Host = Annotated[str, typer.Option(help="Address to listen on. Anything but this machine asks for a token.")]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace output files that exist.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]

DEFAULT_PORT = 8765


@app.command()
def demo(
    port: Port = DEFAULT_PORT,
    browser: Browser = True,
    estimator: EstimatorOption = None,
    lifter: LifterOption = None,
    cascaded: CascadedOption = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    loop: Annotated[
        bool | None,
        typer.Option("--loop/--once", help="Go on showing the clip until Ctrl-C.", show_default="loop on a terminal"),
    ] = None,
) -> None:
    """Play the built-in clip on the page, and print the error against its ground truth."""
    from rtpose.assets import SampleTruth, sample_clip
    from rtpose.capture import open_source
    from rtpose.sample_error import sample_error

    truth = SampleTruth.load()
    settings = _settings(
        None, estimator=estimator, lifter=lifter, cascaded=cascaded, backend=backend, precision=precision,
        device=device, height_m=truth.height_m,
    )  # fmt: skip
    run = _Run(settings)
    if loop is None:
        loop = sys.stdin.isatty() and sys.stdout.isatty()
    with run.serving(source=f"{sample_clip().name} (built-in)", live=True, port=port) as server:
        _open_page(server, browser)
        while True:
            found: dict[int, tuple[Person3D, ...]] = {}

            def keep(result: Result, found: dict[int, tuple[Person3D, ...]] = found) -> None:
                found[result.frame.frame_id] = result.persons

            summary = run.play(open_source(str(sample_clip())), server=server, real_time=True, on_result=keep)
            if run.stopped:
                return
            print(sample_error(found, truth.joints_3d, truth.joints_2d))
            print(_summary_line(summary))
            if not loop:
                return
            print("Playing again; Ctrl-C ends it.")


@app.command()
def webcam(
    camera: Annotated[
        str, typer.Option(help="Number of the camera, a device such as /dev/video2, or a stream's URL.")
    ] = "0",
    record: Annotated[Path | None, typer.Option(help="Also write a poses.npz.")] = None,
    overwrite: Overwrite = False,
    persons: Persons = None,
    height: Height = None,
    fov: Fov = None,
    calibration: Calibration = None,
    estimator: EstimatorOption = None,
    lifter: LifterOption = None,
    cascaded: CascadedOption = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    smooth: Smooth = None,
    config: ConfigFile = None,
    port: Port = DEFAULT_PORT,
    host: Host = "127.0.0.1",
    token: Annotated[str | None, typer.Option(help="What a page must know to connect.")] = None,
    browser: Browser = True,
) -> None:
    """Your own skeleton, live in the browser."""
    from rtpose.capture import open_camera, open_source
    from rtpose.sinks.npz import NpzRecorder

    settings = _settings(
        config, persons=persons, height_m=height, fov_deg=fov, calibration=calibration,
        estimator=estimator, lifter=lifter, cascaded=cascaded, backend=backend, precision=precision, device=device,
        smooth=smooth,
    )  # fmt: skip
    run = _Run(settings)
    recorders: list[Sink] = []
    meta: dict[str, Any] = {}
    if record is not None:
        recorders.append(NpzRecorder(record, overwrite=overwrite, meta=lambda: meta))
    with ExitStack() as stack:
        server = stack.enter_context(run.serving(source=camera, live=True, port=port, host=host, token=token))
        if "://" in camera:
            source = open_source(camera)
        elif Path(camera).is_file():
            raise InputError(f"{camera} is a file, no camera: rtpose video {camera}")
        else:
            source = open_camera(int(camera) if camera.isdigit() else camera)
        _open_page(server, browser)
        summary = run.play(source, server=server, recorders=recorders, meta=meta, status_line=True)
    print(_summary_line(summary, record))


@app.command()
def video(
    inputs: Annotated[list[str], typer.Argument(metavar="IN…", help="Videos, pictures, folders of pictures, URLs.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The poses.npz to write; a folder for several inputs.",
            show_default="NAME.npz",
        ),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Also write the video with the skeleton on it; a folder for several inputs."),
    ] = None,
    view: Annotated[bool, typer.Option("--view", help="Show the page while it is computed.")] = False,
    overwrite: Overwrite = False,
    persons: Persons = None,
    height: Height = None,
    fov: Fov = None,
    calibration: Calibration = None,
    estimator: EstimatorOption = None,
    lifter: LifterOption = None,
    cascaded: CascadedOption = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    smooth: Smooth = None,
    config: ConfigFile = None,
    port: Port = DEFAULT_PORT,
    browser: Browser = True,
    quiet: Quiet = False,
) -> None:
    """3D poses of a video, as a file."""
    settings = _settings(
        config, persons=persons, height_m=height, fov_deg=fov, calibration=calibration,
        estimator=estimator, lifter=lifter, cascaded=cascaded, backend=backend, precision=precision, device=device,
        smooth=smooth,
    )  # fmt: skip
    jobs = _video_jobs(inputs, out, overlay)
    _check_outputs(jobs, overwrite=overwrite)
    run: _Run | None = None
    server: PoseServer | None = None
    failed = 0
    with ExitStack() as stack:
        for job in jobs:
            try:
                source = _open_file(job.name)
            except RtposeError as error:
                failed += 1
                _report(error, fatal=len(jobs) == 1)
                continue
            with _closing_on_error(source):
                if run is None:  # made once there is something to run it on
                    run = _Run(settings)
                    if view:
                        server = stack.enter_context(run.serving(source=job.name, live=True, port=port))
                        _open_page(server, browser)
                try:
                    _video_job(run, source, job, overwrite=overwrite, server=server, quiet=quiet)
                except RtposeError as error:
                    source.close()
                    failed += 1
                    _report(error, fatal=len(jobs) == 1)
            if run.stopped:
                raise typer.Exit(130)
    if failed:
        raise InputError(f"{failed} of {len(jobs)} inputs failed, see above")


@app.command()
def view(
    poses: Annotated[Path, typer.Argument(metavar="POSES.npz", help="A file that `rtpose video` wrote.")],
    port: Port = DEFAULT_PORT,
    host: Host = "127.0.0.1",
    browser: Browser = True,
) -> None:
    """Play a poses.npz on the page."""
    from rtpose.poses_file import load_poses
    from rtpose.server.protocol import hello
    from rtpose.server.server import PoseServer
    from rtpose.skeleton import H36M17

    recording = load_poses(poses)
    server = PoseServer(
        hello=hello(
            server_version=__version__, skeleton=H36M17, source=poses.name, live=False,
            image_size=recording.image_size, estimator=str(recording.meta.get("estimator") or "unknown"),
            assumptions=[str(text) for text in recording.meta.get("assumptions") or []],
            server_ns=time.monotonic_ns(), recording="/recording.npz",
        ),
        host=host, port=port, recording=poses,
    )  # fmt: skip
    stop = threading.Event()
    with _on_signals(stop.set), _started(server):
        _open_page(server, browser)
        print("Ctrl-C ends it.")
        while not stop.wait(0.2):  # a wait without a time limit would not see Ctrl-C on Windows
            pass


DataJoints = Annotated[str, typer.Option("--joints", help="2D joints of Human3.6M: gt, sh or cpn.")]


@app.command("eval")
def evaluate(
    lifter: Annotated[
        str, typer.Argument(help="A shipped lifter's name or cascaded, or an .onnx or .safetensors file.")
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

    with _needing_train("evaluation"):
        from rtpose.train.cascaded.evaluate import is_for_pictures

    output = OutputFile(json_file, overwrite=overwrite) if json_file else None
    if is_for_pictures(lifter):
        if pack or flip or smooth or joints != "gt":
            raise ConfigError(
                f"--pack, --joints, --flip and --smooth are of lifters, {lifter} is for pictures: use --data"
            )
        figures = _evaluate_pictures(lifter, data, input_kind, backend)
    else:
        figures = _evaluate_lifter(lifter, pack, data, joints, input_kind, backend, flip=flip, smooth=smooth, seed=seed)
    columns = ("poses", "mpjpe_mm", "p_mpjpe_mm", "n_mpjpe_mm", "pck_150", "auc", "accel_error_m_s2")
    shown = f"{figures['lifter']} + One-Euro" if smooth else figures["lifter"]
    table = Table("", *columns, title=f"{shown} on {figures['pack']}, input {figures['input']}")
    rows = [
        *figures["per_action"].items(),
        *([("mean of actions", figures["mean_of_actions"])] if "mean_of_actions" in figures else []),
        *((f"subject {name}", row) for name, row in figures["per_subject"].items()),
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


def _evaluate_pictures(network: str, data: str | None, input_kind: str, backend: str | None) -> dict[str, Any]:
    from rtpose.train.cascaded.evaluate import evaluate_pictures
    from rtpose.train.datasets.open_pictures import open_pictures

    if data is None:
        raise ConfigError(f"{network} is for pictures: name some with 3D labels, --data rendered:FOLDER")
    pictures, about = open_pictures(data, test=True)
    name = str(about.get("data_set") or Path(data.removeprefix("rendered:")).name)
    return evaluate_pictures(network, pictures, name=name, input_kind=input_kind, backend=backend or "openvino")


def _people_table(figures: dict[str, Any]) -> Table:
    """3DPCK by the number of people in a picture."""
    from rich.table import Table

    columns = [key for key in figures if key not in ("pictures", "estimates", "per_count")]
    table = Table("people in a picture", *columns)
    for name, row in [*figures["per_count"].items(), ("all", figures)]:
        table.add_row(name, *(f"{row[c]:.{3 if c.startswith('pck') else 0}f}" for c in columns))
    return table


@app.command()
def reproduce(
    table: Annotated[str, typer.Argument(help="svmac-table1 to 4, consistency-table1 to 5, cascaded-table4.")],
    overrides: TrainOverrides = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of motion packs, Human3.6M or MPI-INF-3DHP; again for a table of two data sets. For "
            "cascaded-table4 two folders of rendered people, the second of test people.",
            show_default="the built-in small packs",
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

    with _needing_train("reproducing a table"):
        from rtpose.train.cascaded.ablation import reproduce_ablation
        from rtpose.train.data_folder import BuiltInMotions, open_data
        from rtpose.train.tables import Step, reproduce, shared_settings, table_named, table_note, table_rows
        from rtpose.train.tables_page import write_page

    folder = out / table
    with _progress(quiet, table) as update:

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


@app.command()
def export(
    network: Annotated[
        str | None, typer.Argument(help="A shipped lifter, cascaded or an .onnx file, to be written as plain ONNX.")
    ] = None,
    out: Annotated[Path | None, typer.Argument(metavar="OUT.onnx", help="The plain ONNX file.")] = None,
    recipe: Annotated[
        list[str] | None, typer.Option(help="Build this recipe's engine: a name or a .toml file.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Build the engines of all recipes that this machine can.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="The recipes, and what became of their engines.")] = False,
    source: Annotated[
        Path | None, typer.Option("--network", help="Build of this file.", show_default="the recipe's network")
    ] = None,
    rendered: Annotated[
        list[Path] | None, typer.Option(help="Folder of `rtpose data render` to calibrate and check on.")
    ] = None,
    clips: Annotated[list[str] | None, typer.Option(help="Clip to calibrate and check on.")] = None,
    threads: Annotated[int | None, typer.Option(help="Inference threads.", show_default="all")] = None,
    force: Annotated[bool, typer.Option("--force", help="Build again what is there already.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Build engines by recipes (INT8, bf16, TensorRT), or write a network as plain ONNX. See docs/engines.md."""
    from rtpose.engines.recipes import recipe_names

    if listed:
        _list_recipes()
    elif every or recipe:
        if network or out or (every and (recipe or source)):
            raise ConfigError("--recipe NAME and --all build engines: name no network to write beside them")
        names = recipe_names() if every else list(recipe or [])
        _build_engines(names, source, rendered or [], clips or [], threads, force=force, every=every, quiet=quiet)
    elif network and out:
        with _needing_train("writing plain ONNX"):
            from rtpose.engines.plain_onnx import write_plain

        print(write_plain(network, out, overwrite=overwrite))
    else:
        raise ConfigError(
            "nothing to export: --recipe NAME or --all builds engines, --list names them, "
            "`rtpose export temporal temporal.onnx` writes plain ONNX"
        )


def _build_engines(
    names: Sequence[str], source: Path | None, rendered: Sequence[Path], clips: Sequence[str], threads: int | None, *,
    force: bool, every: bool, quiet: bool,
) -> None:  # fmt: skip
    from rtpose.engines.build import build_engine
    from rtpose.engines.recipes import load_recipe

    for name, recipe in map(load_recipe, names):
        with _progress(quiet, name) as update:

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
        state = ("kept, it is fresh" if built.fresh else "built") if built.accepted else "refused, fp32 stays"
        print(f"{name}: {state}: {built.reason}")
        if built.accepted:
            print(built.key.file)


def _list_recipes() -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from rtpose.engines.files import key_of
    from rtpose.engines.recipes import load_recipe, recipe_names

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


@models_app.command("list")
def models_list() -> None:
    """The network files, where they lie and whether they are there."""
    from rich.console import Console
    from rich.table import Table

    from rtpose.model_files import list_files
    from rtpose.weights import CASCADED, shipped_files

    table = Table("file", "what", "state", "path")
    for status in list_files():
        table.add_row(status.file.name, status.file.purpose, status.state, str(status.path))
    for file in shipped_files():
        purpose = "estimator: picture to 3D" if file == CASCADED else "lifter: 2D joints to 3D"
        table.add_row(file.name, purpose, "shipped", str(file))
    Console(soft_wrap=True).print(table)


@models_app.command("pull")
def models_pull() -> None:
    """Fetch the detector's files from the package index (34 MB)."""
    from rtpose.model_files import pull_with_bar

    for path in pull_with_bar():
        print(path)


@models_app.command("path")
def models_path(
    name: Annotated[str, typer.Argument(help="A file as `rtpose models list` names it.")],
) -> None:
    """Print where a file lies."""
    from rtpose.model_files import path_of
    from rtpose.weights import shipped_files

    stem = name.removesuffix(".onnx")
    shipped = {file.stem: file for file in shipped_files()}
    print(shipped[stem] if stem in shipped else path_of(name))


@models_app.command("import")
def models_import(
    file: Annotated[Path, typer.Argument(help="The wheel mediapipe-0.10.21-…whl, or a .tflite file out of it.")],
) -> None:
    """Take the detector's files from a file that you brought: for machines without a network."""
    from rtpose.model_files import import_file

    for path in import_file(file):
        print(path)


@app.command()
def bench(
    clip: Annotated[Path | None, typer.Argument(help="A video.", show_default="the built-in sample")] = None,
    settings: Annotated[
        str, typer.Option(help="What is measured: settings such as lifter=baseline,backend=torch,threads=1.")
    ] = "default",
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Two such settings, or mediapipe, in turns in one run, and their ratio."),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(metavar="mediapipe=PYTHON", help="Also another program: the Python that has it."),
    ] = None,
    people: Annotated[
        str | None, typer.Option(metavar="N or 1..4", help="The clip with that many people (of 4), side by side.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each side takes its turn.")] = 5,
    frames: Annotated[int | None, typer.Option(min=2, help="Only the first frames.", show_default="all")] = None,
    make_1080p: Annotated[bool, typer.Option("--make-1080p", help="Scale the clip to 1920x1080 first.")] = False,
    roofline: Annotated[
        bool, typer.Option("--roofline/--no-roofline", help="Measure the machine's limits and each network.")
    ] = True,
    minutes: Annotated[
        float | None, typer.Option(help="Instead: run that long, over and over, and watch the memory.")
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Instead: from a frame's time to its drawing in a browser (extra 'dev').")
    ] = False,
    clients: Annotated[
        str | None, typer.Option(metavar="1,100", help="Instead: the cost of that many pages at once.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """How fast rtpose is on this machine, stage by stage, and how far that is from the machine's limits."""
    import tempfile

    import msgspec
    from rich.console import Console

    from rtpose.assets import sample_clip
    from rtpose.bench import report as figures
    from rtpose.bench import sides as bench_sides
    from rtpose.bench.clips import make_1080p as scale_up
    from rtpose.bench.tables import print_report

    if sum(map(bool, (compare, people, minutes, page or clients))) > 1:
        raise ConfigError(
            "--compare, --people, --minutes and --page or --clients each measure something else: give one"
        )
    chosen = bench_sides.parse_settings(settings)
    peers = bench_sides.parse_peers(peer or [])
    counts = [int(part) for part in (clients or "").split(",") if part.strip().isdecimal()]
    if clients is not None and len(counts) != len(clients.split(",")):
        raise ConfigError(f"--clients {clients}: give numbers of pages, as in 1,100")
    the_clip = clip or sample_clip()
    _open_and_close(the_clip)  # what is wrong with it is said before any work
    result = figures.BenchReport(version=__version__, rounds=rounds, machine=figures.machine())
    with tempfile.TemporaryDirectory(prefix="rtpose-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if make_1080p:
            scale_up(the_clip, folder / "1080p.mp4")
            the_clip = folder / "1080p.mp4"
        if minutes is not None:
            samples = bench_sides.watch_memory(bench_sides.make_side(settings, the_clip, peers), 60 * minutes)
            result.memory = figures.memory_figures(*samples)
        elif page or counts:
            result.live = _bench_live(chosen, the_clip, counts, browser=page, rounds=rounds)
        else:
            wanted = [(settings, the_clip)]
            if compare is not None:
                wanted = [(text, the_clip) for text in compare]
            elif people is not None:
                wanted = _crowds(settings, the_clip, people, folder)
            else:
                wanted += [(text, the_clip) for text in peers]
            sides = [bench_sides.make_side(text, its_clip, peers) for text, its_clip in wanted]
            with _progress(quiet, "rounds") as update:
                result.sides = bench_sides.run_sides(
                    sides,
                    rounds=rounds,
                    frames=frames,
                    folder=folder,
                    report=lambda done, total: update(done, total, ""),
                )
            result.ratios = [figures.ratio(result.sides[0], other) for other in result.sides[1:]]
            result.agreements = _agreements(result.sides, folder)
        if roofline and result.sides:
            result.machine, result.networks = _roofline(result.machine, chosen)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    else:
        print_report(result, Console(width=160 if not sys.stdout.isatty() else None, markup=False))


@app.command()
def doctor(
    port: Port = DEFAULT_PORT,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """What of rtpose is there on this machine, what is missing, and what to do about it."""
    import msgspec
    from rich.console import Console

    from rtpose import doctor as clinic

    def benchmark(seconds: float) -> clinic.Speed:
        from rtpose.assets import sample_clip
        from rtpose.config import RunSettings

        run = _Run(RunSettings())
        frames = 0
        begin, begin_cpu = time.monotonic(), time.process_time()

        def count(result: Result) -> None:
            nonlocal frames
            frames += 1
            if time.monotonic() - begin >= seconds:
                run.stop()

        while not run.stopped:
            run.play(_open_file(str(sample_clip())), on_result=count)
        return clinic.Speed(frames, time.monotonic() - begin, time.process_time() - begin_cpu)

    lines = list(clinic.examine(clinic.all_checks(port, benchmark)))
    if as_json:
        health = clinic.Health(__version__, lines)
        print(msgspec.json.format(msgspec.json.encode(health), indent=2).decode())
    else:
        Console(width=140 if not sys.stdout.isatty() else None).print(clinic.table(lines))


@app.command("bench-worker", hidden=True)
def bench_worker(settings: str) -> None:
    """One side of `rtpose bench`; settings: JSON."""
    import msgspec

    from rtpose.bench.clients import clients
    from rtpose.bench.worker import serve
    from rtpose.config import RunSettings
    from rtpose.sinks.npz import NpzRecorder

    run = _Run(msgspec.json.decode(settings, type=RunSettings))

    def play(
        clip: str, out: Path | None, page: bool, on_result: Callable[[Result], None], stop: Callable[[], bool]
    ) -> None:
        def each(result: Result) -> None:
            on_result(result)
            if stop():
                run.stop()

        meta: dict[str, Any] = {}
        recorders: list[Sink] = [NpzRecorder(out, overwrite=True, meta=lambda: meta)] if out else []
        with ExitStack() as stack:
            server = None
            if page:
                server = stack.enter_context(run.serving(source=clip, live=True, port=0))
                stack.enter_context(clients(server.url, 1))
            run.play(_open_file(clip), server=server, recorders=recorders, meta=meta, real_time=page, on_result=each)

    serve(play)


def _bench_live(
    settings: RunSettings, clip: Path, counts: Sequence[int], *, browser: bool, rounds: int
) -> list[LiveFigures]:
    """One row for the browser, if it is wanted, and one for each number of pages."""
    from rtpose.bench.live import Drawn, measure_live

    run = _Run(settings)
    drawn = Drawn()
    fps = _open_and_close(clip).fps
    with run.serving(source=clip.name, live=True, port=0, on_drawn=drawn) as server:

        def play(on_result: Callable[[Result], None]) -> None:
            run.play(_open_file(str(clip)), server=server, real_time=True, on_result=on_result)

        play(lambda result: None)  # a warm-up
        wanted = [(1, True)] if browser else []
        return [
            measure_live(play, drawn, server.url, pages=pages, browser=in_browser, source_fps=fps, passes=rounds)
            for pages, in_browser in [*wanted, *((count, False) for count in counts)]
        ]


def _crowds(settings: str, clip: Path, people: str, folder: Path) -> list[tuple[str, Path]]:
    """Settings and clip for each number of people."""
    from rtpose.bench.agreement import read_joints
    from rtpose.bench.clips import MOST_PEOPLE, box_around, make_crowd
    from rtpose.bench.sides import make_side, poses_of, working

    first, dots, last = people.partition("..")
    if not first.isdecimal() or (dots and not last.isdecimal()):
        raise ConfigError(f"--people {people}: give a number, or two as in 1..{MOST_PEOPLE}")
    numbers = range(int(first), int(last or first) + 1)
    if not numbers or numbers[0] < 1 or numbers[-1] > MOST_PEOPLE:
        raise ConfigError(f"--people {people}: give 1 to {MOST_PEOPLE}")
    with working([make_side("default", clip, {})]) as workers:
        workers[0].run(out=poses_of(folder, 0), details=False)
    joints = read_joints(poses_of(folder, 0))
    if joints is None:
        raise InputError(f"nobody is seen in {clip}: --people needs a clip with one person")
    box = box_around(joints[0], _open_and_close(clip).size)
    wanted = []
    for number in numbers:
        crowd = folder / f"{number} of {MOST_PEOPLE}.mp4"
        make_crowd(clip, crowd, number, box)
        own = [] if settings in ("", "default") else [settings]
        wanted.append((",".join([*own, f"persons={number}"]), crowd))
    return wanted


def _open_and_close(clip: Path) -> SourceInfo:
    source = _open_file(str(clip))
    source.close()
    return source.info


def _agreements(sides: Sequence[SideFigures], folder: Path) -> list[Agreement]:
    """The first side's joints beside each other's, where both follow one person."""
    from rtpose.bench.agreement import agreement, read_joints
    from rtpose.bench.sides import poses_of

    if len({side.clip for side in sides}) > 1:
        return []
    joints = [read_joints(poses_of(folder, index)) for index in range(len(sides))]
    found = [
        agreement(side.name, of_side, sides[0].name, joints[0])
        for side, of_side in zip(sides[1:], joints[1:], strict=True)
    ]
    return [one for one in found if one is not None]


def _roofline(machine: MachineFigures, settings: RunSettings) -> tuple[MachineFigures, list[NetworkFigures]]:
    """The machine with its limits, and the networks that the settings use."""
    import msgspec

    from rtpose import model_files
    from rtpose.bench.roofline import Network, copy_gb_s, matrix_gflops, measure_network
    from rtpose.detect.blazepose import LANDMARK_OUTPUTS, PERSON_OUTPUTS
    from rtpose.engines.choose import choose_backend
    from rtpose.weights import cascaded_file, lifter_file

    finder = model_files.path_of("pose_detection.tflite")
    landmarks = model_files.path_of("pose_landmark_full.tflite")
    precision = _detector_precision(settings)
    networks = [Network("person detector", finder, PERSON_OUTPUTS, precision=precision)]
    if settings.estimator == "cascaded":
        file, name = cascaded_file(settings.cascaded), "cascaded"
    else:
        file = lifter_file(settings.lifter)
        name = f"lifter {file.stem}"
        networks.append(Network("landmarks", landmarks, LANDMARK_OUTPUTS, precision=precision))
    backend, precision, device = settings.backend, settings.precision, settings.device
    if backend == "auto":
        chosen = choose_backend(file)
        backend, precision, device = chosen.backend, chosen.precision, None
    networks.append(Network(name, file, None, backend, precision, device))
    threads = settings.threads
    measured = msgspec.structs.replace(
        machine, matrix_gflops=matrix_gflops(threads), copy_gb_s=copy_gb_s(threads or machine.cores)
    )
    return measured, [measure_network(network, measured, threads=threads) for network in networks]


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
    validation: Annotated[str, typer.Option(help="The same with other people; human36m gives S9 and S11.")],
    data_2d: Annotated[str | None, typer.Option(help="With 2D labels alone: mpii:FOLDER or coco:FOLDER.")] = None,
    settings: TrainOverrides = None,
    out: TrainOut = None,
    resume: Resume = False,
    config: ConfigFile = None,
    quiet: Quiet = False,
) -> None:
    """From the picture straight to 3D: the network of cascaded dimension-lifting. Writes OUT/cascaded.onnx."""
    from rtpose.config import load_settings
    from rtpose.train.cascaded.settings import CascadedSettings

    with _needing_train("training"):
        from rtpose.train.cascaded.loop import Progress, train_cascaded
        from rtpose.train.cascaded.shipping import export_cascaded
        from rtpose.train.datasets.open_pictures import open_pictures

    chosen = load_settings(CascadedSettings, config, settings or [])
    pictures, about_pictures = open_pictures(data, test=False)
    held_out, about_held_out = open_pictures(validation, test=True)
    about = {"train": about_pictures, "validation": about_held_out}
    flat = None
    if data_2d is not None:
        flat, about["2d"] = open_pictures(data_2d, test=False)
    folder = out or Path("runs") / "cascaded"
    with _progress(quiet, "steps") as update:

        def report(progress: Progress) -> None:
            update(progress.step, progress.steps, f"val MPJPE {progress.best_mpjpe_mm:.1f} mm")

        trained = train_cascaded(
            chosen, pictures, held_out, folder,
            data=json.dumps(about, sort_keys=True), pictures_2d=flat, resume=resume, report=report,
        )  # fmt: skip
    print(export_cascaded(chosen, trained, {**about, "pictures": len(pictures)}, folder))


@prepare_app.command("cmu")
def data_prepare_cmu(
    folder: Annotated[Path, typer.Argument(help="Folder with the ASF and AMC files, or BVH files, at any depth.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The pack to write.")] = Path("cmu17_train.npz"),
    subjects: Annotated[str | None, typer.Option(help="Only these, with commas between.", show_default="all")] = None,
    quiet: Quiet = False,
) -> None:
    """A pack from the CMU motion capture database's ASF/AMC or BVH files, at 30 Hz."""
    with _needing_train("preparing data"):
        from rtpose.train.datasets.cmu import prepare_cmu

    chosen = [part.strip() for part in subjects.split(",")] if subjects else None
    with _progress(quiet, "clips") as update:
        frames = prepare_cmu(folder, out, subjects=chosen, progress=lambda done, total, name: update(done, total, name))
    print(f"{frames} frames -> {out}")


@data_app.command("render")
def data_render(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go; a stopped run goes on there.")],
    motions: Annotated[Path, typer.Option(help="The pack of joint angles, cmu_amc30_train.npz.")],
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
    with _progress(quiet, "pictures") as update:

        def report(now: Progress) -> None:
            update(now.done, now.count, f"{now.made / max(now.seconds, 1e-9):.1f}/s")

        end = render_folder(folder, motions, settings, count, backgrounds=backgrounds, workers=workers, report=report)
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


def _train(
    name: str, overrides: list[str] | None, data: Path | None, joints: str, folder: Path, *,
    resume: bool, config: Path | None, quiet: bool,
) -> None:  # fmt: skip
    import msgspec

    from rtpose.config import load_settings

    with _needing_train("training"):
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
    with _progress(quiet or not fabric.is_global_zero, "steps") as update:

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


# Putting the parts together.


@contextmanager
def _needing_train(purpose: str) -> Iterator[None]:
    """Around imports that need the extra `train`."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in (
            "torch",
            "lightning_fabric",
            "onnx",
            "onnxscript",
            "safetensors",
            "tensorboard",
        ):
            raise MissingExtraError("train", purpose) from error
        raise


def _settings(config: Path | None, **given: Any) -> RunSettings:
    """Defaults, changed by the file, changed by what was given on the command line."""
    from rtpose.config import RunSettings, load_settings

    overrides = [
        f"{name}={json.dumps(str(v) if isinstance(v, Path) else v)}" for name, v in given.items() if v is not None
    ]
    settings = load_settings(RunSettings, config, overrides)
    of = {"lifter": "two-stage", "cascaded": "cascaded"}
    for name, estimator in of.items():
        if given.get(name) is not None and settings.estimator != estimator:
            raise ConfigError(
                f"--{name} is of --estimator {estimator}, but {settings.estimator} is to run: leave one out"
            )
    return settings


def _detector_precision(settings: RunSettings) -> str:
    """The detector always runs on openvino, with engines of its own."""
    if settings.backend == "auto":
        return "auto"
    return settings.precision if settings.backend == "openvino" else "fp32"


class _Run:
    """The estimator of one command, used for one source after the other."""

    def __init__(self, settings: RunSettings) -> None:
        from rtpose.geometry import DEFAULT_HEIGHT_M

        self.settings = settings
        self.stopped = False
        self._pipeline: Pipeline | None = None
        self.camera_of, camera_text = _camera(settings)
        height, said = settings.height_m, "as given"
        if height is None:
            height, said = DEFAULT_HEIGHT_M, "assumed"
        self.assumptions = [f"standing height {height:.2f} m, {said}", camera_text]
        self.smooth = "one-euro" if settings.smooth == "auto" else settings.smooth
        self.estimator: Estimator
        if settings.estimator == "cascaded":
            self.estimator = self._cascaded(height)
        else:
            self.estimator = self._two_stage(height)

    def _two_stage(self, height_m: float) -> Estimator:
        from rtpose.detect import open_detector
        from rtpose.estimate.two_stage import TwoStageEstimator
        from rtpose.lift.lifter import NetworkLifter
        from rtpose.track.nearest import NearestTracker
        from rtpose.weights import lifter_file

        settings = self.settings
        # A few people's joints are too little work to share out: a second thread costs more than it brings.
        threads = settings.threads or 1
        backend, precision, told = self._runtime(lifter_file(settings.lifter))
        lifter = NetworkLifter(
            settings.lifter, backend=backend, height_m=height_m, threads=threads, precision=precision,
            device=settings.device,
        )  # fmt: skip
        if settings.smooth == "auto" and lifter.remembers:
            self.smooth = "root"
        detector = open_detector(
            settings.detector,
            persons=settings.persons,
            threads=settings.threads,
            precision=self._detector_precision(told),
        )
        return TwoStageEstimator(settings.detector, detector, NearestTracker(), lifter)

    def _cascaded(self, height_m: float) -> Estimator:
        from rtpose.detect.blazepose import PersonFinder
        from rtpose.estimate.cascaded import CascadedEstimator, CascadedNetwork, only_rendered
        from rtpose.track.nearest import NearestTracker
        from rtpose.weights import cascaded_file

        settings = self.settings
        file = cascaded_file(settings.cascaded)
        backend, precision, told = self._runtime(file)
        network = CascadedNetwork(
            file, backend=backend, threads=settings.threads, precision=precision, device=settings.device
        )
        if only_rendered(network.facts):
            print(
                f"rtpose: warning: {file.name} was trained on rendered people only: the default estimator is more "
                "accurate",
                file=sys.stderr,
            )
        return CascadedEstimator(
            network, PersonFinder(threads=settings.threads, precision=self._detector_precision(told)), NearestTracker(),
            persons=settings.persons, height_m=height_m,
        )  # fmt: skip

    def stop(self) -> None:
        """End the source at hand after its frame at hand."""
        self.stopped = True
        if self._pipeline is not None:
            self._pipeline.stop()

    def _runtime(self, source: Path) -> tuple[str, str, list[str]]:
        """Backend and precision of the lifter or cascaded, and what there is to tell of them."""
        from rtpose.engines.choose import choose_backend
        from rtpose.engines.files import choose_engine

        settings = self.settings
        if settings.backend == "auto":
            chosen = choose_backend(source)
            return chosen.backend, chosen.precision, [f"backend auto: {chosen.reason}"]
        if settings.precision == "fp32":
            return settings.backend, "fp32", []
        choice = choose_engine(source, settings.backend, settings.precision, settings.device)
        return settings.backend, settings.precision, [choice.reason]

    def _detector_precision(self, told: list[str]) -> str:
        """The detector's, which runs on openvino with engines of its own. Tells everything that was chosen."""
        from rtpose.engines.files import choose_engine
        from rtpose.model_files import FILES, ensure

        settings = self.settings
        precision = _detector_precision(settings)
        if precision != "fp32":
            names = FILES if settings.estimator == "two-stage" else ("pose_detection.tflite",)
            told = [*told, *(choose_engine(ensure(name), precision=precision).reason for name in names)]
        for line in told:
            print(f"rtpose: {line}", file=sys.stderr)
        return precision

    @contextmanager
    def serving(
        self, *, source: str, live: bool, port: int, host: str = "127.0.0.1", token: str | None = None,
        on_drawn: Callable[[int], None] = lambda frame_id: None,
    ) -> Iterator[PoseServer]:  # fmt: skip
        """The page, for as long as the block lasts. on_drawn: told of each frame that a page has drawn."""
        from rtpose.server.protocol import hello
        from rtpose.server.server import PoseServer
        from rtpose.skeleton import H36M17

        greeting = hello(
            server_version=__version__, skeleton=H36M17, source=source, live=live, image_size=(0, 0),
            estimator=str(self.estimator.describe()["estimator"]), assumptions=self.assumptions,
            server_ns=time.monotonic_ns(),
        )  # fmt: skip
        with _started(PoseServer(hello=greeting, host=host, port=port, token=token, on_drawn=on_drawn)) as server:
            yield server

    def play(
        self,
        source: FrameSource,
        *,
        server: PoseServer | None = None,
        recorders: Sequence[Sink] = (),
        meta: dict[str, Any] | None = None,
        real_time: bool = False,
        on_result: Callable[[Result], None] = lambda result: None,
        status_line: bool = False,
    ) -> Summary:
        """Run one source to its end, or to Ctrl-C. `meta` is filled in for the recorders before they close."""
        from rtpose.pipeline import Pipeline
        from rtpose.sinks.websocket import WebSocketSink
        from rtpose.smooth.one_euro import NoSmoother, OneEuroSmoother

        settings = self.settings
        self.estimator.reset()
        if meta is not None:
            meta.update(self._meta(source))
        show = _StatusLine() if status_line else None

        def on_status(text: str) -> None:
            if server is not None:
                server.set_status(text)
            if show:
                show.status(text)

        def on_each(result: Result) -> None:
            on_result(result)
            if show:
                show.result(result)

        smoother = OneEuroSmoother(settings.one_euro, joints=self.smooth == "one-euro")
        pipeline = Pipeline(
            source, self.estimator,
            NoSmoother() if self.smooth == "off" else smoother,
            camera_of=self.camera_of, recorders=recorders,
            viewers=[WebSocketSink(server)] if server else [],
            real_time=real_time, on_result=on_each, on_status=_when_changed(on_status),
        )  # fmt: skip
        self._pipeline = pipeline
        if server is not None:
            server.update_hello(source=source.info.name, image_size=list(source.info.size))
            server.set_status("ok")

        try:
            with _on_signals(self.stop):
                summary = pipeline.run()
        finally:
            if show:
                show.end()
        if server is not None and not real_time:
            server.set_status("the source has ended", ended=True)
        for error in summary.sink_errors:
            if isinstance(error, RtposeError):
                raise error
            raise OutputError(f"an output failed: {error!r} (run again with --debug before the command)") from error
        return summary

    def _meta(self, source: FrameSource) -> dict[str, Any]:
        import msgspec

        settings = self.settings
        smoothing: dict[str, Any] = {"name": self.smooth}
        if self.smooth != "off":
            smoothing.update(msgspec.to_builtins(settings.one_euro))
        return {
            "source": source.info.name,
            "fps": source.info.fps,
            **self.estimator.describe(),
            "smoothing": smoothing,
            "assumptions": self.assumptions,
            "drops": source.stats.dropped,
        }


def _camera(settings: RunSettings) -> tuple[Callable[[tuple[int, int]], Camera], str]:
    """Image size -> camera, and what is assumed for it."""
    from rtpose.config import CalibrationSettings, load_settings
    from rtpose.geometry import DEFAULT_FOV_DEG, camera_from_fov
    from rtpose.types import Camera

    if settings.calibration is not None:
        known = load_settings(CalibrationSettings, Path(settings.calibration))
        fx, fy, cx, cy = known.camera
        width, height = known.image_size

        def calibrated(size: tuple[int, int]) -> Camera:
            if abs(size[0] * height - size[1] * width) > 0.02 * size[0] * height:
                raise InputError(
                    f"{settings.calibration} is for pictures of {width}x{height}, these are {size[0]}x{size[1]}: "
                    "another shape, so another camera or setting"
                )
            sx, sy = size[0] / width, size[1] / height
            return Camera(fx * sx, fy * sy, cx * sx, cy * sy)

        return calibrated, f"camera from {settings.calibration}"
    fov = DEFAULT_FOV_DEG if settings.fov_deg is None else settings.fov_deg
    camera_from_fov((2, 2), fov)  # an impossible value is said now, not at the first frame
    said = "assumed" if settings.fov_deg is None else "as given"
    text = f"field of view {fov:g} degrees across the longer side, {said}"
    return lambda size: camera_from_fov(size, fov), text


def _open_file(name: str) -> FrameSource:
    from rtpose.capture import open_source

    return open_source(name)


def _report(error: RtposeError, *, fatal: bool) -> None:
    """One of several inputs failed: say so and go on, unless it is the only one."""
    if fatal or _debug:
        raise error
    print(f"rtpose: {error}", file=sys.stderr)


@contextmanager
def _closing_on_error(source: FrameSource) -> Iterator[None]:
    """Close the source if the block fails before a pipeline owns it."""
    try:
        yield
    except BaseException:
        source.close()
        raise


@dataclass(frozen=True)
class _VideoJob:
    """One input of `rtpose video` and where its results go."""

    name: str
    out: Path
    overlay: Path | None


def _video_jobs(inputs: Sequence[str], out: Path | None, overlay: Path | None) -> list[_VideoJob]:
    several = len(inputs) > 1

    def place(given: Path | None, default: str) -> Path | None:
        return given / default if given is not None and (several or given.is_dir()) else given

    jobs = []
    for name in inputs:
        stem = Path(name.rstrip("/")).stem
        if not stem or set(stem) & set('*?[<>:"|'):  # a glob or a URL is no file name
            stem = "poses"
        jobs.append(_VideoJob(name, place(out, f"{stem}.npz") or Path(f"{stem}.npz"), place(overlay, f"{stem}.mp4")))
    return jobs


def _check_outputs(jobs: Sequence[_VideoJob], *, overwrite: bool) -> None:
    """Everything that can be wrong with the outputs is said before any work, and nothing is written."""
    from rtpose.sinks.output_file import OutputFile
    from rtpose.sinks.overlay import check_name

    inputs = {Path(job.name).resolve() for job in jobs}
    taken: set[Path] = set()
    for job in jobs:
        if job.overlay:
            check_name(job.overlay)
        for file in filter(None, (job.out, job.overlay)):
            if file.resolve() in inputs:
                raise OutputError(f"{file} is an input: choose another name for the output")
            if file.resolve() in taken:
                raise OutputError(f"two outputs would be written to {file}: give each its own name or folder")
            taken.add(file.resolve())
            # With several inputs the folder is made together with its first file.
            new_folder = len(jobs) > 1 and not file.parent.exists()
            OutputFile(file.parent if new_folder else file, overwrite=overwrite)
        if job.out.suffix.lower() != ".npz":
            raise OutputError(
                f"{job.out}: poses are written as .npz: give such a name, or make a folder of that name first"
            )


def _video_job(
    run: _Run, source: FrameSource, job: _VideoJob, *, overwrite: bool, server: PoseServer | None, quiet: bool
) -> None:
    from rtpose.sinks.npz import NpzRecorder
    from rtpose.sinks.overlay import OverlayVideo

    run.camera_of(source.info.size)  # a calibration of another shape is said before any file is touched
    for file in filter(None, (job.out, job.overlay)):
        file.parent.mkdir(exist_ok=True)
    meta: dict[str, Any] = {}
    recorders: list[Sink] = [NpzRecorder(job.out, overwrite=overwrite, meta=lambda: meta)]
    if job.overlay is not None:
        recorders.append(OverlayVideo(job.overlay, overwrite=overwrite, fps=source.info.fps))
    total = source.info.frame_count
    with _progress(quiet, source.info.name) as update:
        done = 0

        def count(result: Result) -> None:
            nonlocal done
            done += 1
            update(done, max(total, done) if total else None, "")

        summary = run.play(source, server=server, recorders=recorders, meta=meta, on_result=count)
    if summary.frames == 0:
        if run.stopped:
            return
        raise InputError(f"{source.info.name} has no readable frame: nothing is written")
    lost = {cause: summary.stats.dropped.get(cause, 0) for cause in ("damaged", "missing")}
    if any(lost.values()):
        text = ", ".join(f"{n} {cause}" for cause, n in lost.items() if n)
        print(
            f"rtpose: warning: frames not readable in {source.info.name}: {text}; the others are kept",
            file=sys.stderr,
        )
    print(_summary_line(summary, job.out))


def _summary_line(summary: Summary, out: Path | None = None) -> str:
    drops = sum(summary.stats.dropped.values())
    people = "nobody seen" if summary.most_people == 0 else f"up to {summary.most_people} people"
    if summary.most_people == 1:
        people = "1 person"
    share = summary.frames_with_people / summary.frames if summary.frames else 0.0
    line = (
        f"{summary.frames} frames in {summary.wall_s:.1f} s ({summary.fps:.1f} fps), {people} "
        f"in {share:.0%} of the frames, {drops} dropped"
    )
    return f"{line} -> {out}" if out else line


class _StatusLine:
    """One line on the terminal that follows a live run."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.status import Status

        self._console = Console(stderr=True)
        self._status = Status("waiting for the first picture", console=self._console)
        self._source = "ok"
        self._times: list[int] = []
        if self._console.is_terminal:
            self._status.start()

    def status(self, text: str) -> None:
        self._source = text
        if text != "ok":
            self._console.print(f"rtpose: {text}")

    def result(self, result: Result) -> None:
        now = time.monotonic_ns()
        self._times = [t for t in self._times if now - t < 2e9] + [now]
        latency_ms = (result.t_done_ns - result.frame.t_ns) / 1e6
        self._status.update(
            f"{len(self._times) / 2:.0f} fps, {latency_ms:.0f} ms from camera to pose, {len(result.persons)} people; "
            "Ctrl-C ends it"
        )

    def end(self) -> None:
        self._status.stop()


def _when_changed(report: Callable[[str], None]) -> Callable[[str], None]:
    """Call `report` only for a text that differs from the last."""
    last: list[str] = ["ok"]

    def check(text: str) -> None:
        if text != last[0]:
            last[0] = text
            report(text)

    return check


@contextmanager
def _progress(quiet: bool, what: str) -> Iterator[Callable[[int, int | None, str], None]]:
    """A progress bar on stderr: `update(done, total, note)`."""
    if quiet:
        yield lambda done, total, note: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None, rate="", note="")
        started = time.monotonic()

        def update(done: int, total: int | None, note: str) -> None:
            rate = f"{done / max(time.monotonic() - started, 1e-6):.0f}/s"
            bar.update(task, completed=done, total=total, rate=rate, note=note)

        yield update


@contextmanager
def _started(server: PoseServer) -> Iterator[PoseServer]:
    server.start()
    try:
        yield server
    finally:
        server.close()


def _open_page(server: PoseServer, browser: bool) -> None:
    print(f"The page: {server.url}", flush=True)
    if browser:
        webbrowser.open(server.url)


@contextmanager
def _on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask once to finish; a second one ends the program at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: object) -> None:
        for restored, old in before.items():
            signal.signal(restored, old)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


if __name__ == "__main__":
    main()
