"""A person as a skeleton of constant bone lengths moved by rotations, as BVH and glTF need it.

Axes are the viewer's (x right, y up, z towards the camera). At rest the person stands in a T and faces the camera.
Positions do not determine the twist of a limb, so none is invented: each bone is turned from rest by the smallest
rotation, relative to its parent, that gives its direction. Only the rotations of the root (from hips and spine) and of
the thorax (from shoulders and spine) are fully determined.

What was not seen is not invented: a bone that is out of sight keeps its last known rotation, one that is never seen
stays at rest with the length of an average adult. Where the hips are out of sight, the body hangs from head and
shoulders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.rotations import REST_DIRECTIONS, axes_along, swing, unit
from rtpose.skeleton import H36M17

Array = NDArray[np.float64]

_FRAMES = {
    "root": ("right_hip", "left_hip", "root", "spine"),
    "thorax": ("right_shoulder", "left_shoulder", "spine", "thorax"),
}
"""joint -> its x axis runs from the first to the second, its y axis roughly from the third to the fourth."""
_ROUNDS = 20
_FRAMES_AT_ONCE = 2000
_SETTLED = 1e-4
_UNKNOWN_WEIGHT = 1e-3
_AVERAGE_M = {
    "hip": 0.09, "knee": 0.41, "foot": 0.42, "spine": 0.22, "thorax": 0.28, "neck_base": 0.14, "head": 0.1,
    "shoulder": 0.19, "elbow": 0.295, "wrist": 0.293,
}  # fmt: skip
"""Lengths of the bones to these joints, of an average adult: medians of the motions that rtpose ships."""
_TWIN = H36M17.indices(
    *(name.replace("left_", "right_") if "left_" in name else name.replace("right_", "left_") for name in H36M17.joints)
)
_TORSO = H36M17.indices("spine", "thorax", "neck_base", "head", "left_shoulder", "right_shoulder")


@dataclass(frozen=True, slots=True)
class Node:
    """A joint of the rig: its rotation moves everything below it."""

    name: str
    parent: int
    """-1 at the root. Parents come before their children."""
    offset: Array
    """(3,) metres from its parent, at rest."""
    joint: int
    """The joint of `H36M17` at its position."""
    aims_at: int | None
    """The joint at the other end of the bone that it turns; None for the root, the thorax and the ends."""


@dataclass(frozen=True, slots=True)
class Rig:
    """A skeleton and its motion."""

    nodes: tuple[Node, ...]
    translation: Array
    """(T, 3) metres, of the root."""
    rotations: Array
    """(T, nodes, 3, 3), relative to the parent."""
    known: NDArray[np.bool_]
    """(T,) whether any joint of the person is known; where none is, the last pose is repeated."""
    distance_mm: Array
    """(T, J) how far the constant bone lengths move each joint away from its recorded position; NaN where unknown."""

    def rest_positions(self) -> Array:
        """(nodes, 3) metres, with the root at the origin."""
        rest = np.zeros((len(self.nodes), 3))
        for n, node in enumerate(self.nodes[1:], 1):
            rest[n] = rest[node.parent] + node.offset
        return rest

    def distance_text(self) -> str:
        """A message for the user: how far constant bone lengths move the joints."""
        mean, most = np.nanmean(self.distance_mm), np.nanmax(self.distance_mm)  # some joint is known
        return f"bones of constant length move the joints by {mean:.0f} mm on average, {most:.0f} mm at most"


def rig_of(points: Array) -> Rig:
    """points: (T, 17, 3) metres, viewer's axes, NaN where unknown.

    Each bone gets its median length. Errors: `InputError` if no joint is ever known, or all are in one
    place.
    """
    known = np.asarray(np.isfinite(points).all(-1))
    lengths = _median_lengths(points)
    if not known.any():
        raise InputError("no joint of the person is ever known: there is no pose to write")
    if not lengths.any():
        raise InputError("all joints of the person are in one place: there is no pose to write")
    filled = _filled(points, known, lengths)
    known = known.copy()
    known[:, 0] |= known.any(1)  # `_filled` has placed it
    fitted = _with_lengths(filled, known, lengths)
    nodes = _nodes(lengths)
    rotations = _rotations(nodes, np.where(known[..., None], fitted, np.nan))
    distance = np.linalg.norm(fitted - points, axis=-1) * 1000
    return Rig(
        nodes,
        _held(np.where(known[:, :1], fitted[:, 0], np.nan), np.zeros(3)),
        rotations,
        np.any(known, axis=1),
        distance,
    )


def _parent_of() -> list[int]:
    return [int(parent) for parent in H36M17.parents]


def _median_lengths(points: Array) -> Array:
    """(J,) metres to each joint's parent; 0 for the root. A bone that is never known has its twin's length, else that
    of an average adult, as large as the known bones say."""
    lengths = np.full(len(H36M17.joints), np.nan)
    average = np.array([_AVERAGE_M.get(name.removeprefix("left_").removeprefix("right_"), 0) for name in H36M17.joints])
    for joint, parent in enumerate(_parent_of()):
        if parent < 0:
            continue
        length = np.linalg.norm(points[:, joint] - points[:, parent], axis=-1)
        if np.isfinite(length).any():
            lengths[joint] = np.nanmedian(length)
    lengths[0] = 0
    lengths = np.where(np.isnan(lengths), lengths[_TWIN], lengths)
    seen = np.isfinite(lengths) & (average > 0)
    scale = np.median(lengths[seen] / average[seen]) if seen.any() else 1.0
    return np.where(np.isnan(lengths), scale * average, lengths)


def _held(values: Array, default: Array) -> Array:
    """(T, ...) with NaN replaced by the last known value, at the beginning by the first known one; `default` where
    there is none."""
    known = np.isfinite(values.reshape(len(values), -1)).all(1)
    if not known.any():
        return np.broadcast_to(default, values.shape).copy()
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return values[np.where(last < 0, np.argmax(known), last)]


def _filled(points: Array, known: NDArray[np.bool_], lengths: Array) -> Array:
    """Unknown joints filled in: each keeps its last position relative to the root, that of the rest pose if there is
    none. An unknown root is placed below the joints that are known, those of the torso if there are any."""
    rest = _set_lengths(np.zeros((1, *points.shape[1:])), lengths)[0]
    from_root = points - points[:, :1]
    offsets = np.stack([_held(from_root[:, joint], rest[joint]) for joint in range(points.shape[1])], axis=1)
    torso = np.zeros(points.shape[1], dtype=bool)
    torso[_TORSO] = True
    anchors = np.where((known & torso).any(1, keepdims=True), known & torso, known)[..., None]
    hung = np.where(anchors, points - offsets, 0).sum(1) / np.maximum(anchors.sum(1), 1)
    hung = np.where(anchors.any(1), hung, np.nan)
    root = _held(np.where(known[:, :1], points[:, 0], hung), np.zeros(3))
    return np.where(known[..., None], points, root[:, None] + offsets)


def _with_lengths(points: Array, known: NDArray[np.bool_], lengths: Array) -> Array:
    """The positions nearest to `points` (least squares) at which every bone has its length.

    Newton's steps towards the lengths, after each of which every bone is set to its length from the root on. A frame
    is done when a step brings nothing; one that does not settle keeps the best of its rounds.
    """
    best = _set_lengths(points, lengths)
    weights = np.where(known, 1.0, _UNKNOWN_WEIGHT)
    error = _error(best, points, weights)
    for start in range(0, len(points), _FRAMES_AT_ONCE):
        rows = np.arange(start, min(start + _FRAMES_AT_ONCE, len(points)))
        at = best[rows]
        for _ in range(_ROUNDS):
            at = _set_lengths(points[rows] - _step(at, points[rows], weights[rows], lengths), lengths)
            now = _error(at, points[rows], weights[rows])
            going = np.abs(now - error[rows]) > _SETTLED * error[rows] + 1e-12
            better = now < error[rows]
            best[rows[better]], error[rows[better]] = at[better], now[better]
            rows, at = rows[going], at[going]
            if not len(rows):
                break
    return best


def _error(at: Array, points: Array, weights: Array) -> Array:
    """(T,) m²: the error that `_with_lengths` minimises."""
    error: Array = (weights * ((at - points) ** 2).sum(-1)).sum(-1)
    return error


def _step(at: Array, points: Array, weights: Array, lengths: Array) -> Array:
    """(T, J, 3) the move of `points` that gives the bones their lengths, linearised at `at`."""
    parent_of = np.array(_parent_of())
    children = np.flatnonzero(parent_of >= 0)
    parents, bones = parent_of[children], np.arange(len(children))
    bone = at[:, children] - at[:, parents]
    excess = (bone**2).sum(-1) - lengths[children] ** 2
    by_joint = np.zeros((len(points), len(children), points.shape[1], 3))
    by_joint[:, bones, children] = 2 * bone
    by_joint[:, bones, parents] -= 2 * bone
    slope = by_joint.reshape(len(points), len(children), -1)
    slack = slope * np.repeat(1 / weights, 3, axis=1)[:, None]
    wanted = slope @ (points - at).reshape(len(points), -1, 1) + excess[..., None]
    # A bone without a length has no equation of its own.
    pull = np.linalg.solve(slack @ slope.transpose(0, 2, 1) + 1e-12 * np.eye(len(children)), wanted)
    step: Array = (slack.transpose(0, 2, 1) @ pull).reshape(points.shape)
    return step


def _set_lengths(points: Array, lengths: Array) -> Array:
    """Each bone set to its length, keeping the root and the bone's direction."""
    out = points.copy()
    for joint, parent in enumerate(_parent_of()):
        if parent >= 0:
            direction = unit(points[:, joint] - points[:, parent])
            direction = np.where(np.isnan(direction), REST_DIRECTIONS[joint], direction)
            out[:, joint] = out[:, parent] + lengths[joint] * direction
    return out


def _nodes(lengths: Array) -> tuple[Node, ...]:
    """A node at each joint. Where several bones start, each has its own node, because they turn independently."""
    parent_of = _parent_of()
    children = [[c for c, p in enumerate(parent_of) if p == joint] for joint in range(len(parent_of))]
    nodes: list[Node] = []
    node_of: dict[int, int] = {}
    for joint, parent in enumerate(parent_of):
        name = H36M17.joints[joint]
        above = -1 if parent < 0 else node_of[parent]
        if parent >= 0 and len(children[parent]) > 1:
            nodes.append(Node(f"{H36M17.joints[parent]}_to_{name}", above, np.zeros(3), parent, joint))
            above = len(nodes) - 1
        node_of[joint] = len(nodes)
        offset = np.zeros(3) if parent < 0 else lengths[joint] * REST_DIRECTIONS[joint]
        aims_at = children[joint][0] if len(children[joint]) == 1 else None
        nodes.append(Node(name, above, offset, joint, aims_at))
    return tuple(nodes)


def _rotations(nodes: tuple[Node, ...], points: Array) -> Array:
    """(T, nodes, 3, 3) relative to the parent; where points are NaN the last known one, else that of the rest."""
    local = np.broadcast_to(np.eye(3), (len(points), len(nodes), 3, 3)).copy()
    world = local.copy()
    for n, node in enumerate(nodes):
        above = world[:, node.parent] if node.parent >= 0 else np.broadcast_to(np.eye(3), (len(points), 3, 3))
        name = H36M17.joints[node.joint]
        if node.aims_at is not None:
            direction = unit(points[:, node.aims_at] - points[:, node.joint])
            direction = (above.transpose(0, 2, 1) @ direction[..., None])[..., 0]
            local[:, n] = _held(swing(REST_DIRECTIONS[node.aims_at], direction), np.eye(3))
        elif name in _FRAMES:
            x0, x1, y0, y1 = (points[:, joint] for joint in H36M17.indices(*_FRAMES[name]))
            local[:, n] = _held(above.transpose(0, 2, 1) @ axes_along(x1 - x0, y1 - y0), np.eye(3))
        world[:, n] = above @ local[:, n]
    return local
