"""What does the jobs: one interface for this process, several processes and a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from rtpose.batch.jobs import Job, Outcome

OnFrame = Callable[[Job, int, int | None], None]
"""Called with a job, the number of frames done, and how many it has (None: unknown)."""
MOST_DEATHS = 3
"""A job has failed when this many workers died on it: it would kill the others as well."""


class Work(Protocol):
    """Does one job after the other, with networks that are loaded once."""

    def do(self, job: Job, on_frame: OnFrame) -> Outcome:
        """The outcome holds the error of this job. Errors: `RtposeError` if no job can be done at all."""
        ...

    def stop(self) -> None:
        """End the current job after its current frame; its outcome is "stopped". Called from any thread."""
        ...


StartWork = Callable[[Callable[[str], None]], Work]
"""Makes the work in the process that does it; can be pickled. Its argument gets each line that the user should see."""


class Executor(Protocol):
    """Does all jobs. A job's files are the same, byte for byte, in every executor."""

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
            self._stopped |= outcome.state == "stopped"  # its own signal handler came first
            yield outcome

    def stop(self) -> None:
        """See `Executor`."""
        self._stopped = True
        self._work.stop()
