"""Looks for a board in a source's pictures until there are enough views of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rtpose.capture.images import ImageFiles
from rtpose.errors import InputError
from rtpose.lens.boards import Board, BoardView
from rtpose.lens.coverage import Coverage
from rtpose.types import FrameSource

_EVERY_S = 0.2
"""Interval between the pictures used from a video."""
_STILL_SHARE = 0.004
"""Share of the picture's diagonal: how far a still board moves between two pictures of a live camera."""


def watch(
    source: FrameSource, board: Board, on_look: Callable[[Coverage, int, str], None], stop: Callable[[], bool]
) -> Coverage:
    """Look at a source until it ends, `stop` says so, or - of a live camera - there is nothing left to show.

    on_look: called after each picture with the views so far, the pictures read, and what to do next.
    Errors: `InputError` for pictures of different sizes, which are those of different cameras.
    """
    coverage = Coverage(source.info.size)
    last: BoardView | None = None
    next_s, read = 0.0, 0
    pause_s = 0.0 if source.info.live or isinstance(source, ImageFiles) else _EVERY_S
    while not (source.ended or stop() or (source.info.live and coverage.complete)):
        frame = source.read()
        if frame is None:
            continue
        read += 1
        if frame.pts_s < next_s:
            continue
        next_s = frame.pts_s + pause_s
        if frame.size != coverage.size:
            raise InputError(
                f"{source.info.name} has pictures of {coverage.size[0]}x{coverage.size[1]} and of "
                f"{frame.size[0]}x{frame.size[1]}: calibrate with pictures of one camera in one orientation"
            )
        view = board.find(frame.image)
        step = coverage.next_step
        if view is None:
            step = f"no board seen; {step}" if coverage.views else step
        elif source.info.live and not _is_still(view, last, coverage.size):
            step = f"hold the board still; {step}"
        elif coverage.offer(view):
            step = coverage.next_step
        last = view
        on_look(coverage, read, step)
    return coverage


def _is_still(view: BoardView, last: BoardView | None, size: tuple[int, int]) -> bool:
    """Whether the corners of two pictures are in one place: a moving board is blurred and skewed."""
    if last is None or len(view.pixels) != len(last.pixels):
        return False
    moved = np.linalg.norm(view.pixels - last.pixels, axis=1).mean()
    return bool(moved < _STILL_SHARE * np.hypot(*size))
