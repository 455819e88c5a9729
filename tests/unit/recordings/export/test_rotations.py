"""Rotations and the numbers that files keep of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rtpose.recordings.export.rotations import continuous_quaternions, euler_zxy, frame_of, unit

QUATERNIONS = arrays(float, (5, 4), elements=st.floats(-1, 1)).filter(
    lambda q: (np.linalg.norm(q, axis=-1) > 0.1).all()
)


def about(axis: str, degrees: float) -> np.ndarray:
    """The textbook's matrix."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array({
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }[axis])  # fmt: skip


def matrix_of(q: np.ndarray) -> np.ndarray:
    """(T, 4) -> (T, 3, 3): v -> v + 2 w (u x v) + 2 u x (u x v)."""
    eye = np.eye(3)
    u, w = q[:, None, :3], q[:, None, 3:]
    twice = 2 * np.cross(u, eye)
    return (eye + w * twice + np.cross(u, twice)).transpose(0, 2, 1)


@given(QUATERNIONS)
def test_quaternions_come_back(q: np.ndarray) -> None:
    rotation = matrix_of(unit(q))
    got = continuous_quaternions(rotation)
    np.testing.assert_allclose(matrix_of(got), rotation, atol=1e-9)
    assert ((got[1:] * got[:-1]).sum(-1) > -1e-9).all(), "the long way round"


@given(QUATERNIONS)
def test_angles_come_back(q: np.ndarray) -> None:
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
    got = frame_of(np.array([[0.0, 0, -2]]), np.array([[0.0, 1, -1]]))[0]
    np.testing.assert_allclose(got, about("y", 90), atol=1e-12)
    assert np.isnan(frame_of(np.array([[1.0, 0, 0]]), np.array([[3.0, 0, 0]]))).any()
