"""`rtpose video`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtpose.cli.assemble import Run, open_window, run_settings
from rtpose.cli.options import (
    DEFAULT_PORT,
    BackendOption,
    Browser,
    Calibration,
    CascadedOption,
    ConfigFile,
    DetectorOption,
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
    Viewer,
)
from rtpose.cli.terminal import (
    on_signals,
    open_page,
    progress_bar,
    summary_line,
    warn,
)
from rtpose.cli.together import videos_together
from rtpose.errors import ConfigError, InputError

if TYPE_CHECKING:
    from rtpose.batch.executors import Executor, OnFrame
    from rtpose.batch.jobs import Job, Outcome, Plan
    from rtpose.cli.video_work import VideoWork
    from rtpose.config import RunSettings
    from rtpose.pipeline import Summary
    from rtpose.server.server import PoseServer


def video(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IN…", help="Videos, patterns such as 'clips/**/*.mp4', pictures, folders of them, URLs."
        ),
    ],
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
    viewer: Annotated[
        Viewer | None, typer.Option(help="Show it on the page (as --view), or in a window of this machine.")
    ] = None,
    send: Send = None,
    together: Annotated[bool, typer.Option("--together", help="All inputs at once, on one page.")] = False,
    overwrite: Overwrite = False,
    persons: Persons = None,
    height: Height = None,
    fov: Fov = None,
    calibration: Calibration = None,
    estimator: EstimatorOption = None,
    detector: DetectorOption = None,
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
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that share out several inputs: best one for every two processor cores.",
            show_default="1; with --cluster all of it",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="Share out the inputs on a Ray cluster: auto for this machine's, or the head's HOST:PORT."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Also write what came of each input, as .json.")] = None,
) -> None:
    """3D poses of a video, or of many, as files."""
    from rtpose.batch.jobs import check_outputs, plan
    from rtpose.cli.video_work import VideoWork
    from rtpose.outputs.send import open_streams

    settings = run_settings(
        config, persons=persons, height_m=height, fov_deg=fov, calibration=calibration,
        estimator=estimator, detector=detector, lifter=lifter, cascaded=cascaded, backend=backend,
        precision=precision, device=device, smooth=smooth,
    )  # fmt: skip
    viewer = viewer or (Viewer.BROWSER if view else None)
    if (viewer or send) and (workers is not None or cluster is not None):
        raise ConfigError("a viewer or stream shows one video after the other: leave out --workers and --cluster")
    wanted = plan(inputs, out, overlay)
    check_outputs(wanted, overwrite=overwrite)
    with open_streams(send or (), warn, sources=len(wanted.jobs) if together else 1):
        pass  # what is wrong with an address is said before any work
    if together and len(wanted.jobs) > 1:
        if workers is not None or cluster is not None or report is not None or viewer == Viewer.OPEN3D:
            raise ConfigError("--together plays all on one page: leave out --workers, --cluster, --report and --viewer")
        videos_together(
            settings, wanted.jobs, view=viewer == Viewer.BROWSER, port=port, browser=browser, overwrite=overwrite,
            send=send or (), quiet=quiet,
        )  # fmt: skip
        return
    many = wanted.several or workers is not None or cluster is not None or report is not None
    if many:
        settings = _for_anywhere(settings)
    with ExitStack() as stack:

        def page(run: Run, job: Job) -> PoseServer:
            server = stack.enter_context(run.serving(source=job.name, live=True, port=port))
            open_page(server, browser)
            return server

        here = VideoWork(
            settings,
            page=page if viewer == Viewer.BROWSER else None,
            window=stack.enter_context(open_window("video")) if viewer == Viewer.OPEN3D else None,
            send=send or (),
        )
        if many:
            _many(here, wanted, settings, workers, cluster, overwrite=overwrite, report_to=report, quiet=quiet)
        else:
            _alone(here, wanted.jobs[0], overwrite=overwrite, quiet=quiet)


def _alone(work: VideoWork, job: Job, *, overwrite: bool, quiet: bool) -> None:
    with progress_bar(quiet, job.name) as update:
        summary = work.do_alone(job, lambda job, done, total: update(done, total, ""), overwrite=overwrite)
    if summary.frames:
        _tell(job, summary)
    if work.stopped:
        raise typer.Exit(130)


def _many(
    here: VideoWork, wanted: Plan, settings: RunSettings, workers: int | None, cluster: str | None, *,
    overwrite: bool, report_to: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Do what is not done yet, each video whole or not at all, and report on all of them."""
    from rich.console import Console

    from rtpose.batch.jobs import Outcome, done_before, made_folders
    from rtpose.batch.report import make_report, open_report, table, total_line, write_report

    report_file = open_report(report_to) if report_to else None
    outcomes: dict[Job, Outcome] = {}

    def keep(outcome: Outcome) -> None:
        outcomes[outcome.job] = outcome
        if outcome.state == "done" and outcome.summary is not None:
            _tell(outcome.job, outcome.summary)
        elif outcome.error:
            warn(outcome.error)

    if not overwrite:
        for job in wanted.jobs:
            if outcome := done_before(job):
                keep(outcome)
    skipped = sum(one.state == "skipped" for one in outcomes.values())
    if skipped:
        print(f"{skipped} of {len(wanted.jobs)} are done already: skipped (--overwrite does them again)")
    left = [job for job in wanted.jobs if job not in outcomes]
    started_s = time.monotonic()
    count, stopped = 1, False
    if left:
        executor, count = _executor(here, settings, workers, cluster, len(left))

        def stop() -> None:
            nonlocal stopped
            stopped = True
            executor.stop()

        with made_folders(left), on_signals(stop), _progress(quiet, len(left)) as (on_frame, on_done):
            for outcome in executor.run(left, on_frame):
                keep(outcome)
                on_done(outcome.job)
    for job in left:
        outcomes.setdefault(job, Outcome(job, "stopped"))
    figures = make_report([outcomes[job] for job in wanted.jobs], time.monotonic() - started_s, count)
    if report_file is not None:
        write_report(report_file, figures)
    Console().print(table(figures))
    print(total_line(figures))
    if stopped or "stopped" in figures.counts:
        raise typer.Exit(130)
    if failed := figures.counts.get("failed"):
        raise InputError(f"{failed} of {len(wanted.jobs)} inputs failed, see above")


def _executor(
    here: VideoWork, settings: RunSettings, workers: int | None, cluster: str | None, jobs: int
) -> tuple[Executor, int]:
    """Who does the jobs, and how many of them at once."""
    import msgspec

    from rtpose.batch.executors import Here
    from rtpose.batch.processes import Processes, threads_each
    from rtpose.cli.video_work import StartVideoWork

    if cluster is None and (workers is None or min(workers, jobs) == 1):
        return Here(here), 1
    if cluster is None:
        assert workers is not None
        count = min(workers, jobs)
        shared = msgspec.structs.replace(settings, threads=settings.threads or threads_each(count))
        return Processes(StartVideoWork(shared), count, warn), count
    from rtpose.batch.ray_cluster import RayCluster

    threads = settings.threads or 1
    shared = msgspec.structs.replace(settings, threads=threads)
    ray = RayCluster(StartVideoWork(shared), cluster, threads=threads, count=workers)
    return ray, min(ray.count, jobs)


def _for_anywhere(settings: RunSettings) -> RunSettings:
    """With whole paths of files, for workers that stand elsewhere; the outputs, which name some, are then the same."""
    import msgspec

    files = {name: getattr(settings, name) for name in ("lifter", "cascaded", "calibration")}
    whole = {name: str(Path(file).absolute()) for name, file in files.items() if file and Path(file).is_file()}
    return msgspec.structs.replace(settings, **whole)


@contextmanager
def _progress(quiet: bool, videos: int) -> Iterator[tuple[OnFrame, Callable[[Job], None]]]:
    """A bar over all videos: what to call for frames, and for a video that is over."""
    with progress_bar(quiet, "videos") as update:
        frames: dict[Job, int] = {}
        over: set[Job] = set()
        started_s = time.monotonic()

        def show() -> None:
            done = sum(frames.values())
            update(len(over), videos, f"{done} frames, {done / max(time.monotonic() - started_s, 1e-6):.0f} fps")

        def on_frame(job: Job, done: int, total: int | None) -> None:
            frames[job] = done
            show()

        def on_done(job: Job) -> None:
            over.add(job)
            show()

        show()
        yield on_frame, on_done


def _tell(job: Job, summary: Summary) -> None:
    """What came of a video."""
    lost = {cause: summary.stats.dropped.get(cause, 0) for cause in ("damaged", "missing")}
    if any(lost.values()):
        text = ", ".join(f"{n} {cause}" for cause, n in lost.items() if n)
        warn(f"warning: frames not readable in {job.name}: {text}; the others are kept")
    print(summary_line(summary, job.out))
