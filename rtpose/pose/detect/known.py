"""Who is known to the detector: where somebody is expected, what they look like, and which body of a frame is theirs
where people overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rtpose.assignment import assign
from rtpose.pose.detect.appearance import COLOUR_SHARE, blended, unlikeness
from rtpose.pose.detect.candidates import Known, SeenPerson, piece_of, toppled, touches, upright
from rtpose.pose.detect.roi import Roi
from rtpose.pose.detect.search import on_body
from rtpose.skeleton import BLAZEPOSE33
from rtpose.types import Float32

DRIFT_S = 0.8
"""Time constant after which somebody out of sight is expected to have stopped."""
DRIFT_SHARE_S = 0.4
"""Time constant of the mean of their velocity."""
MOST_DRIFT = 1.0
"""Sides of their square a second: faster is no walk but another body."""
UNKNOWN_LOOKS = 0.35
"""The unlikeness assumed for colours that are not visible."""
DISTANCE_WEIGHT = 2.0
"""Weight of a distance of one side of the square; colours have weight 1."""
OTHERS_LOOKS = 0.1
"""A body whose colours are this much more like a neighbour's than like its own person's is the neighbour."""
OTHER_LOOKS = 0.6
"""At this unlikeness or above, it is somebody else."""
SAME_LOOKS = 0.35
"""Below this, it may be the same person."""
OWN_LOOKS = 0.3
"""Below this, it is the same person."""
DOUBTFUL_LOOKS = 0.35
"""At this unlikeness or above, it may be somebody else, and a search runs …"""
DOUBT_S = 3.0
"""… for this long. Then the new colours are accepted, because light changes and people turn."""
MOST_GROWTH = 1.35
"""From one frame to the next, of the longer side of somebody's box."""
BODY_REACH = 0.5
"""Of somebody's square, the part that the body mostly lies in."""
SHARED_DISTANCE = 0.04
"""Of the square's side: joints nearer to each other are one …"""
MOST_SHARED = 4
"""… and with so many of the 12 a body is mixed from two people's."""
DRAWN = 3
"""Somebody with so many joints on another body is looked at with that body painted over …"""
COVERED = 7
"""… and is nobody new with so many."""
_LIMBS = list(BLAZEPOSE33.indices(*(
    f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)))  # fmt: skip
_SIDES = [place ^ 1 for place in range(len(_LIMBS))]
FORBIDDEN = 1e6


def expected(who: Known, t_s: float) -> Roi:
    """Their square at a later time: they walk on, and stop."""
    reach = DRIFT_S * (1 - math.exp(-max(t_s - who.t_s, 0.0) / DRIFT_S))
    return Roi(who.roi.cx + reach * who.drift[0], who.roi.cy + reach * who.drift[1], who.roi.side, who.roi.angle_rad)


def remember(one: SeenPerson, t_s: float, alone: bool) -> Known:
    """What is known of somebody after this frame. alone: nobody is near who could lend them colours."""
    before, roi, look = one.of, one.next_roi, one.person.appearance
    if before is None:
        return Known(roi, t_s, one.person.bbox, look, since_s=t_s)
    (x, y), dt_s = before.drift, t_s - before.t_s
    if dt_s > 0:
        now_x, now_y = (roi.cx - before.roi.cx) / dt_s, (roi.cy - before.roi.cy) / dt_s
        slowed = min(1.0, MOST_DRIFT * roi.side / max(math.hypot(now_x, now_y), 1e-9))
        share = 1 - math.exp(-dt_s / DRIFT_SHARE_S)
        x, y = x + share * (slowed * now_x - x), y + share * (slowed * now_y - y)
    unlike, sure, known_look = _unlike(one, before), before.sure, before.look
    if unlike >= DOUBTFUL_LOOKS and sure is None:
        sure = before
    elif unlike < OWN_LOOKS or (sure and t_s - sure.t_s > DOUBT_S):
        known_look, sure = known_look if unlike < OWN_LOOKS else look, None
    if before.stranger and dt_s > 0:
        learned = blended(known_look, look, max(COLOUR_SHARE, dt_s / (t_s - before.since_s)))
    elif known_look is None or (alone and sure is None):
        learned = blended(known_look, look, COLOUR_SHARE)
    else:
        learned = known_look
    return Known(roi, t_s, one.person.bbox, learned, (x, y), sure, before.stranger, before.since_s, before.beside)


def look_of(one: SeenPerson, who: Known) -> Float32 | None:
    """What a body looks like, for the tracker: what is known of `who` while these are their colours, for those of one
    frame are noisy; else the frame's, for it may be somebody else. who: as known after this frame."""
    return one.person.appearance if doubtful(one, who) else who.look


def doubtful(one: SeenPerson, who: Known) -> bool:
    """Whether a body's colours are not theirs, as if their square had gone over to somebody else."""
    return _unlike(one, who) >= DOUBTFUL_LOOKS


def fits_better(new: SeenPerson, old: SeenPerson, who: Known) -> bool:
    """Whether a body has their colours, and more so than another one."""
    return _unlike(new, who) < min(DOUBTFUL_LOOKS, _unlike(old, who) - OTHERS_LOOKS)


def alone(one: SeenPerson, seen: Sequence[SeenPerson]) -> bool:
    """Whether nobody's box overlaps theirs."""
    low, high = one.person.bbox[:2], one.person.bbox[2:]
    return not any(
        other is not one
        and bool((np.minimum(high, other.person.bbox[2:]) > np.maximum(low, other.person.bbox[:2])).all())
        for other in seen
    )


def whose(bodies: Sequence[SeenPerson], known: Sequence[Known], t_s: float) -> list[tuple[float, SeenPerson, Known]]:
    """Who among those known has which body, by colours and place; how badly it fits, the best first."""
    if not bodies or not known:
        return []
    cost = np.array([[_misfit(one, who, t_s) for who in known] for one in bodies]).reshape(len(bodies), len(known))
    pairs = [(float(cost[i, j]), bodies[i], known[j]) for i, j in enumerate(assign(cost, FORBIDDEN)) if j >= 0]
    return sorted(pairs, key=lambda pair: pair[0])


def is_somebody_else(one: SeenPerson, who: Known, others: Sequence[Known]) -> bool:
    """Whether a body that should be `who` has other colours, or rather those of somebody near."""
    own = _unlike(one, who)
    return own >= OTHER_LOOKS or any(_unlike(one, other) < own - OTHERS_LOOKS for other in others if other is not who)


def is_whole_of(one: SeenPerson, piece: SeenPerson) -> bool:
    """Whether a body may replace one that is a piece of it: who was known before must have its colours."""
    return piece.of is None or _unlike(one, piece.of) < SAME_LOOKS


def jumped(one: SeenPerson, who: Known) -> bool:
    """Whether a body's size is not what it was in the frame before."""
    now, before = (float(np.ptp(box.reshape(2, 2), axis=0).max()) for box in (one.person.bbox, who.box))
    return not 1 / MOST_GROWTH < now / max(before, 1e-9) < MOST_GROWTH


def mixes(one: SeenPerson, other: SeenPerson) -> bool:
    """Whether two bodies have so many joints in common that one of them is partly the other's: same side or not."""
    a, b = one.person.keypoints[_LIMBS, :2], other.person.keypoints[_LIMBS, :2]
    near = SHARED_DISTANCE * min(one.next_roi.side, other.next_roi.side)
    shared = max(int((np.linalg.norm(a - given, axis=1) < near).sum()) for given in (b, b[_SIDES]))
    return shared >= MOST_SHARED


def covers(one: SeenPerson, other: SeenPerson) -> int:
    """How many of 12 joints of `one` lie on the other's body, where they may have been drawn to."""
    return int(on_body(one.person.keypoints[_LIMBS, :2], other.person.keypoints[:, :2]).sum())


def is_no_other(one: SeenPerson, other: SeenPerson) -> bool:
    """Whether somebody new is nobody but a piece of another body, a mixture with it, or that body upside down."""
    return piece_of(one, other) or mixes(one, other) or covers(one, other) >= COVERED or toppled(one, other)


def may_be_drawn(one: SeenPerson, who: Known, other: SeenPerson) -> bool:
    """Whether a body that should be `who` may have been drawn to another one: joints of it are there, and its colours
    are not quite theirs."""
    return not _unlike(one, who) < OWN_LOOKS and covers(one, other) >= DRAWN


def missing(everybody: Sequence[Known], seen: Sequence[SeenPerson]) -> list[Known]:
    """Those of everybody who are not seen."""
    return [who for who in everybody if all(one.of is not who for one in seen)]


def known_of(seen: Sequence[SeenPerson]) -> list[Known]:
    """Those of them who were known before."""
    return [one.of for one in seen if one.of is not None]


def in_front(who: Roi, seen: Sequence[SeenPerson]) -> list[SeenPerson]:
    """Those of `seen` who may hide somebody in this square."""
    return [one for one in seen if touches(one.person.bbox, upright(who, BODY_REACH))]


def _misfit(one: SeenPerson, who: Known, t_s: float) -> float:
    colours, place = _unlike(one, who), expected(who, t_s)
    side = max(one.next_roi.side, place.side)
    apart = math.hypot(one.next_roi.cx - place.cx, one.next_roi.cy - place.cy) / side
    return (UNKNOWN_LOOKS if math.isnan(colours) else colours) + DISTANCE_WEIGHT * min(apart, 10.0)


def _unlike(one: SeenPerson, who: Known) -> float:
    look = one.person.appearance
    return math.nan if look is None or who.look is None else unlikeness(look, who.look)
