"""rtpose's own files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtpose.recordings.export.motion import track_ids
from rtpose.recordings.npz import PosesFile, save_poses
from rtpose.recordings.people_table import PosesTable
from rtpose.recordings.rtpose_file import person_at, save_recording


def write_npz(path: Path, poses: PosesFile, ids: Sequence[int]) -> str:
    """A poses.npz."""
    with path.open("wb") as file:
        save_poses(file, _only(poses, ids))
    return ""


def write_rtpose(path: Path, poses: PosesFile, ids: Sequence[int]) -> str:
    """A recording."""
    with path.open("wb") as file:
        save_recording(file, _only(poses, ids))
    return ""


def _only(poses: PosesFile, ids: Sequence[int]) -> PosesFile:
    """All frames, with these people only."""
    if list(ids) == track_ids(poses):
        return poses
    table = PosesTable()
    for t, (frame_id, time_s) in enumerate(zip(poses.frame_ids.tolist(), poses.timestamps_s.tolist(), strict=True)):
        columns = np.flatnonzero(np.isin(poses.track_ids[t], ids)).tolist()
        table.append(frame_id, time_s, [person_at(poses, t, column) for column in columns])
    return table.poses_file(image_size=poses.image_size, camera=poses.camera, meta=poses.meta)
