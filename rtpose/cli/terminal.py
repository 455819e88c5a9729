"""What a command says on the terminal: errors, progress, the state of a live run; and how it is interrupted."""

from __future__ import annotations

import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rtpose.errors import MissingExtraError

if TYPE_CHECKING:
    import ssl

    from rtpose.pipeline import Summary
    from rtpose.server.server import PoseServer
    from rtpose.types import Result


debugging = False
"""Show an error as a traceback. Set by `--debug`."""


def warn(text: str) -> None:
    """Something that a person should know, while all goes on."""
    print(f"rtpose: {text}", file=sys.stderr)


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
    drops = sum(summary.stats.dropped.values())
    people = "nobody seen" if summary.most_people == 0 else f"up to {summary.most_people} people"
    if summary.most_people == 1:
        people = "1 person"
    share = summary.frames_with_people / summary.frames if summary.frames else 0.0
    line = (
        f"{summary.frames} frames in {summary.wall_s:.1f} s ({summary.fps:.1f} fps), {people} "
        f"in {share:.0%} of the frames, {drops} dropped"
    )
    return f"{line} -> {out}" if out else line


class StatusLine:
    """One line on the terminal that follows a live run while its block lasts. Any thread may tell it something."""

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

    def status(self, text: str) -> None:
        if text != "ok":
            self._console.print(f"rtpose: {text}")

    def result(self, result: Result) -> None:
        now = time.monotonic_ns()
        with self._lock:
            self._times = [t for t in self._times if now - t < 2e9] + [now]
        latency_ms = (result.t_done_ns - result.frame.t_ns) / 1e6
        self._status.update(
            f"{len(self._times) / 2:.0f} fps, {latency_ms:.0f} ms from camera to pose, {len(result.persons)} people; "
            "Ctrl-C ends it"
        )


def when_changed(report: Callable[[str], None]) -> Callable[[str], None]:
    """Call `report` only for a text that differs from the last."""
    last: list[str] = ["ok"]

    def check(text: str) -> None:
        if text != last[0]:
            last[0] = text
            report(text)

    return check


@contextmanager
def progress_bar(quiet: bool, what: str) -> Iterator[Callable[[int, int | None, str], None]]:
    """A progress bar on stderr: `update(done, total, note)`."""
    if quiet:
        yield lambda done, total, note: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None, rate="", note="")
        started = time.monotonic()

        def update(done: int, total: int | None, note: str) -> None:
            rate = f"{done / max(time.monotonic() - started, 1e-6):.0f}/s"
            bar.update(task, completed=done, total=total, rate=rate, note=note)

        yield update


@contextmanager
def started(server: PoseServer) -> Iterator[PoseServer]:
    server.start()
    try:
        yield server
    finally:
        server.close()


def https(own: bool, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """What `--tls`, `--tls-cert` and `--tls-key` ask for. Errors: see `tls_context`."""
    if not own and certificate is None and key is None:
        return None
    from rtpose.server.tls import CERTIFICATE, own_certificate, tls_context

    if certificate is None and key is None:
        file = own_certificate().with_name(CERTIFICATE)
        print(f"Browsers will warn of its own certificate: {file}", flush=True)
    return tls_context(certificate, key)


def open_page(server: PoseServer, browser: bool) -> None:
    print(f"The page: {server.url}", flush=True)
    if server.token is not None and sys.stdout.isatty():
        _print_as_picture(server.url)
    if browser:
        webbrowser.open(server.url)


def _print_as_picture(url: str) -> None:
    """A QR code, for phones, where the library for it is installed."""
    try:
        import segno
    except ModuleNotFoundError:
        return
    segno.make(url, error="l").terminal(compact=True)


@contextmanager
def on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask once to finish; a second one ends the program at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: object) -> None:
        for restored, old in before.items():
            signal.signal(restored, old)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
