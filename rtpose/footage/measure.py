"""Errors of estimated people against the measured ground truth: one row for each set, camera and person."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose import metrics
from rtpose.footage.sets import JOINTS, LEAST_JOINTS, FootageSet, TruthCamera
from rtpose.skeleton import twin_name

Array = NDArray[Any]

NEAR = 0.25
"""An estimate can match a person if it misses their joints in the picture by less than this share of their size."""
LEAST_FRAMES = 5
CLOSE_M = 0.1
"""A confidence is the probability that a joint is within this distance of the ground truth."""
LIMBS = tuple((JOINTS.index(a), JOINTS.index(b)) for a, b in (
    ("right_hip", "right_knee"), ("right_knee", "right_foot"), ("left_hip", "left_knee"), ("left_knee", "left_foot"),
    ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
))  # fmt: skip
_TWINS = [JOINTS.index(twin_name(joint)) for joint in JOINTS]
_HIPS = [JOINTS.index("right_hip"), JOINTS.index("left_hip")]
_SHOULDERS = [JOINTS.index("right_shoulder"), JOINTS.index("left_shoulder")]


@dataclass(frozen=True)
class People:
    """The estimates on one clip: P columns of people, NaN and id -1 where there is no one."""

    poses: Array
    """(T, P, 12, 3) metres, camera axes, in the order of `JOINTS`."""
    pixels: Array
    """(T, P, 12, 2) px."""
    ids: NDArray[np.int64]
    """(T, P) track ids."""
    confidence: Array | None = None
    """(T, P, 12) probability that a joint is within 100 mm of the ground truth; None if the method has none."""


@dataclass(frozen=True)
class Errors:
    """Errors of one person in one view, or a mean over several. Lengths in mm. NaN with too few judged frames."""

    p_mpjpe: float
    """After Procrustes alignment with scale, frame by frame."""
    n_mpjpe: float
    """Relative to the root, in camera axes, after the best scale of each frame."""
    mpjpe: float
    """Relative to the root, in camera axes, unaligned."""
    acceleration: float
    """m/s² between the accelerations of joints relative to the root."""
    turn_x: float
    """Degrees about the camera's x axis by which the estimate is rotated on average: its lean towards the camera."""
    turn_y: float
    turn_z: float
    limbs: float
    """Standard deviation of limb lengths in percent of their mean."""
    scale: float
    """Mean limb length divided by the true one."""
    swapped: float
    """Share of frames that fit better with left and right swapped."""
    found: float
    """Share of the ground truth's frames that have a pose."""
    switches: float
    """How often the person's id changes."""
    frames: int
    """Frames that were judged."""


_FIGURES = [field.name for field in fields(Errors) if field.name not in ("found", "switches", "frames")]


@dataclass(frozen=True)
class FootageRow:
    """One line of the table."""

    set: str
    camera: int
    person: int
    method: str
    errors: Errors


def follow(people: People, camera: TruthCamera, truth: Array, valid: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(T, Q) the column of each true person's estimate, -1 where none is near, matched by joints in the picture.

    truth: (T, Q, 12, 3) camera space. valid: (T, Q, 12). With one column and one person there is nothing to match.
    """
    frames, columns = people.ids.shape
    persons = truth.shape[1]
    there = (people.ids >= 0) & np.isfinite(people.poses).all((2, 3))
    if columns == 1 and persons == 1:
        return np.where(there, 0, -1)
    pixels = camera.project(truth)
    out = np.full((frames, persons), -1)
    for t in range(frames):
        cost = np.full((columns, persons), np.inf)
        for p in np.flatnonzero(there[t]):
            for q in range(persons):
                use = valid[t, q] & np.isfinite(people.pixels[t, p]).all(-1)
                if use.sum() >= LEAST_JOINTS:
                    size = np.ptp(pixels[t, q, use], axis=0).max()
                    # Swapped left and right is a different error: it is still the same person.
                    sides = (people.pixels[t, p], people.pixels[t, p, _TWINS])
                    cost[p, q] = (
                        min(np.median(np.linalg.norm((side - pixels[t, q])[use], axis=-1)) for side in sides) / size
                    )
        while cost.size and cost.min() < NEAR:
            p, q = divmod(int(cost.argmin()), persons)
            out[t, q] = p
            cost[p], cost[:, q] = np.inf, np.inf
    return out


def column_of(values: Array, columns: NDArray[np.int64]) -> Array:
    """(T, P, ...) and (T,) columns -> (T, ...) floats, NaN where the column is -1."""
    taken: Array = values[np.arange(len(values)), np.maximum(columns, 0)].astype(float)
    taken[columns < 0] = np.nan
    return taken


def root_of(poses: Array, *, arms_only: bool) -> Array:
    """(T, 1, 3) middle of the hips, or of the shoulders where legs are out of sight."""
    root: Array = poses[:, _SHOULDERS if arms_only else _HIPS].mean(1, keepdims=True)
    return root


def errors_of(
    poses: Array, ids: NDArray[np.int64], truth: Array, ok: NDArray[np.bool_], footage: FootageSet,
    only: NDArray[np.bool_] | None = None,
) -> Errors:  # fmt: skip
    """One person in one view.

    poses, truth: (T, 12, 3) metres, camera axes. ids: (T,), -1 where the person was not found. ok: (T, 12) where there
    is ground truth. only: (T,) judge no other frames, for a comparison on the same ones.
    """
    judged = list(footage.judged)
    truth_there = ok[:, judged].all(1)
    there = truth_there & np.isfinite(poses[:, judged]).all((1, 2))
    switches = int((np.diff(ids[there]) != 0).sum())
    found = float(there.sum() / max(truth_there.sum(), 1))
    use: NDArray[np.bool_] = np.asarray(there if only is None else there & only, bool)
    rows = np.flatnonzero(use)
    if len(rows) < LEAST_FRAMES:
        unknown = dict.fromkeys(_FIGURES, float("nan"))
        return Errors(**unknown, found=found, switches=switches, frames=len(rows))
    estimate = (poses - root_of(poses, arms_only=footage.arms_only))[:, judged]
    exact = (truth - root_of(truth, arms_only=footage.arms_only))[:, judged]
    mirrored = poses[:, _TWINS]
    exchanged = (mirrored - root_of(mirrored, arms_only=footage.arms_only))[:, judged]
    e, x = estimate[rows], exact[rows]
    straight = metrics.mpjpe(e, x)
    inner = [t for t in range(1, len(use) - 1) if use[t - 1 : t + 2].all()]
    acceleration = [
        np.linalg.norm(_second(estimate, t) - _second(exact, t), axis=-1).mean() * footage.fps**2 for t in inner
    ]
    limbs = [(judged.index(a), judged.index(b)) for a, b in LIMBS if a in judged and b in judged]
    lengths, true_lengths = (
        np.stack([np.linalg.norm(joints[:, a] - joints[:, b], axis=-1) for a, b in limbs], -1) for joints in (e, x)
    )
    turn = np.degrees(rotation_vectors(e, x)).mean(0)
    return Errors(
        p_mpjpe=1e3 * float(metrics.p_mpjpe(e, x).mean()),
        n_mpjpe=1e3 * float(metrics.n_mpjpe(e, x).mean()),
        mpjpe=1e3 * float(straight.mean()),
        acceleration=float(np.mean(acceleration)) if acceleration else float("nan"),
        turn_x=float(turn[0]), turn_y=float(turn[1]), turn_z=float(turn[2]),
        limbs=100 * float((lengths.std(0) / lengths.mean(0)).mean()),
        scale=float(lengths.mean() / true_lengths.mean()),
        swapped=float((metrics.mpjpe(exchanged[rows], x) < straight).mean()),
        found=found, switches=switches, frames=len(rows),
    )  # fmt: skip


def joint_distances(
    poses: Array, truth: Array, ok: NDArray[np.bool_], footage: FootageSet
) -> tuple[Array, NDArray[np.bool_]]:
    """(T, 12) metres between estimate and ground truth, relative to the root, camera axes; (T, 12) where both exist."""
    apart = np.linalg.norm(
        poses - root_of(poses, arms_only=footage.arms_only) - truth + root_of(truth, arms_only=footage.arms_only),
        axis=-1,
    )
    there = ok & np.isfinite(apart)
    there[:, [i for i in range(len(JOINTS)) if i not in footage.judged]] = False
    return apart, there


def reliability(confidence: Array, apart_m: Array) -> list[tuple[float, float, int]]:
    """Calibration of a confidence: for each tenth of 0..1 that occurs, the mean confidence of its joints, the share of
    them within `CLOSE_M` of the ground truth, and their number. Both inputs (N,)."""
    tenth = np.minimum((confidence * 10).astype(int), 9)
    return [
        (float(confidence[rows].mean()), float((apart_m[rows] <= CLOSE_M).mean()), int(rows.sum()))
        for rows in (tenth == number for number in range(10))
        if rows.any()
    ]


def rotation_vectors(estimate: Array, truth: Array) -> Array:
    """(N, J, 3) twice -> (N, 3) rotation vectors, radians, camera axes: the rotation error of the estimate."""
    e, x = estimate - estimate.mean(1, keepdims=True), truth - truth.mean(1, keepdims=True)
    u, _, vt = np.linalg.svd(x.transpose(0, 2, 1) @ e)
    sign = np.ones((len(e), 3))
    sign[:, 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    # estimate = rotation @ truth, per joint
    rotation = (vt.transpose(0, 2, 1) * sign[:, None]) @ u.transpose(0, 2, 1)
    angle = np.arccos(np.clip((np.trace(rotation, axis1=1, axis2=2) - 1) / 2, -1, 1))
    axis = np.stack(
        [
            rotation[:, 2, 1] - rotation[:, 1, 2],
            rotation[:, 0, 2] - rotation[:, 2, 0],
            rotation[:, 1, 0] - rotation[:, 0, 1],
        ],
        axis=-1,
    )
    vectors: Array = axis * (angle / np.maximum(2 * np.sin(angle), 1e-9))[:, None]
    return vectors


def mean_errors(rows: list[Errors]) -> Errors:
    """Weighted by the frames judged; id switches are summed. Rows without figures count only in the share found."""
    weights = np.array([row.frames for row in rows], float)
    values: dict[str, Any] = {}
    for field in fields(Errors):
        column = np.array([getattr(row, field.name) for row in rows], float)
        good = np.isfinite(column) & (weights > 0)
        values[field.name] = float((column[good] * weights[good]).sum() / weights[good].sum()) if good.any() else np.nan
    values["switches"] = float(sum(row.switches for row in rows))
    values["frames"] = int(weights.sum())
    values["found"] = float(np.mean([row.found for row in rows]))
    return Errors(**values)


def _second(joints: Array, t: int) -> Array:
    second: Array = joints[t - 1] - 2 * joints[t] + joints[t + 1]
    return second
