"""rtpose's own side of `rtpose bench`: passes over clips, ordered on stdin, one JSON line each."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from rtpose.bench.clients import clients
from rtpose.capture import open_source
from rtpose.config import RunSettings
from rtpose.recordings.npz_recorder import NpzRecorder
from rtpose.session import Session
from rtpose.stages import measured_stages
from rtpose.types import Result, Sink


class Play(Protocol):
    """Runs the whole program once, from the clip to the file of poses."""

    def __call__(
        self, clip: str, out: Path | None, page: bool, on_result: Callable[[Result], None], stop: Callable[[], bool]
    ) -> None:
        """page: at the clip's own speed and with a page connected, else as fast as possible. on_result: called
        for each frame. stop: called after each; True ends the pass."""
        ...


def session_play(settings: RunSettings, on_notice: Callable[[str], None]) -> Play:
    """Plays clips with a session of `settings`, which is loaded here."""
    session = Session(settings, on_notice=on_notice)

    def play(
        clip: str, out: Path | None, page: bool, on_result: Callable[[Result], None], stop: Callable[[], bool]
    ) -> None:
        session.stopped = False  # the last pass was

        def count(result: Result) -> None:
            on_result(result)
            if stop():
                session.stop()

        meta: dict[str, Any] = {}
        recorders: list[Sink] = [NpzRecorder(out, overwrite=True, meta=lambda: meta)] if out else []
        with ExitStack() as stack:
            server = None
            if page:
                server = stack.enter_context(session.serve(source=clip, port=0))
                stack.enter_context(clients(server.url, 1))
            summary = session.run(
                open_source(clip), server=server, recorders=recorders, meta=meta, real_time=page, on_result=count
            )
        if summary.sink_errors:
            raise summary.sink_errors[0]

    return play


def serve(play: Play) -> None:
    """Report that everything is loaded, then answer orders until stdin ends."""
    # Libraries print to stdout at times: keep the real one for the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with answers:
        print(json.dumps({"ready": True}), file=answers, flush=True)
        for line in sys.stdin:
            order = json.loads(line)
            print(json.dumps(run_order(play, order)), file=answers, flush=True)


def run_order(play: Play, order: dict[str, Any]) -> dict[str, Any]:
    """One pass. Returns frames, wall_s, between_s, stages_s (both empty without `details`) and people."""
    ends: list[float] = []
    frames = people = 0
    limit, details = order["frames"], order["details"]

    def on_result(result: Result) -> None:
        nonlocal frames, people
        frames += 1
        people += len(result.persons)
        if details:
            ends.append(time.perf_counter())

    out = Path(order["out"]) if order["out"] else None
    with ExitStack() as stack:
        stages = stack.enter_context(measured_stages()) if details else {}
        begin = time.perf_counter()
        play(order["clip"], out, order["page"], on_result, lambda: limit is not None and frames >= limit)
        wall_s = time.perf_counter() - begin
    return {
        "frames": frames, "wall_s": wall_s, "between_s": [b - a for a, b in pairwise(ends)],
        "stages_s": dict(stages), "people": people / max(frames, 1),
    }  # fmt: skip
