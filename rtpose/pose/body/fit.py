"""The fit: damped Gauss-Newton steps on rotations and places of N bodies at once. numpy only.

A bone's rotation is changed by a small turn in the axes of its parent, so that what is known of each joint by itself
(limits, the last pose) concerns three unknowns alone. Turning a bone by `d` moves every joint below it by `d x lever`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_PARENTS, CONTACT_JOINTS, JOINT_BONES, JOINT_PLACES, Float64, bone_offsets
from rtpose.pose.body import limits
from rtpose.skeleton import RTPOSE28
from rtpose.turns import give_way

BONES, JOINTS = len(BONE_PARENTS), len(JOINT_BONES)
TURNS = 3 * BONES
UNKNOWNS = TURNS + 3
ROBUST = 3.0
"""Beyond so many expected errors a joint counts less and less."""


def _above() -> list[NDArray[np.intp]]:
    """Each bone's parent, then the parent's parent, then the one four above; (B + 1,), the last: none."""
    parents = np.append(np.where(BONE_PARENTS < 0, BONES, BONE_PARENTS), BONES).astype(np.intp)
    found = []
    while (parents < BONES).any():
        found.append(parents)
        parents = parents[parents]
    return found


def _below() -> Float64:
    below = np.zeros((JOINTS, BONES))
    for joint, bone in enumerate(JOINT_BONES.tolist()):
        while bone >= 0:
            below[joint, bone] = 1
            bone = int(BONE_PARENTS[bone])
    return below


_ABOVE = _above()
FEET = list(RTPOSE28.indices(*CONTACT_JOINTS))
_BELOW = _below()
"""(28, B) 1 where the bone carries the joint."""
_EYE = np.eye(3)
_CROSS = limits.cross_matrices(_EYE).reshape(3, 9)
_BENDING = np.flatnonzero(limits.PLANE.any(-1))
# Of knees and elbows: which bones, a direction, the matrix of its cross product, its weight, whether one side is free.
_HINGES = tuple(
    (_BENDING, normal[_BENDING], limits.cross_matrices(normal[_BENDING]), weight, one_sided)
    for normal, weight, one_sided in (
        (limits.PLANE, limits.PLANE_WEIGHT[_BENDING], False),
        (limits.BACKWARDS, limits.BACKWARDS_WEIGHT, True),
    )
)
_CARRIERS = JOINT_BONES.astype(np.intp)
_PARENTS = np.maximum(BONE_PARENTS, 0).astype(np.intp)


@dataclass(slots=True)
class Evidence3D:
    """What N bodies are fitted to. Weights are one over variances, m^-2, 0 where nothing is known; no value is NaN."""

    joints: Float64
    """(N, 28, 3) metres relative to the root: the lifter's."""
    joint_weights: Float64
    """(N, 28)."""
    loose: Float64
    """(N, 28, 3) a direction, along which the lifter's joint counts less by this vector's length, squared."""
    rays: Float64
    """(N, 28, 2) x/z and y/z of the joints in the picture."""
    ray_weights: Float64
    """(N, 28) of the distance from the ray, metres."""
    roots: Float64
    """(N, 3) camera space: where the root is expected."""
    root_weights: Float64
    """(N, 3, 3) of that."""
    last: Float64
    """(N, B, 3, 3) relative rotations expected from the frames before."""
    last_weights: Float64
    """(N, B) rad^-2 of that, for each axis."""

    def rows(self, part: slice) -> Evidence3D:
        """Some of the bodies: views, not copies."""
        return Evidence3D(**{field.name: getattr(self, field.name)[part] for field in fields(self)})


@dataclass(slots=True)
class Fitted:
    """N bodies."""

    rotations: Float64
    """(N, B, 3, 3) each relative to its parent, of the hips to camera axes."""
    roots: Float64
    """(N, 3) camera space."""
    joints: Float64
    """(N, 28, 3) relative to the root."""
    stiffness: Float64
    """(N, 57, 57) how firmly the evidence holds the turns of the bones, each in its parent's axes."""
    feet: Float64
    """(N, 12, 57) how heels and toes move by these."""


def forward(rotations: Float64, offsets: Float64, places: Float64) -> tuple[Float64, Float64, Float64]:
    """Bases (N, B, 3), rotations to camera axes (N, B, 3, 3) and joints (N, 28, 3), relative to the root.

    offsets: (N, B, 3) as of `bone_offsets`; places: (N, 28, 3) metres in the frames of the joints' bones."""
    frames = np.zeros((len(rotations), BONES + 1, 4, 4))
    frames[:, :BONES, :3, :3], frames[:, :BONES, :3, 3] = rotations, offsets
    frames[:, BONES, :3, :3], frames[..., 3, 3] = _EYE, 1
    for above in _ABOVE:  # in the frame of one bone above, two, four, eight
        frames = frames[:, above] @ frames
    own = frames[:, _CARRIERS]
    joints = own[..., :3, 3] + (own[..., :3, :3] @ places[..., None])[..., 0]
    return frames[:, :BONES, :3, 3], frames[:, :BONES, :3, :3], joints


def places_of(lengths: Float64) -> Float64:
    """(N, 28, 3) metres: places of joints in the frames of their bones. lengths: (N, B)."""
    placed: Float64 = JOINT_PLACES * lengths[..., JOINT_BONES, None]
    return placed


def fit(rotations: Float64, roots: Float64, lengths: Float64, given: Evidence3D, steps: int) -> Fitted:
    """N bodies after `steps` steps from a start, at least one.

    rotations: (N, B, 3, 3) relative; roots: (N, 3) camera space; lengths: (N, B) metres.
    """
    offsets, places = bone_offsets(lengths), places_of(lengths)
    for _ in range(steps):
        bases, turned, joints = forward(rotations, offsets, places)
        matrix, gradient, jacobian = normal_equations(rotations, roots, bases, turned, joints, given)
        give_way()
        step = np.asarray(-np.linalg.solve(matrix, gradient[..., None])[..., 0], np.float64)
        rotations = turned_by(rotations, step[:, :TURNS])
        roots = roots + step[:, TURNS:]
    return as_fitted(rotations, roots, lengths, matrix, jacobian)


def as_fitted(rotations: Float64, roots: Float64, lengths: Float64, matrix: Float64, jacobian: Float64) -> Fitted:
    """N bodies with what the last step knew. matrix, jacobian: see `normal_equations`."""
    rotations = 1.5 * rotations - 0.5 * rotations @ np.swapaxes(rotations, -1, -2) @ rotations  # keep them orthogonal
    joints = forward(rotations, bone_offsets(lengths), places_of(lengths))[2]
    feet = jacobian.reshape(len(roots), JOINTS, 3, TURNS)[:, FEET].reshape(len(roots), -1, TURNS)
    return Fitted(rotations, roots, joints, matrix[:, :TURNS, :TURNS], feet)


def turned_by(rotations: Float64, turns: Float64) -> Float64:
    """(N, B, 3, 3) after turns (N, 57), each in the axes of the bone's parent."""
    turns = turns.reshape(-1, BONES, 3)
    angle = np.linalg.norm(turns, axis=-1, keepdims=True)
    # The linear picture holds no further.
    return turn_matrices(turns * np.minimum(1.0, 0.6 / np.maximum(angle, 1e-9))) @ rotations


def normal_equations(
    rotations: Float64, roots: Float64, bases: Float64, turned: Float64, joints: Float64, given: Evidence3D
) -> tuple[Float64, Float64, Float64]:
    """All terms: Gauss-Newton matrices (N, 60, 60) and gradients (N, 60), and how joints move by the turns, (N, 84,
    57)."""
    matrix, gradient, jacobian = evidence_terms(roots, turned, bases, joints, given)
    own, own_gradient = _joint_terms(rotations, given)
    blocks = np.arange(BONES)
    view = np.ascontiguousarray(matrix[:, :TURNS, :TURNS]).reshape(-1, BONES, 3, BONES, 3)
    view[:, blocks, :, blocks, :] += np.moveaxis(own, 1, 0)
    matrix[:, :TURNS, :TURNS] = view.reshape(-1, TURNS, TURNS)
    gradient[:, :TURNS] += own_gradient.reshape(-1, TURNS)
    every = np.arange(UNKNOWNS)
    matrix[:, every, every] += 1e-2 + 1e-4 * matrix[:, every, every]
    return matrix, gradient, jacobian


def evidence_terms(
    roots: Float64, turned: Float64, bases: Float64, joints: Float64, given: Evidence3D
) -> tuple[Float64, Float64, Float64]:
    """Of joints, rays and the root: Gauss-Newton matrices (N, 60, 60) and gradients (N, 60) of the cost for the turns
    of all bones, each in its parent's axes, and for the root's place; and how joints move by the turns, (N, 84, 57).
    The rest: see `forward`."""
    count = len(roots)
    jacobian = _jacobian(turned, bases, joints, _BELOW)

    relative = joints - given.joints
    along = (relative * given.loose).sum(-1)
    off = (relative**2).sum(-1) - along**2
    weights = given.joint_weights / (1 + given.joint_weights * off / ROBUST**2)
    in_camera = joints + roots[:, None]
    placed, pull = _ray_terms(in_camera, given)
    firm = _EYE - given.loose[..., :, None] * given.loose[..., None, :]
    whole = placed + weights[..., None, None] * firm

    weighted = (whole @ jacobian.reshape(count, JOINTS, 3, TURNS)).reshape(count, 3 * JOINTS, TURNS)
    transposed = np.swapaxes(jacobian, -1, -2)
    matrix, gradient = np.empty((count, UNKNOWNS, UNKNOWNS)), np.empty((count, UNKNOWNS))
    matrix[:, :TURNS, :TURNS] = transposed @ weighted
    across = transposed @ placed.reshape(count, 3 * JOINTS, 3)
    matrix[:, :TURNS, TURNS:] = across
    matrix[:, TURNS:, :TURNS] = np.swapaxes(across, -1, -2)
    matrix[:, TURNS:, TURNS:] = placed.sum(1) + given.root_weights
    force = weights[..., None] * (relative - along[..., None] * given.loose) + pull
    gradient[:, :TURNS] = (transposed @ force.reshape(count, -1, 1))[..., 0]
    gradient[:, TURNS:] = pull.sum(1) + (given.root_weights @ (roots - given.roots)[..., None])[..., 0]
    return matrix, gradient, jacobian


def feet_jacobian(turned: Float64, bases: Float64, joints: Float64) -> Float64:
    """(N, 12, 57): how heels and toes move by the turns. The rest: see `forward`."""
    return _jacobian(turned, bases, joints[:, FEET], _BELOW[FEET])


def _jacobian(turned: Float64, bases: Float64, joints: Float64, below: Float64) -> Float64:
    """(N, 3 J, 57): how joints (N, J, 3) move by the turns. below: (J, B), of `_BELOW`."""
    frames = turned[:, _PARENTS].copy()
    frames[:, 0] = np.eye(3)
    lever = (joints[:, :, None] - bases[:, None]) * below[..., None]  # (N, J, B, 3)
    return _cross_columns(frames, lever).reshape(len(joints), -1, TURNS)


def _cross_columns(frames: Float64, lever: Float64) -> Float64:
    """(N, J, 3, B, 3): how joints move by turns about the axes of `frames` (N, B, 3, 3). lever: (N, J, B, 3)."""
    x, y, z = (frames[:, None, :, k, :] for k in range(3))  # (N, 1, B, 3): component k of each axis
    a, b, c = (lever[..., k, None] for k in range(3))  # (N, J, B, 1)
    return np.stack([y * c - z * b, z * a - x * c, x * b - y * a], axis=2)


def _ray_terms(in_camera: Float64, given: Evidence3D) -> tuple[Float64, Float64]:
    """Of the distances from rays: (N, 28, 3, 3) and gradients (N, 28, 3) for the joints' places."""
    rays = given.rays
    apart = in_camera[..., :2] - rays * in_camera[..., 2:]
    weights = given.ray_weights / (1 + given.ray_weights * (apart**2).sum(-1) / ROBUST**2)
    out = np.zeros((*in_camera.shape, 3))
    out[..., 0, 0] = out[..., 1, 1] = weights
    out[..., 0, 2] = out[..., 2, 0] = -weights * rays[..., 0]
    out[..., 1, 2] = out[..., 2, 1] = -weights * rays[..., 1]
    out[..., 2, 2] = weights * (rays**2).sum(-1)
    pull = np.concatenate([apart, -(apart * rays).sum(-1, keepdims=True)], -1) * weights[..., None]
    return out, pull


def _joint_terms(rotations: Float64, given: Evidence3D) -> tuple[Float64, Float64]:
    """Limits, rest and the last pose: (N, B, 3, 3) and gradients (N, B, 3) for the turns."""
    rest = limits.REST
    along = (rotations @ rest[..., None])[..., 0]
    cosine = (along * rest).sum(-1)
    # Twist about the long axis: where a perpendicular of it goes, beside where a swing alone would take it.
    middle = (rest + along) / np.maximum(1 + cosine, 0.3)[..., None]
    image = (rotations @ limits.ACROSS[..., None])[..., 0]
    across = limits.ACROSS - (along * limits.ACROSS).sum(-1, keepdims=True) * middle
    aside = limits.ASIDE - (along * limits.ASIDE).sum(-1, keepdims=True) * middle
    twist = np.arctan2((image * aside).sum(-1), (image * across).sum(-1))
    out = (limits.TWIST_WEIGHT[:, None, None] * middle[..., :, None]) * middle[..., None, :]
    gradient = (limits.TWIST_WEIGHT * twist)[..., None] * middle
    # Direction: the turn d moves it by d x along, and along x (along - natural) is natural x along.
    column = along[..., None]
    gradient += limits.DIRECTION_WEIGHT[:, None] * (limits.NATURAL_CROSS @ column)[..., 0]
    out += limits.DIRECTION_WEIGHT[:, None, None] * (_EYE - column * along[..., None, :])
    # Hinges stay in their planes and do not bend backwards.
    for hinges, normal, normal_cross, weight, one_sided in _HINGES:
        off = (along[:, hinges] * normal).sum(-1)
        strength = weight * (off > 0) if one_sided else np.broadcast_to(weight, off.shape)
        row = -(normal_cross @ column[:, hinges])[..., 0]
        out[:, hinges] += strength[..., None, None] * row[..., :, None] * row[..., None, :]
        gradient[:, hinges] += (strength * off)[..., None] * row
    # The last pose.
    between = rotations @ np.swapaxes(given.last, -1, -2)
    turn = small_turns(between)
    gradient += given.last_weights[..., None] * turn
    out += given.last_weights[..., None, None] * _EYE
    return out, gradient


def small_turns(rotations: Float64) -> Float64:
    """(..., 3, 3) -> (..., 3) rotation vectors, radians, of small turns."""
    turns: Float64 = 0.5 * np.stack(
        [
            rotations[..., 2, 1] - rotations[..., 1, 2],
            rotations[..., 0, 2] - rotations[..., 2, 0],
            rotations[..., 1, 0] - rotations[..., 0, 1],
        ],
        axis=-1,
    )
    return turns


def turn_matrices(turns: Float64) -> Float64:
    """(..., 3) rotation vectors, radians -> (..., 3, 3)."""
    square = (turns**2).sum(-1)
    angle = np.sqrt(square)
    small = angle < 1e-6
    safe = np.where(small, 1.0, angle)
    one = np.where(small, 1.0, np.sin(safe) / safe)
    two = np.where(small, 0.5, (1 - np.cos(safe)) / safe**2)
    skew = (turns @ _CROSS).reshape(*turns.shape, 3)
    out: Float64 = _EYE + one[..., None, None] * skew + two[..., None, None] * (skew @ skew)
    return out
