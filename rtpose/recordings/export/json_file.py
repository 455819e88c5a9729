"""JSON: what a poses.npz holds, with the people of each frame beside each other."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rtpose.recordings.export.motion import nominal_fps
from rtpose.recordings.npz import AXES, PosesFile

FORMAT = 1


def write(path: Path, poses: PosesFile, ids: Sequence[int]) -> str:
    """Joints in camera space and in the picture; what is not known is null."""
    head = {
        "format": FORMAT,
        "units": {"position": "metres", "keypoint": "pixels", "time": "seconds"},
        "axes": AXES,
        "fps": nominal_fps(poses),
        "image_size": list(poses.image_size),
        "camera": dict(zip(("fx", "fy", "cx", "cy"), poses.camera.as_array().tolist(), strict=True)),
        "joint_names": list(poses.joint_names),
        "parents": poses.parents.tolist(),
        "meta": poses.meta,
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(_dumps(head)[:-1] + ', "frames": [')
        for t in range(len(poses.timestamps_s)):
            file.write((",\n" if t else "\n") + _dumps(_frame(poses, t, ids)))  # an hour never is in memory as text
        file.write("\n]}\n")
    return ""


def _frame(poses: PosesFile, t: int, ids: Sequence[int]) -> dict[str, Any]:
    points = poses.poses_3d[t].astype(np.float64) + poses.root_3d[t, :, None]
    return {
        "frame_id": int(poses.frame_ids[t]),
        "time_s": float(poses.timestamps_s[t]),
        "persons": [
            {
                "track_id": int(poses.track_ids[t, column]),
                "position_m": points[column].round(6).tolist(),
                "confidence": poses.confidence[t, column].astype(np.float64).round(6).tolist(),
                "keypoint_px": poses.keypoints_2d[t, column, :, :2].astype(np.float64).round(4).tolist(),
                "score": poses.keypoints_2d[t, column, :, 2].astype(np.float64).round(6).tolist(),
            }
            for column in np.flatnonzero(np.isin(poses.track_ids[t], ids))
        ],
    }


def _dumps(value: Any) -> str:
    return json.dumps(_null_for_nan(value), default=str, allow_nan=False)


def _null_for_nan(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _null_for_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_null_for_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
