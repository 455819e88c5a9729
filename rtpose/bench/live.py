"""Capture-to-page latency: a clip played at its own speed, with pages connected.

Latency counts from the moment a frame is taken (for a clip: its own time) until the page's report that it was drawn
reaches the server. Both are read from one clock, and the way back is included.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import psutil

from rtpose.bench.clients import Received, clients
from rtpose.bench.clips import clip_info
from rtpose.bench.report import LiveFigures, ReceivedFigures, memory_figures, spread
from rtpose.capture import open_source
from rtpose.capture.browser import BrowserCamera
from rtpose.config import RunSettings
from rtpose.errors import ConfigError, MissingExtraError
from rtpose.session import Session
from rtpose.types import Result

SENDERS = ("rtpose-server", "WebSocketSink")
"""The names of the threads that feed pages."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
BROWSER_FLAGS = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""WebGL in software: headless browsers have no graphics card."""
CPU_SAMPLE_S = 0.5


class PlayLive(Protocol):
    """Plays the clip once at its own speed, for pages."""

    def __call__(self, on_result: Callable[[Result], None]) -> None: ...


class Drawn:
    """Records when pages report that they have drawn a frame."""

    def __init__(self) -> None:
        self._times: dict[int, int] = {}

    def __call__(self, frame_id: int) -> None:
        """Called by the server in its own thread. The first page's report counts."""
        self._times.setdefault(frame_id, time.monotonic_ns())

    def take(self) -> dict[int, int]:
        """frame_id -> ns on the monotonic clock, since the last call."""
        times, self._times = self._times, {}
        return times


class SenderClock:
    """CPU time of the threads that feed pages, read while they run."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, float]] = []
        self._sampled_s = -CPU_SAMPLE_S

    def sample(self) -> bool:
        """Take a sample, unless one was taken just now (then False)."""
        now_s = time.monotonic()
        if now_s - self._sampled_s < CPU_SAMPLE_S:
            return False
        self._sampled_s = now_s
        wanted = {thread.native_id for thread in threading.enumerate() if thread.name in SENDERS}
        try:
            times = [t.user_time + t.system_time for t in psutil.Process().threads() if t.id in wanted]
        except psutil.Error:  # macOS requires permission for it
            return True
        if len(times) == len(SENDERS):  # elsewhere thread numbers may differ
            self._samples.append((now_s, sum(times)))
        return True

    def share(self) -> float | None:
        """Share of one core between the first and the last sample; None with fewer than two."""
        if len(self._samples) < 2:
            return None
        (start_s, before), (end_s, after) = self._samples[0], self._samples[-1]
        return (after - before) / (end_s - start_s)


def measure_pages(
    settings: RunSettings, clip: Path, counts: Sequence[int], *, browser: bool, rounds: int, hostile: int,
    on_notice: Callable[[str], None],
) -> list[LiveFigures]:  # fmt: skip
    """One row for a browser, if it is wanted, and one for each number of pages, with hostile ones where there are
    enough. Errors: as of `Session` and `open_browser`; `KeyboardInterrupt` if it was stopped."""
    session = Session(settings, on_notice=on_notice)
    drawn = Drawn()
    fps = clip_info(clip).fps
    with session.serve(
        source=clip.name, port=0, on_drawn=drawn, on_record=lambda wanted: None, camera=BrowserCamera()
    ) as server:

        def play(on_result: Callable[[Result], None]) -> None:
            summary = session.run(open_source(str(clip)), server=server, real_time=True, on_result=on_result)
            if summary.sink_errors:
                raise summary.sink_errors[0]
            if session.stopped:  # a partial measurement is worthless
                raise KeyboardInterrupt

        play(lambda result: None)  # a warm-up
        rows = [(1, True)] if browser else []
        return [
            measure_live(
                play, drawn, server.url, pages=pages, browser=in_browser, source_fps=fps, passes=rounds,
                hostile=hostile if pages > 2 * hostile else 0,
            )
            for pages, in_browser in [*rows, *((count, False) for count in counts)]
        ]  # fmt: skip


def measure_live(
    play: PlayLive,
    drawn: Drawn,
    url: str,
    *,
    pages: int,
    browser: bool,
    source_fps: float | None,
    passes: int = 1,
    hostile: int = 0,
) -> LiveFigures:
    """Play the clip `passes` times with `pages` watching. play feeds the server at `url`, which tells `drawn`.

    hostile: this many of the pages never read, and as many more send garbage and hold connections half open.
    Errors: as of `open_browser`.
    """
    compute_s: list[float] = []
    drawn_s: list[float] = []
    memory: list[tuple[float, int]] = []
    process = psutil.Process()
    frames, wall_s, last_frame = 0, 0.0, -1
    shares: list[float | None] = []
    with ExitStack() as stack:
        lookers = None
        if browser:
            stack.enter_context(open_browser(url, pages))
        elif pages:
            lookers = stack.enter_context(clients(url, pages - 2 * hostile, silent=hostile, rude=hostile))
        for _ in range(passes):
            taken: dict[int, int] = {}
            clock = SenderClock()

            def on_result(result: Result, taken: dict[int, int] = taken, clock: SenderClock = clock) -> None:
                taken[result.frame.frame_id] = result.frame.t_ns
                compute_s.append((result.t_done_ns - result.frame.t_ns) / 1e9)
                if clock.sample():
                    memory.append((time.monotonic(), process.memory_info().rss))

            drawn.take()
            begin = time.monotonic()
            play(on_result)
            wall_s += time.monotonic() - begin
            frames += len(taken)
            last_frame = max(taken, default=-1)
            shares.append(clock.share())
            time.sleep(0.2)  # for the last page's report
            # The clip starts with the frame on which the last pass ended: only reports after it was taken count.
            drawn_s += [(t - taken[i]) / 1e9 for i, t in drawn.take().items() if i in taken and t > taken[i]]
    known = [share for share in shares if share is not None]
    return LiveFigures(
        pages=pages, browser=browser, frames=frames, fps=frames / wall_s, source_fps=source_fps,
        compute_ms=spread(compute_s, 1000), drawn_ms=spread(drawn_s, 1000) if drawn_s else None,
        drawn_frames=len(drawn_s), sender_cpu=sum(known) / len(known) if known else None,
        received=received_figures(lookers.seen, frames, last_frame) if lookers and lookers.seen else None,
        memory=memory_figures(memory, frames) if memory else None, hostile=hostile,
    )  # fmt: skip


def received_figures(seen: Received, frames: int, last_frame: int) -> ReceivedFigures:
    """What pages received of `frames` frames, the last of which was `last`."""
    return ReceivedFigures(
        poses_per_page_s=min(seen.poses) / seen.seconds, share=min(seen.poses) / frames,
        newest=seen.last_frames.count(last_frame), lag_ms=seen.lags_ms, lost=seen.lost, thrown_out=seen.thrown_out,
    )  # fmt: skip


@contextmanager
def open_browser(url: str, pages: int) -> Iterator[None]:
    """A headless Chromium with the page open, drawing.

    Errors: `MissingExtraError` without playwright, `ConfigError` without a browser.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ModuleNotFoundError:
        raise MissingExtraError("dev", "measuring the page in a browser") from None
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    flags = [*BROWSER_FLAGS, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=found, args=flags)
        except Error as error:
            reason = str(error).strip().splitlines()[0]
            raise ConfigError(f"no browser can be started ({reason}): run `playwright install chromium`") from None
        try:
            for _ in range(pages):
                page = browser.new_page(viewport={"width": 1280, "height": 720})
                page.goto(url)
                # The page has drawn the server's latest frame: loading is not part of the measurement.
                page.wait_for_selector('body[data-frames]:not([data-frames="0"])', state="attached")
            yield
        finally:
            browser.close()
