"""One video's way from file to file, wherever it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtpose.batch.executors import OnFrame
from rtpose.batch.jobs import Job, Outcome, WholeOutputs
from rtpose.cli import terminal
from rtpose.cli.assemble import Run, closing_on_error, open_file
from rtpose.config import RunSettings
from rtpose.errors import InputError, RtposeError

if TYPE_CHECKING:
    from rtpose.outputs.open3d_window import Open3DWindow
    from rtpose.pipeline import Summary
    from rtpose.server.server import PoseServer
    from rtpose.types import FrameSource, Result, Sink


@dataclass(frozen=True, slots=True)
class StartVideoWork:
    """Makes a `VideoWork` in another process. Equal for equal settings."""

    settings: RunSettings

    def __call__(self) -> VideoWork:
        return VideoWork(self.settings)


class VideoWork:
    """See `rtpose.batch.executors.Work`. The networks are loaded once there is a video to run them on."""

    def __init__(
        self,
        settings: RunSettings,
        *,
        page: Callable[[Run, Job], PoseServer] | None = None,
        window: Open3DWindow | None = None,
        send: Sequence[str] = (),
    ) -> None:
        """page: called once, makes the page that shows each video while it is done. window: shows it, too. send:
        addresses of streams."""
        self._settings = settings
        self._page = page
        self._window = window
        self._send = send
        self._run: Run | None = None
        self._server: PoseServer | None = None
        self.stopped = False

    def stop(self) -> None:
        """See `Work`."""
        self.stopped = True
        if self._run is not None:
            self._run.stop()

    def do(self, job: Job, on_frame: OnFrame) -> Outcome:
        """See `Work`. Outputs are whole or not there."""
        try:
            source = open_file(job.source)
        except RtposeError as error:
            return Outcome(job, "failed", error=str(error))
        with closing_on_error(source):
            run = self._start(job)
            try:
                with WholeOutputs(job) as halves:
                    summary = self._record(run, source, halves.job, on_frame, overwrite=True)
                    if self.stopped:
                        return Outcome(job, "stopped")
                    halves.commit()
            except RtposeError as error:
                source.close()
                return Outcome(job, "failed", error=str(error))
            except Exception as error:  # the seam: a bug met in one video does not end the others
                if terminal.debugging:
                    raise
                source.close()
                return Outcome(job, "failed", error=f"{job.name}: {error!r} (run it alone for the whole story)")
        return Outcome(job, "done", summary)

    def do_alone(self, job: Job, on_frame: OnFrame, *, overwrite: bool) -> Summary:
        """The only job: whatever is wrong is raised, and what was done until a stop is kept."""
        job = replace(job, folder=Path())  # names in messages stay as the user wrote them
        source = open_file(job.source)
        with closing_on_error(source):
            return self._record(self._start(job), source, job, on_frame, overwrite=overwrite)

    def _start(self, job: Job) -> Run:
        if self._run is None:
            self._run = Run(self._settings)
            if self._page is not None:
                self._server = self._page(self._run, job)
        return self._run

    def _record(self, run: Run, source: FrameSource, job: Job, on_frame: OnFrame, *, overwrite: bool) -> Summary:
        from rtpose.outputs.overlay import OverlayVideo
        from rtpose.outputs.send import open_streams
        from rtpose.recordings.npz_recorder import NpzRecorder

        run.camera_of(source.info.size)  # a calibration of another shape is said before any file is touched
        meta: dict[str, Any] = {}
        recorders: list[Sink] = [
            NpzRecorder(job.folder / job.out, overwrite=overwrite, meta=lambda: {**meta, "source": job.name})
        ]
        if job.overlay is not None:
            recorders.append(OverlayVideo(job.folder / job.overlay, overwrite=overwrite, fps=source.info.fps))
        total = source.info.frame_count
        done = 0

        def count(result: Result) -> None:
            nonlocal done
            done += 1
            on_frame(job, done, max(total, done) if total else None)
            if self.stopped:  # also where that was said before there was anything to stop
                run.stop()

        with open_streams(self._send, terminal.warn) as (streams,):
            # Other programs follow it live: at the clip's own speed, and not as fast as it can be computed.
            summary = run.play(
                source, server=self._server, window=self._window, recorders=recorders, streams=streams, meta=meta,
                on_result=count, real_time=bool(streams) and not source.info.live,
            )  # fmt: skip
        self.stopped |= run.stopped
        if summary.frames == 0 and not self.stopped:
            raise InputError(f"{job.name} has no readable frame: nothing is written")
        return summary
