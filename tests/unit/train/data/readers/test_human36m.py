"""Tiny files in VideoPose3D's form."""

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtpose.errors import InputError
from rtpose.geometry import pixels_from_camera
from rtpose.skeleton import H36M17
from rtpose.train.data.readers.human36m import (
    ACTIONS,
    LENSES,
    PLACES,
    TEST_SUBJECTS,
    TRAIN_SUBJECTS,
    load_human36m,
    to_camera_space,
)

# Where h36m17's joints stand among the recordings' 32, as every paper that uses 17 joints keeps them.
KEPT = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]


def motion(frames: int) -> np.ndarray:
    """(frames, 32, 3): joint j at x = j cm, the person at the world's origin, 1 m up."""
    out = np.zeros((frames, 32, 3), dtype=np.float32)
    out[..., 0] = np.arange(32) / 100
    out[..., 1] = np.arange(frames)[:, None] / 1000
    out[..., 2] = 1.0
    return out


def views(frames: int, joints: int = 17) -> list[np.ndarray]:
    """Four cameras; joint j of camera c at (100 c + j, frame)."""
    out = []
    for camera in range(4):
        seen = np.zeros((frames, joints, 2), dtype=np.float32)
        seen[..., 0] = 100 * camera + np.arange(joints)
        seen[..., 1] = np.arange(frames)[:, None]
        out.append(seen)
    return out


def write(folder: Path, motions: Any, seen: Any, name_2d: str = "data_2d_h36m_gt.npz") -> None:
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=motions)
    np.savez_compressed(folder / name_2d, positions_2d=seen, metadata={"num_joints": 17})


def test_joints_cameras_and_actions(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"S9": {"Walking 1": motion(5), "SittingDown": motion(4), "Photo 2": motion(3)}},
        # The video is longer than the motion.
        {"S9": {"Walking 1": views(7), "SittingDown": views(4), "Photo 2": views(3)}},
    )
    poses = load_human36m(tmp_path, subjects=["S9"], actions=["Walking", "SittingDown"])
    assert [(p.action, p.sequence, p.camera_name, len(p)) for p in poses[3:5]] == [
        ("Walking", "Walking 1", "60457274", 5),
        ("SittingDown", "SittingDown", "54138969", 4),
    ]
    assert len(poses) == 8
    second = poses[1]
    assert (second.subject, second.fps, second.image_size) == ("S9", 50.0, (1000, 1000))
    assert second.camera == LENSES[1].camera
    assert second.joints_px is not None
    assert second.joints_px[3, :, 0].tolist() == list(range(100, 117))
    assert second.joints_px[3, :, 1].tolist() == [3.0] * 17
    # Joint by joint: what VideoPose3D's users keep of the 32, seen by this camera.
    expected = to_camera_space(motion(5)[:, KEPT], *PLACES["S9"][1])
    assert np.array_equal(second.poses_m, expected)


def test_camera_space_by_hand() -> None:
    # Turned by 180 degrees about x (z up -> y ... the camera looks along -z of the world), 3 m up.
    down = to_camera_space(np.array([[1.0, 2.0, 0.5]], dtype=np.float32), (0, 1, 0, 0), (0, 0, 3000))
    assert np.allclose(down, [[1.0, -2.0, 2.5]])
    # 90 degrees about z: the camera's x is the world's y.
    turned = to_camera_space(np.array([[1.0, 2.0, 0.5]], dtype=np.float32), (0.5**0.5, 0, 0, 0.5**0.5), (0, 0, 0))
    assert np.allclose(turned, [[2.0, -1.0, 0.5]])


def test_the_cameras_see_the_middle_of_the_room_upright() -> None:
    assert set(PLACES) == {*TRAIN_SUBJECTS, *TEST_SUBJECTS}
    assert len(ACTIONS) == 15
    for places in PLACES.values():
        for (orientation, place), lens in zip(places, LENSES, strict=True):
            assert np.linalg.norm(orientation) == pytest.approx(1, abs=2e-7)
            feet, head = to_camera_space(np.array([[0, 0, 0], [0, 0, 1.7]], dtype=np.float32), orientation, place)
            assert 3.5 < head[2] < 6.5
            low, high = pixels_from_camera(np.stack([feet, head]), lens.camera)
            assert 0 < high[1] < low[1] < 1000
            assert abs(low[0] - high[0]) < 60


def test_hourglass_joints_are_found_by_name_and_the_neck_is_nan(tmp_path: Path) -> None:
    write(tmp_path, {"S1": {"Eating": motion(2)}}, {"S1": {"Eating": views(2, 16)}}, "data_2d_h36m_sh_ft_h36m.npz")
    seen = load_human36m(tmp_path, subjects=["S1"], input_2d="sh")[0].joints_px
    assert seen is not None
    column = {joint: seen[0, i, 0] for joint, i in H36M17.index_of.items()}
    assert np.isnan(column.pop("neck_base"))
    assert column == {
        "right_foot": 0, "right_knee": 1, "right_hip": 2, "left_hip": 3, "left_knee": 4, "left_foot": 5,
        "root": 6, "spine": 7, "thorax": 8, "head": 9, "right_wrist": 10, "right_elbow": 11, "right_shoulder": 12,
        "left_shoulder": 13, "left_elbow": 14, "left_wrist": 15,
    }  # fmt: skip


def test_scores_are_cut_off_and_frames_strided(tmp_path: Path) -> None:
    seen = [np.concatenate([view, np.ones((10, 17, 1), np.float32)], -1) for view in views(10)]
    write(
        tmp_path,
        {"S1": {"TakingPhoto 1": motion(9)}},
        {"S1": {"TakingPhoto 1": seen}},
        "data_2d_h36m_cpn_ft_h36m_dbb.npz",
    )
    pose = load_human36m(tmp_path, subjects=["S1"], input_2d="cpn", actions=["Photo"], stride=4)[0]
    assert pose.frames.tolist() == [0, 4, 8]
    assert pose.joints_px is not None
    assert pose.joints_px.shape == (3, 17, 2)
    assert pose.joints_px[:, 0, 1].tolist() == [0, 4, 8]


def test_the_damaged_video_is_left_out(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"S11": {"Directions": motion(2), "Directions 1": motion(2)}},
        {"S11": {"Directions 1": views(2)}},
    )
    assert {p.sequence for p in load_human36m(tmp_path, subjects=["S11"])} == {"Directions 1"}


def test_wrong_folders_subjects_and_versions_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no data_3d_h36m\.npz"):
        load_human36m(tmp_path)
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=np.array({"S1": {"Eating": motion(2)}}))
    with pytest.raises(InputError, match=r"has no data_2d_h36m_gt\.npz"):
        load_human36m(tmp_path)
    np.savez(tmp_path / "data_2d_h36m_gt.npz", positions_2d=np.array({"S1": {"Eating": views(2)}}))
    with pytest.raises(InputError, match=r"data_3d_h36m\.npz has no subject S5: make it from all of S1, S5"):
        load_human36m(tmp_path)
    with pytest.raises(InputError, match="no action Flying: choose of Directions"):
        load_human36m(tmp_path, actions=["Flying"])
    with pytest.raises(InputError, match="choose gt, sh, cpn"):
        load_human36m(tmp_path, input_2d="hrnet")
    with pytest.raises(InputError, match="none of the actions Walking for S1"):
        load_human36m(tmp_path, subjects=["S1"], actions=["Walking"])


@pytest.mark.parametrize(("motions", "seen", "message"), [
    ({"S1": {"Eating": motion(2)[:, :17]}}, {"S1": {"Eating": views(2)}}, r"\(2, 17, 3\), not \(frames, 32, 3\)"),
    ({"S1": {"Eating": motion(2)}}, {"S1": {"Eating": views(2, 16)}}, r"\(2, 16, 2\), not \(frames, 17, 2\)"),
    ({"S1": {"Eating": motion(2)}}, {"S1": {"Eating": views(2)[:3]}}, "no four views"),
    ({"S1": {"Eating": motion(2)}}, {"S1": {"Eating 1": views(2)}}, "lacks S1, Eating"),
    (np.zeros(3), {"S1": {"Eating": views(2)}}, "holds no dictionary"),
    ([1, 2], {}, "holds no dictionary"),
])  # fmt: skip
def test_other_versions_are_refused(tmp_path: Path, motions: Any, seen: Any, message: str) -> None:
    write(tmp_path, motions, seen)
    with pytest.raises(InputError, match=message):
        load_human36m(tmp_path, subjects=["S1"])


class _Attack:
    def __reduce__(self) -> Any:
        return os.mkdir, ("attacked",)


@pytest.mark.parametrize("payload", [_Attack(), {"S1": _Attack()}, {"S1": {"Eating": np.array([_Attack()], object)}}])
def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, payload: Any) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, payload, {"S1": {}})
    with pytest.raises(InputError, match=r"data_3d_h36m\.npz is refused, it tries to run .*mkdir"):
        load_human36m(tmp_path)
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_files_of_other_numpy_versions_are_read(tmp_path: Path, protocol: int) -> None:
    write(tmp_path, {}, {"S1": {"Eating": views(2)}})
    data = pickle.dumps(np.array({"S1": {"Eating": motion(2)}}, dtype=object), protocol=protocol)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": ()})
    # Before numpy 2 the same modules were named so.
    old = data.replace(b"numpy._core.", b"numpy.core.") if protocol == 2 else data
    with zipfile.ZipFile(tmp_path / "data_3d_h36m.npz", "w") as archive:
        archive.writestr("positions_3d.npy", header.getvalue() + old)
    assert len(load_human36m(tmp_path, subjects=["S1"])) == 4


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04half"])
def test_damaged_files_are_named(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, {}, {})
    (tmp_path / "data_3d_h36m.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"data_3d_h36m\.npz cannot be read"):
        load_human36m(tmp_path)
    np.savez(tmp_path / "data_3d_h36m.npz", other=np.zeros(1))
    with pytest.raises(InputError, match=r"data_3d_h36m\.npz has no positions_3d"):
        load_human36m(tmp_path)
