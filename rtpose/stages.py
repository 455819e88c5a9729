"""Where a frame's time goes: parts name what they do, and whoever measures listens. Standard library only.

The names: "capture" (waiting for the camera, reading the file), "decode" (to an upright RGB picture), "detect" (where
people are), "landmarks" (one person's joints in the picture), "track", "lift" (2D to 3D; for the estimator cascaded:
picture to 3D), "smooth", "body" (bones, gravity and floor), "send" (packing poses for the page), "preview" (the page's
small picture), "record".
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

STAGES = (
    "capture", "decode", "detect", "landmarks", "track", "lift", "smooth", "body", "record", "send", "preview",
)  # fmt: skip
"""In the order of a frame's way."""

Item = TypeVar("Item")
StageTimes = defaultdict[str, list[float]]
"""Name -> seconds of each time that the stage was passed, without the stages inside it."""

_measured: StageTimes | None = None
_inside = threading.local()
"""`seconds`: what the stages inside the one at hand have taken, in this thread."""


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Around a part of a frame's way, as a block or as a function's decorator. Costs next to nothing unmeasured."""
    times = _measured
    if times is None:
        yield
        return
    before = getattr(_inside, "seconds", 0.0)
    _inside.seconds = 0.0
    start = time.perf_counter()
    try:
        yield
    finally:
        whole = time.perf_counter() - start
        times[name].append(whole - _inside.seconds)
        _inside.seconds = before + whole


def staged(name: str, items: Iterable[Item]) -> Iterator[Item]:
    """`items`, each made inside the stage `name`."""
    iterator = iter(items)
    while True:
        with stage(name):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


@contextmanager
def measured_stages() -> Iterator[StageTimes]:
    """All stages that any thread passes during the block. One block at a time."""
    global _measured
    if _measured is not None:
        raise RuntimeError("stages are being measured already")
    times: StageTimes = defaultdict(list)
    _measured = times
    try:
        yield times
    finally:
        _measured = None
