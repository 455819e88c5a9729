"""Angles of recordings: by known bones, with the confidence of the least sure joint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exercise_recordings import make_recording, squatting, standing, turn

from rtpose.bones import BONE_INDEX, wxyz_from_rotations
from rtpose.pose.body.angles import ANGLE_NAMES
from rtpose.report.angles import KIND_OF, KINDS, angles_of

TIMES = np.arange(0, 6, 0.1)


def test_angles_of_joints_are_those_of_the_bones() -> None:
    person = angles_of(make_recording(TIMES, [squatting(TIMES, 3, left_deg=90, right_deg=60)]), 0)
    share = (1 - np.cos(2 * np.pi * TIMES / 3)) / 2
    for name, degrees in (
        ("left_knee_flexion", 90), ("left_hip_flexion", 90), ("right_knee_flexion", 60), ("right_hip_flexion", 60),
        ("trunk_lean", 0), ("trunk_side_lean", 0), ("left_hip_abduction", 0), ("left_elbow_flexion", 0),
        ("right_shoulder_elevation", 0),
    ):  # fmt: skip
        np.testing.assert_allclose(person.degrees[name], degrees * share, atol=0.2, err_msg=name)
    assert not person.from_body


@pytest.mark.parametrize(
    ("bone", "axis", "degrees", "name", "expected"),
    [
        ("leftUpperLeg", "z", 30, "left_hip_abduction", 30),
        ("rightUpperLeg", "z", -30, "right_hip_abduction", 30),
        ("leftLowerArm", "y", -80, "left_elbow_flexion", 80),
        ("rightUpperArm", "z", 0, "right_shoulder_elevation", 90),
        ("spine", "x", 25, "trunk_lean", 25),
        ("spine", "z", -20, "trunk_side_lean", 20),
    ],
)
def test_each_angle_has_its_sign(bone: str, axis: str, degrees: float, name: str, expected: float) -> None:
    rotations = standing(8)
    rotations[:, BONE_INDEX[bone]] = turn(axis, degrees)
    person = angles_of(make_recording(np.arange(8) / 10, [rotations]), 0)
    assert person.degrees[name] == pytest.approx(expected, abs=0.5)


def test_bodies_give_the_angles_of_their_bones_against_the_known_gravity() -> None:
    bones = squatting(TIMES, 3)
    bones[:, BONE_INDEX["leftUpperLeg"]] = turn("x", -20) @ turn("y", -15)
    bones[:, BONE_INDEX["rightFoot"]] = turn("x", -12)
    pitched = turn("x", 30)  # the camera looks down: its picture of somebody upright leans
    bones[:, BONE_INDEX["hips"]] = pitched @ bones[:, BONE_INDEX["hips"]]
    recording = make_recording(TIMES, [bones])
    rotations = wxyz_from_rotations(bones)[:, None].astype(np.float32)
    rotations[7] = np.nan
    world = np.full((len(TIMES), 4, 4), np.nan, np.float32)
    world[20:] = np.eye(4)
    world[20:, :3, :3] = np.diag([1, -1, -1]) @ pitched.T
    person = angles_of(replace(recording, rotations=rotations, world_from_camera=world), 0)
    assert person.from_body
    assert person.gravity_known
    seen = np.arange(len(TIMES)) != 7
    assert np.isnan(person.degrees["left_hip_rotation"][7])
    assert person.degrees["left_hip_rotation"][seen] == pytest.approx(15, abs=0.1)
    assert person.degrees["right_ankle_dorsiflexion"][seen] == pytest.approx(12, abs=0.1)
    assert person.degrees["trunk_lean"][seen] == pytest.approx(0, abs=0.1)
    level = angles_of(recording, 0)
    assert not level.gravity_known
    assert abs(level.degrees["trunk_lean"][0]) == pytest.approx(30, abs=0.5)


def test_what_joints_do_not_show_is_left_out() -> None:
    person = angles_of(make_recording(TIMES, [squatting(TIMES, 3)]), 0)
    assert "left_hip_rotation" not in person.degrees
    assert "left_ankle_dorsiflexion" not in person.degrees
    assert KIND_OF["hip_rotation"] not in person.kinds


def test_confidence_is_that_of_the_least_sure_joint() -> None:
    recording = make_recording(TIMES, [squatting(TIMES, 3)])
    recording.confidence[:, 0, recording.joint_names.index("left_foot")] = 0.3
    recording.confidence[:, 0, recording.joint_names.index("right_wrist")] = 0.01  # a guess
    confidence = angles_of(recording, 0).confidence
    assert confidence["left_knee_flexion"] == pytest.approx(0.3)
    assert confidence["left_hip_flexion"] == pytest.approx(0.9)
    assert "right_elbow_flexion" not in confidence


def test_a_person_may_change_columns_and_be_away() -> None:
    recording = make_recording(TIMES, [squatting(TIMES, 3), standing(len(TIMES))])
    expected = angles_of(recording, 0).degrees["left_knee_flexion"].copy()
    for array in (recording.poses_3d, recording.confidence, recording.keypoints_2d, recording.track_ids):
        array[30:] = array[30:, ::-1].copy()
    recording.track_ids[:5, 0] = -1
    recording.poses_3d[:5, 0] = np.nan
    found = angles_of(recording, 0)
    assert np.isnan(found.degrees["left_knee_flexion"][:5]).all()
    assert (found.confidence["left_knee_flexion"][:5] == 0).all()
    np.testing.assert_allclose(found.degrees["left_knee_flexion"][5:], expected[5:])


def test_every_kind_is_one_of_the_bodys_angles() -> None:
    assert {name for kind in KINDS for name in kind.columns} == set(ANGLE_NAMES)
