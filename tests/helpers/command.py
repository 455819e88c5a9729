"""The real command: in this process, which is cheap, or in one of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from rtpose.cli import main, terminal

LIMIT_S = 120
COMMAND = (sys.executable, "-m", "rtpose")


def environment(**changes: str) -> dict[str, str]:
    """This process's, without what would change the command's words."""
    kept = {k: v for k, v in os.environ.items() if k not in {"RTPOSE_DEBUG", "FORCE_COLOR"}}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **changes}


def rtpose(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `rtpose ARGS` to its end in this process, as if it had been started in cwd."""
    arguments, here, debugging = [*map(str, args)], Path.cwd(), terminal.debugging
    with _captured(1) as stdout, _captured(2) as stderr, warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", DeprecationWarning)
        # As text files over the two descriptors: what a library in C prints is captured, too.
        with (
            open(1, "w", encoding="utf-8", closefd=False) as out, redirect_stdout(out),
            open(2, "w", encoding="utf-8", closefd=False) as err, redirect_stderr(err),
        ):  # fmt: skip
            os.chdir(cwd)
            try:
                main(arguments)
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            finally:
                os.chdir(here)
                terminal.debugging = debugging
        said = [_content(stdout), _content(stderr)]
    return subprocess.CompletedProcess([*COMMAND, *arguments], code, *said)


@contextmanager
def _captured(descriptor: int) -> Iterator[IO[bytes]]:
    """While the block lasts, what is written to a descriptor goes into a file."""
    before = os.dup(descriptor)
    try:
        with TemporaryFile() as file:
            os.dup2(file.fileno(), descriptor)
            try:
                yield file
            finally:
                os.dup2(before, descriptor)
    finally:
        os.close(before)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", errors="backslashreplace").replace("\r\n", "\n")


def rtpose_process(
    *args: str | Path, cwd: Path, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `rtpose ARGS` to its end in a process of its own. before: called in it before it starts (POSIX)."""
    return subprocess.run(
        [*COMMAND, *map(str, args)], cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, text=True,
        encoding="utf-8", capture_output=True, timeout=LIMIT_S, preexec_fn=before,
    )  # fmt: skip


def torchrun(processes: int, *args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `torchrun --nproc-per-node=PROCESSES ARGS` to its end, on the CPU."""
    start = (sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}")
    return subprocess.run(
        [*start, *map(str, args)], cwd=cwd, env=environment(OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES=""),
        stdin=subprocess.DEVNULL, text=True, encoding="utf-8", capture_output=True, timeout=LIMIT_S,
    )  # fmt: skip


class Running:
    """`rtpose ARGS` while it runs. Both outputs are read all the time, so it never waits for the reader."""

    def __init__(self, args: Sequence[str | Path], cwd: Path) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, args)], cwd=cwd, env=environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._readers = [
            threading.Thread(target=lines.extend, args=(pipe,), daemon=True)
            for pipe, lines in ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match in what the command has said so far, on either output, or says from now on."""
        deadline_s = time.monotonic() + LIMIT_S
        while True:
            ended = self.process.poll() is not None
            if ended:
                self._join()
            said = "".join([*self.stdout, *self.stderr])
            if match := re.search(pattern, said):
                return match
            assert not ended, f"ended with {self.process.returncode} before saying {pattern!r}:\n{said}"
            assert time.monotonic() < deadline_s, f"did not say {pattern!r}:\n{said}"
            time.sleep(0.02)

    def page(self) -> str:
        """Address of the page, once the command has printed it."""
        return self.wait_for(r"The page: (http://\S+)")[1]

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> int:
        """Wait for the end; the exit code."""
        code = self.process.wait(LIMIT_S)
        self._join()
        return code

    def kill(self) -> None:
        """End it whatever it does, and close the pipes."""
        self.process.kill()
        self.finish()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(LIMIT_S)


@contextmanager
def running(*args: str | Path, cwd: Path) -> Iterator[Running]:
    """`rtpose ARGS`, killed at the end of the block if it still runs."""
    command = Running(args, cwd)
    try:
        yield command
    finally:
        command.kill()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; fails after a generous while, naming `what`."""
    deadline_s = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline_s, f"waited too long for {what}"
        time.sleep(0.02)


def size_of(file: Path) -> int:
    """0 for a file that is gone: a trial of whether the folder can be written to."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
