"""Reading recordings: whole ones, and all that is none."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from posed_bodies import LENGTHS, body_at, level_world

from rtpose.errors import InputError
from rtpose.recordings.npz import read_counts, read_npz, write_npz
from rtpose.recordings.recording import SKELETON_OF, Recording, no_bodies
from rtpose.skeleton import RTPOSE28
from rtpose.types import Camera


def make_poses(frames: int = 3, version: int = 2) -> Recording:
    """The first column has somebody; in format 2 with a body."""
    shape, skeleton = (frames, 2), SKELETON_OF[version]
    joints = len(skeleton.joints)
    track_ids = np.full(shape, 5, np.int32)
    track_ids[:, 1] = -1
    arrays = {
        "poses_3d": np.ones((*shape, joints, 3), np.float32),
        "root_3d": np.ones((*shape, 3), np.float32),
        "confidence": np.ones((*shape, joints), np.float32),
        "keypoints_2d": np.ones((*shape, joints, 3), np.float32),
    }
    for array in arrays.values():
        array[:, 1] = np.nan
    bodies = no_bodies(*shape)
    if version == 2:
        bodies["bone_lengths"][0] = LENGTHS
        for frame in range(frames):
            body, arrays["poses_3d"][frame, 0], _ = body_at(frame / 25)
            bodies["rotations"][frame, 0], bodies["contacts"][frame, 0] = body.rotations, body.contacts
        bodies["world_from_camera"][1:] = level_world(1.5)
    return Recording(
        **arrays,
        **bodies,
        track_ids=track_ids,
        timestamps_s=np.arange(frames) / 25,
        frame_ids=np.arange(frames),
        joint_names=skeleton.joints,
        parents=skeleton.parents,
        image_size=(640, 480),
        camera=Camera(600, 600, 320, 240),
        meta={"format": version, "source": "ümlaut \udc80.mp4"},
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


@pytest.mark.parametrize("version", [1, 2])
def test_round_trip(path: Path, version: int) -> None:
    with path.open("wb") as file:
        write_npz(file, make_poses(version=version))
    poses, expected = read_npz(path), make_poses(version=version)
    assert poses.skeleton is SKELETON_OF[version]
    assert poses.has_bodies == (version == 2)
    with np.load(path) as npz:
        assert ("rotations" in npz.files) == (version == 2)
    for key in (
        "poses_3d",
        "root_3d",
        "confidence",
        "keypoints_2d",
        "track_ids",
        "timestamps_s",
        "frame_ids",
        "rotations",
        "bone_lengths",
        "contacts",
        "world_from_camera",
    ):
        np.testing.assert_array_equal(getattr(poses, key), getattr(expected, key))
    for key in ("joint_names", "bone_names", "image_size", "camera", "meta"):
        assert getattr(poses, key) == getattr(expected, key)


@pytest.mark.parametrize("key", ["poses_3d", "track_ids", "joint_names", "camera", "meta", "rotations", "bone_names"])
def test_a_missing_key_is_named(path: Path, key: str) -> None:
    changed(path, **{key: None})
    with pytest.raises(InputError, match=f"is not a poses.npz: key {key} is missing"):
        read_npz(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"meta": np.array(json.dumps({"format": 3}))},
            "this version of rtpose reads formats 1 and 2",
        ),
        ({"meta": np.array("{")}, "its meta is not a JSON object"),
        ({"meta": np.array("[1]")}, "its meta is not a JSON object"),
        ({"meta": np.array("{}")}, "its meta is not a JSON object"),
        ({"poses_3d": np.ones((3, 2, 28, 3))}, "poses_3d is float64, not float32"),
        (
            {"poses_3d": np.ones((3, 2, 28, 2), np.float32)},
            r"poses_3d has shape .* does not fit \(T, P, J, 3\)",
        ),
        ({"root_3d": np.ones((4, 2, 3), np.float32)}, "root_3d has shape"),
        ({"camera": np.ones(3)}, "camera has shape"),
        ({"timestamps_s": np.array([0.0, 1.0, 1.0])}, "timestamps do not increase"),
        ({"timestamps_s": np.array([0.0, np.nan, 1.0])}, "timestamps do not increase"),
        ({"track_ids": np.full((3, 2), -1, np.int32)}, "poses_3d is not NaN where track_ids is -1"),
        (
            {"joint_names": np.array(RTPOSE28.joints[::-1])},
            "rtpose28; its joints are right_pinky",
        ),
        ({"parents": np.zeros(28, np.int16)}, "does not use the skeleton"),
        ({"bone_lengths": np.ones((3, 19), np.float32)}, "bone_lengths has shape"),
        ({"bone_parents": np.zeros(19, np.int16)}, "bones that this version of rtpose does not know"),
        ({"joint_names": np.array([{}] * 28, dtype=object)}, "not a poses.npz, or it is damaged"),
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
        assert read_npz(damaged).poses_3d.shape[2:] in ((28, 3), (17, 3))


def test_the_people_of_a_frame() -> None:
    poses = make_poses()
    poses.keypoints_2d[1, 0, 3] = [7, -2, 0.5]
    (person,) = poses.people(1)
    assert person.track_id == 5
    assert person.bbox.tolist() == [1, -2, 7, 1]
    assert person.pose_3d.shape == (28, 3)
    assert person.body is not None
    np.testing.assert_array_equal(person.body.bone_lengths, LENGTHS)
    assert poses.world_of(0) is None
    np.testing.assert_array_equal(poses.world_of(1), level_world(1.5))
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


def test_the_lifter_of_an_old_recording_need_not_exist(path: Path) -> None:
    meta = {"format": 2, "estimator": "blazepose + temporal", "weights_sha256": "00"}
    changed(path, meta=np.array(json.dumps(meta)))
    assert read_npz(path).meta["estimator"] == "blazepose + temporal"
