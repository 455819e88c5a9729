"""Work for executors that needs no networks: the name of a job says what happens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rtpose.batch.executors import OnFrame
from rtpose.batch.jobs import Job, Outcome
from rtpose.errors import ModelError
from rtpose.pipeline import Summary


@dataclass(frozen=True)
class StartFakeWork:
    """Makes it in the process that does it."""

    def __call__(self, on_notice: Callable[[str], None]) -> FakeWork:
        return FakeWork(on_notice)


class FakeWork:
    """Each job leaves a file with the id of the process that did it."""

    def __init__(self, on_notice: Callable[[str], None] = print) -> None:
        self._on_notice = on_notice
        self._stop = threading.Event()

    def do(self, job: Job, on_frame: OnFrame) -> Outcome:
        kind = job.name.split("-")[0]
        tries = job.folder / f"{job.name}.tries"
        with tries.open("a") as file:
            file.write("x")
        if kind == "deadly" or (kind == "deadly_once" and tries.stat().st_size == 1):
            os._exit(9)
        if kind == "no_network":
            raise ModelError("there is no network")
        if kind == "warned":
            self._on_notice(f"{job.name} is odd")
        on_frame(job, 1, 1)
        if kind == "endless" and self._stop.wait(60):
            return Outcome(job, "stopped")
        (job.folder / job.out).write_text(str(os.getpid()))
        return Outcome(job, "done", Summary(frames=1))

    def stop(self) -> None:
        self._stop.set()


def fake_jobs(folder: Path, *names: str) -> list[Job]:
    """Jobs that leave `NAME.out` in a folder."""
    return [Job(name, Path(f"{name}.out"), None, folder) for name in names]
