"""How far two sides' joints lie apart, on made-up ones."""

from pathlib import Path

import numpy as np
import pytest

from rtpose.bench.agreement import agreement, read_joints
from rtpose.recordings.npz import write_npz
from rtpose.recordings.recording import Recording, no_bodies
from rtpose.skeleton import BLAZEPOSE33, H36M17, RTPOSE28
from rtpose.types import Camera, Float32


def joints_2d(frames: int) -> Float32:
    """People 200 px high."""
    points = np.zeros((frames, 17, 2), np.float32)
    points[:, :, 1] = np.linspace(100, 300, 17)
    return points


def test_distances_by_hand() -> None:
    a, b = joints_2d(4), joints_2d(3)
    a += (3, 4)  # 5 px, of 200
    a[1] = np.nan
    depth_a, depth_b = np.zeros((4, 17, 3), np.float32), np.zeros((3, 17, 3), np.float32)
    depth_a[2, :, 2] = 0.01
    found = agreement("int8", (a, depth_a), "fp32", (b, depth_b))
    assert found is not None
    assert (found.side, found.than, found.frames) == ("int8", "fp32", 2)
    assert (found.percent_of_height.median, found.percent_of_height.p95) == pytest.approx((2.5, 2.5))
    assert found.mm is not None
    assert (found.mm.median, found.mm.p95) == pytest.approx((5, 10))


def test_without_3d_or_without_frames_in_common() -> None:
    a, b = joints_2d(2), joints_2d(2)
    found = agreement("a", (a, None), "b", (b, np.zeros((2, 17, 3), np.float32)))
    assert found is not None
    assert found.mm is None
    a[0], b[1] = np.nan, np.nan
    assert agreement("a", (a, None), "b", (b, None)) is None
    assert agreement("a", None, "b", (b, None)) is None


def write_poses(path: Path, people: int) -> Path:
    shape = (3, people, 28)
    keypoints = np.full((*shape, 3), 7, np.float32)
    ids = np.tile(np.arange(people, dtype=np.int32), (3, 1))
    poses = Recording(
        poses_3d=np.full((*shape, 3), 0.5, np.float32), root_3d=np.zeros((3, people, 3), np.float32),
        confidence=np.ones(shape, np.float32), keypoints_2d=keypoints, track_ids=ids,
        timestamps_s=np.arange(3.0), frame_ids=np.arange(3), joint_names=RTPOSE28.joints, parents=RTPOSE28.parents,
        image_size=(64, 48), camera=Camera(1, 1, 0, 0), meta={"format": 2}, **no_bodies(3, people),
    )  # fmt: skip
    with path.open("wb") as file:
        write_npz(file, poses)
    return path


def test_what_the_sides_leave_behind_is_read(tmp_path: Path) -> None:
    read = read_joints(write_poses(tmp_path / "one.npz", 1))
    assert read is not None
    assert read[0].shape == (3, 17, 2)
    assert (read[0] == 7).all()
    assert read[1] is not None
    assert (read[1] == 0.5).all()
    assert read_joints(write_poses(tmp_path / "two.npz", 2)) is None
    assert read_joints(write_poses(tmp_path / "nobody.npz", 0)) is None


def test_mediapipes_joints_become_pixels_of_the_same_skeleton(tmp_path: Path) -> None:
    landmarks = np.full((2, 33, 3), 0.5, np.float32)
    landmarks[0, BLAZEPOSE33.indices("left_wrist")] = (0.25, 0.75, 1)
    landmarks[1] = np.nan
    np.savez(tmp_path / "peer.npz", landmarks=landmarks, image_size=(200, 100))
    read = read_joints(tmp_path / "peer.npz")
    assert read is not None
    assert read[1] is None
    assert read[0][0, H36M17.indices("left_wrist")[0]].tolist() == [50, 75]
    assert read[0][0, H36M17.indices("right_wrist")[0]].tolist() == [100, 50]
    assert np.isnan(read[0][1]).all()
