"""The list of clips in every motion pack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError


def check_clips(path: Path, starts: NDArray[Any], meta: NDArray[Any], frames: int) -> list[dict[str, Any]]:
    """The entries of a pack's clips, of which each begins at one of `starts` and the last ends at `frames`.

    Errors: `InputError` if entries, starts and frames do not fit together, or an entry names no subject.
    """
    try:
        clips = json.loads(str(meta))
    except (ValueError, RecursionError):
        clips = None
    if (
        not np.issubdtype(starts.dtype, np.integer) or starts.ndim != 1 or starts.size < 2
        or starts[0] != 0 or starts[-1] != frames or not (np.diff(starts.astype(np.int64)) > 0).all()
        or not isinstance(clips, list) or len(clips) != len(starts) - 1
        or not all(isinstance(clip, dict) and "subject" in clip for clip in clips)
    ):  # fmt: skip
        raise InputError(f"{path} is damaged: its list of clips does not fit its frames")
    return clips
