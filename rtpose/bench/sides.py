"""The sides of a comparison: each is a separate process, started once, and they take turns.

A worker reads one JSON line for each pass over a clip, and answers with one. CPU time and memory are measured
from outside, in the same way for every side.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

from rtpose.bench import peer_mediapipe
from rtpose.bench.report import Round, SideFigures, side_figures
from rtpose.child_processes import PYTHON
from rtpose.config import RunSettings, load_settings
from rtpose.errors import ConfigError, RtposeError

PEERS = tuple(peer_mediapipe.COMPLEXITIES)
SAMPLE_S = 0.05
WARM_UP_FRAMES = 10
PAGE_FRAMES = 90
"""After the rounds, at the clip's own speed and with a page, to time what only pages need."""


class WorkerError(RtposeError):
    """A side's process ended before its work was done."""


@dataclass(frozen=True, slots=True)
class Side:
    """One way to do the work."""

    name: str
    """As the user wrote it."""
    command: tuple[str, ...]
    """Starts its worker."""
    clip: Path


def parse_settings(text: str) -> RunSettings:
    """ "lifter=svmac,persons=2" -> settings; "default" and "" change nothing. Errors: `ConfigError`."""
    return load_settings(RunSettings, overrides=_overrides(text))


def make_side(text: str, clip: Path, peers: Mapping[str, Path]) -> Side:
    """A side from what the user wrote: settings, or a peer's name. peers: name -> Python that has it.

    Errors: `ConfigError` for invalid settings.
    """
    if text in PEERS:
        python = peer_mediapipe.environment(peers.get(text))
        if peer_mediapipe.COMPLEXITIES[text] == 2:
            peer_mediapipe.add_heavy_network(python)
        return Side(text, (str(python), "-I", peer_mediapipe.__file__, "bench", text), clip)
    settings = json.dumps(msgspec.to_builtins(parse_settings(text)))
    return Side(text or "default", (*PYTHON, "-m", "rtpose", "bench-worker", settings), clip)


def parse_peers(texts: Sequence[str]) -> dict[str, Path]:
    """["mediapipe=/path/to/python"] -> name and Python. Errors: `ConfigError`."""
    peers = {}
    for text in texts:
        name, equals, python = text.partition("=")
        if name not in PEERS:
            raise ConfigError(f"there is no peer '{name}': choose one of {', '.join(PEERS)}")
        if not equals or not Path(python).is_file():
            raise ConfigError(f"--peer {text}: name a Python that has {name}, as in {name}=/path/to/python")
        peers[name] = Path(python)
    return peers


def alternate(count: int, rounds: int) -> Iterator[tuple[int, int]]:
    """(round, side) in the order in which they are run: every other round backwards, so that slow changes
    (heat, other programs) affect all sides alike."""
    for number in range(rounds):
        sides = range(count)
        yield from ((number, side) for side in (sides if number % 2 == 0 else reversed(sides)))


class Worker:
    """A side's process, ready to work."""

    def __init__(self, side: Side) -> None:
        """Returns when the networks are loaded. Errors: `WorkerError` with the last line that the process printed."""
        self.side = side
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # closed below
        start = time.perf_counter()
        try:
            self._process = subprocess.Popen(
                side.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
                encoding="utf-8",
            )  # fmt: skip
        except OSError as error:
            self._said.close()
            raise WorkerError(f"{side.command[0]} cannot be started: {error.strerror}") from None
        try:
            self._watched = psutil.Process(self._process.pid)
            self._answer()
        except BaseException:
            self.close()
            raise
        self.start_s = time.perf_counter() - start

    def run(
        self, *, out: Path | None = None, frames: int | None = None, page: bool = False, details: bool = True
    ) -> Round:
        """One pass over the clip. out: where the poses go. frames: only this many. page: at the clip's own speed, with
        a page that watches. details: also time the stages."""
        assert self._process.stdin is not None
        order = {
            "clip": str(self.side.clip), "out": str(out) if out else None, "frames": frames, "page": page,
            "details": details,
        }  # fmt: skip
        peak = self.memory()
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(SAMPLE_S):
                peak = max(peak, self.memory())

        before = self._watched.cpu_times()
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            answer = self._answer()
        except BrokenPipeError:
            raise self._ended() from None
        finally:
            done.set()
            watcher.join()
        after = self._watched.cpu_times()
        cpu_s = after.user + after.system - before.user - before.system
        return msgspec.convert({**answer, "cpu_s": cpu_s, "peak_bytes": max(peak, self.memory())}, Round)

    def memory(self) -> int:
        """Bytes that the process holds now; 0 if it has ended."""
        try:
            return int(self._watched.memory_info().rss)
        except psutil.Error:
            return 0

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> WorkerError:
        self._process.wait()
        self._said.seek(0)
        said = [line.strip() for line in self._said if line.strip()] or ["it gave no reason"]
        return WorkerError(f"the side '{self.side.name}' ended early: {said[-1].removeprefix('rtpose: ')}")


@contextmanager
def working(sides: Sequence[Side]) -> Iterator[list[Worker]]:
    """A warmed-up worker for each side."""
    with ExitStack() as stack:
        workers = []
        for side in sides:
            worker = Worker(side)
            stack.callback(worker.close)
            worker.run(frames=WARM_UP_FRAMES, details=False)
            workers.append(worker)
        yield workers


def run_sides(
    sides: Sequence[Side],
    *,
    rounds: int,
    frames: int | None,
    folder: Path,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[SideFigures]:
    """Run all sides over their clips, in turns. Each leaves its last poses in `folder` (see `poses_of`).

    Errors: `WorkerError` for one that ends early, or whose clip has no frame.
    """
    measured: list[list[Round]] = [[] for _ in sides]
    with working(sides) as workers:
        for done, (_, index) in enumerate(alternate(len(sides), rounds)):
            report(done, rounds * len(sides))
            one = workers[index].run(out=poses_of(folder, index), frames=frames)
            if one.frames == 0:
                raise WorkerError(f"the side '{sides[index].name}' found no frame in {sides[index].clip}")
            measured[index].append(one)
        shown = [
            None if s.name in PEERS else w.run(frames=PAGE_FRAMES, page=True)
            for s, w in zip(sides, workers, strict=True)
        ]
        return [
            side_figures(side.name, side.clip.name, worker.start_s, of_side, with_page)
            for side, worker, of_side, with_page in zip(sides, workers, measured, shown, strict=True)
        ]


def poses_of(folder: Path, index: int) -> Path:
    """Where side number `index` leaves its poses."""
    return folder / f"side{index}.npz"


def watch_memory(side: Side, seconds: float) -> tuple[list[tuple[float, int]], int]:
    """Pass after pass over the clip for `seconds`: (seconds, bytes) twice a second, and the frames done."""
    samples: list[tuple[float, int]] = []
    frames = 0
    with working([side]) as workers:
        worker = workers[0]
        start = time.monotonic()
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                samples.append((time.monotonic() - start, worker.memory()))
                done.wait(0.5)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            while time.monotonic() - start < seconds:
                frames += worker.run(details=False).frames
        finally:
            done.set()
            watcher.join()
    return samples, frames


def _overrides(text: str) -> list[str]:
    return [] if text in ("", "default") else text.split(",")
