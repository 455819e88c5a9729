"""Writes packs: resamples trials to the pack's rate, cuts them where a joint jumps, saves the file."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import OutputError
from rtpose.train.data.motion_pack import PACK_FPS, PACK_JOINTS
from rtpose.train.data.readers.motion_files import Array

LONGEST_STEP_M = 0.6
"""A joint that moves more between two frames of the pack has jumped (lost markers, an added T-pose)."""
SHORTEST_CLIP = 10
"""Frames. Shorter clips are left out."""


def check_pack_path(out: Path) -> None:
    """Errors: `OutputError` if the file exists, or its folder does not."""
    if out.exists():
        raise OutputError(f"{out} exists: choose another file or remove it")
    if not out.parent.is_dir():
        raise OutputError(f"{out} cannot be written: its folder does not exist")


def _stride(fps: float) -> int | None:
    """Frames of the file per frame of the pack; None if it is not a whole number."""
    stride = max(1, round(fps / PACK_FPS))
    return stride if abs(fps / PACK_FPS / stride - 1) < 0.02 else None


def resampling_flags(fps: float) -> tuple[str, ...]:
    return () if _stride(fps) else ("interpolated",)


def clips_at_pack_rate(joints: dict[str, Array], fps: float) -> list[tuple[Array, dict[str, Array]]]:
    """[((n,) frames of the file, joint -> (n, 3))]: resampled and cut where a joint jumps. The frames are whole numbers
    where the file's rate is a multiple of the pack's."""
    count = len(joints["hip"])
    stride = _stride(fps)
    at = np.arange(0, count, stride) if stride else np.arange(0, count - 1 + 1e-9, fps / PACK_FPS)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, count - 1)
    part = (at - low)[:, None]
    resampled = {name: (1 - part) * places[low] + part * places[high] for name, places in joints.items()}
    whole = np.stack([resampled[joint] for joint in PACK_JOINTS], axis=1)
    jumps = np.linalg.norm(np.diff(whole, axis=0), axis=-1).max(-1, initial=0.0) > LONGEST_STEP_M
    edges = [0, *(np.flatnonzero(jumps) + 1).tolist(), len(at)]
    return [
        (at[start:stop].astype(np.float64), {name: places[start:stop] for name, places in resampled.items()})
        for start, stop in pairwise(edges)
        if stop - start >= SHORTEST_CLIP
    ]


def save_pack(out: Path, **arrays: NDArray[Any]) -> None:
    """An `.npz`, written to a temporary name and moved into place."""
    temporary = out.with_name(f".{out.name}.part")
    try:
        with temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        os.replace(temporary, out)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{out} cannot be written: {error.strerror}") from None
