"""Memory of a long run: decoder, networks, lifter, smoothing and recorder at work, as in `rtpose video`."""

from __future__ import annotations

import gc
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from rtpose.capture import open_source
from rtpose.config import RunSettings
from rtpose.recordings.npz_recorder import NpzRecorder
from rtpose.session import Session
from rtpose.types import Result

pytestmark = pytest.mark.slow

STATM = Path("/proc/self/statm")
WARM_UP, FRAMES, EVERY = 100, 400, 10
HALF_AN_HOUR = 30 * 60 * 30
"""Frames."""


@pytest.mark.skipif(not STATM.exists(), reason="only Linux tells a process its memory without a further library")
def test_memory_stays_flat(long_clip: Path, tmp_path: Path) -> None:
    """A picture kept for each frame would be 1.4 MB a frame, a person's arrays 1.4 kB. What is seen of Python's part,
    some 250 bytes a frame, are its own lists of freed tuples, which have an end."""
    seen: list[tuple[int, int, int]] = []  # frame, bytes in memory, bytes that Python knows of

    def look(result: Result) -> None:
        frame = result.frame.frame_id
        if frame == WARM_UP:
            tracemalloc.start()
        elif frame > WARM_UP and frame % EVERY == 0:
            resident = int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            seen.append((frame, resident, tracemalloc.get_traced_memory()[0]))
        if frame == FRAMES:
            session.stop()

    # What other tests have left in this process would put off the collector, and freed cycles would look like growth.
    gc.collect()
    gc.freeze()
    session = Session(RunSettings(threads=2, smooth="one-euro"))
    source = open_source(str(long_clip))
    try:
        summary = session.run(source, recorders=[NpzRecorder(tmp_path / "poses.npz", overwrite=False)], on_result=look)
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    assert summary.frames_with_people > 0.9 * FRAMES
    frames, resident, traced = np.array(seen, dtype=np.float64).T
    resident_slope, traced_slope = (np.polyfit(frames, values, 1)[0] for values in (resident, traced))
    print(
        f"memory: {resident_slope:.0f} bytes a frame, Python's part {traced_slope:.0f}; "
        f"{resident_slope * HALF_AN_HOUR / 1e6:.0f} MB in half an hour at 30 frames a second"
    )
    assert traced_slope < 1000
    assert resident_slope < 8000
