"""`rtpose video`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtpose.cli import terminal
from rtpose.cli.options import (
    DEFAULT_PORT,
    PAGE,
    Browser,
    Fps,
    Overwrite,
    Port,
    Private,
    Quiet,
    RunOptions,
    Send,
    Viewer,
    with_option_groups,
)
from rtpose.cli.terminal import exit_if_outputs_failed, open_page, progress_bar, say, summary_line, warn
from rtpose.errors import ConfigError, InputError
from rtpose.interrupts import on_signals

if TYPE_CHECKING:
    from rtpose.batch.executors import Executor, OnFrame
    from rtpose.batch.jobs import Job, Outcome, Plan
    from rtpose.batch.video_work import VideoWork
    from rtpose.config import RunSettings
    from rtpose.pipeline import Summary
    from rtpose.server.server import PoseServer
    from rtpose.session import Session
    from rtpose.types import FrameSource, Result


@with_option_groups
def video(
    *,
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
        typer.Option(help="Also write the video with the skeleton drawn on it; a folder for several inputs."),
    ] = None,
    view: Annotated[
        bool, typer.Option("--view", rich_help_panel=PAGE, help="Show poses on the page while the video is processed.")
    ] = False,
    viewer: Annotated[
        Viewer | None, typer.Option(rich_help_panel=PAGE, help="browser: same as --view. open3d: a native window.")
    ] = None,
    send: Send = None,
    fps: Fps = None,
    together: Annotated[bool, typer.Option("--together", help="Process all inputs at once, on one page.")] = False,
    overwrite: Overwrite = False,
    quality: Annotated[
        str | None,
        typer.Option(
            help="best: fit bodies a second time over the whole recording, with later frames. live: as with a camera.",
            show_default="live",
        ),
    ] = None,
    run: RunOptions,
    port: Port = DEFAULT_PORT,
    private: Private = False,
    browser: Browser = True,
    quiet: Quiet = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of processes for several inputs; one for every two cores works best.",
            show_default="1; with --cluster, all its cores",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Distribute the inputs over a Ray cluster: auto for this machine's, or the head's HOST:PORT."
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Also write the outcome of each input to this .json file.")
    ] = None,
) -> None:
    """Estimate 3D poses in one or more videos and write them to files."""
    from rtpose.batch import jobs
    from rtpose.batch.video_work import VideoWork
    from rtpose.outputs.send import open_streams

    settings = run.settings(quality=quality)
    viewer = viewer or (Viewer.BROWSER if view else None)
    if (viewer or send) and (workers is not None or cluster is not None):
        raise ConfigError("a viewer or stream shows one video at a time: leave out --workers and --cluster")
    plan = jobs.plan(inputs, out, overlay, fps)
    jobs.check_outputs(plan, overwrite=overwrite)
    with open_streams(send or (), warn, sources=len(plan.jobs) if together else 1):
        pass  # reports a bad address before any work
    if together and len(plan.jobs) > 1:
        if workers is not None or cluster is not None or report is not None or viewer == Viewer.OPEN3D:
            raise ConfigError("--together plays all on one page: leave out --workers, --cluster, --report and --viewer")
        _together(
            settings, plan.jobs, view=viewer == Viewer.BROWSER, port=port, private=private, browser=browser,
            overwrite=overwrite, send=send or (), quiet=quiet,
        )  # fmt: skip
        return
    many = plan.several or workers is not None or cluster is not None or report is not None
    if many:
        settings = _with_absolute_paths(settings)
    with ExitStack() as stack:

        def page(session: Session, job: Job) -> PoseServer:
            server = stack.enter_context(session.serve(source=job.name, port=port, private=private))
            open_page(server, browser)
            return server

        window = None
        if viewer == Viewer.OPEN3D:
            from rtpose.outputs.open3d_window import Open3DWindow

            window = stack.enter_context(Open3DWindow("rtpose: video"))
        here = VideoWork(
            settings, page=page if viewer == Viewer.BROWSER else None, window=window, send=send or (),
            debugging=terminal.debugging, on_notice=warn,
        )  # fmt: skip
        if many:
            _many(here, plan, settings, workers, cluster, overwrite=overwrite, report_to=report, quiet=quiet)
        else:
            _alone(here, plan.jobs[0], overwrite=overwrite, quiet=quiet)


def _alone(work: VideoWork, job: Job, *, overwrite: bool, quiet: bool) -> None:
    with progress_bar(quiet, job.name) as update:
        summary = work.do_alone(job, lambda job, done, total: update(done, total, ""), overwrite=overwrite)
    if summary.frames:
        _print_summary(job, summary)
    exit_if_outputs_failed(summary)
    if work.stopped:
        raise typer.Exit(130)


def _together(
    settings: RunSettings, jobs: Sequence[Job], *, view: bool, port: int, private: bool, browser: bool,
    overwrite: bool, send: Sequence[str], quiet: bool,
) -> None:  # fmt: skip
    """Play several videos at once on one page, each to its end. Errors: the first input that cannot be opened, before
    any work; otherwise the first failure, raised once the others are done."""
    from rtpose.batch.jobs import made_folders
    from rtpose.board import SourceBoard
    from rtpose.capture import open_source
    from rtpose.outputs.send import open_streams
    from rtpose.session import Session, check_all, run_together

    with ExitStack() as stack:
        streams = stack.enter_context(open_streams(send, warn, sources=len(jobs)))
        sources: list[FrameSource] = []
        for job in jobs:
            sources.append(open_source(job.source, fps=job.fps))
            stack.callback(sources[-1].close)
        session = Session(settings, sources=len(jobs), on_notice=warn)
        for source in sources:
            session.camera_of(source.info.size)  # a calibration of another shape is reported before any work
        server = None
        if view:
            names = ", ".join(job.name for job in jobs)
            server = stack.enter_context(session.serve(source=names, port=port, private=private))
            open_page(server, browser)
        board = SourceBoard([source.info for source in sources], server)
        counts = [source.info.frame_count for source in sources]
        total = sum(count for count in counts if count) if all(counts) else None
        update = stack.enter_context(progress_bar(quiet, f"{len(jobs)} videos"))
        done = [0] * len(jobs)

        def record(number: int) -> Summary:
            job, source = jobs[number], sources[number]

            def count(result: Result) -> None:
                done[number] += 1  # each thread has its own
                update(sum(done), max(total, sum(done)) if total else None, "")

            return session.record(
                source, job.out, overlay=job.overlay, overwrite=overwrite, server=server, streams=streams[number],
                real_time=bool(send) and not source.info.live, on_result=count, board=board, number=number,
            )  # fmt: skip

        stack.enter_context(made_folders(jobs))
        runs = [partial(record, number) for number in range(len(jobs))]
        summaries = check_all(run_together(runs, board, session.stop), warn)
    for job, source, summary in zip(jobs, sources, summaries, strict=True):
        if summary.frames:
            say(f"{source.info.name}: {summary_line(summary, job.out)}")
    exit_if_outputs_failed(*summaries)
    if session.stopped:
        raise typer.Exit(130)


def _many(
    here: VideoWork, plan: Plan, settings: RunSettings, workers: int | None, cluster: str | None, *,
    overwrite: bool, report_to: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Process the videos that are not done yet, each completely or not at all, and report on all of them."""
    from rich.console import Console

    from rtpose.batch.jobs import Outcome, done_before, made_folders
    from rtpose.batch.report import make_report, open_report, report_table, total_line, write_report

    report_file = open_report(report_to) if report_to else None
    outcomes: dict[Job, Outcome] = {}

    def keep(outcome: Outcome) -> None:
        outcomes[outcome.job] = outcome
        if outcome.state == "done" and outcome.summary is not None:
            for line in outcome.summary.stats.notes:  # a worker of a cluster has nobody to tell
                here.notify(f"warning: {line}")
            _print_summary(outcome.job, outcome.summary)
        elif outcome.error:
            here.notify(outcome.error)

    if not overwrite:
        for job in plan.jobs:
            if outcome := done_before(job):
                keep(outcome)
    skipped = sum(one.state == "skipped" for one in outcomes.values())
    if skipped:
        print(f"{skipped} of {len(plan.jobs)} already done: skipped (--overwrite redoes them)")
    left = [job for job in plan.jobs if job not in outcomes]
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
    figures = make_report([outcomes[job] for job in plan.jobs], time.monotonic() - started_s, count)
    if report_file is not None:
        write_report(report_file, figures)
    Console().print(report_table(figures))
    print(total_line(figures))
    if stopped or "stopped" in figures.counts:
        raise typer.Exit(130)
    if failed := figures.counts.get("failed"):
        raise InputError(f"{failed} of {len(plan.jobs)} inputs failed: see above")


def _executor(
    here: VideoWork, settings: RunSettings, workers: int | None, cluster: str | None, jobs: int
) -> tuple[Executor, int]:
    """The executor, and how many jobs it runs at once."""
    import msgspec

    from rtpose.batch.executors import Here
    from rtpose.batch.processes import Processes, threads_each
    from rtpose.batch.video_work import StartVideoWork

    if cluster is None and (workers is None or min(workers, jobs) == 1):
        return Here(here), 1
    if cluster is None:
        assert workers is not None
        count = min(workers, jobs)
        shared = msgspec.structs.replace(settings, threads=settings.threads or threads_each(count))
        return Processes(StartVideoWork(shared), count, here.notify), count
    from rtpose.batch.ray_cluster import RayCluster

    threads = settings.threads or 1
    shared = msgspec.structs.replace(settings, threads=threads)
    ray = RayCluster(StartVideoWork(shared), cluster, threads=threads, count=workers)
    return ray, min(ray.count, jobs)


def _with_absolute_paths(settings: RunSettings) -> RunSettings:
    """Make paths absolute for workers in other folders. Outputs record these paths, so all workers must agree."""
    import msgspec

    files = {name: getattr(settings, name) for name in ("lifter", "cascaded", "calibration")}
    whole = {name: str(Path(file).absolute()) for name, file in files.items() if file and Path(file).is_file()}
    return msgspec.structs.replace(settings, **whole)


@contextmanager
def _progress(quiet: bool, videos: int) -> Iterator[tuple[OnFrame, Callable[[Job], None]]]:
    """A progress bar over all videos. Yields two callbacks: for each frame, and for each finished video."""
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


def _print_summary(job: Job, summary: Summary) -> None:
    """Print one line about a finished video."""
    lost = {cause: summary.stats.dropped.get(cause, 0) for cause in ("damaged", "missing")}
    if any(lost.values()):
        text = ", ".join(f"{n} {cause}" for cause, n in lost.items() if n)
        warn(f"warning: unreadable frames in {job.name}: {text}; the others are kept")
    say(summary_line(summary, job.out))
