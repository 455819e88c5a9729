"""Who is the one person that `--persons 1` follows. As long as that is in doubt, strangers are followed too, so that
each of them can be told from the wanted person, who alone is given out."""

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
"""So many are followed at most."""
WANTED_S = 10.0
"""So long nobody in other clothes takes the place of the wanted person: as long as the tracker remembers them."""
SLID_LOOKS, SLID_DISTANCE = 0.5, 0.03
"""If colours become so unlike, and the box moves by so much of the square's side from one frame to the next, the square
has moved to somebody else. Light that is switched on changes the colours of somebody who stays where they are."""
SURELY_LOOKS = 0.3
"""Below this unlikeness, a body is the wanted person wherever it is."""
OWN_LOOKS = 0.2
"""Below it, and if they are alone, there is no doubt."""
LIKELY_LOOKS, LIKELY_S = 0.45, 0.4
"""Below this one too, if it was followed for so long and nobody else is nearly as like them."""
REACH, REACH_PER_S = 0.5, 1.5
"""How far the wanted person may be from where they were lost, in sides of their square, and how much more each
second."""
SAME_SIZE_S = 1.0
"""So long they are as big as they were."""


@dataclass
class Doubt:
    """Whether it is in doubt who is the wanted person."""

    last_s: float = -math.inf
    """When they were missing, or their colours were not theirs, for the last time."""
    before: Known | None = None
    """What was known of them before."""

    def is_open(self, t_s: float) -> bool:
        return 0 <= t_s - self.last_s < DOUBT_S

    def notice(self, everybody: Sequence[Known], seen: Sequence[SeenPerson], t_s: float) -> None:
        """everybody: as known before this frame."""
        who = next((who for who in everybody if not who.stranger), None)
        own = _owner(seen)
        if who is not None and (own is None or own.of is None or doubtful(own, own.of.sure or own.of)):
            self.before = self.before if self.is_open(t_s) and self.before else who
            self.last_s = t_s
        elif not self.is_open(t_s):
            self.before = None

    def settle(self, seen: Sequence[SeenPerson]) -> None:
        """To be called when nobody else was found: there is no doubt left if the one who is seen shows the wanted
        person's colours, or none, by which nobody could be told apart."""
        own = _owner(seen)
        unlike = _mean_unlike(own, self.before) if own and self.before else 0.0
        if own is not None and len(seen) == 1 and (unlike < OWN_LOOKS or math.isinf(unlike)):
            self.last_s, self.before = -math.inf, None


def slid(one: SeenPerson, who: Known, everybody: Sequence[Known], doubt: Doubt, t_s: float) -> bool:
    """Whether the square of the wanted person has moved to somebody else. Once strangers are followed, it can only
    move to one of them who is near."""
    near = [other for other in everybody if other is not who and touches(other.box, upright(who.roi, 1))]
    if who.stranger or (doubt.is_open(t_s) and not near) or not _unlike(one, who.sure or who) >= SLID_LOOKS:
        return False
    walk = np.array(who.drift * 2, np.float32) * (t_s - who.t_s)
    moved = (one.person.bbox - who.box - walk).reshape(2, 2)
    return bool(np.hypot(moved[:, 0], moved[:, 1]).mean() >= SLID_DISTANCE * one.next_roi.side)


def shows_colours(one: SeenPerson, who: Known) -> bool:
    """Whether a body can be compared with somebody."""
    return not math.isnan(_unlike(one, who))


def recognised(seen: list[SeenPerson], lost: Sequence[Known], doubt: Doubt, t_s: float) -> list[SeenPerson]:
    """`seen`, with the wanted person among them, if they were lost or somebody has their colours rather than who passes
    for them."""
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
    """What is known of everybody after this frame; all but one are strangers."""
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
    """`seen` without strangers who are but a piece of the wanted person's body."""
    own = _owner(seen)
    if own is None:
        return list(seen)
    return [one for one in seen if one is own or (one.of and one.of.beside) or not piece_of(one, own)]


def near_wanted(known: Sequence[Known]) -> list[Known]:
    """The wanted person, and the strangers who are near them."""
    wanted = [who for who in known if not who.stranger]
    return [who for who in known if not who.stranger or any(touches(who.box, upright(own.roi, 1)) for own in wanted)]


def _owner(seen: Sequence[SeenPerson]) -> SeenPerson | None:
    """The body that passes for the wanted person."""
    return next((one for one in seen if one.of and not one.of.stranger), None)


def _is_back(best: SeenPerson, who: Known, before: Known, others: Sequence[SeenPerson], t_s: float) -> bool:
    """Whether a body is the wanted person, who was lost."""
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
    """Whether somebody who was lost can have come here, and is as big as they were a moment ago."""
    away_s = t_s - who.t_s
    if _apart(one.next_roi, who.roi) > REACH + REACH_PER_S * away_s:
        return False
    small, large = sorted((one.next_roi.side, before.roi.side))
    return away_s > SAME_SIZE_S or small > LEAST_SIZE_AGREEMENT * large


def _apart(roi: Roi, from_roi: Roi) -> float:
    """Distance of two squares, in sides of the second."""
    return math.hypot(roi.cx - from_roi.cx, roi.cy - from_roi.cy) / from_roi.side


def _mean_unlike(one: SeenPerson, who: Known) -> float:
    """Unlikeness of a body to somebody; of a stranger by what was learned of them, for a single frame is noisy.
    Infinite if there is nothing to compare."""
    learned = one.of.look if one.of and one.of.stranger else None
    unlike = _unlike(one, who, learned)
    return math.inf if math.isnan(unlike) else unlike


def _unlike(one: SeenPerson, who: Known, learned: Float32 | None = None) -> float:
    look = one.person.appearance if learned is None else learned
    return math.nan if look is None or who.look is None else unlikeness(look, who.look)
