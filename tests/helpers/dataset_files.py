"""Tiny data sets in the true formats, of real motions: 3D and 2D joints belong to each other."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np
from scipy.io import savemat

from rtpose.assets import small_val_pack
from rtpose.geometry import pixels_from_camera
from rtpose.skeleton import H36M17
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.train.data.readers.human36m import LENSES, PLACES, to_camera_space
from rtpose.types import Camera

HUMAN36M_SUBJECTS = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")
# Where h36m17's joints stand among Human3.6M's 32, MPI-INF-3DHP's 28 and 17.
_OF_32 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
_OF_28 = [4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16]
_OF_17 = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
# h36m17's joints in the orders of the stacked hourglass, of MPII and of LSP.
_SH = H36M17.indices(
    "right_foot", "right_knee", "right_hip", "left_hip", "left_knee", "left_foot", "root", "spine", "thorax", "head",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
)  # fmt: skip
_MPII = H36M17.indices(
    "right_foot", "right_knee", "right_hip", "left_hip", "left_knee", "left_foot", "root", "thorax", "neck_base",
    "head", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
)  # fmt: skip
_LSP = H36M17.indices(
    "right_foot", "right_knee", "right_hip", "left_hip", "left_knee", "left_foot",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck_base", "head",
)  # fmt: skip


def motion(frames: int, part: int = 0) -> np.ndarray:
    """(frames, 17, 3) metres, y up, relative to the root; another motion for each part."""
    poses = load_motion_pack(small_val_pack()).poses_m
    return poses[500 * part : 500 * part + frames].astype(np.float64)


def before_camera(frames: int, part: int = 0, at_m: tuple[float, float, float] = (0.3, 0.1, 4.0)) -> np.ndarray:
    """The same in camera space."""
    return motion(frames, part) * [1, -1, -1] + at_m


def write_human36m(
    folder: Path,
    *,
    subjects: Iterable[str] = HUMAN36M_SUBJECTS,
    takes: Sequence[str] = ("Walking 1", "Sitting 1"),
    sources: Iterable[str] = ("gt",),
    frames: int = 8,
) -> Path:
    """sources: gt, and sh, whose joints lie some pixels off."""
    folder.mkdir(parents=True, exist_ok=True)
    positions: dict[str, dict[str, np.ndarray]] = {}
    seen: dict[str, dict[str, dict[str, list[np.ndarray]]]] = {source: {} for source in sources}
    part = 0
    for subject in subjects:
        positions[subject] = {}
        for take in takes:
            part += 1
            y_up = motion(frames, part % 12)
            world = np.zeros((frames, 32, 3), np.float32)
            world[:, _OF_32] = np.stack([y_up[..., 0], -y_up[..., 2], y_up[..., 1] + 0.95], -1)
            positions[subject][take] = world
            exact = [
                pixels_from_camera(to_camera_space(world[:, _OF_32], *place), lens.camera)
                for lens, place in zip(LENSES, PLACES[subject], strict=True)
            ]
            for source, of_source in seen.items():
                off = np.random.default_rng(part).normal(scale=6, size=(4, frames, 17, 2)).astype(np.float32)
                views = exact if source == "gt" else [(view + o)[:, _SH] for view, o in zip(exact, off, strict=True)]
                of_source.setdefault(subject, {})[take] = views
    np.savez(folder / "data_3d_h36m.npz", positions_3d=np.array(positions, object))
    names = {"gt": "data_2d_h36m_gt.npz", "sh": "data_2d_h36m_sh_ft_h36m.npz"}
    for source, of_source in seen.items():
        np.savez(folder / names[source], positions_2d=np.array(of_source, object), metadata=np.array({}, object))
    return folder


_CAMERA = Camera(1500.0, 1500.0, 1024.0, 1024.0)


def write_mpi_inf_3dhp(folder: Path, *, frames: int = 6) -> Path:
    """S1 to S8 with both sequences, and the test set in a folder of its own. Everybody is half as large in
    univ_annot3."""
    for number in range(1, 9):
        for sequence in (1, 2):
            poses = before_camera(frames, number)
            points = np.repeat(poses[:, :1], 28, axis=1)
            points[:, _OF_28] = poses
            pixels = pixels_from_camera(points, _CAMERA)
            in_cells = {}
            for key, array in (("annot2", pixels), ("annot3", 1000 * points), ("univ_annot3", 500 * points)):
                in_cells[key] = np.empty((14, 1), dtype=object)
                for camera in range(14):
                    in_cells[key][camera, 0] = array.reshape(frames, -1)
            path = folder / f"S{number}" / f"Seq{sequence}" / "annot.mat"
            path.parent.mkdir(parents=True)
            savemat(path, {**in_cells, "cameras": np.arange(14)[None], "frames": np.arange(frames)[:, None]})
    for number in range(1, 7):
        points = np.zeros((frames, 17, 3))
        points[:, _OF_17] = before_camera(frames, number + 4)
        path = folder / "mpi_inf_3dhp_test_set" / f"TS{number}" / "annot_data.mat"
        path.parent.mkdir(parents=True)
        with h5py.File(path, "w") as file:
            file["annot2"] = pixels_from_camera(points, _CAMERA)[:, None]
            file["annot3"], file["univ_annot3"] = 1000 * points[:, None], 500 * points[:, None]
            file["valid_frame"] = np.array([1.0, 1.0, 1.0, 0.0] + [1.0] * (frames - 4))[:, None]
            file["activity_annotation"] = np.full((frames, 1), float(number))
    return folder


def _pictures(people: int) -> np.ndarray:
    return pixels_from_camera(before_camera(people), _CAMERA)


def write_mpii(folder: Path, *, people: int = 20) -> Path:
    """The first of them has no label of one foot."""
    (folder / "annot").mkdir(parents=True)
    labels = (_pictures(people) + 1)[:, _MPII]
    labels[0, 0] = -1
    entries = [{"image": f"{i}.jpg", "joints": x.tolist(), "joints_vis": [1] * 16} for i, x in enumerate(labels)]
    (folder / "annot" / "trainval.json").write_text(json.dumps(entries))
    return folder


def write_lsp(folder: Path, *, people: int = 20) -> Path:
    folder.mkdir(parents=True)
    labels = np.concatenate([_pictures(people)[:, _LSP], np.zeros((people, 14, 1))], -1)
    savemat(folder / "joints.mat", {"joints": labels.transpose(2, 1, 0)})
    return folder
