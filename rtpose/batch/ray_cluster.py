"""The processes of a Ray cluster, on any number of machines that see the same folders."""

from __future__ import annotations

import functools
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from rtpose import __version__
from rtpose.batch.executors import MOST_DEATHS, OnFrame, StartWork, Work
from rtpose.batch.jobs import Job, Outcome
from rtpose.errors import MissingExtraError, RtposeError

END_S = 30.0
"""Ray kills tasks that have not ended this long after they were asked to."""


class RayCluster:
    """Jobs as tasks of Ray, which itself gives the task of a dead worker or machine to another one."""

    def __init__(self, start: StartWork, address: str, *, threads: int, count: int | None = None) -> None:
        """Join the cluster, as a program on one of its machines.

        address: "auto" for the one that runs on this machine, or that of its head, "host:port". threads: cores
        per task. count: most tasks at once; None: as many as there are cores.
        Errors: `MissingExtraError`; `RtposeError` if there is no such cluster.
        """
        try:
            import ray
        except ModuleNotFoundError:
            raise MissingExtraError("cluster", "work on a cluster") from None
        self._start = start
        self._threads = threads
        self._stopped = False
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (OSError, ValueError, RuntimeError, AssertionError) as error:
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise RtposeError(
                f"no Ray cluster at '{address}' ({said}): start one with `ray start --head`, let the other machines "
                "join with `ray start --address HOST:6379`, and run this on one of them (docs/many-videos.md)"
            ) from None
        self._ray = ray
        processors = int(ray.cluster_resources().get("CPU", 0))
        self.count = max(1, min(count or processors, processors // threads))
        """Tasks at once, as far as the cluster does not grow meanwhile."""
        self._most = count

    def stop(self) -> None:
        """See `Executor`."""
        self._stopped = True

    def run(self, jobs: Sequence[Job], on_frame: OnFrame) -> Iterator[Outcome]:
        """See `Executor`. The frames of a job are reported when it is done."""
        ray = self._ray
        task = ray.remote(num_cpus=self._threads, max_retries=MOST_DEATHS - 1)(_do)
        waiting = iter(jobs)
        running: dict[Any, Job] = {}
        try:
            while not self._stopped:
                # All at once where no limit was given: a cluster that grows with its work has to see it.
                room = None if self._most is None else self._most - len(running)
                for job in islice(waiting, room):
                    running[task.remote(self._start, job, __version__)] = job
                if not running:
                    return
                ready, _ = ray.wait(list(running), timeout=0.2)
                for reference in ready:
                    outcome = self._outcome(reference, running.pop(reference))
                    if outcome.state == "stopped":  # by its machine, which is being shut down
                        running[task.remote(self._start, outcome.job, __version__)] = outcome.job
                        continue
                    if outcome.summary is not None:
                        on_frame(outcome.job, outcome.summary.frames, outcome.summary.frames)
                    yield outcome
            yield from self._finish(running)
        finally:
            ray.shutdown()

    def _outcome(self, reference: Any, job: Job) -> Outcome:
        ray = self._ray
        try:
            answer = ray.get(reference)
        except (ray.exceptions.TaskCancelledError, KeyboardInterrupt):
            return Outcome(job, "stopped")
        except ray.exceptions.RayTaskError as error:
            said = str(error).strip().splitlines()[-1]
            raise RtposeError(
                f"a worker of the cluster cannot run rtpose ({said}): install rtpose {__version__} on all its machines"
            ) from None
        except ray.exceptions.RayError as error:
            said = str(error).strip().splitlines()[0]
            return Outcome(job, "failed", error=f"{job.name}: {MOST_DEATHS} workers died on it: {said}")
        if isinstance(answer, str):
            raise RtposeError(answer)
        assert isinstance(answer, Outcome)
        return answer

    def _finish(self, running: dict[Any, Job]) -> Iterator[Outcome]:
        """Cancel running jobs. Jobs that finish meanwhile count."""
        for reference in running:
            self._ray.cancel(reference)
        done, _ = self._ray.wait(list(running), num_returns=len(running), timeout=END_S) if running else ([], [])
        for reference in done:
            with suppress(RtposeError):
                outcome = self._outcome(reference, running[reference])
                if outcome.state == "done":
                    yield outcome


@functools.lru_cache(maxsize=1)
def _work(start: StartWork) -> Work:
    """One for each worker, for its lifetime: it holds the networks."""
    return start(lambda line: None)  # no one reads what a worker of the cluster prints


def _do(start: StartWork, job: Job, version: str) -> Outcome | str:
    """Run a job on a worker. Returns a text if no job can run there."""
    here = socket.gethostname()
    if version != __version__:
        return f"{here} has rtpose {__version__}, the main machine {version}: install the same on all machines"
    try:
        outcome = _work(start).do(job, lambda job, done, total: None)
    except RtposeError as error:
        return f"{error} (on {here})"
    if outcome.state == "stopped":  # this one does no more; the next job starts another
        _work.cache_clear()
    return replace(outcome, error=f"{outcome.error} (on {here})") if outcome.error else outcome
