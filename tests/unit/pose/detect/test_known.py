import numpy as np
import pytest

from rtpose.pose.detect.appearance import BINS, COLOUR_BINS, LIGHT_BINS, unlikeness
from rtpose.pose.detect.candidates import Known, SeenPerson, toppled
from rtpose.pose.detect.known import (
    DOUBT_S,
    alone,
    covers,
    doubtful,
    expected,
    fits_better,
    is_no_other,
    is_somebody_else,
    jumped,
    look_of,
    mixes,
    remember,
    whose,
)
from rtpose.pose.detect.roi import Roi
from rtpose.skeleton import BLAZEPOSE33
from rtpose.types import Person2D

_STANDING = {
    "shoulder": (15, -50), "elbow": (20, -25), "wrist": (22, 0), "hip": (10, 0), "knee": (10, 40), "ankle": (10, 80),
}  # fmt: skip


def dressed(colour: int) -> np.ndarray:
    look = np.zeros((2, BINS), np.float32)
    look[:, [0, LIGHT_BINS + colour, LIGHT_BINS + COLOUR_BINS + colour]] = 1
    return look


def body(x: float, look: np.ndarray | None = None, of: Known | None = None, size: float = 1.0) -> SeenPerson:
    """Somebody who stands with their hips at (x, 200), 200 px high."""
    joints = np.zeros((33, 3), np.float32)
    joints[:, :2] = (x, 200 - 80 * size)
    for name, (aside, down) in _STANDING.items():
        for side, sign in (("left", 1), ("right", -1)):
            (place,) = BLAZEPOSE33.indices(f"{side}_{name}")
            joints[place, :2] = (x + sign * aside * size, 200 + down * size)
    low, high = joints[:, :2].min(0), joints[:, :2].max(0)
    roi = Roi(x, 200, 250 * size)
    person = Person2D(joints, np.concatenate([low, high]).astype(np.float32), 1.0, appearance=look)
    return SeenPerson(person, roi, roi, of)


def known(x: float, look: np.ndarray | None = None, t_s: float = 0.0, drift: float = 0.0) -> Known:
    return Known(Roi(x, 200, 250), t_s, body(x).person.bbox, look, (drift, 0.0))


def test_who_is_out_of_sight_walks_on_and_stops() -> None:
    who = known(100, drift=80)
    assert expected(who, 0.1).cx == pytest.approx(108, abs=1)
    assert 150 < expected(who, 2.0).cx < expected(who, 9.0).cx < 170


def test_a_walk_is_learned_and_a_jump_to_another_body_is_no_walk() -> None:
    who = known(100)
    for number in range(1, 30):
        who = remember(body(100 + 4 * number, of=who), number / 30, alone=True)
    assert who.drift[0] == pytest.approx(120, rel=0.15)
    assert abs(remember(body(500, of=who), 1.0, alone=True).drift[0]) < 260


def test_in_one_place_colours_say_whose_a_body_is() -> None:
    one, other = known(100, dressed(2)), known(104, dressed(8))
    pairs = whose([body(100, dressed(8)), body(104, dressed(2))], [one, other], 0.0)
    assert [(pair[1].next_roi.cx, pair[2]) for pair in pairs] == [(100, other), (104, one)]


def test_without_colours_place_says_it() -> None:
    one, other = known(100), known(300)
    assert [pair[2] for pair in whose([body(290), body(105)], [one, other], 0.0)] == [one, other]


def test_nobody_near_lends_colours() -> None:
    red, blue = body(100, dressed(2)), body(110, dressed(8))
    assert alone(red, [red])
    assert not alone(red, [red, blue])
    who = known(100, dressed(2))
    look = remember(body(100, 0.5 * (dressed(2) + dressed(3)), of=who), 0.1, alone=False).look
    assert look is not None
    assert unlikeness(look, dressed(2)) == pytest.approx(0, abs=1e-3)


def test_a_body_in_a_neighbours_colours_is_the_neighbour() -> None:
    red, blue = known(100, dressed(2)), known(110, dressed(8))
    assert is_somebody_else(body(100, dressed(8)), red, [red, blue])
    assert not is_somebody_else(body(100, dressed(2)), red, [red, blue])
    assert not is_somebody_else(body(100), red, [red, blue])


def test_a_body_does_not_grow_in_a_frame() -> None:
    assert not jumped(body(100, size=1.1), known(100))
    assert jumped(body(100, size=1.5), known(100))
    assert jumped(body(100, size=0.5), known(100))


def test_joints_in_common_and_joints_on_another_body() -> None:
    one, other = body(100), body(200)
    assert not mixes(one, other)
    assert covers(one, other) == 0
    legs_of_the_other = one.person.keypoints.copy()
    legs = list(BLAZEPOSE33.indices("left_knee", "right_knee", "left_ankle", "right_ankle"))
    legs_of_the_other[legs] = other.person.keypoints[legs]
    mixed = SeenPerson(Person2D(legs_of_the_other, one.person.bbox, 1.0), one.next_roi, one.next_roi)
    assert mixes(mixed, other)
    assert covers(mixed, other) == 4


def test_somebody_new_over_somebody_known_is_them_upside_down() -> None:
    known_one, look = body(100), dressed(2)
    points = known_one.person.keypoints.copy()
    points[:, 1] = 360 - points[:, 1]  # feet where the head is
    roi = known_one.next_roi.turned_around()
    upside_down = SeenPerson(Person2D(points, known_one.person.bbox, 1.0, appearance=look), roi, roi)
    assert toppled(upside_down, known_one)
    assert is_no_other(upside_down, known_one)
    assert not toppled(upside_down, body(300))
    assert not toppled(known_one, upside_down)
    assert not is_no_other(body(150, look), known_one)


def test_doubtful_colours_are_not_learned_until_they_last() -> None:
    who = known(100, dressed(2))
    assert doubtful(body(100, dressed(8)), who)
    assert not doubtful(body(100, dressed(2)), who)
    t_s = 0.0
    while t_s < DOUBT_S - 0.2:
        t_s += 0.1
        who = remember(body(100, dressed(8), of=who), t_s, alone=True)
        assert who.sure is not None
        assert doubtful(body(100, dressed(8)), who)
    for _ in range(4):
        t_s += 0.1
        who = remember(body(100, dressed(8), of=who), t_s, alone=True)
    assert who.sure is None
    assert not doubtful(body(100, dressed(8)), who)


def test_the_tracker_gets_what_is_known_or_else_what_is_seen() -> None:
    who = known(100, dressed(2))
    nearly = 0.9 * dressed(2) + 0.1 * dressed(3)
    assert look_of(body(100, nearly), who) is who.look
    other = dressed(8)
    assert look_of(body(100, other), who) is other


def test_who_has_the_colours_fits_better() -> None:
    who = known(100, dressed(2))
    assert fits_better(body(140, dressed(2)), body(100, dressed(8)), who)
    assert not fits_better(body(140, dressed(8)), body(100, dressed(8)), who)
    assert not fits_better(body(140), body(100, dressed(8)), who)
