"""Processes one video from file to file, in this process or another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rtpose.batch.executors import OnFrame
from rtpose.batch.jobs import Job, Outcome, WholeOutputs
from rtpose.capture import open_source
from rtpose.config import RunSettings
from rtpose.errors import RtposeError
from rtpose.outputs.send import open_streams
from rtpose.session import Session, closing_on_error, failure_text

if TYPE_CHECKING:
    from rtpose.outputs.open3d_window import Open3DWindow
    from rtpose.pipeline import Summary
    from rtpose.server.server import PoseServer
    from rtpose.types import FrameSource, Result


@dataclass(frozen=True, slots=True)
class StartVideoWork:
    """Makes a `VideoWork` in another process. Equal for equal settings."""

    settings: RunSettings

    def __call__(self, on_notice: Callable[[str], None]) -> VideoWork:
        return VideoWork(self.settings, on_notice=on_notice)


class VideoWork:
    """See `rtpose.batch.executors.Work`. The networks are loaded once, for the first video."""

    def __init__(
        self,
        settings: RunSettings,
        *,
        page: Callable[[Session, Job], PoseServer] | None = None,
        window: Open3DWindow | None = None,
        send: Sequence[str] = (),
        debugging: bool = False,
        on_notice: Callable[[str], None] = lambda line: None,
    ) -> None:
        """page: called once, opens the page that shows each video as it runs. window: shows it as well. send:
        addresses of streams. debugging: raise a bug instead of going on with the next video. on_notice: gets each
        line that the user should see, once."""
        self._settings = settings
        self._page = page
        self._window = window
        self._send = send
        self._debugging = debugging
        self._on_notice = on_notice
        self._notices: set[str] = set()
        self._session: Session | None = None
        self._server: PoseServer | None = None
        self.stopped = False

    def stop(self) -> None:
        """See `Work`."""
        self.stopped = True
        if self._session is not None:
            self._session.stop()

    def notify(self, line: str) -> None:
        """Pass each distinct line on once."""
        if line not in self._notices:
            self._notices.add(line)
            self._on_notice(line)

    def do(self, job: Job, on_frame: OnFrame) -> Outcome:
        """See `Work`. Outputs are complete or absent."""
        try:
            source = open_source(job.source, fps=job.fps)
        except RtposeError as error:
            return Outcome(job, "failed", error=str(error))
        with closing_on_error(source):
            session = self._start(job)
            try:
                with WholeOutputs(job) as halves:
                    summary = self._record(session, source, halves.job, on_frame, overwrite=True)
                    if self.stopped:
                        return Outcome(job, "stopped")
                    if summary.sink_errors:
                        return Outcome(job, "failed", error=failure_text(summary.sink_errors[0]))
                    halves.commit()
            except RtposeError as error:
                source.close()
                return Outcome(job, "failed", error=str(error))
            except Exception as error:  # the seam: a bug in one video does not stop the others
                if self._debugging:
                    raise
                source.close()
                bug = f"a bug ({type(error).__name__}: {error}); `rtpose --debug video {job.name}` shows more"
                return Outcome(job, "failed", error=f"{job.name}: {bug}")
        return Outcome(job, "done", summary)

    def do_alone(self, job: Job, on_frame: OnFrame, *, overwrite: bool) -> Summary:
        """Run the only job. Errors are raised; frames done before a stop are kept."""
        job = replace(job, folder=Path())  # names in messages stay as the user wrote them
        source = open_source(job.source, fps=job.fps)
        with closing_on_error(source):
            return self._record(self._start(job), source, job, on_frame, overwrite=overwrite)

    def _start(self, job: Job) -> Session:
        if self._session is None:
            self._session = Session(self._settings, on_notice=self.notify)
            if self._page is not None:
                self._server = self._page(self._session, job)
        return self._session

    def _record(
        self, session: Session, source: FrameSource, job: Job, on_frame: OnFrame, *, overwrite: bool
    ) -> Summary:
        total = source.info.frame_count
        done = 0

        def count(result: Result) -> None:
            nonlocal done
            done += 1
            on_frame(job, done, max(total, done) if total else None)
            if self.stopped:  # also where that came before there was a session
                session.stop()

        with open_streams(self._send, self.notify) as (streams,):
            summary = session.record(
                source, job.folder / job.out, overlay=job.folder / job.overlay if job.overlay else None,
                overwrite=overwrite, name=job.name, server=self._server, window=self._window, streams=streams,
                # Other programs follow live, so play at the clip's own speed, not as fast as possible.
                real_time=bool(streams) and not source.info.live, on_result=count,
            )  # fmt: skip
        self.stopped |= session.stopped
        return summary
