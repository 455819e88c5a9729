"""rtpose's own side of `rtpose bench`: passes over clips, asked for on stdin, one JSON line each."""

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

from rtpose.stages import measured_stages
from rtpose.types import Result


class Play(Protocol):
    """Runs the whole program once, from the clip to the file of poses."""

    def __call__(
        self, clip: str, out: Path | None, page: bool, on_result: Callable[[Result], None], stop: Callable[[], bool]
    ) -> None:
        """page: at the clip's own speed and with a page that looks on, else as fast as possible. on_result: called
        for each frame; stop: asked after each, whether it was the last that is wanted."""
        ...


def serve(play: Play) -> None:
    """Say that everything is loaded, then answer orders until stdin ends."""
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
