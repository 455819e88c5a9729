"""Work for executors that needs no networks: what it does is told by the job's name."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from rtpose.batch.executors import OnFrame
from rtpose.batch.jobs import Job, Outcome
from rtpose.errors import ModelError
from rtpose.pipeline import Summary


@dataclass(frozen=True)
class StartFakeWork:
    """Starts it where it is to be done."""

    def __call__(self) -> FakeWork:
        return FakeWork()


class FakeWork:
    """Each job leaves a file with the id of the process that did it."""

    def __init__(self) -> None:
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
