"""Memory of a long run: decoder, networks, lifter, smoothing and recorder at work, as in `rtpose video`."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
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
WARM_UP, FRAMES, EVERY = 100, 400, 20
HALF_AN_HOUR = 30 * 60 * 30
"""Frames."""


@pytest.mark.skipif(not STATM.exists(), reason="only Linux tells a process its memory without a further library")
def test_memory_stays_flat(long_clip: Path, tmp_path: Path) -> None:
    """A picture kept for each frame would be 1.4 MB a frame, as the decoder has it 0.46 MB, a person's arrays 1.4 kB.

    The run is a process of its own: what other tests have left behind would change when Python collects its garbage.
    There the pools of OpenVINO's task scheduler (oneTBB) still grow by 10 to 18 kB a frame for the first thousand
    frames, which memray shows, so the process's memory can tell pictures only. `rtpose bench --minutes` looks longer.
    """
    command = [sys.executable, __file__, str(long_clip), str(tmp_path / "poses.npz")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["frames_with_people"] > 0.9 * FRAMES
    frames, resident, traced = np.array(report["seen"], dtype=np.float64).T
    resident_slope, traced_slope = (np.polyfit(frames, values, 1)[0] for values in (resident, traced))
    print(
        f"memory: {resident_slope:.0f} bytes a frame, Python's part {traced_slope:.0f}; "
        f"{resident_slope * HALF_AN_HOUR / 1e6:.0f} MB in half an hour at 30 frames a second"
    )
    assert traced_slope < 1000
    assert resident_slope < 100_000


def run_and_look(clip: Path, out: Path) -> None:
    """Print what the memory of this process is every EVERY frames of the clip: frame, bytes in memory, bytes that
    Python knows of. Garbage is collected before each look, so that only what is kept counts."""
    seen: list[tuple[int, int, int]] = []

    def look(result: Result) -> None:
        frame = result.frame.frame_id
        if frame == WARM_UP:
            tracemalloc.start()
        elif frame > WARM_UP and frame % EVERY == 0:
            gc.collect()
            resident = int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            seen.append((frame, resident, tracemalloc.get_traced_memory()[0]))
        if frame == FRAMES:
            session.stop()

    session = Session(RunSettings(threads=2, smooth="one-euro"))
    summary = session.run(open_source(str(clip)), recorders=[NpzRecorder(out, overwrite=False)], on_result=look)
    print(json.dumps({"frames_with_people": summary.frames_with_people, "seen": seen}))


if __name__ == "__main__":
    run_and_look(*map(Path, sys.argv[1:]))
