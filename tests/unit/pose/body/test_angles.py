"""Clinical angles from rotations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.bones import BONE_INDEX, BONES, rotations_from_wxyz, wxyz_from_rotations
from rtpose.pose.body.angles import ANGLE_NAMES, joint_angles

FACING = np.diag([1.0, -1.0, -1.0])
"""Of hips of somebody who stands upright and faces the camera."""


def about(axis: int, degrees: float) -> np.ndarray:
    a = np.radians(degrees)
    out = np.eye(3)
    j, k = (axis + 1) % 3, (axis + 2) % 3
    out[j, j] = out[k, k] = np.cos(a)
    out[k, j], out[j, k] = np.sin(a), -np.sin(a)
    return out


def angles(**turned: np.ndarray) -> dict[str, float]:
    """Somebody who stands with hanging arms, but for the bones given."""
    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    local[0] = FACING
    local[BONE_INDEX["leftUpperArm"]], local[BONE_INDEX["rightUpperArm"]] = about(2, -90), about(2, 90)
    for bone, rotation in turned.items():
        local[BONE_INDEX[bone]] = rotation
    return dict(zip(ANGLE_NAMES, joint_angles(wxyz_from_rotations(local)), strict=True))


def expect(found: dict[str, float], **wanted: float) -> None:
    for name, value in found.items():
        assert value == pytest.approx(wanted.get(name, 0.0), abs=1e-6), name


def test_standing_upright_is_zero():
    expect(angles())


@given(st.floats(-10, 120))
def test_flexion_of_hinges(bend: float):
    expect(angles(leftLowerLeg=about(0, bend)), left_knee_flexion=bend)
    expect(angles(rightLowerLeg=about(0, bend)), right_knee_flexion=bend)
    expect(angles(leftLowerArm=about(1, -bend)), left_elbow_flexion=bend)
    expect(angles(rightLowerArm=about(1, bend)), right_elbow_flexion=bend)


@given(st.floats(-30, 110), st.floats(-40, 70), st.floats(-50, 50))
def test_hip_in_three_planes(flexion: float, abduction: float, rotation: float):
    left = about(0, -flexion) @ about(2, abduction) @ about(1, -rotation)
    right = about(0, -flexion) @ about(2, -abduction) @ about(1, rotation)
    for side, thigh in (("left", left), ("right", right)):
        found = angles(**{f"{side}UpperLeg": thigh})
        wanted = {"hip_flexion": flexion, "hip_abduction": abduction, "hip_rotation": rotation}
        expect(found, **{f"{side}_{name}": value for name, value in wanted.items()})


def test_arms_feet_and_trunk():
    expect(angles(leftUpperArm=np.eye(3)), left_shoulder_elevation=90)
    expect(angles(rightUpperArm=about(2, -60)), right_shoulder_elevation=150)
    expect(angles(leftFoot=about(0, -15)), left_ankle_dorsiflexion=15)
    expect(angles(spine=about(0, 20)), trunk_lean=20)
    expect(angles(spine=about(2, -10)), trunk_side_lean=10)


def test_a_tilted_camera_needs_gravity():
    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    tilt = about(0, 30)
    local[0] = tilt @ FACING
    found = dict(zip(ANGLE_NAMES, joint_angles(wxyz_from_rotations(local), tilt @ [0, 1, 0]), strict=True))
    assert found["trunk_lean"] == pytest.approx(0, abs=1e-6)


@given(st.integers(0, 1000))
def test_quaternions_of_bodies_and_back(seed: int):
    wxyz = np.random.default_rng(seed).normal(size=(5, 4))
    wxyz /= np.linalg.norm(wxyz, axis=-1, keepdims=True)
    wxyz *= np.where(wxyz[:, :1] < 0, -1, 1)
    np.testing.assert_allclose(wxyz_from_rotations(rotations_from_wxyz(wxyz)), wxyz, atol=1e-9)


def test_unknown_rotations_give_unknown_angles():
    assert np.isnan(joint_angles(np.full((2, len(BONES), 4), np.nan))).all()
