"""rtpose's own formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rtpose.recordings.npz import write_npz
from rtpose.recordings.people_table import PeopleTable
from rtpose.recordings.recording import Recording
from rtpose.recordings.rtpose_file import write_rtpose


def export_npz(path: Path, recording: Recording, ids: Sequence[int]) -> str:
    """Write a poses.npz."""
    with path.open("wb") as file:
        write_npz(file, _only(recording, ids))
    return ""


def export_rtpose(path: Path, recording: Recording, ids: Sequence[int]) -> str:
    """Write a .rtpose file."""
    with path.open("wb") as file:
        write_rtpose(file, _only(recording, ids))
    return ""


def _only(recording: Recording, ids: Sequence[int]) -> Recording:
    """All frames, but only the people with these ids."""
    if list(ids) == recording.ids:
        return recording
    table = PeopleTable(recording.skeleton)
    frames = zip(recording.frame_ids.tolist(), recording.timestamps_s.tolist(), strict=True)
    for t, (frame_id, time_s) in enumerate(frames):
        people = [person for person in recording.people(t) if person.track_id in ids]
        table.append(frame_id, time_s, people, recording.world_of(t))
    return table.to_recording(image_size=recording.image_size, camera=recording.camera, meta=recording.meta)
