import numpy as np
import pytest

from rtpose.pose.detect.appearance import BINS, COLOUR_BINS, LIGHT_BINS, unlikeness
from rtpose.pose.detect.candidates import Known, SeenPerson
from rtpose.pose.detect.known import DOUBT_S
from rtpose.pose.detect.roi import Roi
from rtpose.pose.detect.wanted import (
    LIKELY_S,
    Doubt,
    near_wanted,
    recognised,
    slid,
    told_apart,
    without_pieces,
)
from rtpose.types import Person2D

SIDE = 250.0


def dressed(share: float = 0.0) -> np.ndarray:
    """Colours of the wanted person, of which others took so much."""
    look = np.zeros((2, BINS), np.float32)
    for place, part in ((2, 1 - share), (8, share)):
        look[:, [LIGHT_BINS + place, LIGHT_BINS + COLOUR_BINS + place]] += part
    look[:, 0] = 1
    return look


OWN, LIKELY, DOUBTFUL, OTHER = dressed(), dressed(0.45), dressed(0.55), dressed(1.0)


def body(x: float, look: np.ndarray, of: Known | None = None, side: float = SIDE) -> SeenPerson:
    joints = np.zeros((33, 3), np.float32)
    joints[:, 0], joints[:, 1] = x + np.linspace(-20, 20, 33), 200 + np.linspace(-0.4, 0.4, 33) * side
    box = np.array([x - 25, 200 - 0.4 * side, x + 25, 200 + 0.4 * side], np.float32)
    roi = Roi(x, 200, side)
    return SeenPerson(Person2D(joints, box, 1.0, appearance=look), roi, roi, of)


def known(
    x: float, look: np.ndarray, *, t_s: float = 0.0, stranger: bool = False, beside: bool = False, since_s: float = 0.0
) -> Known:
    return Known(
        Roi(x, 200, SIDE), t_s, body(x, look).person.bbox, look, stranger=stranger, since_s=since_s, beside=beside
    )


def doubt(t_s: float, before: Known) -> Doubt:
    return Doubt(t_s, before)


def owners(seen: list[SeenPerson]) -> list[float]:
    """Where the bodies are that count as the wanted person."""
    return [one.next_roi.cx for one in seen if one.of and not one.of.stranger]


def test_these_colours_are_what_the_rules_ask_for() -> None:
    unlike = [unlikeness(OWN, look) for look in (LIKELY, DOUBTFUL, OTHER)]
    assert 0.35 < unlike[0] < 0.45 < unlike[1] < 0.5 < 0.6 < unlike[2]


@pytest.mark.parametrize(
    ("moved_px", "look", "gone"), [(30, OTHER, True), (2, OTHER, False), (30, DOUBTFUL, False), (30, OWN, False)]
)
def test_a_square_that_moves_to_other_colours_is_on_somebody_else(
    moved_px: float, look: np.ndarray, gone: bool
) -> None:
    who = known(100, OWN)
    assert slid(body(100 + moved_px, look), who, [who], Doubt(), 0.05) is gone


def test_when_strangers_are_followed_a_square_moves_only_to_one_who_is_near() -> None:
    who, near, far = known(100, OWN), known(200, OTHER, stranger=True), known(900, OTHER, stranger=True)
    assert slid(body(130, OTHER), who, [who, near], doubt(0.0, who), 0.05)
    assert not slid(body(130, OTHER), who, [who, far], doubt(0.0, who), 0.05)


def test_doubt_lasts_until_it_is_clear_who_is_there() -> None:
    who = known(100, OWN)
    state = Doubt()
    state.notice([who], [body(100, OWN, who)], 0.0)
    assert not state.is_open(0.0)
    state.notice([who], [], 0.1)
    assert state.is_open(0.2)
    assert state.before is who
    state.settle([body(100, DOUBTFUL, who)])
    state.settle([body(100, OWN, who), body(300, OTHER)])
    assert state.is_open(0.2)
    assert not state.is_open(0.1 + DOUBT_S)
    state.settle([body(100, OWN, who)])
    assert not state.is_open(0.2)


def test_who_was_lost_is_recognised_by_their_colours() -> None:
    who = known(100, OWN)
    seen = [body(110, OTHER), body(300, OWN)]
    assert owners(recognised(seen, [who], doubt(0.5, who), 0.5)) == [300]
    assert owners(recognised(seen[:1], [who], doubt(0.5, who), 0.5)) == []
    too_far = [body(110, OTHER), body(900, OWN)]
    assert owners(recognised(too_far, [who], doubt(0.5, who), 0.5)) == []
    half_as_big = [body(110, OTHER), body(120, OWN, side=SIDE / 2)]
    assert owners(recognised(half_as_big, [who], doubt(0.5, who), 0.5)) == []


def test_in_light_that_changed_they_are_recognised_after_a_while_if_nobody_else_is_like_them() -> None:
    who = known(100, OWN)

    def one_like_them(followed_s: float, *, beside: bool = False) -> SeenPerson:
        return body(300, LIKELY, known(290, LIKELY, stranger=True, beside=beside, since_s=1.0 - followed_s))

    def found(*seen: SeenPerson) -> list[float]:
        return owners(recognised(list(seen), [who], doubt(1.0, who), 1.0))

    assert found(one_like_them(LIKELY_S + 0.1), body(110, OTHER)) == [300]
    assert found(one_like_them(LIKELY_S - 0.1), body(110, OTHER)) == []
    assert found(one_like_them(LIKELY_S + 0.1), body(110, DOUBTFUL)) == []
    assert found(one_like_them(LIKELY_S + 0.1, beside=True), body(110, OTHER)) == []


def test_who_passes_for_them_gives_way_to_whoever_has_their_colours() -> None:
    who = known(100, OWN)
    seen = [body(100, DOUBTFUL, who), body(150, OWN)]
    assert owners(recognised(seen, [], doubt(0.1, who), 0.1)) == [150]
    assert owners(recognised(seen, [], Doubt(), 0.1)) == [100]


def test_all_but_one_are_strangers_and_who_was_seen_beside_them_stays_one() -> None:
    first, second = told_apart([body(100, OWN), body(300, OTHER)], [], Doubt(), 0.0)
    assert (first.stranger, second.stranger) == (False, True)
    (first, second) = told_apart([body(100, OWN, first), body(300, OTHER, second)], [], Doubt(), 0.1)
    assert (first.beside, second.beside) == (False, True)
    (alone,) = told_apart([body(300, OTHER, second)], [first], Doubt(), 0.2)
    assert alone.stranger
    (alone,) = told_apart([body(300, OTHER, alone)], [], Doubt(), 12.0)  # nobody is remembered any more
    assert not alone.stranger


def test_a_piece_of_the_wanted_person_is_no_stranger() -> None:
    who = known(100, OWN)
    whole, piece = body(100, OWN, who), body(100, OWN, side=SIDE / 2)
    assert without_pieces([whole, piece]) == [whole]
    other = body(300, OTHER)
    assert without_pieces([whole, other]) == [whole, other]


def test_strangers_far_away_are_not_followed() -> None:
    who, near, far = known(100, OWN), known(200, OTHER, stranger=True), known(900, OTHER, stranger=True)
    assert near_wanted([who, near, far]) == [who, near]
