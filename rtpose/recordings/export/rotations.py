"""Rotations as the numbers that files keep."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.rotations import quaternions

Array = NDArray[np.float64]


def unit(vectors: Array) -> Array:
    """At length 1; NaN for vectors without a length."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 1e-9, length, np.nan)


def across(direction: Array) -> Array:
    """(3,) at length 1, square to `direction` (3,): always the same for the same."""
    return unit(np.cross(direction, np.eye(3)[np.argmin(np.abs(direction))]))


def frame_of(x: Array, y: Array) -> Array:
    """The axes whose first is along `x` and whose second is as near to `y` as it can be, as columns."""
    x = unit(x)
    z = unit(np.cross(x, y))
    return np.stack([x, np.cross(z, x), z], axis=-1)


def euler_zxy(rotation: Array) -> Array:
    """(T, 3, 3) -> (T, 3) degrees about z, x, y with `rotation = Rz @ Rx @ Ry`, without jumps by whole turns."""
    x = np.arcsin(np.clip(rotation[:, 2, 1], -1, 1))
    locked = np.abs(rotation[:, 2, 1]) > 1 - 1e-12  # only the sum of the other two is known
    z = np.where(
        locked, np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0]), np.arctan2(-rotation[:, 0, 1], rotation[:, 1, 1])
    )
    y = np.where(locked, 0.0, np.arctan2(-rotation[:, 2, 0], rotation[:, 2, 2]))
    return np.degrees(np.unwrap(np.stack([z, x, y], axis=-1), axis=0))


def continuous_quaternions(rotation: Array) -> Array:
    """(T, 3, 3) -> (T, 4) x, y, z, w, each on the same side as the one before."""
    q = quaternions(rotation)
    flips = np.sign((q[1:] * q[:-1]).sum(-1))
    signed: Array = q * np.concatenate([[1.0], np.cumprod(np.where(flips < 0, -1.0, 1.0))])[:, None]
    return signed
