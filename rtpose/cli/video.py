"""`rtpose video`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtpose.cli.assemble import Run, closing_on_error, open_file, run_settings
from rtpose.cli.options import (
    DEFAULT_PORT,
    BackendOption,
    Browser,
    Calibration,
    CascadedOption,
    ConfigFile,
    DeviceOption,
    EstimatorOption,
    Fov,
    Height,
    LifterOption,
    Overwrite,
    Persons,
    Port,
    PrecisionOption,
    Quiet,
    Send,
    Smooth,
)
from rtpose.cli.terminal import (
    open_page,
    progress_bar,
    report_error,
    summary_line,
    warn,
)
from rtpose.errors import InputError, OutputError, RtposeError

if TYPE_CHECKING:
    from rtpose.server.server import PoseServer
    from rtpose.types import FrameSource, Result, Sink


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
    send: Send = None,
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
    from rtpose.sinks.streams import open_streams

    settings = run_settings(
        config, persons=persons, height_m=height, fov_deg=fov, calibration=calibration,
        estimator=estimator, lifter=lifter, cascaded=cascaded, backend=backend, precision=precision, device=device,
        smooth=smooth,
    )  # fmt: skip
    jobs = _video_jobs(inputs, out, overlay)
    _check_outputs(jobs, overwrite=overwrite)
    with open_streams(send or (), warn):
        pass  # what is wrong with an address is said before any work
    run: Run | None = None
    server: PoseServer | None = None
    failed = 0
    with ExitStack() as stack:
        for job in jobs:
            try:
                source = open_file(job.name)
            except RtposeError as error:
                failed += 1
                report_error(error, fatal=len(jobs) == 1)
                continue
            with closing_on_error(source):
                if run is None:  # made once there is something to run it on
                    run = Run(settings)
                    if view:
                        server = stack.enter_context(run.serving(source=job.name, live=True, port=port))
                        open_page(server, browser)
                try:
                    _video_job(run, source, job, overwrite=overwrite, server=server, send=send or (), quiet=quiet)
                except RtposeError as error:
                    source.close()
                    failed += 1
                    report_error(error, fatal=len(jobs) == 1)
            if run.stopped:
                raise typer.Exit(130)
    if failed:
        raise InputError(f"{failed} of {len(jobs)} inputs failed, see above")


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
    run: Run,
    source: FrameSource,
    job: _VideoJob,
    *,
    overwrite: bool,
    server: PoseServer | None,
    send: Sequence[str],
    quiet: bool,
) -> None:
    from rtpose.sinks.npz import NpzRecorder
    from rtpose.sinks.overlay import OverlayVideo
    from rtpose.sinks.streams import open_streams

    run.camera_of(source.info.size)  # a calibration of another shape is said before any file is touched
    for file in filter(None, (job.out, job.overlay)):
        file.parent.mkdir(exist_ok=True)
    meta: dict[str, Any] = {}
    recorders: list[Sink] = [NpzRecorder(job.out, overwrite=overwrite, meta=lambda: meta)]
    if job.overlay is not None:
        recorders.append(OverlayVideo(job.overlay, overwrite=overwrite, fps=source.info.fps))
    total = source.info.frame_count
    with open_streams(send, warn) as streams, progress_bar(quiet, source.info.name) as update:
        done = 0

        def count(result: Result) -> None:
            nonlocal done
            done += 1
            update(done, max(total, done) if total else None, "")

        # Other programs follow it live: at the clip's own speed, and not as fast as it can be computed.
        summary = run.play(
            source, server=server, recorders=recorders, streams=streams, meta=meta, on_result=count,
            real_time=bool(streams) and not source.info.live,
        )  # fmt: skip
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
    print(summary_line(summary, job.out))
