"""Rotations as the numbers that files and programs store."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from rtpose.rotations import axes_along, continuous_quaternions, euler_zxy, perpendicular, quaternions, swing

Array = NDArray[np.float64]
SOME_DIRECTION = hnp.arrays(float, 3, elements=st.floats(-1, 1)).filter(lambda v: np.linalg.norm(v) > 0.1)


def rotation(quaternion: Array) -> Array:
    x, y, z, w = quaternion / np.linalg.norm(quaternion)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


unit_quaternions = hnp.arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.1)


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
@settings(deadline=None)
def test_quaternions_come_back(q: Array) -> None:
    rotation = matrix_of(q / np.linalg.norm(q, axis=-1, keepdims=True))
    got = continuous_quaternions(rotation)
    np.testing.assert_allclose(matrix_of(got), rotation, atol=1e-9)
    assert ((got[1:] * got[:-1]).sum(-1) > -1e-9).all(), "the long way round"


@given(QUATERNIONS)
@settings(deadline=None)
def test_angles_come_back(q: Array) -> None:
    rotation = matrix_of(q / np.linalg.norm(q, axis=-1, keepdims=True))
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


@settings(deadline=None)
@given(SOME_DIRECTION)
def test_across_a_direction(direction: Array) -> None:
    across = perpendicular(direction)
    assert across @ direction == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(across) == pytest.approx(1)


@settings(deadline=None)
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


def test_a_frame_keeps_its_first_axis() -> None:
    got = axes_along(np.array([[0.0, 0, -2]]), np.array([[0.0, 1, -1]]))[0]
    np.testing.assert_allclose(got, about("y", 90), atol=1e-12)
    assert np.isnan(axes_along(np.array([[1.0, 0, 0]]), np.array([[3.0, 0, 0]]))).any()
