"""Tiny files in the forms of the training set (MATLAB 5) and of the test set (MATLAB 7.3)."""

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from rtpose.errors import InputError, MissingExtraError
from rtpose.train.data.readers.mpi_inf_3dhp import (
    CHEST_CAMERAS,
    TEST_FRAMES,
    load_mpi_inf_3dhp_test,
    load_mpi_inf_3dhp_train,
)

FOCAL, CENTRE_X, CENTRE_Y = 1500.0, 1024.5, 1040.25
# The joint of the 28 and of the 17 behind each of h36m17, counted from 0 by hand in the data set's own lists.
OF_28 = [4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16]
OF_17 = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]


def scene(frames: int, joints: int) -> tuple[np.ndarray, np.ndarray]:
    """(frames, joints, 3) mm before the camera and their projection (frames, joints, 2)."""
    points = np.random.default_rng(joints).uniform([-800, -900, 2500], [800, 900, 4000], size=(frames, joints, 3))
    pixels = points[..., :2] / points[..., 2:] * FOCAL + [CENTRE_X, CENTRE_Y]
    return points, pixels


def cells(arrays: list[np.ndarray]) -> np.ndarray:
    out = np.empty((len(arrays), 1), dtype=object)
    for i, array in enumerate(arrays):
        out[i, 0] = array
    return out


def write_train(folder: Path, sequence: str = "S3/Seq1", **changes: Any) -> Path:
    points, pixels = scene(6, 28)
    flat_3d, flat_2d = points.reshape(6, -1), pixels.reshape(6, -1)
    content = {
        "annot2": cells([flat_2d + camera for camera in range(14)]),
        "annot3": cells([flat_3d] * 14),
        "univ_annot3": cells([flat_3d * 0.5] * 14),
        "cameras": np.arange(14, dtype=np.uint8)[None],
        "frames": np.arange(6)[:, None],
        **changes,
    }
    path = folder / sequence / "annot.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {key: value for key, value in content.items() if value is not None})
    return path


def write_test(folder: Path, sequence: str, valid: list[int], **changes: Any) -> None:
    frames = len(valid)
    points, pixels = scene(frames, 17)
    content = {
        "annot2": pixels[:, None],
        "annot3": points[:, None],
        "univ_annot3": points[:, None] * 0.5,
        "valid_frame": np.array(valid, dtype=np.float64)[:, None],
        "activity_annotation": (np.arange(frames) % 7 + 1.0)[:, None],
        **changes,
    }
    (folder / sequence).mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / sequence / "annot_data.mat", "w") as file:
        for key, value in content.items():
            if value is not None:
                file[key] = value


def test_training_joints_camera_and_rate(tmp_path: Path) -> None:
    write_train(tmp_path)
    views = load_mpi_inf_3dhp_train(tmp_path, subjects=["S3"], sequences=["Seq1"], stride=2)
    assert [view.camera_name for view in views] == [str(camera) for camera in CHEST_CAMERAS]
    view = views[2]  # camera 4: its pixels are 4 to the right and down
    points, pixels = scene(6, 28)
    assert view.frames.tolist() == [0, 2, 4]
    assert (view.subject, view.sequence, view.fps, view.image_size) == ("S3", "Seq1", 50.0, (2048, 2048))
    assert np.allclose(view.poses_m, points[::2, OF_28] * 0.5 / 1000, atol=1e-6)
    assert np.allclose(view.joints_px, pixels[::2, OF_28] + 4, atol=1e-3)
    assert view.camera is not None
    assert np.allclose(view.camera.as_array(), [FOCAL, FOCAL, CENTRE_X + 4, CENTRE_Y + 4], atol=1e-3)
    true = load_mpi_inf_3dhp_train(tmp_path, subjects=["S3"], sequences=["Seq1"], cameras=[0], annotation="annot3")[0]
    assert np.allclose(true.poses_m, points[:, OF_28] / 1000, atol=1e-6)


def test_surplus_annotations_are_left_out(tmp_path: Path) -> None:
    points, _ = scene(6, 28)
    write_train(tmp_path, "S2/Seq2", frames=np.arange(5)[:, None])
    view = load_mpi_inf_3dhp_train(tmp_path, subjects=["S2"], sequences=["Seq2"], cameras=[0])[0]
    assert (len(view), view.fps) == (5, 25.0)
    assert np.allclose(view.poses_m[4, 0], points[4, 4] / 2000, atol=1e-6)


def test_valid_frames_of_the_test_set(tmp_path: Path) -> None:
    write_test(tmp_path, "TS1", [0, 1, 1, 0, 1, 1, 0, 0, 1])
    write_test(tmp_path, "TS6", [1, 0, 1])
    first, last = load_mpi_inf_3dhp_test(tmp_path, sequences=["TS1", "TS6"])
    points, pixels = scene(9, 17)
    assert first.frames.tolist() == [1, 2, 4, 5, 8]
    assert np.allclose(first.poses_m, points[first.frames][:, OF_17] * 0.5 / 1000, atol=1e-6)
    assert np.allclose(first.joints_px, pixels[first.frames][:, OF_17], atol=1e-3)
    assert list(first.actions) == ["Exercising", "Sitting", "On The Floor", "Sports", "Exercising"]
    assert (first.image_size, last.image_size) == ((2048, 2048), (1920, 1080))
    assert first.camera is not None
    assert np.allclose(first.camera.as_array(), [FOCAL, FOCAL, CENTRE_X, CENTRE_Y], atol=1e-3)
    assert sum(TEST_FRAMES.values()) == 2929


def test_wrong_folders_and_cameras_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no S1/Seq1/annot\.mat: it is not a folder of MPI-INF-3DHP"):
        load_mpi_inf_3dhp_train(tmp_path)
    with pytest.raises(InputError, match=r"has no TS1/annot_data\.mat"):
        load_mpi_inf_3dhp_test(tmp_path)
    write_train(tmp_path, "S1/Seq1", cameras=np.arange(3, dtype=np.uint8)[None])
    with pytest.raises(InputError, match=r"annot\.mat has no camera 4: it has 0, 1, 2"):
        load_mpi_inf_3dhp_train(tmp_path, cameras=[0, 4])


@pytest.mark.parametrize(("changes", "message"), [
    ({"annot3": None}, "has no annot3"),
    ({"annot2": cells([np.zeros((6, 34))] * 14)}, "rows of 34 numbers for a camera, not 56"),
    ({"annot2": cells([np.random.default_rng(0).uniform(0, 2048, (6, 56))] * 14)}, "not projections of annot3"),
    ({"annot3": cells([np.zeros((6, 84))] * 14)}, "at distance 0 from the camera"),
])  # fmt: skip
def test_other_versions_of_the_training_set_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write_train(tmp_path, "S1/Seq1", **changes)
    with pytest.raises(InputError, match=rf"annot\.mat.*{message}"):
        load_mpi_inf_3dhp_train(tmp_path)


@pytest.mark.parametrize(("changes", "message"), [
    ({"univ_annot3": None}, "has no univ_annot3"),
    ({"annot2": np.zeros((3, 1, 28, 2))}, r"an array \(3, 1, 28, 2\), not \(frames, 1, 17, 2\)"),
    ({"valid_frame": np.ones((4, 1))}, "differ in length"),
    ({"valid_frame": np.zeros((3, 1))}, "no valid frame"),
    ({"activity_annotation": np.zeros((3, 1))}, "activities other than 1 to 7"),
])  # fmt: skip
def test_other_versions_of_the_test_set_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write_test(tmp_path, "TS1", [1, 1, 1], **changes)
    with pytest.raises(InputError, match=rf"annot_data\.mat.*{message}"):
        load_mpi_inf_3dhp_test(tmp_path)


def test_the_two_kinds_of_matlab_file_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "TS1").mkdir()
    write_train(tmp_path, "S1/Seq1").rename(tmp_path / "TS1" / "annot_data.mat")
    with pytest.raises(InputError, match=r"cannot be read as a MATLAB 7\.3 file"):
        load_mpi_inf_3dhp_test(tmp_path)
    # MATLAB 7.3 files begin with a header of 512 bytes that says so.
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (tmp_path / "S1" / "Seq1" / "annot.mat").write_bytes(header.ljust(512, b"\x00"))
    with pytest.raises(InputError, match=r"is a MATLAB 7\.3 file"):
        load_mpi_inf_3dhp_train(tmp_path)
    (tmp_path / "S1" / "Seq1" / "annot.mat").write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(InputError, match="cannot be read as a MATLAB file"):
        load_mpi_inf_3dhp_train(tmp_path)


@pytest.mark.parametrize("module", ["scipy.io", "h5py"])
def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    write_train(tmp_path, "S1/Seq1")
    write_test(tmp_path, "TS1", [1, 1])
    monkeypatch.setitem(sys.modules, module, None)
    load = load_mpi_inf_3dhp_train if module == "scipy.io" else load_mpi_inf_3dhp_test
    with pytest.raises(MissingExtraError, match=r"reading MATLAB files needs the extra 'train'"):
        load(tmp_path)
