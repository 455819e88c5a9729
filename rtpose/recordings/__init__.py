"""Recordings of poses: `.npz` and `.rtpose` files, their recorders, and exports to other formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtpose.recordings.recording import Recording


def load_recording(path: Path | str) -> Recording:
    """Read a `.npz` or `.rtpose` file; the content decides which, not the name.

    A `.rtpose` file that was cut off gives all frames up to there, and `meta["cut_off"]` is true.
    Errors: `InputError` if the file is missing, damaged or not a recording.
    """
    from rtpose.recordings.npz import read_npz
    from rtpose.recordings.rtpose_file import is_rtpose, read_rtpose

    path = Path(path)
    return read_rtpose(path).recording if is_rtpose(path) else read_npz(path)
