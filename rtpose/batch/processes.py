"""Several processes of this machine, each with networks of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue

from rtpose.batch.executors import MOST_DEATHS, OnFrame, StartWork
from rtpose.batch.jobs import Job, Outcome
from rtpose.errors import RtposeError

END_S = 30.0
"""A process that has not ended that long after it was asked to is killed."""
MOST_IN_A_ROW = 4 * MOST_DEATHS
"""Deaths without a job done between them: it is not the jobs."""


def threads_each(workers: int) -> int:
    """Inference threads of each process: together they fill the processor once."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, cores // workers)


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: Job | None = None


class Processes:
    """Jobs are shared out as processes become free. A process that dies loses nothing: another one does its job."""

    def __init__(self, start: StartWork, count: int, say: Callable[[str], None]) -> None:
        """count: most processes. say: told of what the user should know, one line each."""
        self._start = start
        self._count = count
        self._say = say
        self._stopped = False
        self._deaths: Counter[Job] = Counter()
        self._in_a_row = 0

    def stop(self) -> None:
        """See `Executor`."""
        self._stopped = True

    def run(self, jobs: Sequence[Job], on_frame: OnFrame) -> Iterator[Outcome]:
        """See `Executor`."""
        waiting = deque(jobs)
        workers = [self._begin() for _ in range(min(self._count, len(jobs)))]
        try:
            for worker in workers:
                _give(worker, waiting)
            asked = False
            while busy := [worker for worker in workers if worker.job]:
                if self._stopped and not asked:
                    asked = True
                    waiting.clear()
                    for worker in busy:
                        _end(worker)
                ready = wait([worker.pipe for worker in busy], timeout=0.2)
                for worker in (worker for worker in busy if worker.pipe in ready):
                    job = worker.job
                    assert job is not None
                    try:
                        message = worker.pipe.recv()
                    except (EOFError, OSError):
                        message = None
                    if message is None:
                        worker.job = None
                        if not self._stopped:
                            workers.remove(worker)
                            yield from self._died(job, _bury(worker), waiting)
                            if waiting:
                                workers.append(self._begin())
                                _give(workers[-1], waiting)
                    elif isinstance(message, RtposeError):
                        raise message
                    elif isinstance(message, Outcome):
                        self._in_a_row = 0
                        _give(worker, waiting)
                        yield message
                    else:
                        on_frame(job, *message)
        finally:
            for worker in workers:
                _end(worker)
            for worker in workers:
                _bury(worker)

    def _died(self, job: Job, how: str, waiting: deque[Job]) -> Iterator[Outcome]:
        """A process died over a job: to be done again, or failed. Errors: `RtposeError` if all of them die."""
        self._deaths[job] += 1
        self._in_a_row += 1
        if self._in_a_row == MOST_IN_A_ROW:
            raise RtposeError(f"{self._in_a_row} processes died one after the other ({how}): nothing can be done")
        if self._deaths[job] == MOST_DEATHS:
            yield Outcome(job, "failed", error=f"{job.name}: {MOST_DEATHS} processes died over it, {how}")
        else:
            self._say(f"a process died over {job.name} ({how}): another one begins it again")
            waiting.appendleft(job)

    def _begin(self) -> _Worker:
        # spawn: forked copies of threads and of the networks' runtimes would hang
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self._start, theirs), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)


def _give(worker: _Worker, waiting: deque[Job]) -> None:
    """The next job, if there is one. That the worker is dead is seen when its answer is read."""
    worker.job = waiting.popleft() if waiting else None
    if worker.job:
        with suppress(OSError):
            worker.pipe.send(worker.job)


def _end(worker: _Worker) -> None:
    """Ask the worker to end, whatever it does."""
    with suppress(OSError):
        worker.pipe.send(None)


def _bury(worker: _Worker) -> str:
    """Wait for its end, and say how it came."""
    worker.process.join(END_S)
    if worker.process.exitcode is None:
        worker.process.kill()
        worker.process.join()
    worker.pipe.close()
    code = worker.process.exitcode
    assert code is not None
    worker.process.close()
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _serve(start: StartWork, pipe: Connection) -> None:
    """A worker's life: jobs come through the pipe, frames and outcomes go back."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes, but the first one decides
    orders: SimpleQueue[Job | None] = SimpleQueue()
    work = start()

    def listen() -> None:
        try:
            while (job := pipe.recv()) is not None:
                orders.put(job)
        except (EOFError, OSError):
            pass  # the first process is gone
        orders.put(None)
        work.stop()

    def tell(job: Job, done: int, total: int | None) -> None:
        with suppress(OSError):
            pipe.send((done, total))

    threading.Thread(target=listen, daemon=True).start()
    while (job := orders.get()) is not None:
        try:
            outcome = work.do(job, tell)
        except RtposeError as error:
            pipe.send(RtposeError(str(error)))
            return
        if outcome.state == "stopped":
            return
        with suppress(OSError):
            pipe.send(outcome)
