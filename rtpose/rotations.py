"""Rotations: from joint positions to the bones of a skeleton in a rest pose, and as numbers. numpy only.

The rest pose is a T: standing, arms out to the sides, with x to the person's left, y up and z where the person faces
(right-handed; the axes of VRM and glTF). A bone has the name of the joint at its end: bone "left_knee" is the left
thigh. Entry 0, of the joint "root", is the pelvis.

What positions determine, and what they do not:
- pelvis and chest (bone "thorax") have all three degrees of freedom, from the lines of hips and shoulders;
- every other bone has two, its direction. The positions of its ends do not show the third, its twist: the bone is
  swung from its rest direction, in its parent's axes, by the smallest rotation, which adds no twist;
- hands, feet and face have no joints and therefore no rotation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtpose.skeleton import H36M17

Float64 = NDArray[np.float64]

_LEFT, _RIGHT, _UP, _DOWN = (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)
_DIRECTION_OF = {
    "root": _UP,
    **dict.fromkeys(("spine", "thorax", "neck_base", "head"), _UP),
    **dict.fromkeys(("left_knee", "left_foot", "right_knee", "right_foot"), _DOWN),
    **dict.fromkeys(("left_hip", "left_shoulder", "left_elbow", "left_wrist"), _LEFT),
    **dict.fromkeys(("right_hip", "right_shoulder", "right_elbow", "right_wrist"), _RIGHT),
}
REST_DIRECTIONS: Float64 = np.array([_DIRECTION_OF[joint] for joint in H36M17.joints])
"""(17, 3): unit vector along each bone at rest. All lie in the plane z = 0."""

_NO_LENGTH = 1e-9
_ROOT, _THORAX, _SPINE, _LEFT_HIP, _RIGHT_HIP, _LEFT_SHOULDER, _RIGHT_SHOULDER = H36M17.indices(
    "root", "thorax", "spine", "left_hip", "right_hip", "left_shoulder", "right_shoulder"
)


def _levels() -> list[NDArray[np.intp]]:
    depth: list[int] = []
    for parent in H36M17.parents.tolist():
        depth.append(depth[parent] + 1 if parent >= 0 else 0)
    return [np.flatnonzero(np.equal(depth, level)) for level in range(1, max(depth) + 1)]


_LEVELS = _levels()
"""Bones by number of ancestors: those of a level are rotated together, after their parents."""


def bone_rotations(positions: ArrayLike) -> Float64:
    """The rotation of each bone from its rest pose.

    positions: (..., 17, 3) joints of h36m17, any unit, any right-handed axes. Returns (..., 17, 3, 3), `axes_from_rest`
    of each bone: `R[j] @ REST_DIRECTIONS[j]` is the bone's direction in the axes of `positions`. A bone of no length
    keeps its rest direction in its parent; NaN stays NaN.
    """
    joints = np.asarray(positions, np.float64)
    turned = np.empty((*joints.shape, 3))

    # Pelvis: swing the x axis to the line of the hips, then rotate about it until the spine lies in the plane z = 0.
    pelvis = swing(np.array(_LEFT), joints[..., _LEFT_HIP, :] - joints[..., _RIGHT_HIP, :])
    spine = _into(pelvis, joints[..., _SPINE, :] - joints[..., _ROOT, :])
    turned[..., _ROOT, :, :] = pelvis @ _about_x(np.arctan2(spine[..., 2], spine[..., 1]))

    for bones in _LEVELS:
        parents = H36M17.parents[bones]
        above = turned[..., parents, :, :]
        along = _into(above, joints[..., bones, :] - joints[..., parents, :])
        turned[..., bones, :, :] = above @ swing(REST_DIRECTIONS[bones], along)
        if _THORAX in bones:
            # Chest: also rotate about its own axis until the line of the shoulders lies in the plane z = 0.
            chest = turned[..., _THORAX, :, :]
            line = _into(chest, joints[..., _LEFT_SHOULDER, :] - joints[..., _RIGHT_SHOULDER, :])
            turned[..., _THORAX, :, :] = chest @ _about_y(np.arctan2(-line[..., 2], line[..., 0]))
    return turned


def local_rotations(bones: Float64) -> Float64:
    """(..., 17, 3, 3) of `bone_rotations` -> the same, each in the axes of its parent's bone: `parent_from_bone`.

    The pelvis has no parent and stays as it is; rotating all positions changes only the pelvis.
    """
    local = bones.copy()
    below = np.flatnonzero(H36M17.parents >= 0)
    local[..., below, :, :] = np.swapaxes(bones[..., H36M17.parents[below], :, :], -1, -2) @ bones[..., below, :, :]
    return local


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


def _into(rotations: Float64, vectors: Float64) -> Float64:
    """Vectors in the axes before the rotations."""
    turned: Float64 = (np.swapaxes(rotations, -1, -2) @ vectors[..., None])[..., 0]
    return turned


def _about_x(angle: Float64) -> Float64:
    one, zero, cos, sin = np.ones_like(angle), np.zeros_like(angle), np.cos(angle), np.sin(angle)
    return np.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], axis=-1).reshape(*np.shape(angle), 3, 3)


def _about_y(angle: Float64) -> Float64:
    one, zero, cos, sin = np.ones_like(angle), np.zeros_like(angle), np.cos(angle), np.sin(angle)
    return np.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], axis=-1).reshape(*np.shape(angle), 3, 3)
