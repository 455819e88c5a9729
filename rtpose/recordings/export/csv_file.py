"""CSV: one row per person and frame; a frame without people has one row as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtpose.recordings.recording import Recording
from rtpose.types import is_guess

COLUMNS = ("x_m", "y_m", "z_m", "confidence", "u_px", "v_px", "score")


def write(path: Path, recording: Recording, ids: Sequence[int]) -> str:
    """Write joints in camera space and in the picture; unknown values, and positions of joints that are
    guesses (`is_guess`), are empty."""
    names = [f"{joint}_{column}" for joint in recording.joint_names for column in COLUMNS]
    points = recording.poses_3d.astype(np.float64) + recording.root_3d[:, :, None]
    guess = is_guess(recording.confidence, recording.keypoints_2d[..., 2])
    points = np.where(guess[..., None], np.nan, points)
    values = np.concatenate([points, recording.confidence[..., None], recording.keypoints_2d], axis=-1)
    unknown, row = "," * len(names), ",%.6f" * len(names)
    with path.open("w", newline="", encoding="ascii") as file:
        file.write(",".join(["frame_id", "time_s", "track_id", *names]) + "\r\n")
        for t, (frame_id, time_s) in enumerate(
            zip(recording.frame_ids.tolist(), recording.timestamps_s.tolist(), strict=True)
        ):
            columns = np.flatnonzero(np.isin(recording.track_ids[t], ids)).tolist()
            for column in columns:
                numbers = row % tuple(values[t, column].ravel().tolist())
                file.write(f"{frame_id},{time_s:.6f},{recording.track_ids[t, column]}{numbers.replace('nan', '')}\r\n")
            if not columns:
                file.write(f"{frame_id},{time_s:.6f},{unknown}\r\n")
    return ""
