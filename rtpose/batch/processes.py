"""Several processes on this machine, each with its own networks."""

from __future__ import annotations

import multiprocessing
import signal
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
from rtpose.child_processes import safe_path
from rtpose.cores import usable_cores
from rtpose.errors import RtposeError

END_S = 30.0
"""A process that has not exited this long after being asked to is killed."""
MOST_IN_A_ROW = 4 * MOST_DEATHS
"""This many deaths in a row, with no job finished in between, are not the fault of a job."""


def threads_each(workers: int) -> int:
    """Inference threads for each process, so that together they use each core once."""
    return max(1, usable_cores() // workers)


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: Job | None = None


class Processes:
    """Each process gets its next job when it is free. If one dies, another repeats its job: nothing is lost."""

    def __init__(self, start: StartWork, count: int, on_notice: Callable[[str], None]) -> None:
        """count: most processes. on_notice: gets each line that the user should see, also those of the processes."""
        self._start = start
        self._count = count
        self._on_notice = on_notice
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
                    elif isinstance(message, str):
                        self._on_notice(message)
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
        """Handle the death of a process: retry or fail its job. Errors: `RtposeError` if every process dies."""
        self._deaths[job] += 1
        self._in_a_row += 1
        if self._in_a_row == MOST_IN_A_ROW:
            raise RtposeError(f"{self._in_a_row} processes died in a row ({how}): try fewer --workers")
        if self._deaths[job] == MOST_DEATHS:
            yield Outcome(job, "failed", error=f"{job.name}: {MOST_DEATHS} processes died on it, {how}")
        else:
            self._on_notice(f"a process died on {job.name} ({how}): another one retries it")
            waiting.appendleft(job)

    def _begin(self) -> _Worker:
        # spawn: forked copies of threads and of the networks' runtimes would hang
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self._start, theirs), daemon=True)
        with safe_path():
            process.start()
        theirs.close()
        return _Worker(process, ours)


def _give(worker: _Worker, waiting: deque[Job]) -> None:
    """Give the worker its next job, if any. A dead worker is noticed when its answer is read."""
    worker.job = waiting.popleft() if waiting else None
    if worker.job:
        with suppress(OSError):
            worker.pipe.send(worker.job)


def _end(worker: _Worker) -> None:
    """Ask the worker to exit, whatever it is doing."""
    with suppress(OSError):
        worker.pipe.send(None)


def _bury(worker: _Worker) -> str:
    """Wait for the worker to exit, killing it if it does not. Returns the cause of death."""
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
    """Worker process: receives jobs through the pipe; sends back frames, lines for the user and outcomes."""
    for name in ("SIGINT", "SIGHUP"):  # they reach all processes, but the first one decides; Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    orders: SimpleQueue[Job | None] = SimpleQueue()
    sending = threading.Lock()

    def send(message: object) -> None:
        with sending, suppress(OSError):
            pipe.send(message)

    work = start(send)

    def listen() -> None:
        try:
            while (job := pipe.recv()) is not None:
                orders.put(job)
        except (EOFError, OSError):
            pass  # the first process is gone
        orders.put(None)
        work.stop()

    def send_frame(job: Job, done: int, total: int | None) -> None:
        send((done, total))

    threading.Thread(target=listen, daemon=True).start()
    while (job := orders.get()) is not None:
        try:
            outcome = work.do(job, send_frame)
        except RtposeError as error:
            send(RtposeError(str(error)))
            return
        if outcome.state == "stopped":
            return
        send(outcome)
