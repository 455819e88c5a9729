"""JSON: the content of a poses.npz, frame by frame."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.recordings.export.motion import nominal_fps
from rtpose.recordings.recording import AXES, Recording

FORMAT = 2


def write(path: Path, recording: Recording, ids: Sequence[int]) -> str:
    """Write joints in camera space and in the picture, and bodies; unknown values are null."""
    head = {
        "format": FORMAT,
        "units": {"position": "metres", "length": "metres", "keypoint": "pixels", "time": "seconds"},
        "axes": AXES,
        "fps": nominal_fps(recording),
        "image_size": list(recording.image_size),
        "camera": dict(zip(("fx", "fy", "cx", "cy"), recording.camera.as_array().tolist(), strict=True)),
        "joint_names": list(recording.joint_names),
        "parents": recording.parents.tolist(),
        "bone_names": list(recording.bone_names),
        "bone_parents": recording.bone_parents.tolist(),
        "bone_lengths": {str(track_id): _rounded(recording.lengths_of(track_id)) for track_id in ids},
        "meta": recording.meta,
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(_dumps(head)[:-1] + ', "frames": [')
        for t in range(
            len(recording)
        ):  # frame by frame, so that the text of a long recording is never completely in memory
            file.write((",\n" if t else "\n") + _dumps(_frame(recording, t, ids)))
        file.write("\n]}\n")
    return ""


def _frame(recording: Recording, t: int, ids: Sequence[int]) -> dict[str, Any]:
    points = recording.poses_3d[t].astype(np.float64) + recording.root_3d[t, :, None]
    world = recording.world_of(t)
    return {
        "frame_id": int(recording.frame_ids[t]),
        "time_s": float(recording.timestamps_s[t]),
        "world_from_camera": None if world is None else world.tolist(),
        "persons": [
            {
                "track_id": int(recording.track_ids[t, column]),
                "position_m": points[column].round(6).tolist(),
                "confidence": recording.confidence[t, column].astype(np.float64).round(6).tolist(),
                "keypoint_px": recording.keypoints_2d[t, column, :, :2].astype(np.float64).round(4).tolist(),
                "score": recording.keypoints_2d[t, column, :, 2].astype(np.float64).round(6).tolist(),
                "rotation_wxyz": _rounded(recording.rotations[t, column]),
                "contacts": _rounded(recording.contacts[t, column]),
            }
            for column in np.flatnonzero(np.isin(recording.track_ids[t], ids))
        ],
    }


def _rounded(values: NDArray[np.float32]) -> list[Any] | None:
    """None where nothing is known."""
    return values.astype(np.float64).round(6).tolist() if np.isfinite(values).all() else None


def _dumps(value: Any) -> str:
    return json.dumps(_null_for_nan(value), default=str, allow_nan=False)


def _null_for_nan(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _null_for_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_null_for_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
