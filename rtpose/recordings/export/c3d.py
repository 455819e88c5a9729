"""C3D, markers for biomechanics programs: millimetres, y up, at a constant rate."""

from __future__ import annotations

import errno
import os
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rtpose.errors import MissingExtraError, OutputError
from rtpose.recordings.export.markers import Markers, marker_names, markers_of
from rtpose.recordings.export.motion import at_constant_rate, nominal_fps, room_of
from rtpose.recordings.output_file import final_name
from rtpose.recordings.recording import Recording
from rtpose.wording import counted

MAX_FRAMES = 65_535
"""The file's header counts frames in 16 bits."""
_BLOCK_BYTES = 512


def write(path: Path, recording: Recording, ids: Sequence[int], markers: Markers = "rtpose") -> str:
    """Write markers in a room with y up, named ID:marker if there are several people. Unknown ones have residual -1."""
    try:
        import ezc3d
    except ModuleNotFoundError as error:
        raise MissingExtraError("c3d", "writing C3D") from error

    fps = nominal_fps(recording)
    room = room_of(recording)
    people = [at_constant_rate(markers_of(recording, track_id, markers), fps).in_room(room) for track_id in ids]
    points_mm = np.concatenate(people, axis=1) * 1000  # (T, people x markers, 3)
    if len(points_mm) > MAX_FRAMES:
        raise OutputError(
            f"{final_name(path)}: C3D holds at most {MAX_FRAMES:,} frames, this recording has {len(points_mm):,} at "
            f"{fps:g} Hz: convert it to TRC, GLB or CSV"
        )
    several = len(ids) > 1
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = [fps]
    point["UNITS"]["value"] = ["mm"]
    point["LABELS"]["value"] = [
        f"{track_id}:{marker}" if several else marker for track_id in ids for marker in marker_names(recording, markers)
    ]
    file.add_parameter("POINT", "X_SCREEN", "+X")
    file.add_parameter("POINT", "Y_SCREEN", "+Y")
    known = np.asarray(np.isfinite(points_mm).all(-1))
    homogeneous = np.ones((4, points_mm.shape[1], len(points_mm)))
    homogeneous[:3] = np.where(known[..., None], points_mm, 0).transpose(2, 1, 0)
    file["data"]["points"] = homogeneous
    file["data"]["meta_points"]["residuals"] = np.where(known, 0.0, -1.0).T[None]
    file["data"]["meta_points"]["camera_masks"] = np.zeros((7, *known.T.shape), dtype=bool)
    content = _encoded(file)
    if len(content) < _whole_bytes(content, len(points_mm), points_mm.shape[1]):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    path.write_bytes(content)
    return f"{counted(len(points_mm), 'frame')} at {fps:g} Hz"


def _encoded(file: Any) -> bytes:
    """The file's bytes. ezc3d can only write to a path, whose name must be UTF-8 and end in .c3d."""
    with tempfile.TemporaryDirectory(prefix="rtpose-") as folder:
        scratch = Path(folder) / "export.c3d"
        file.write(str(scratch))
        return scratch.read_bytes()


def _whole_bytes(content: bytes, frames: int, points: int) -> int:
    """The size of the whole file, by its header. ezc3d does not report a full disk."""
    if len(content) < _BLOCK_BYTES:
        return _BLOCK_BYTES
    (first_block,) = struct.unpack_from("<H", content, 16)
    return int((first_block - 1) * _BLOCK_BYTES + frames * points * 4 * 4)
