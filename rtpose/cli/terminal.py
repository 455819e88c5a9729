"""What a command prints: errors, progress, the state of a live run."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rtpose.errors import MissingExtraError
from rtpose.printable import printable
from rtpose.wording import counted

if TYPE_CHECKING:
    import ssl

    from rtpose.pipeline import Summary
    from rtpose.server.server import PoseServer
    from rtpose.types import Result


debugging = False
"""Show an error as a traceback. Set by `--debug`."""


def warn(text: str) -> None:
    """Print a line that the user should see, while the work goes on."""
    print(f"rtpose: {printable(text)}", file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Print a line of a command's answer."""
    print(printable(text))


def accept_all_characters() -> None:
    """Characters that the console's encoding lacks are printed as escapes, where they would end the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def exit_if_outputs_failed(*summaries: Summary) -> None:
    """Exit with code 2 if an output failed during a run. The failure itself was printed when it happened."""
    errors = [error for summary in summaries for error in summary.sink_errors]
    if errors and debugging:
        raise errors[0]
    if errors:
        raise typer.Exit(2)


@contextmanager
def needing_train(purpose: str) -> Iterator[None]:
    """Around imports that need the extra `train`."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in (
            "torch",
            "lightning_fabric",
            "onnx",
            "onnxscript",
            "safetensors",
            "tensorboard",
        ):
            raise MissingExtraError("train", purpose) from error
        raise


def summary_line(summary: Summary, out: Path | None = None) -> str:
    """Summarise a run in one line. out: the file written; shown unless an output failed."""
    drops = sum(summary.stats.dropped.values())
    people = "no people" if summary.most_people == 0 else _people(summary.most_people)
    if summary.most_people > 1:
        people = f"up to {people}"
    share = summary.frames_with_people / summary.frames if summary.frames else 0.0
    line = (
        f"{counted(summary.frames, 'frame')} in {summary.wall_s:.1f} s ({summary.fps:.1f} fps), {people} "
        f"in {share:.0%} of the frames, {drops} dropped"
    )
    return f"{line} -> {out}" if out and not summary.sink_errors else line


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


class StatusLine:
    """One line on the terminal that follows a live run while the block lasts. Its methods may be called in any
    thread."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.status import Status

        self._console = Console(stderr=True)
        self._status = Status("waiting for the first picture", console=self._console)
        self._lock = threading.Lock()
        self._times: list[int] = []

    def __enter__(self) -> StatusLine:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._status.stop()

    def warn(self, text: str) -> None:
        """Print a line above."""
        self._console.print(f"rtpose: {printable(text)}", markup=False, highlight=False, soft_wrap=True)

    @property
    def is_shown(self) -> bool:
        """Whether there is a terminal to show it."""
        return self._console.is_terminal

    def show(self, text: str) -> None:
        """Replace the line."""
        from rich.text import Text

        self._status.update(Text(printable(text)))

    def result(self, result: Result) -> None:
        """Show the rate and latency up to this result."""
        now = time.monotonic_ns()
        with self._lock:
            self._times = [t for t in self._times if now - t < 2e9] + [now]
        latency_ms = (result.t_done_ns - result.frame.t_ns) / 1e6
        self._status.update(
            f"{len(self._times) / 2:.0f} fps, {latency_ms:.0f} ms from camera to pose, {_people(len(result.persons))}; "
            "Ctrl-C to stop"
        )


@contextmanager
def progress_bar(quiet: bool, what: str) -> Iterator[Callable[[int, int | None, str], None]]:
    """A progress bar on stderr: `update(done, total, note)`."""
    if quiet:
        yield lambda done, total, note: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(printable(what), total=None, rate="", note="")
        started = time.monotonic()

        def update(done: int, total: int | None, note: str) -> None:
            rate = f"{done / max(time.monotonic() - started, 1e-6):.0f}/s"
            bar.update(task, completed=done, total=total, rate=rate, note=note)

        yield update


def https(own: bool, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The TLS context for `--tls`, `--tls-cert` and `--tls-key`; None for http. Errors: see `tls_context`."""
    if not own and certificate is None and key is None:
        return None
    from rtpose.server.tls import CERTIFICATE, own_certificate, tls_context

    if certificate is None and key is None:
        file = own_certificate().with_name(CERTIFICATE)
        say(f"Browsers will warn about the self-signed certificate: {file}")
    return tls_context(certificate, key)


def open_page(server: PoseServer, browser: bool) -> None:
    """Print the page's address, and open it in the browser if wanted."""
    from rtpose.server.browser import open_in_browser

    print(f"The page: {server.url}", flush=True)
    if not server.is_loopback and sys.stdout.isatty():
        _print_as_picture(server.url)
    if browser:
        open_in_browser(server.url, is_secret=server.token is not None)


def _print_as_picture(url: str) -> None:
    """A QR code, for phones, where the library for it is installed."""
    try:
        import segno
    except ModuleNotFoundError:
        return
    segno.make(url, error="l").terminal(compact=True)
