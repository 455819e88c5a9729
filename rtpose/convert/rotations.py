"""Rotations as matrices, and as the numbers that files keep. All shapes are (..., 3, 3), (..., 3) or (..., 4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def unit(vectors: Array) -> Array:
    """At length 1; NaN for vectors without a length."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 1e-9, length, np.nan)


def across(direction: Array) -> Array:
    """(3,) at length 1, square to `direction` (3,): always the same for the same."""
    return unit(np.cross(direction, np.eye(3)[np.argmin(np.abs(direction))]))


def swing(rest: Array, direction: Array) -> Array:
    """The smallest rotation that turns `rest` (3,) into each `direction` (..., 3), both at length 1: no twist.

    Opposite to `rest`, where all half turns are equally small, it is one about a fixed axis.
    """
    axis = np.cross(rest, direction)
    cosine = direction @ rest
    opposite = cosine < -1 + 1e-9
    x, y, z = np.moveaxis(axis, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    turned = np.eye(3) + cross + cross @ cross / np.where(opposite, 1, 1 + cosine)[..., None, None]
    half_turn = 2 * np.outer(across(rest), across(rest)) - np.eye(3)
    return np.where(opposite[..., None, None], half_turn, turned)


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


def quaternion(rotation: Array) -> Array:
    """(T, 3, 3) -> (T, 4) x, y, z, w, each on the same side as the one before."""
    m = rotation
    trace = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    # 4 q qᵀ for q = (x, y, z, w); its longest column is q, whatever the angle.
    outer = np.empty((len(m), 4, 4))
    for i in range(3):
        outer[:, i, i] = 1 - trace + 2 * m[:, i, i]
        for k in range(i):
            outer[:, i, k] = outer[:, k, i] = m[:, i, k] + m[:, k, i]
    outer[:, 3, 3] = 1 + trace
    for i, j, k in ((0, 2, 1), (1, 0, 2), (2, 1, 0)):
        outer[:, i, 3] = outer[:, 3, i] = m[:, j, k] - m[:, k, j]
    longest = np.argmax(np.diagonal(outer, axis1=1, axis2=2), axis=1)
    q = unit(outer[np.arange(len(m)), :, longest])
    flips = np.sign((q[1:] * q[:-1]).sum(-1))
    signed: Array = q * np.concatenate([[1.0], np.cumprod(np.where(flips < 0, -1.0, 1.0))])[:, None]
    return signed
