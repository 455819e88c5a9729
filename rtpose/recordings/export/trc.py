"""TRC, markers for OpenSim: one person, millimetres, y up, at a constant rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtpose.printable import printable
from rtpose.recordings.export.markers import Markers, marker_names, markers_of
from rtpose.recordings.export.motion import at_constant_rate, nominal_fps, room_of
from rtpose.recordings.output_file import final_name
from rtpose.recordings.recording import Recording
from rtpose.wording import counted


def write(path: Path, recording: Recording, ids: Sequence[int], markers: Markers = "rtpose") -> str:
    """Write markers in a room with y up; times begin at 0.

    Unknown values are NaN, as in files of OpenSim: an empty field would shift the row for readers that split at white
    space.
    """
    (track_id,) = ids
    fps = nominal_fps(recording)
    motion = at_constant_rate(markers_of(recording, track_id, markers), fps)
    points_mm = motion.in_room(room_of(recording)) * 1000
    count, joints = points_mm.shape[:2]
    axes = [f"{axis}{joint}" for joint in range(1, joints + 1) for axis in "XYZ"]
    rate = f"{fps:.6g}"
    lines = [
        ["PathFileType", "4", "(X/Y/Z)", printable(final_name(path))],
        ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate", "OrigDataStartFrame",
         "OrigNumFrames"],
        [rate, rate, str(count), str(joints), "mm", rate, "1", str(count)],
        ["Frame#", "Time", *(name for marker in marker_names(recording, markers) for name in (marker, "", ""))],
        ["", "", *axes],
        [],
    ]  # fmt: skip
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write("\t".join(line) + "\n")
        for t, row in enumerate(points_mm.reshape(count, -1).tolist()):
            numbers = ["NaN" if np.isnan(number) else f"{number:.4f}" for number in row]
            file.write("\t".join([str(t + 1), f"{t / fps:.6f}", *numbers]) + "\n")
    return f"{counted(count, 'frame')} at {rate} Hz"
