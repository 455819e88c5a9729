"""Reading recordings: whole ones, and all that is none."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtpose.errors import InputError
from rtpose.recordings.npz import read_counts, read_npz, write_npz
from rtpose.recordings.recording import Recording
from rtpose.skeleton import H36M17
from rtpose.types import Camera


def make_poses(frames: int = 3) -> Recording:
    shape = (frames, 2)
    track_ids = np.full(shape, 5, np.int32)
    track_ids[:, 1] = -1
    arrays = {
        "poses_3d": np.ones((*shape, 17, 3), np.float32),
        "root_3d": np.ones((*shape, 3), np.float32),
        "confidence": np.ones((*shape, 17), np.float32),
        "keypoints_2d": np.ones((*shape, 17, 3), np.float32),
    }
    for array in arrays.values():
        array[:, 1] = np.nan
    return Recording(
        **arrays,
        track_ids=track_ids,
        timestamps_s=np.arange(frames) / 25,
        frame_ids=np.arange(frames),
        joint_names=H36M17.joints,
        parents=H36M17.parents,
        image_size=(640, 480),
        camera=Camera(600, 600, 320, 240),
        meta={"format": 1, "source": "ümlaut \udc80.mp4"},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "poses.npz"
    with path.open("wb") as file:
        write_npz(file, make_poses())
    return path


def changed(path: Path, **changes: Any) -> None:
    """Write the recording again with other arrays; None leaves one out."""
    with np.load(path) as npz:
        arrays = {key: npz[key] for key in npz.files}
    arrays.update(changes)
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})


def test_round_trip(path: Path) -> None:
    poses, expected = read_npz(path), make_poses()
    for key in (
        "poses_3d",
        "root_3d",
        "confidence",
        "keypoints_2d",
        "track_ids",
        "timestamps_s",
        "frame_ids",
    ):
        np.testing.assert_array_equal(getattr(poses, key), getattr(expected, key))
    for key in ("joint_names", "image_size", "camera", "meta"):
        assert getattr(poses, key) == getattr(expected, key)


@pytest.mark.parametrize("key", ["poses_3d", "track_ids", "joint_names", "camera", "meta"])
def test_a_missing_key_is_named(path: Path, key: str) -> None:
    changed(path, **{key: None})
    with pytest.raises(InputError, match=f"is not a poses.npz: key {key} is missing"):
        read_npz(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"meta": np.array(json.dumps({"format": 2}))},
            "this version of rtpose reads format 1",
        ),
        ({"meta": np.array("{")}, "its meta is not a JSON object"),
        ({"meta": np.array("[1]")}, "its meta is not a JSON object"),
        ({"meta": np.array("{}")}, "its meta is not a JSON object"),
        ({"poses_3d": np.ones((3, 2, 17, 3))}, "poses_3d is float64, not float32"),
        (
            {"poses_3d": np.ones((3, 2, 17, 2), np.float32)},
            r"poses_3d has shape .* does not fit \(T, P, J, 3\)",
        ),
        ({"root_3d": np.ones((4, 2, 3), np.float32)}, "root_3d has shape"),
        ({"camera": np.ones(3)}, "camera has shape"),
        ({"timestamps_s": np.array([0.0, 1.0, 1.0])}, "timestamps do not increase"),
        ({"timestamps_s": np.array([0.0, np.nan, 1.0])}, "timestamps do not increase"),
        ({"track_ids": np.full((3, 2), -1, np.int32)}, "poses_3d is not NaN where track_ids is -1"),
        (
            {"joint_names": np.array(H36M17.joints[::-1])},
            "h36m17; its joints are right_wrist",
        ),
        ({"parents": np.zeros(17, np.int16)}, "does not use the skeleton"),
        ({"joint_names": np.array([{}] * 17, dtype=object)}, "not a poses.npz, or it is damaged"),
    ],
)
def test_what_does_not_fit_is_named(path: Path, changes: dict[str, Any], message: str) -> None:
    changed(path, **changes)
    with pytest.raises(InputError, match=message):
        read_npz(path)


def test_no_such_file_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_npz(tmp_path / "poses.npz")
    with pytest.raises(InputError, match="cannot be read"):
        read_npz(tmp_path)
    for name, content in {
        "empty": b"",
        "text": b"hello",
        "zip": b"PK\x03\x04 no",
        "npy": b"\x93NUMPY\x01\x00",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"poses\.npz"):
            read_npz(tmp_path / name)
    with pytest.raises(InputError) as caught:
        read_npz(tmp_path / "text")
    assert "pickle" not in str(caught.value), "numpy's advice is not for users"
    np.save(tmp_path / "array.npy", np.ones(3))
    with pytest.raises(InputError, match="single array"):
        read_npz(tmp_path / "array.npy")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.data())
def test_a_damaged_file_is_an_input_error_or_reads(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = path.with_name("damaged.npz")
    damaged.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    with suppress(InputError):
        assert read_npz(damaged).poses_3d.shape[2:] == (17, 3)


def test_the_people_of_a_frame() -> None:
    poses = make_poses()
    poses.keypoints_2d[1, 0, 3] = [7, -2, 0.5]
    (person,) = poses.people(1)
    assert person.track_id == 5
    assert person.bbox.tolist() == [1, -2, 7, 1]
    assert person.pose_3d.shape == (17, 3)
    poses.keypoints_2d[1, 0, 4] = np.nan
    assert poses.people(1)[0].bbox.tolist() == [1, -2, 7, 1], "an unknown joint hides the box"
    poses.keypoints_2d[1, 0] = np.nan
    assert np.isnan(poses.people(1)[0].bbox).all()
    poses.track_ids[2] = -1
    assert poses.people(2) == []


def test_figures_without_the_poses(path: Path) -> None:
    assert read_counts(path) == (3, 3, 1)
    track_ids = np.array([[-1, -1], [1, 2], [3, -1]], np.int32)
    changed(path, track_ids=track_ids, poses_3d=None)
    assert read_counts(path) == (3, 2, 2)
    changed(path, meta=None)
    with pytest.raises(InputError, match=r"not a poses\.npz"):
        read_counts(path)
