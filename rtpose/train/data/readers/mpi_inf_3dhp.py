"""MPI-INF-3DHP: eight people in front of fourteen cameras, and a test set of six sequences.

Where from: https://vcai.mpi-inf.mpg.de/3dhp-dataset/ (scripts there fetch training and test set).
Terms: for scientific research only, no commercial use, no redistribution; the papers named there are to be cited.
Files: training `S1/Seq1/annot.mat` ... `S8/Seq2/annot.mat`; test `TS1/annot_data.mat` ... `TS6/annot_data.mat`, in the
folder `mpi_inf_3dhp_test_set`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.train.data.readers._matlab import read_mat, read_mat73
from rtpose.train.data.readers.data_set_info import DataSetInfo, expected_file
from rtpose.train.data.readers.poses import Poses3D, h36m17_by_name
from rtpose.types import Camera

INFO = DataSetInfo(
    name="MPI-INF-3DHP",
    source="https://vcai.mpi-inf.mpg.de/3dhp-dataset/",
    terms="For scientific research only; no commercial use, no redistribution.",
    files=("S1/Seq1/annot.mat", "TS1/annot_data.mat"),
)

TRAIN_SUBJECTS = tuple(f"S{i}" for i in range(1, 9))
TEST_SEQUENCES = tuple(f"TS{i}" for i in range(1, 7))
CHEST_CAMERAS = (0, 2, 4, 7, 8)
"""The cameras at chest height, which most papers train on."""
TEST_FRAMES = {"TS1": 603, "TS2": 540, "TS3": 505, "TS4": 553, "TS5": 276, "TS6": 452}
"""Valid frames of each test sequence; 2,929 in all."""
ACTIVITIES = (
    "Standing/Walking", "Exercising", "Sitting", "Reaching/Crouching", "On The Floor", "Sports", "Miscellaneous",
)  # fmt: skip
"""What `activity_annotation` counts from 1."""
Annotation = Literal["univ_annot3", "annot3"]

_TRAIN_SIZE = (2048, 2048)
_TEST_SIZE = {"TS5": (1920, 1080), "TS6": (1920, 1080)}
_FPS_50 = {("S1", "Seq2"), ("S3", "Seq1"), ("S3", "Seq2"), ("S5", "Seq1"), ("S5", "Seq2")}
"""Recorded at 50 Hz, the others at 25."""
_MAX_PROJECTION_ERROR_PX = 20.0
"""Median; a larger error means that the data are different."""

_TRAIN_JOINTS = (
    "spine3", "spine4", "spine2", "spine", "pelvis", "neck", "head", "head_top",
    "left_clavicle", "left_shoulder", "left_elbow", "left_wrist", "left_hand",
    "right_clavicle", "right_shoulder", "right_elbow", "right_wrist", "right_hand",
    "left_hip", "left_knee", "left_ankle", "left_foot", "left_toe",
    "right_hip", "right_knee", "right_ankle", "right_foot", "right_toe",
)  # fmt: skip
_TEST_JOINTS = (
    "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "pelvis", "spine", "head",
)  # fmt: skip
_NAME_OF = {
    "root": "pelvis",
    "right_hip": "right_hip", "right_knee": "right_knee", "right_foot": "right_ankle",
    "left_hip": "left_hip", "left_knee": "left_knee", "left_foot": "left_ankle",
    "spine": "spine", "thorax": "neck", "neck_base": "head", "head": "head_top",
    "left_shoulder": "left_shoulder", "left_elbow": "left_elbow", "left_wrist": "left_wrist",
    "right_shoulder": "right_shoulder", "right_elbow": "right_elbow", "right_wrist": "right_wrist",
}  # fmt: skip


def load_mpi_inf_3dhp_train(
    folder: Path,
    *,
    subjects: Iterable[str] = TRAIN_SUBJECTS,
    sequences: Iterable[str] = ("Seq1", "Seq2"),
    cameras: Iterable[int] = CHEST_CAMERAS,
    annotation: Annotation = "univ_annot3",
    stride: int = 1,
) -> list[Poses3D]:
    """One entry for each subject, sequence and camera, in camera space. The training set names no actions: "".

    annotation: "annot3", whose projection is the 2D joints, or "univ_annot3", where everyone has the size of one
    person, as the test protocol requires; its projection is not the 2D joints. stride: step between frames.
    Users report that S4/Seq2 has left and right swapped in frames 3759 to 5852; nothing is corrected here.
    Errors: `InputError` for a wrong folder, a missing subject, sequence or camera, or another version.
    """
    out: list[Poses3D] = []
    cameras = tuple(cameras)
    for subject in subjects:
        for sequence in sequences:
            path = expected_file(folder, f"{subject}/{sequence}/annot.mat", INFO)
            data = read_mat(path, "annot2", annotation, "annot3", "cameras", "frames")
            numbers = np.atleast_1d(data["cameras"]).astype(int).tolist()
            frames = np.atleast_1d(data["frames"]).astype(np.int64)
            for number in cameras:
                if number not in numbers:
                    raise InputError(f"{path} has no camera {number}: it has {', '.join(map(str, numbers))}")
                view = numbers.index(number)
                pixels = _train_cell(data["annot2"], view, 2, path)
                true_m = _train_cell(data["annot3"], view, 3, path) / 1000.0
                chosen_m = _train_cell(data[annotation], view, 3, path) / 1000.0
                # A sequence may have some more annotations than frames.
                count = min(len(frames), len(pixels), len(true_m), len(chosen_m))
                rows = np.arange(0, count, stride)
                out.append(
                    Poses3D(
                        poses_m=h36m17_by_name(chosen_m[rows], _TRAIN_JOINTS, _NAME_OF),
                        subject=subject, action="", sequence=sequence, frames=frames[rows] - frames[0],
                        fps=50.0 if (subject, sequence) in _FPS_50 else 25.0,
                        camera_name=str(number), camera=_fit_camera(true_m[:count], pixels[:count], path),
                        image_size=_TRAIN_SIZE,
                        joints_px=h36m17_by_name(pixels[rows], _TRAIN_JOINTS, _NAME_OF),
                    )
                )  # fmt: skip
    return out


def load_mpi_inf_3dhp_test(
    folder: Path, *, sequences: Iterable[str] = TEST_SEQUENCES, annotation: Annotation = "univ_annot3"
) -> list[Poses3D]:
    """One entry for each test sequence, valid frames only; `actions` holds each frame's activity.

    folder: `mpi_inf_3dhp_test_set`. annotation: as in `load_mpi_inf_3dhp_train`; the protocol requires "univ_annot3".
    `sum(map(len, ...))` is 2,929 for the whole test set; check with `TEST_FRAMES`.
    Errors: `InputError` for a wrong folder or another version.
    """
    out: list[Poses3D] = []
    for sequence in sequences:
        path = expected_file(folder, f"{sequence}/annot_data.mat", INFO)
        data = read_mat73(path, "annot2", annotation, "annot3", "valid_frame", "activity_annotation")
        valid = data["valid_frame"].ravel().astype(bool)
        frames = np.flatnonzero(valid)
        pixels = _test_array(data["annot2"], 2, path)
        true_m, chosen_m = (_test_array(data[key], 3, path) / 1000.0 for key in ("annot3", annotation))
        activity = data["activity_annotation"].ravel().astype(int)
        if not len(valid) == len(pixels) == len(true_m) == len(chosen_m) == len(activity):
            raise InputError(f"{path}: its arrays differ in length: download it again")
        if not len(frames):
            raise InputError(f"{path} has no valid frame: download it again")
        if not ((activity[frames] >= 1) & (activity[frames] <= len(ACTIVITIES))).all():
            raise InputError(f"{path} has activities other than 1 to {len(ACTIVITIES)}: this is another version")
        out.append(
            Poses3D(
                poses_m=h36m17_by_name(chosen_m[frames], _TEST_JOINTS, _NAME_OF),
                subject=sequence, action="", sequence=sequence, frames=frames, fps=25.0,
                camera_name="0",
                camera=_fit_camera(true_m[frames], pixels[frames], path),
                image_size=_TEST_SIZE.get(sequence, _TRAIN_SIZE),
                joints_px=h36m17_by_name(pixels[frames], _TEST_JOINTS, _NAME_OF),
                actions=[ACTIVITIES[i - 1] for i in activity[frames]],
            )
        )  # fmt: skip
    return out


def _train_cell(cells: Any, view: int, dimensions: int, path: Path) -> NDArray[np.float64]:
    """One camera's rows x1 y1 (z1) x2 ... -> (N, 28, dimensions)."""
    cells = np.atleast_1d(cells)
    rows = np.atleast_2d(np.asarray(cells[view], dtype=np.float64)) if view < len(cells) else np.zeros((0, 0))
    if rows.shape[1] != len(_TRAIN_JOINTS) * dimensions:
        raise InputError(
            f"{path} has rows of {rows.shape[1]} numbers for a camera, not {len(_TRAIN_JOINTS) * dimensions}: "
            "this is another version"
        )
    return rows.reshape(len(rows), len(_TRAIN_JOINTS), dimensions)


def _test_array(array: NDArray[Any], dimensions: int, path: Path) -> NDArray[np.float64]:
    """(N, 1, 17, dimensions) -> (N, 17, dimensions)."""
    if array.ndim != 4 or array.shape[1:] != (1, len(_TEST_JOINTS), dimensions):
        raise InputError(
            f"{path} has an array {array.shape}, not (frames, 1, {len(_TEST_JOINTS)}, {dimensions}): "
            "this is another version"
        )
    return array[:, 0].astype(np.float64)


def _fit_camera(points_m: NDArray[np.float64], pixels: NDArray[np.float64], path: Path) -> Camera:
    """The pinhole camera that projects (N, J, 3) to (N, J, 2), by least squares.

    The 2D joints are exact projections of the 3D ones without distortion, so the calibration files are not needed.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rays = (points_m[..., :2] / points_m[..., 2:]).reshape(-1, 2)
    seen = pixels.reshape(-1, 2)
    if not (np.isfinite(rays).all() and np.isfinite(seen).all()):
        raise InputError(f"{path} has joints at distance 0 from the camera: its data is not in camera space")
    solved = []
    for axis in (0, 1):
        design = np.stack([rays[:, axis], np.ones(len(rays))], axis=-1)
        (focal, centre), *_ = np.linalg.lstsq(design, seen[:, axis], rcond=None)
        error = float(np.median(np.abs(design @ (focal, centre) - seen[:, axis])))
        if not (focal > 0 and error <= _MAX_PROJECTION_ERROR_PX):
            raise InputError(
                f"{path}: its 2D joints are not projections of annot3 ({error:.0f} px off): download it again"
            )
        solved.append((float(focal), float(centre)))
    (fx, cx), (fy, cy) = solved
    return Camera(fx=fx, fy=fy, cx=cx, cy=cy)
