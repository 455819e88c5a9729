"""Rotations: from joint positions and back by forward kinematics, and as the numbers that files store."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from rtpose.rotations import (
    REST_DIRECTIONS,
    axes_along,
    bone_rotations,
    continuous_quaternions,
    euler_zxy,
    local_rotations,
    quaternions,
    swing,
    unit,
)
from rtpose.skeleton import H36M17

Array = NDArray[np.float64]

LENGTHS = np.array([0, 0.13, 0.44, 0.43, 0.13, 0.44, 0.43, 0.24, 0.25, 0.1, 0.1, 0.18, 0.3, 0.25, 0.18, 0.3, 0.25])
INDEX = H36M17.index_of


def joints_from(local: Array, lengths: Array = LENGTHS) -> Array:
    """Forward kinematics, as an animation program does it: (17, 3, 3) local rotations -> (17, 3) positions."""
    turned, joints = np.empty_like(local), np.zeros((17, 3))
    for bone, parent in enumerate(H36M17.parents.tolist()):
        if parent < 0:
            turned[bone] = local[bone]
            continue
        turned[bone] = turned[parent] @ local[bone]
        joints[bone] = joints[parent] + turned[bone] @ REST_DIRECTIONS[bone] * lengths[bone]
    return joints


REST = joints_from(np.broadcast_to(np.eye(3), (17, 3, 3)))


def rotation(quaternion: Array) -> Array:
    x, y, z, w = quaternion / np.linalg.norm(quaternion)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


unit_quaternions = hnp.arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.1)
poses = hnp.arrays(np.float64, (17, 3), elements=st.floats(-1, 1, width=32))


def directions(joints: Array) -> Array:
    bones = joints[1:] - joints[H36M17.parents[1:]]
    return bones / np.linalg.norm(bones, axis=-1, keepdims=True)


def test_nothing_is_turned_at_rest() -> None:
    np.testing.assert_allclose(bone_rotations(REST), np.broadcast_to(np.eye(3), (17, 3, 3)), atol=1e-12)
    # Left is x, up is y: the person faces z.
    assert REST[INDEX["left_wrist"], 0] > 0.6
    assert REST[INDEX["head"], 1] > 0.6
    assert REST[INDEX["right_foot"], 1] < -0.8


@given(poses)
@settings(max_examples=150, deadline=None)
def test_forward_kinematics_gives_the_directions_back(joints: Array) -> None:
    bones = joints[1:] - joints[H36M17.parents[1:]]
    long_enough = np.linalg.norm(bones, axis=-1) > 1e-3
    turned = bone_rotations(joints)
    np.testing.assert_allclose(turned @ np.swapaxes(turned, -1, -2), np.broadcast_to(np.eye(3), (17, 3, 3)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(turned), 1, atol=1e-9)
    lengths = np.linalg.norm(joints - joints[np.maximum(H36M17.parents, 0)], axis=-1)
    back = joints_from(local_rotations(turned), lengths) + joints[0]
    if long_enough.all():
        np.testing.assert_allclose(back, joints, atol=1e-6)


@given(poses, unit_quaternions)
@settings(max_examples=100, deadline=None)
def test_turning_everything_turns_the_pelvis_alone(joints: Array, quaternion: Array) -> None:
    joints = REST + 0.4 * joints  # far from the poses in which a direction is not defined
    turn = rotation(quaternion)
    before, after = bone_rotations(joints), bone_rotations(joints @ turn.T)
    np.testing.assert_allclose(after[0], turn @ before[0], atol=1e-6)
    hips = joints[INDEX["left_hip"]] - joints[INDEX["right_hip"]]
    up = joints[INDEX["spine"]] - joints[INDEX["root"]]
    if np.linalg.norm(np.cross(hips, up)) > 0.01:
        np.testing.assert_allclose(local_rotations(after)[1:], local_rotations(before)[1:], atol=1e-5)


def test_the_lines_of_hips_and_shoulders_turn_pelvis_and_chest() -> None:
    """The whole person a quarter turn to its left, then the chest alone as much to its right: back to where it was."""
    quarter = rotation(np.array([0, 1, 0, 1.0]))  # about y: from z to x, which is the person's left
    local = np.tile(np.eye(3), (17, 1, 1))
    local[INDEX["root"]] = quarter
    local[INDEX["thorax"]] = quarter.T
    found = local_rotations(bone_rotations(joints_from(local)))
    np.testing.assert_allclose(found, local, atol=1e-9)


def test_a_bone_is_swung_without_twist() -> None:
    """The left forearm forward: a quarter turn about y, and nothing else is turned."""
    local = np.tile(np.eye(3), (17, 1, 1))
    bent = rotation(np.array([0, -1, 0, 1.0]))  # from x (left) to z (forward)
    local[INDEX["left_wrist"]] = bent
    joints = joints_from(local)
    np.testing.assert_allclose(joints[INDEX["left_wrist"]] - joints[INDEX["left_elbow"]], [0, 0, 0.25], atol=1e-12)
    found = local_rotations(bone_rotations(joints))
    np.testing.assert_allclose(found, local, atol=1e-9)
    # A twist of the upper arm about itself moves no joint, so it is not found, and the wrist lies where it lay.
    assert quaternions(found)[INDEX["left_elbow"]] == pytest.approx([0, 0, 0, 1])


def test_straight_back_goes_through_the_front() -> None:
    """The heel at the thigh, as far as a knee could be bent: no axis is told, that of the hinge is taken."""
    joints = REST.copy()
    joints[INDEX["left_foot"]] = joints[INDEX["left_hip"]]
    found = quaternions(local_rotations(bone_rotations(joints)))[INDEX["left_foot"]]
    np.testing.assert_allclose(np.abs(found), [1, 0, 0, 0], atol=1e-9)


def test_no_length_and_nobody() -> None:
    joints = REST.copy()
    joints[INDEX["head"]] = joints[INDEX["neck_base"]]
    np.testing.assert_allclose(bone_rotations(joints), np.broadcast_to(np.eye(3), (17, 3, 3)), atol=1e-12)
    assert np.isfinite(bone_rotations(np.zeros((17, 3)))).all()
    both = bone_rotations(np.stack([REST, np.full((17, 3), np.nan)]))
    assert np.isfinite(both[0]).all()
    assert np.isnan(both[1]).all()


@given(unit_quaternions)
@settings(max_examples=200, deadline=None)
def test_quaternions_of_known_rotations(quaternion: Array) -> None:
    unit = quaternion / np.linalg.norm(quaternion)
    found = quaternions(rotation(quaternion))
    assert found[3] >= 0
    assert abs(found @ unit) == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(rotation(found), rotation(quaternion), atol=1e-9)


def test_half_turns_and_shapes() -> None:
    half_turns = np.array([np.diag([1.0, -1, -1]), np.diag([-1.0, 1, -1]), np.diag([-1.0, -1, 1])])
    np.testing.assert_allclose(np.abs(quaternions(half_turns)), np.eye(4)[:3], atol=1e-12)
    many = np.broadcast_to(REST, (2, 3, 17, 3))
    assert quaternions(local_rotations(bone_rotations(many))).shape == (2, 3, 17, 4)


SOME_DIRECTION = hnp.arrays(float, 3, elements=st.floats(-1, 1)).filter(lambda v: np.linalg.norm(v) > 0.1)


@given(SOME_DIRECTION, SOME_DIRECTION)
@example(np.ones(3), -np.ones(3))
def test_a_swing_points_there_and_does_not_twist(rest: np.ndarray, direction: np.ndarray) -> None:
    rest = rest / np.linalg.norm(rest)
    direction = direction / np.linalg.norm(direction)
    rotation = swing(rest, direction[None])[0]
    np.testing.assert_allclose(rotation @ rest, direction, atol=1e-4)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    axis = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    assert abs(axis @ rest) < 1e-6, "the axis stands across the bone"


def test_a_swing_to_the_opposite_side() -> None:
    rest = np.array([0.0, -1, 0])
    rotation = swing(rest, -rest[None])[0]
    np.testing.assert_allclose(rotation @ rest, -rest, atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


# Rotations as the numbers that files store.

QUATERNIONS = hnp.arrays(float, (5, 4), elements=st.floats(-1, 1)).filter(
    lambda q: (np.linalg.norm(q, axis=-1) > 0.1).all()
)


def about(axis: str, degrees: float) -> Array:
    """The textbook's matrix."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array({
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }[axis])  # fmt: skip


def matrix_of(q: Array) -> Array:
    """(T, 4) -> (T, 3, 3): v -> v + 2 w (u x v) + 2 u x (u x v)."""
    eye = np.eye(3)
    u, w = q[:, None, :3], q[:, None, 3:]
    twice = 2 * np.cross(u, eye)
    return (eye + w * twice + np.cross(u, twice)).transpose(0, 2, 1)


@given(QUATERNIONS)
def test_quaternions_come_back(q: Array) -> None:
    rotation = matrix_of(unit(q))
    got = continuous_quaternions(rotation)
    np.testing.assert_allclose(matrix_of(got), rotation, atol=1e-9)
    assert ((got[1:] * got[:-1]).sum(-1) > -1e-9).all(), "the long way round"


@given(QUATERNIONS)
def test_angles_come_back(q: Array) -> None:
    rotation = matrix_of(unit(q))
    for angles, expected in zip(euler_zxy(rotation), rotation, strict=True):
        z, x, y = angles
        np.testing.assert_allclose(about("z", z) @ about("x", x) @ about("y", y), expected, atol=1e-5)


@pytest.mark.parametrize("x", [90.0, -90.0])
def test_angles_where_two_axes_fall_together(x: float) -> None:
    rotation = about("z", 20) @ about("x", x) @ about("y", 30)
    ((z, got_x, y),) = euler_zxy(rotation[None])
    np.testing.assert_allclose(about("z", z) @ about("x", got_x) @ about("y", y), rotation, atol=1e-6)


def test_angles_do_not_jump() -> None:
    turning = np.stack([about("y", degrees) for degrees in range(0, 721, 20)])
    np.testing.assert_allclose(euler_zxy(turning)[:, 2], np.arange(0, 721, 20), atol=1e-9)


def test_a_frame_keeps_its_first_axis() -> None:
    got = axes_along(np.array([[0.0, 0, -2]]), np.array([[0.0, 1, -1]]))[0]
    np.testing.assert_allclose(got, about("y", 90), atol=1e-12)
    assert np.isnan(axes_along(np.array([[1.0, 0, 0]]), np.array([[3.0, 0, 0]]))).any()
