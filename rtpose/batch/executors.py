"""Executors run jobs: one interface for this process, several processes and a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from rtpose.batch.jobs import Job, Outcome

OnFrame = Callable[[Job, int, int | None], None]
"""Called with a job, the number of frames done, and how many it has (None: unknown)."""
MOST_DEATHS = 3
"""A job fails once this many workers have died on it; it would probably kill the others too."""


class Work(Protocol):
    """Runs one job after another; loads the networks once."""

    def do(self, job: Job, on_frame: OnFrame) -> Outcome:
        """Run a job. The outcome holds its error. Errors: `RtposeError` if no job can run at all."""
        ...

    def stop(self) -> None:
        """End the current job after its current frame; its outcome is "stopped". Called from any thread."""
        ...


StartWork = Callable[[Callable[[str], None]], Work]
"""Creates the work in the process that runs it; picklable. Its argument receives each line for the user."""


class Executor(Protocol):
    """Runs all jobs. Every executor writes the same files, byte for byte."""

    def run(self, jobs: Sequence[Job], on_frame: OnFrame) -> Iterator[Outcome]:
        """Yield outcomes as jobs finish. After `stop`, unfinished jobs have no outcome or are "stopped".

        Errors: `RtposeError` if no job can run at all.
        """
        ...

    def stop(self) -> None:
        """Stop all jobs. May be called from a signal handler."""
        ...


class Here:
    """Runs one job after another, in this process."""

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
