"""Clips from several cameras at the same time: what one camera sees from the side corrects the depth of the others.

No calibration is needed. The rotation between two still cameras is constant and follows from the people's poses. Each
person's pose is then the mean over all cameras, each weighted by where it sees well: across its line of sight, not
along it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from rtpose.train.adapt.takes import Take
from rtpose.types import Float32

SAME_POSE_M = 0.16
"""Largest mean distance of the joints, for a height of 1.70 m, at which two cameras show the same person."""
SAME_TIME_S = 0.025
FEWEST_FRAMES = 24
"""With fewer common frames, two cameras cannot be compared."""
REFITS = 3
ALONG, ACROSS = 0.08, 0.03
"""Standard deviation of a joint along the line of sight and across it, metres: about those of `fusion` on real
people."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two takes of different clips, frame by frame at the same moments."""

    first: int
    second: int
    rows: NDArray[np.intp]
    """(N, 2) frames of each."""


def joined(clips: Sequence[Sequence[Take]]) -> tuple[list[Take], int]:
    """The takes of all clips in their order, with poses that include those of the other cameras; and how many takes
    match others.

    clips: the takes of each clip. All clips begin at the same moment, and no camera moves. A take that no other camera
    has stays unchanged.
    """
    takes = [take for clip in clips for take in clip]
    numbers = np.cumsum([0, *map(len, clips)])
    seen_by: list[list[tuple[_Pair, Float32]]] = [[] for _ in takes]
    for a, b in combinations(range(len(clips)), 2):
        pairs = [
            pair
            for i in range(numbers[a], numbers[a + 1])
            for j in range(numbers[b], numbers[b + 1])
            if len((pair := _pair(takes, i, j)).rows) >= FEWEST_FRAMES
        ]
        rotation = _rotation(takes, pairs)
        for pair in pairs if rotation is not None else []:
            assert rotation is not None
            rows = pair.rows[_apart_m(takes, pair, rotation) <= SAME_POSE_M]
            if len(rows) >= FEWEST_FRAMES:
                seen_by[pair.first].append((_Pair(pair.first, pair.second, rows), rotation))
                seen_by[pair.second].append((_Pair(pair.second, pair.first, rows[:, ::-1]), rotation.T))
    return [_joined(takes, i, others) for i, others in enumerate(seen_by)], sum(map(bool, seen_by))


def _pair(takes: Sequence[Take], first: int, second: int) -> _Pair:
    apart_s = np.abs(takes[first].t_s[:, None] - takes[second].t_s)
    nearest = apart_s.argmin(1)
    rows = np.flatnonzero(apart_s[np.arange(len(nearest)), nearest] <= SAME_TIME_S)
    return _Pair(first, second, np.stack([rows, nearest[rows]], 1))


def _rotation(takes: Sequence[Take], pairs: Sequence[_Pair]) -> Float32 | None:
    """(3, 3) axes of the first camera = this @ axes of the second, on which most frames agree best; None if none do."""
    best, most = None, 0.0
    for start in pairs:
        rotation = _turned([_poses(takes, start)])
        for _ in range(REFITS):
            near = [(p, p.rows[_apart_m(takes, p, rotation) <= SAME_POSE_M]) for p in pairs]
            agreeing = [_poses(takes, _Pair(p.first, p.second, rows)) for p, rows in near if len(rows)]
            if not agreeing:
                break
            rotation = _turned(agreeing)
        score = sum(np.maximum(SAME_POSE_M - _apart_m(takes, p, rotation), 0).sum() for p in pairs)
        if score > most:
            best, most = rotation, score
    return best


def _turned(poses: Sequence[tuple[Float32, Float32, Float32]]) -> Float32:
    first, second, weight = (np.concatenate(parts) for parts in zip(*poses, strict=True))
    # Joints with low confidence leave the rotation to the others.
    found = Rotation.align_vectors(
        first.reshape(-1, 3), second.reshape(-1, 3), weights=np.maximum(weight.ravel(), 1e-6)
    )[0]
    matrix: Float32 = found.as_matrix().astype(np.float32)
    return matrix


def _poses(takes: Sequence[Take], pair: _Pair) -> tuple[Float32, Float32, Float32]:
    """(N, 28, 3) of each, camera axes, and (N, 28) how sure both are."""
    a, b = takes[pair.first], takes[pair.second]
    rows_a, rows_b = pair.rows.T
    weight = np.minimum(a.weight[rows_a], b.weight[rows_b])
    weight[:, 0] = 0  # the root is at 0 in all
    return _in_camera(a, rows_a), _in_camera(b, rows_b), weight


def _in_camera(take: Take, rows: NDArray[np.intp]) -> Float32:
    """(N, 28, 3) metres, camera axes."""
    pose: Float32 = take.pose[rows] @ take.view[rows].transpose(0, 2, 1)
    return pose


def _apart_m(takes: Sequence[Take], pair: _Pair, rotation: Float32) -> Float32:
    """(N,) mean distance of the joints in each frame, metres."""
    first, second, weight = _poses(takes, pair)
    apart = np.linalg.norm(first - second @ rotation.T, axis=-1)
    mean: Float32 = (apart * weight).sum(-1) / np.maximum(weight.sum(-1), 1e-6)
    return mean


def _joined(takes: Sequence[Take], index: int, others: Sequence[tuple[_Pair, Float32]]) -> Take:
    take = takes[index]
    everyone = np.arange(len(take))
    total = _information(take, everyone, np.eye(3, dtype=np.float32))
    sums = (total @ _in_camera(take, everyone)[..., None])[..., 0]
    weight = take.weight.copy()
    for pair, rotation in others:
        rows, theirs = pair.rows.T
        other = takes[pair.second]
        surety = _information(other, theirs, rotation)
        poses = _in_camera(other, theirs) @ rotation.T
        np.add.at(total, rows, surety)
        np.add.at(sums, rows, (surety @ poses[..., None])[..., 0])
        np.maximum.at(weight, rows, other.weight[theirs])
    poses = np.linalg.solve(total, sums[..., None])[..., 0]
    return replace(take, pose=(poses @ take.view).astype(np.float32), weight=weight)


def _information(take: Take, rows: NDArray[np.intp], rotation: Float32) -> NDArray[np.float64]:
    """(N, 28, 3, 3) inverse covariance of the joints, in the axes that `rotation` maps the camera's axes to."""
    axes = rotation @ take.view[rows]
    inverse = axes @ np.diag([ACROSS**-2, ACROSS**-2, ALONG**-2]) @ axes.transpose(0, 2, 1)
    surety: NDArray[np.float64] = inverse[:, None] * np.maximum(take.weight[rows], 1e-3)[..., None, None].astype(float)
    return surety
