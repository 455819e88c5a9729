"""CSV: one row for each person of a frame; a frame without people has one row, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtpose.recordings.npz import PosesFile

COLUMNS = ("x_m", "y_m", "z_m", "confidence", "u_px", "v_px", "score")


def write(path: Path, poses: PosesFile, ids: Sequence[int]) -> str:
    """Joints in camera space and in the picture; what is not known is empty."""
    names = [f"{joint}_{column}" for joint in poses.joint_names for column in COLUMNS]
    points = poses.poses_3d.astype(np.float64) + poses.root_3d[:, :, None]
    values = np.concatenate([points, poses.confidence[..., None], poses.keypoints_2d], axis=-1)
    unknown, row = "," * len(names), ",%.6f" * len(names)
    with path.open("w", newline="", encoding="ascii") as file:
        file.write(",".join(["frame_id", "time_s", "track_id", *names]) + "\r\n")
        for t, (frame_id, time_s) in enumerate(zip(poses.frame_ids.tolist(), poses.timestamps_s.tolist(), strict=True)):
            columns = np.flatnonzero(np.isin(poses.track_ids[t], ids)).tolist()
            for column in columns:
                numbers = row % tuple(values[t, column].ravel().tolist())
                file.write(f"{frame_id},{time_s:.6f},{poses.track_ids[t, column]}{numbers.replace('nan', '')}\r\n")
            if not columns:
                file.write(f"{frame_id},{time_s:.6f},{unknown}\r\n")
    return ""
