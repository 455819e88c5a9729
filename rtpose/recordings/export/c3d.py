"""C3D, the markers that biomechanics programs read: millimetres, y up, at a constant rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtpose.errors import MissingExtraError
from rtpose.recordings.export.motion import at_constant_rate, motion_of, nominal_fps
from rtpose.recordings.npz import PosesFile


def write(path: Path, poses: PosesFile, ids: Sequence[int]) -> str:
    """Joints in the viewer's axes; several people's are named ID:joint. What is not known has the residual -1."""
    try:
        import ezc3d
    except ModuleNotFoundError as error:
        raise MissingExtraError("c3d", "writing C3D") from error

    fps = nominal_fps(poses)
    people = [at_constant_rate(motion_of(poses, track_id), fps).in_viewer_axes() * 1000 for track_id in ids]
    points_mm = np.concatenate(people, axis=1)  # (T, people x J, 3)
    several = len(ids) > 1
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = [fps]
    point["UNITS"]["value"] = ["mm"]
    point["LABELS"]["value"] = [
        f"{track_id}:{joint}" if several else joint for track_id in ids for joint in poses.joint_names
    ]
    file.add_parameter("POINT", "X_SCREEN", "+X")
    file.add_parameter("POINT", "Y_SCREEN", "+Y")
    known = np.asarray(np.isfinite(points_mm).all(-1))
    homogeneous = np.ones((4, points_mm.shape[1], len(points_mm)))
    homogeneous[:3] = np.where(known[..., None], points_mm, 0).transpose(2, 1, 0)
    file["data"]["points"] = homogeneous
    file["data"]["meta_points"]["residuals"] = np.where(known, 0.0, -1.0).T[None]
    file["data"]["meta_points"]["camera_masks"] = np.zeros((7, *known.T.shape), dtype=bool)
    written = path.with_name(path.name + ".c3d")  # the ending that ezc3d would add
    try:
        file.write(str(written))
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)
    return f"{len(points_mm)} frames at {fps:g} Hz"
