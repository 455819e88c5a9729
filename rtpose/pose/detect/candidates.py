"""Who was seen by the landmark network, who may be where, and whether two squares show one person."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtpose.pose.detect.appearance import unlikeness
from rtpose.pose.detect.following import overlap
from rtpose.pose.detect.roi import Roi
from rtpose.skeleton import BLAZEPOSE33
from rtpose.types import Float32, Person2D

MIN_PRESENCE = 0.5
"""With a lower presence there is nobody."""
SURE_PRESENCE = 0.9995
"""For a new person, one of the two networks must be this sure. Both sometimes take a table leg for a person, mostly at
a presence of 0.5 to 0.99. mediapipe, which lacks this rule, then tracks furniture."""
KEEP_PRESENCE = 0.95
"""A tracked person of lower presence is kept only if the person detector is sure of them too."""
RETURN_DISTANCE = 0.3
"""In squares' sides: whoever is found nearer to the place of a lost person takes it."""
MAX_SIDE_IN_TILE = 2.0
MAX_DISAGREEMENT = 0.25
LEAST_SIZE_AGREEMENT = 0.6
LEAST_VISIBLE = 0.3
"""Of a person found in a tile: their square is no larger than so many tiles, it moves by no more than this share of its
side between the two networks, keeps at least this share of its size, and this is the least median of visibility."""
LEAST_UPRIGHT = 0.75
"""Height of their joints in widths: small things that lie are mostly furniture."""
SAME_JOINTS_DISTANCE = 0.06
CLOSE_JOINTS_DISTANCE, SAME_LOOKS = 0.14, 0.25
"""Nearer than this share, they are the same person's if their colours are less unlike than that."""
SAME_HIPS_DISTANCE = 0.07
"""Poses whose joints, or hips, are nearer to each other than this share of the square's side are the same person's."""
LEAST_INSIDE, OTHER_LOOKS = 0.85, 0.4
"""So much of the box of a piece of a person lies within the person's, and its colours are less unlike than that."""
TWINS = BLAZEPOSE33.twins
BODY = slice(BLAZEPOSE33.indices("left_shoulder")[0], None)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Somebody who was seen."""

    roi: Roi
    """Where the landmark network expects them next."""
    t_s: float
    """When they were seen last."""
    box: Float32
    look: Float32 | None
    """Their colours while nobody was near."""
    drift: tuple[float, float] = (0.0, 0.0)
    """px/s of the square's middle."""
    sure: Known | None = None
    """What was known before their colours became doubtful; None: they are not."""
    stranger: bool = False
    """Whether they are followed only to tell them apart from the wanted person (`rtpose.pose.detect.wanted`)."""
    since_s: float = math.inf
    """When they were first seen."""
    beside: bool = False
    """Whether they were seen beside the wanted person, so that they cannot be them."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenPerson:
    """One person that the landmark network confirmed."""

    person: Person2D
    next_roi: Roi
    looked_at: Roi
    """The square that they were found in."""
    of: Known | None = None
    """Who they are, if they were seen before."""


@dataclass(frozen=True, slots=True)
class Place:
    """A square in which somebody may be."""

    roi: Roi
    min_presence: float = MIN_PRESENCE
    strict: bool = False
    """Whether the landmark network must agree about the square, and see the body: of places found in tiles, of which
    there are so many that some look like people by chance."""
    upright: bool = False
    """Whether somebody who lies there must be sure."""
    bodies: Sequence[Float32] = ()
    """Joints (33, 2) px of people who are to be painted over, because the person was found behind them."""


def same_person(a: SeenPerson, b: SeenPerson) -> bool:
    """Whether two squares show the same person: joints in the same places, or hips with left and right exchanged; where
    it could be two people close together, their colours decide."""
    joints, others = a.person.keypoints[:, :2], b.person.keypoints[:, :2]
    side = max(a.next_roi.side, b.next_roi.side)
    apart = min(np.linalg.norm(given - others, axis=1).mean() for given in (joints, joints[TWINS])) / side
    if apart < SAME_JOINTS_DISTANCE:
        return True
    looks = a.person.appearance, b.person.appearance
    if apart < CLOSE_JOINTS_DISTANCE and looks[0] is not None and looks[1] is not None:
        return unlikeness(looks[0], looks[1]) < SAME_LOOKS
    return same_hips(a.next_roi, b.next_roi) and overlap(a.person.bbox, b.person.bbox)


def surer(one: SeenPerson, turned: SeenPerson | None) -> SeenPerson:
    """Of the two ways up, the one that the landmark network is surer of: its doubt is less than half the other's, and
    the peaks of its heatmaps are no wider. Presence alone is near 1 both ways at times."""
    if turned is None or 1 - turned.person.score >= (1 - one.person.score) / 2:
        return one
    return turned if _spread_px(turned) <= _spread_px(one) else one


def _spread_px(one: SeenPerson) -> float:
    evidence = one.person.evidence
    return 0.0 if evidence is None or evidence.spread_px is None else float(np.mean(evidence.spread_px))


def piece_of(one: SeenPerson, other: SeenPerson) -> bool:
    """Whether somebody new may be a piece of a larger one: within their box, and not of other colours."""
    low, high = one.person.bbox.reshape(2, 2)
    shared = (np.minimum(high, other.person.bbox[2:]) - np.maximum(low, other.person.bbox[:2])).clip(0)
    if float(shared.prod()) < LEAST_INSIDE * float((high - low).prod()) or one.next_roi.side > other.next_roi.side:
        return False
    looks = one.person.appearance, other.person.appearance
    return looks[0] is None or looks[1] is None or not unlikeness(looks[0], looks[1]) >= OTHER_LOOKS


def toppled(one: SeenPerson, other: SeenPerson) -> bool:
    """Whether somebody upside down lies over somebody who is not: it is the same body, the wrong way up."""
    turned = math.cos(one.next_roi.angle_rad - other.next_roi.angle_rad) < 0
    return turned and one.next_roi.is_upside_down and overlap(one.person.bbox, other.person.bbox)


def same_hips(a: Roi, b: Roi) -> bool:
    """Whether two squares are around hips that cannot be two people's."""
    near = math.hypot(a.cx - b.cx, a.cy - b.cy) < SAME_HIPS_DISTANCE * max(a.side, b.side)
    return near and min(a.side, b.side) > LEAST_SIZE_AGREEMENT * max(a.side, b.side)


def agrees(one: SeenPerson) -> bool:
    """Whether the landmark network puts the person where the person detector did, and sees the body."""
    asked, given = one.looked_at, one.next_roi
    moved = math.hypot(asked.cx - given.cx, asked.cy - given.cy)
    evidence = one.person.evidence
    return (
        moved < MAX_DISAGREEMENT * asked.side
        and min(asked.side, given.side) > LEAST_SIZE_AGREEMENT * max(asked.side, given.side)
        and evidence is not None
        and float(np.median(evidence.visibility[BODY])) >= LEAST_VISIBLE
        and is_upright(one)
    )


def is_upright(one: SeenPerson) -> bool:
    """Whether somebody is not much wider than high."""
    wide, high = np.ptp(one.person.keypoints[:, :2], axis=0).tolist()
    return bool(high >= LEAST_UPRIGHT * wide)


def returned(lost: Roi, seen: Roi) -> bool:
    """Whether somebody who is seen stands where somebody was lost."""
    near = math.hypot(lost.cx - seen.cx, lost.cy - seen.cy) < RETURN_DISTANCE * lost.side
    return near and min(lost.side, seen.side) > LEAST_SIZE_AGREEMENT * max(lost.side, seen.side)


def upright(roi: Roi, reach: float) -> Roi:
    """The square without its turn, `reach` times as large."""
    return Roi(roi.cx, roi.cy, reach * roi.side)


def touches(box: Float32, part: Roi) -> bool:
    """Whether a box x0, y0, x1, y1 px reaches into an upright square."""
    half = part.side / 2
    x0, y0, x1, y1 = box.tolist()
    return bool(x0 < part.cx + half and x1 > part.cx - half and y0 < part.cy + half and y1 > part.cy - half)
