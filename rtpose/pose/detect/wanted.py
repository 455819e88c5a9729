"""Keeps `--persons 1` on its person. While it is in doubt who that is, strangers are followed too, to tell them apart
from the wanted person. Only the wanted person is output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtpose.pose.detect.appearance import unlikeness
from rtpose.pose.detect.candidates import (
    LEAST_SIZE_AGREEMENT,
    RETURN_DISTANCE,
    Known,
    SeenPerson,
    piece_of,
    returned,
    touches,
    upright,
)
from rtpose.pose.detect.known import (
    DOUBT_S,
    DOUBTFUL_LOOKS,
    OTHERS_LOOKS,
    alone,
    doubtful,
    expected,
    fits_better,
    known_of,
    missing,
    remember,
)
from rtpose.pose.detect.roi import Roi
from rtpose.types import Float32

STRANGERS = 3
"""The most strangers that are followed."""
WANTED_S = 4.0
"""For this long after the wanted person was lost, nobody in other clothes takes their place."""
SLID_LOOKS, SLID_DISTANCE = 0.5, 0.03
"""If the colours' unlikeness and the movement of the box (in sides of the square) from one frame to the next both
exceed these, the square has moved to somebody else. A light that is switched on changes only the colours."""
SURELY_LOOKS = 0.3
"""Below this unlikeness, a body within reach is the wanted person."""
OWN_LOOKS = 0.2
"""Below this unlikeness, a person who is alone is the wanted person without doubt."""
LIKELY_LOOKS, LIKELY_S = 0.45, 0.4
"""Below this unlikeness too, if the body was followed for this long and everybody else is clearly less like them."""
REACH, REACH_PER_S = 0.5, 1.5
"""How far the wanted person may be from where they were lost, in sides of their square, and how much more each
second."""
SAME_SIZE_S = 1.0
"""Within this time their size hardly changes."""


@dataclass
class Doubt:
    """Whether it is in doubt who the wanted person is."""

    last_s: float = -math.inf
    """When they were last missing, or had other colours."""
    before: Known | None = None
    """What was known about them before that."""

    def is_open(self, t_s: float) -> bool:
        return 0 <= t_s - self.last_s < DOUBT_S

    def notice(self, everybody: Sequence[Known], seen: Sequence[SeenPerson], t_s: float) -> None:
        """everybody: what was known before this frame."""
        who = next((who for who in everybody if not who.stranger), None)
        own = _owner(seen)
        if who is not None and (own is None or own.of is None or doubtful(own, own.of.sure or own.of)):
            self.before = self.before if self.is_open(t_s) and self.before else who
            self.last_s = t_s
        elif not self.is_open(t_s):
            self.before = None

    def settle(self, seen: Sequence[SeenPerson]) -> None:
        """Call this when a search found nobody else. It ends the doubt if the person in sight has the wanted person's
        colours, or shows none that could tell anybody apart."""
        own = _owner(seen)
        unlike = _mean_unlike(own, self.before) if own and self.before else 0.0
        if own is not None and len(seen) == 1 and (unlike < OWN_LOOKS or math.isinf(unlike)):
            self.last_s, self.before = -math.inf, None


def slid(one: SeenPerson, who: Known, everybody: Sequence[Known], doubt: Doubt, t_s: float) -> bool:
    """Whether the wanted person's square has moved to somebody else. While strangers are followed, it can only move to
    a stranger nearby."""
    near = [other for other in everybody if other is not who and touches(other.box, upright(who.roi, 1))]
    if who.stranger or (doubt.is_open(t_s) and not near) or not _unlike(one, who.sure or who) >= SLID_LOOKS:
        return False
    walk = np.array(who.drift * 2, np.float32) * (t_s - who.t_s)
    moved = (one.person.bbox - who.box - walk).reshape(2, 2)
    return bool(np.hypot(moved[:, 0], moved[:, 1]).mean() >= SLID_DISTANCE * one.next_roi.side)


def shows_colours(one: SeenPerson, who: Known) -> bool:
    """Whether a body shows colours to compare with those of `who`."""
    return not math.isnan(_unlike(one, who))


def recognised(seen: list[SeenPerson], lost: Sequence[Known], doubt: Doubt, t_s: float) -> list[SeenPerson]:
    """`seen`, with the wanted person assigned to another body if they were lost, or if that body has their colours and
    their present one does not."""
    own = _owner(seen)
    who = own.of if own else next((who for who in missing(lost, seen) if not who.stranger), None)
    if not seen or who is None or not doubt.is_open(t_s):
        return seen
    before = doubt.before or who
    may_be = [one for one in seen if one is not own and not (one.of and one.of.beside)]
    if len(seen) > 1:
        may_be = [one for one in may_be if _in_reach(one, who, before, t_s)]
    best = min(may_be, key=lambda one: _mean_unlike(one, before), default=None)
    if best is None:
        return seen
    others = [one for one in seen if one is not best]
    if not (fits_better(best, own, before) if own else _is_back(best, who, before, others, t_s)):
        return seen
    return [replace(one, of=who if one is best else None) if one is best or one is own else one for one in seen]


def told_apart(seen: Sequence[SeenPerson], lost: Sequence[Known], doubt: Doubt, t_s: float) -> list[Known]:
    """What is known about everybody after this frame. All but one are strangers."""
    own = _owner(seen)
    before = doubt.before or (own.of if own else None)
    own_unlike = _mean_unlike(own, before) if own and before else math.inf
    taken = any(not who.stranger for who in (*known_of(seen), *lost))
    known = []
    for one in seen:
        who = remember(one, t_s, alone(one, seen))
        stranger = taken and (one.of is None or one.of.stranger)
        beside = who.beside or (
            before is not None and own_unlike < min(DOUBTFUL_LOOKS, _mean_unlike(one, before) - OTHERS_LOOKS)
        )
        known.append(replace(who, stranger=stranger, beside=stranger and beside))
        taken = True
    return known


def without_pieces(seen: Sequence[SeenPerson]) -> list[SeenPerson]:
    """`seen` without strangers that are only a part of the wanted person's body."""
    own = _owner(seen)
    if own is None:
        return list(seen)
    return [one for one in seen if one is own or (one.of and one.of.beside) or not piece_of(one, own)]


def near_wanted(known: Sequence[Known]) -> list[Known]:
    """The wanted person and the strangers near them."""
    wanted = [who for who in known if not who.stranger]
    return [who for who in known if not who.stranger or any(touches(who.box, upright(own.roi, 1)) for own in wanted)]


def _owner(seen: Sequence[SeenPerson]) -> SeenPerson | None:
    """The body taken for the wanted person."""
    return next((one for one in seen if one.of and not one.of.stranger), None)


def _is_back(best: SeenPerson, who: Known, before: Known, others: Sequence[SeenPerson], t_s: float) -> bool:
    """Whether a body is the lost wanted person."""
    unlike, at_their_place = _mean_unlike(best, before), returned(expected(who, t_s), best.next_roi)
    if math.isinf(unlike):  # it shows no colours
        return at_their_place or not others
    if unlike < (DOUBTFUL_LOOKS if at_their_place else SURELY_LOOKS):
        return True
    if not others:
        return unlike < LIKELY_LOOKS and _apart(best.next_roi, expected(who, t_s)) < RETURN_DISTANCE
    least = min(_mean_unlike(one, before) for one in others)
    followed_s = t_s - best.of.since_s if best.of else 0.0
    return followed_s >= LIKELY_S and unlike < min(LIKELY_LOOKS, least - OTHERS_LOOKS)


def _in_reach(one: SeenPerson, who: Known, before: Known, t_s: float) -> bool:
    """Whether the lost person can have got here, with about the size they had a moment ago."""
    away_s = t_s - who.t_s
    if _apart(one.next_roi, who.roi) > REACH + REACH_PER_S * away_s:
        return False
    small, large = sorted((one.next_roi.side, before.roi.side))
    return away_s > SAME_SIZE_S or small > LEAST_SIZE_AGREEMENT * large


def _apart(roi: Roi, from_roi: Roi) -> float:
    """Distance of two squares, in sides of the second."""
    return math.hypot(roi.cx - from_roi.cx, roi.cy - from_roi.cy) / from_roi.side


def _mean_unlike(one: SeenPerson, who: Known) -> float:
    """Unlikeness of a body to `who`. For strangers, by the colours learned so far, because a single frame is noisy.
    Infinite if there is nothing to compare."""
    learned = one.of.look if one.of and one.of.stranger else None
    unlike = _unlike(one, who, learned)
    return math.inf if math.isnan(unlike) else unlike


def _unlike(one: SeenPerson, who: Known, learned: Float32 | None = None) -> float:
    look = one.person.appearance if learned is None else learned
    return math.nan if look is None or who.look is None else unlikeness(look, who.look)
