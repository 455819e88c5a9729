"""Rotations as numbers. numpy only. What makes them is the body: see `rtpose.bones` and `rtpose.pose.body`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

_NO_LENGTH = 1e-9


def _products_from_matrix() -> Float64:
    """(9, 16): see `quaternions`."""
    out = np.zeros((3, 3, 4, 4))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        out[i, i, i, i] = out[i, i, 3, 3] = 1
        out[j, j, i, i] = out[k, k, i, i] = -1
        out[i, j, i, j] = out[j, i, i, j] = out[i, j, j, i] = out[j, i, j, i] = 1
        out[k, j, i, 3] = out[k, j, 3, i] = 1
        out[j, k, i, 3] = out[j, k, 3, i] = -1
    return out.reshape(9, 16)


_PRODUCTS_FROM_MATRIX = _products_from_matrix()


def quaternions(rotations: Float64) -> Float64:
    """(..., 3, 3) rotation matrices -> (..., 4) unit quaternions x, y, z, w with w >= 0."""
    # Four times the products of each of x, y, z, w with all four, which are linear in the matrix. Every row is a
    # multiple of the quaternion; the row of the largest component is numerically best.
    products = (rotations.reshape(-1, 9) @ _PRODUCTS_FROM_MATRIX).reshape(-1, 4, 4) + np.eye(4)
    largest = np.argmax(np.diagonal(products, axis1=-2, axis2=-1), axis=-1)
    row = products[np.arange(len(products)), largest]
    found = row / np.sqrt((row * row).sum(-1, keepdims=True))
    signed: Float64 = np.where(found[:, 3:] < 0, -found, found).reshape(*rotations.shape[:-2], 4)
    return signed


def unit(vectors: Float64) -> Float64:
    """(..., 3) at length 1; NaN for vectors without a length."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > _NO_LENGTH, length, np.nan)


def perpendicular(direction: Float64) -> Float64:
    """(3,) unit vector at a right angle to `direction` (3,): always the same one for the same direction."""
    return unit(np.cross(direction, np.eye(3)[np.argmin(np.abs(direction))]))


def axes_along(x: Float64, y: Float64) -> Float64:
    """(..., 3, 3) right-handed axes as columns: the first along `x`, the second as near to `y` as possible.

    NaN where `x` and `y` are parallel.
    """
    x = unit(x)
    z = unit(np.cross(x, y))
    return np.stack([x, np.cross(z, x), z], axis=-1)


def euler_zxy(rotations: Float64) -> Float64:
    """(T, 3, 3) -> (T, 3) degrees about z, x, y with `rotation = Rz @ Rx @ Ry`, without jumps by whole turns."""
    x = np.arcsin(np.clip(rotations[:, 2, 1], -1, 1))
    locked = np.abs(rotations[:, 2, 1]) > 1 - 1e-12  # gimbal lock: only the sum of the other two is known
    z = np.where(
        locked, np.arctan2(rotations[:, 1, 0], rotations[:, 0, 0]), np.arctan2(-rotations[:, 0, 1], rotations[:, 1, 1])
    )
    y = np.where(locked, 0.0, np.arctan2(-rotations[:, 2, 0], rotations[:, 2, 2]))
    return np.degrees(np.unwrap(np.stack([z, x, y], axis=-1), axis=0))


def continuous_quaternions(rotations: Float64) -> Float64:
    """(T, 3, 3) -> (T, 4) x, y, z, w; of q and -q always the one nearer to the frame before."""
    q = quaternions(rotations)
    flips = np.sign((q[1:] * q[:-1]).sum(-1))
    signed: Float64 = q * np.concatenate([[1.0], np.cumprod(np.where(flips < 0, -1.0, 1.0))])[:, None]
    return signed


def swing(rest: Float64, directions: Float64) -> Float64:
    """The smallest rotations, without twist, from unit vectors `rest` (..., 3) to `directions` (..., 3) of any length.

    A direction of no length counts as `rest`; NaN stays NaN.
    """
    length = np.linalg.norm(directions, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.where(length <= _NO_LENGTH, rest, directions / length)
    middle = unit + rest
    size = np.linalg.norm(middle, axis=-1, keepdims=True)
    # For opposite directions any axis would do: rotate through the front, as knees and elbows bend.
    front = np.where(np.abs(rest[..., 2:]) < 0.9, np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
    front = front - (front * rest).sum(-1, keepdims=True) * rest
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.where(size <= _NO_LENGTH, front / np.linalg.norm(front, axis=-1, keepdims=True), middle / size)
    # A half turn about `rest`, which keeps it, then one about the middle, which takes it to the direction.
    return _half_turn(middle) @ _half_turn(rest)


def _half_turn(axis: Float64) -> Float64:
    return 2 * axis[..., :, None] * axis[..., None, :] - np.eye(3)
