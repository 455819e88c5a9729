"""Bodies whose lengths settled while they were recorded become bodies of one set of lengths."""

import numpy as np
import pytest
from posed_bodies import LENGTHS, body_at

from rtpose.bones import joints_of_bones, rotations_from_wxyz
from rtpose.recordings.bone_lengths import lengths_of_joints
from rtpose.recordings.people_table import SPARE_COLUMNS, PeopleTable
from rtpose.recordings.recording import Recording
from rtpose.types import Camera, Person3D


def somebody(track_id: int, t_s: float, scale: float = 1.0, body: bool = True) -> Person3D:
    pose, joints, _ = body_at(t_s, track_id, (LENGTHS * scale).astype(np.float32))
    root = np.array([0, 0, 3], np.float32)
    return Person3D(
        track_id, np.zeros(4, np.float32), np.ones((28, 3), np.float32), joints, root, np.ones(28, np.float32),
        pose if body else None,
    )  # fmt: skip


def recorded(frames: list[list[Person3D]]) -> Recording:
    table = PeopleTable()
    for t, people in enumerate(frames):
        table.append(t, t / 30, people)
    return table.to_recording(image_size=(640, 480), camera=Camera(600, 600, 320, 240), meta={})


@pytest.mark.parametrize("t_s", [0.0, 0.4, 1.7])
def test_lengths_are_measured_on_the_joints_of_a_body(t_s: float) -> None:
    _, joints, _ = body_at(t_s)
    np.testing.assert_allclose(lengths_of_joints(joints), LENGTHS, atol=1e-6)


def test_lengths_that_settled_hold_for_all_frames_and_the_joints_follow() -> None:
    """The first second grows, as live fits do."""
    scales = np.concatenate([np.linspace(0.9, 1.0, 30, endpoint=False), np.ones(70)])
    poses = recorded([[somebody(4, t / 30, scale)] for t, scale in enumerate(scales)])
    np.testing.assert_allclose(poses.bone_lengths[0], LENGTHS, rtol=1e-6)
    expected = joints_of_bones(rotations_from_wxyz(poses.rotations[:, 0]), poses.bone_lengths[0].astype(float))
    np.testing.assert_allclose(poses.poses_3d[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(poses.poses_3d[50, 0], somebody(4, 50 / 30).pose_3d, atol=1e-6)


def test_frames_without_a_body_keep_their_joints() -> None:
    frames = [[somebody(4, t / 30, 1 + t / 50, body=t != 2)] for t in range(5)]
    poses = recorded(frames)
    np.testing.assert_array_equal(poses.poses_3d[2, 0], frames[2][0].pose_3d)
    assert np.isnan(poses.rotations[2]).all()
    assert poses.people(2)[0].body is None
    assert poses.people(3)[0].body is not None


def test_people_with_bodies_have_a_column_each_while_that_is_cheap() -> None:
    one_after_the_other = [[somebody(t // 2, t / 30, 1 + (t // 2) / 50)] for t in range(2 * (2 + SPARE_COLUMNS))]
    poses = recorded(one_after_the_other)
    assert poses.track_ids.shape[1] == 2 + SPARE_COLUMNS
    for track_id in poses.ids:
        np.testing.assert_allclose(poses.bone_lengths[track_id], LENGTHS * (1 + track_id / 50), rtol=1e-6)


def test_many_who_share_a_column_have_their_lengths_in_their_joints() -> None:
    crowd = [[somebody(t, t / 30, 1 + t / 50)] for t in range(3 + SPARE_COLUMNS)]
    poses = recorded(crowd)
    assert poses.track_ids.shape[1] == 1
    assert np.isnan(poses.bone_lengths).all()
    for track_id in poses.ids:
        np.testing.assert_allclose(poses.lengths_of(track_id), LENGTHS * (1 + track_id / 50), rtol=1e-5)
        body = poses.people(track_id)[0].body
        assert body is not None
        np.testing.assert_allclose(body.bone_lengths, LENGTHS * (1 + track_id / 50), rtol=1e-5)


def test_without_bodies_columns_are_as_few_as_people_at_once() -> None:
    poses = recorded([[somebody(t, t / 30, body=False)] for t in range(4)])
    assert poses.track_ids.shape[1] == 1
    assert not poses.has_bodies
    assert np.isnan(poses.lengths_of(2)).all()
