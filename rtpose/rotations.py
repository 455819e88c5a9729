"""Rotations as numbers. numpy only. What makes them is the body: see `rtpose.bones` and `rtpose.pose.body`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def quaternions(rotations: Float64) -> Float64:
    """(..., 3, 3) rotation matrices -> (..., 4) unit quaternions x, y, z, w with w >= 0."""
    m = rotations
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    # Four times the products of each of x, y, z, w with all four. Every row is a multiple of the quaternion; the row
    # of the largest component is numerically best.
    products = np.empty((*m.shape[:-2], 4, 4))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        products[..., i, i] = 1 + 2 * m[..., i, i] - trace
        products[..., i, j] = products[..., j, i] = m[..., i, j] + m[..., j, i]
        products[..., i, 3] = products[..., 3, i] = m[..., k, j] - m[..., j, k]
    products[..., 3, 3] = 1 + trace
    largest = np.argmax(np.diagonal(products, axis1=-2, axis2=-1), axis=-1)
    row = np.take_along_axis(products, largest[..., None, None], axis=-2)[..., 0, :]
    found: Float64 = row / np.linalg.norm(row, axis=-1, keepdims=True)
    return np.where(found[..., 3:] < 0, -found, found)


def perpendicular(direction: Float64) -> Float64:
    """(3,) unit vector at a right angle to `direction` (3,): always the same one for the same direction."""
    across: Float64 = np.cross(direction, np.eye(3)[np.argmin(np.abs(direction))])
    return across / np.linalg.norm(across)


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
