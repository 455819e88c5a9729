"""Which heels and toes stand on something. Causal, one memory for each person.

The depth of a person seen by one camera trembles by more than a step moves a foot, so speed is judged across the line
of sight, and height against the person's own lowest foot. Both are measured in body sizes, and over a time, not over
frames: a rate of 6 and one of 60 frames a second give the same probabilities.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import CONTACT_JOINTS
from rtpose.pose.body.balance import stands_on_a_leg
from rtpose.skeleton import RTPOSE28
from rtpose.types import Person3D

Float64 = NDArray[np.float64]

CONTACTS = RTPOSE28.indices(*CONTACT_JOINTS)
_LEGS = tuple(RTPOSE28.indices(f"{side}_hip", f"{side}_knee", f"{side}_foot") for side in ("left", "right"))
_ROOT, _HEAD = RTPOSE28.indices("root", "head")
LEG_M = 0.49 * 1.70
"""Hip to ankle of somebody 1.70 m tall: what speeds and heights are related to."""
MAX_GAP_S = 0.5
"""Someone who was not seen for longer starts anew."""
WINDOW_S = 0.09
"""Speed is that over this time, or from one frame to the next where frames are farther apart."""
STILL_M_S, FAST_M_S = 0.26, 0.09
"""Speed across the line of sight at which a foot is as likely to stand as to move, and by how much more it is e times
less likely."""
TOGETHER = 0.3
"""How much of a joint's speed is that of its whole foot."""
LOW_M, HIGH_M = 0.10, 0.05
"""The same for the height above the person's lowest foot."""
FLOOR_M, FLOOR_SPREAD_M = 0.14, 0.05
"""The same for the height above the floor, once it is known."""
PRESUMED_M = 0.06
"""At first sight, feet stand that are no higher than this above the lowest."""
OBSERVED_S = 0.06
"""Frames closer than this see the same thing twice: each counts for its share of it."""
CHANGES_S = 0.15
"""A foot stands or swings for about as long: what was known of it fades at this rate."""
PRIOR = 0.3
"""Of somebody of whom nothing is known yet, and of hidden feet."""
HIDDEN, SEEN = 0.2, 0.6
"""Scores of a joint of which nothing can be told, and of one in plain sight."""


@dataclass(slots=True)
class _Feet:
    """What is remembered of a person."""

    t_s: float
    logit: Float64
    """(4,) log odds of standing."""
    leg_m: float
    """Hip to ankle, slowly moving."""
    distance_m: float
    """From the camera, slowly moving."""
    seen: deque[tuple[float, Float64]] = field(default_factory=deque)
    """Times and (4, 3) directions of the last frames."""


def presumed(person: Person3D, down: NDArray[np.floating] | None) -> NDArray[np.float64]:
    """(4,) 1 for the heels and toes that are as low as any and to be seen, else 0: at first sight, somebody with a
    straight leg is taken to stand on them. down: as of `ContactEstimator.update`."""
    joints = np.asarray(person.pose_3d, np.float64)
    below = _down_of(joints) if down is None else np.asarray(down, np.float64)
    seen = np.nan_to_num(person.keypoints_2d[list(CONTACTS), 2]) >= SEEN
    if below is None or not seen.any():
        return np.zeros(4)
    depth = np.where(seen, joints[list(CONTACTS)] @ below, np.nan)
    low = (np.nanmax(depth) - depth < PRESUMED_M * _leg_m(joints) / LEG_M).astype(np.float64)
    return low if stands_on_a_leg(joints, low) else np.zeros(4)


class ContactEstimator:
    """Probabilities that heels and toes stand. Not for use from several threads at once."""

    def __init__(self) -> None:
        self._people: dict[int, _Feet] = {}

    def reset(self) -> None:
        """Forget everybody: another source, or a jump in time."""
        self._people = {}

    def update(
        self,
        track_id: int,
        joints_camera: NDArray[np.floating],
        scores: NDArray[np.floating],
        down: NDArray[np.floating] | None,
        t_s: float,
        floor_m: float | None = None,
    ) -> NDArray[np.float32]:
        """(4,) probabilities of left heel, left toe, right heel, right toe, as in `rtpose.bones.CONTACT_JOINTS`.

        joints_camera: (28, 3) metres, camera space, NaN where not known. scores: (28,) 0..1, the detector's. down: (3,)
        unit vector of gravity, camera axes; None: that from the head to the root. t_s: the frame's time. floor_m: how
        far below the camera the floor is along `down`; None: not known. What was known of a hidden joint fades.
        """
        joints = np.asarray(joints_camera, np.float64)
        feet = joints[list(CONTACTS)]
        trust = np.clip(
            (np.nan_to_num(np.asarray(scores, np.float64)[list(CONTACTS)]) - HIDDEN) / (SEEN - HIDDEN), 0, 1
        )
        known = np.isfinite(feet).all(-1) & (trust > 0)
        person = self._remembered(track_id, joints, t_s)
        dt_s = t_s - person.t_s
        person.t_s = t_s
        prior = math.log(PRIOR / (1 - PRIOR))
        person.logit = prior + (person.logit - prior) * math.exp(-dt_s / CHANGES_S)
        directions = _units(np.where(known[:, None], feet, np.nan))
        size = person.leg_m / LEG_M
        speed = self._speeds(person, directions, t_s) * person.distance_m / size
        evidence = np.minimum((STILL_M_S - speed) / FAST_M_S, 2.0)
        below = _down_of(joints) if down is None else np.asarray(down, np.float64)
        if below is not None and known.any():
            depth = feet @ below
            above = (np.nanmax(np.where(known, depth, np.nan)) - depth) / size
            evidence += np.minimum((LOW_M - above) / HIGH_M, 1.0)
            if floor_m is not None:
                evidence += np.minimum((FLOOR_M - (floor_m - depth) / size) / FLOOR_SPREAD_M, 0.5)
        # A gap is one observation, no more; frames that follow each other closely share one.
        share = min(1.0, dt_s / OBSERVED_S) if dt_s > 0 else 0.0
        usable = known & np.isfinite(evidence)
        person.logit += np.where(usable, np.clip(np.nan_to_num(evidence), -4, 3) * share * trust, 0)
        person.logit = np.clip(person.logit, -6, 6)
        return np.asarray(1 / (1 + np.exp(-person.logit)), np.float32)

    def _remembered(self, track_id: int, joints: Float64, t_s: float) -> _Feet:
        """The person's memory, with size and distance brought up to date."""
        self._people = {i: p for i, p in self._people.items() if t_s - p.t_s <= MAX_GAP_S}
        leg_m, distance_m = _leg_m(joints), float(np.linalg.norm(joints[_ROOT]))
        person = self._people.get(track_id)
        if person is None or t_s < person.t_s:
            leg_m = leg_m if math.isfinite(leg_m) else LEG_M
            distance_m = distance_m if math.isfinite(distance_m) else 0.0
            logit = np.full(4, math.log(PRIOR / (1 - PRIOR)))
            person = self._people[track_id] = _Feet(t_s, logit, leg_m, distance_m)
        share = 1 - math.exp(-(t_s - person.t_s) / 0.5)
        if math.isfinite(leg_m):
            person.leg_m += share * (leg_m - person.leg_m)
        if math.isfinite(distance_m):
            person.distance_m += share * (distance_m - person.distance_m)
        return person

    @staticmethod
    def _speeds(person: _Feet, directions: Float64, t_s: float) -> Float64:
        """(4,) radians a second over `WINDOW_S`, NaN where not known. Adds `directions` to what is remembered.

        The slope of a straight line through all frames of the window: of a joint that trembles, the ends alone say
        little.
        """
        seen = person.seen
        while len(seen) > 1 and seen[1][0] <= t_s - WINDOW_S:
            seen.popleft()
        seen.append((t_s, directions))
        times = np.array([t for t, _ in seen])
        points = np.array([d for _, d in seen])
        known = np.isfinite(points[..., 0])
        count = known.sum(0)
        since = np.where(known, times[:, None] - t_s, 0)
        since = np.where(known, since - since.sum(0) / np.maximum(count, 1), 0)
        spread = (since**2).sum(0)
        slopes = (since[..., None] * np.nan_to_num(points)).sum(0) / np.maximum(spread, 1e-12)[:, None]
        speeds: Float64 = np.where((spread > 0) & known[-1], np.linalg.norm(slopes, axis=-1), np.nan)
        # Heel and toe are one stiff foot: the mean of its joints trembles less than each.
        whole = np.linalg.norm(slopes.reshape(2, 2, 3).mean(1), axis=-1).repeat(2)
        together = np.isfinite(speeds).reshape(2, 2).all(1).repeat(2)
        return np.where(together, (1 - TOGETHER) * speeds + TOGETHER * whole, speeds)


def _units(vectors: Float64) -> Float64:
    units: Float64 = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return units


def _leg_m(joints: Float64) -> float:
    """Mean length of the known legs from hip to ankle; NaN without one."""
    lengths = [
        float(np.linalg.norm(joints[hip] - joints[knee]) + np.linalg.norm(joints[knee] - joints[foot]))
        for hip, knee, foot in _LEGS
    ]
    known = [length for length in lengths if math.isfinite(length) and length > 0.05]
    return sum(known) / len(known) if known else math.nan


def _down_of(joints: Float64) -> Float64 | None:
    axis = joints[_ROOT] - joints[_HEAD]
    length = float(np.linalg.norm(axis))
    return axis / length if math.isfinite(length) and length > 1e-6 else None
