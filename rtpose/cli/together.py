"""`rtpose video --together`: several videos at once, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from rtpose.cli.assemble import Run, open_file
from rtpose.cli.sources import SourceBoard, check_all, play_together
from rtpose.cli.terminal import open_page, progress_bar, summary_line, warn
from rtpose.errors import InputError

if TYPE_CHECKING:
    from rtpose.batch.jobs import Job
    from rtpose.config import RunSettings
    from rtpose.types import FrameSource, Result, Sink


def videos_together(
    settings: RunSettings,
    jobs: Sequence[Job],
    *,
    view: bool,
    port: int,
    browser: bool,
    overwrite: bool,
    send: Sequence[str],
    quiet: bool,
) -> None:
    """Play all to their ends. Errors: the first input that cannot be opened, before any work; then that of the first
    video that failed, when the others are done."""
    from rtpose.batch.jobs import made_folders
    from rtpose.outputs.overlay import OverlayVideo
    from rtpose.outputs.send import open_streams
    from rtpose.recordings.npz_recorder import NpzRecorder

    with ExitStack() as stack:
        streams = stack.enter_context(open_streams(send, warn, sources=len(jobs)))
        sources: list[FrameSource] = []
        for job in jobs:
            sources.append(open_file(job.source))
            stack.callback(sources[-1].close)
        run = Run(settings, sources=len(jobs))
        for source in sources:
            run.camera_of(source.info.size)  # a calibration of another shape is said before any file is touched
        server = None
        if view:
            names = ", ".join(job.name for job in jobs)
            server = stack.enter_context(run.serving(source=names, live=True, port=port))
            open_page(server, browser)
        board = SourceBoard([source.info for source in sources], server, None)
        counts = [source.info.frame_count for source in sources]
        total = sum(count for count in counts if count) if all(counts) else None
        update = stack.enter_context(progress_bar(quiet, f"{len(jobs)} videos"))
        done = [0] * len(jobs)

        def play(number: int) -> Any:
            job, source = jobs[number], sources[number]
            meta: dict[str, Any] = {}
            recorders: list[Sink] = [NpzRecorder(job.out, overwrite=overwrite, meta=meta.copy)]
            if job.overlay is not None:
                recorders.append(OverlayVideo(job.overlay, overwrite=overwrite, fps=source.info.fps))

            def count(result: Result) -> None:
                done[number] += 1  # each thread has its own
                update(sum(done), max(total, sum(done)) if total else None, "")

            summary = run.play(
                source, server=server, recorders=recorders, streams=streams[number], meta=meta, on_result=count,
                real_time=bool(send) and not source.info.live, board=board, number=number,
            )  # fmt: skip
            if summary.frames == 0 and not run.stopped:
                raise InputError(f"{source.info.name} has no readable frame: nothing is written")
            return summary

        stack.enter_context(made_folders(jobs))
        plays = [partial(play, number) for number in range(len(jobs))]
        summaries = check_all(play_together(plays, board, run.stop))
    for job, source, summary in zip(jobs, sources, summaries, strict=True):
        if summary.frames:
            print(f"{source.info.name}: {summary_line(summary, job.out)}")
    if run.stopped:
        raise typer.Exit(130)
