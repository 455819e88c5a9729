"""Who does the jobs: one interface for this process, several processes and a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from rtpose.batch.jobs import Job, Outcome

OnFrame = Callable[[Job, int, int | None], None]
"""Called with a job, its frames that are done, and how many it has (None: unknown)."""
MOST_DEATHS = 3
"""A job over which so many workers died has failed: it would be the death of the others, too."""


class Work(Protocol):
    """Does one job after the other, with networks that are loaded once."""

    def do(self, job: Job, on_frame: OnFrame) -> Outcome:
        """Whatever is wrong with the job is in the outcome. Errors: `RtposeError` if no job can be done at all."""
        ...

    def stop(self) -> None:
        """End the job at hand after its frame at hand; its outcome is "stopped". Called from any thread."""
        ...


StartWork = Callable[[], Work]
"""Makes the work where it is to be done; can be pickled."""


class Executor(Protocol):
    """Does all jobs. A job's files are the same to the byte, whoever does it."""

    def run(self, jobs: Sequence[Job], on_frame: OnFrame) -> Iterator[Outcome]:
        """Outcomes as they come. After `stop`, jobs that were not finished have none or are "stopped".

        Errors: `RtposeError` if no job can be done at all.
        """
        ...

    def stop(self) -> None:
        """Finish nothing more. May be called from a signal handler."""
        ...


class Here:
    """One job after the other, in this process."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._stopped = False

    def run(self, jobs: Sequence[Job], on_frame: OnFrame) -> Iterator[Outcome]:
        """See `Executor`."""
        for job in jobs:
            if self._stopped:
                return
            outcome = self._work.do(job, on_frame)
            self._stopped |= outcome.state == "stopped"  # its own signal handler was faster than ours
            yield outcome

    def stop(self) -> None:
        """See `Executor`."""
        self._stopped = True
        self._work.stop()
