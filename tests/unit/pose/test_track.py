import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.pose.detect.appearance import BINS, COLOUR_BINS, LIGHT_BINS
from rtpose.pose.track import MAX_MISSED_FRAMES, MEMORY_S, SHORT_GAP_S, PersonTracker


def person(x: float, y: float = 300, size: float = 200) -> tuple[np.ndarray, np.ndarray]:
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[:, 0] = x + np.linspace(-0.2, 0.2, 17) * size
    keypoints[:, 1] = y + np.linspace(-0.5, 0.5, 17) * size
    box = np.array([x - size / 4, y - size / 2, x + size / 4, y + size / 2], np.float32)
    return keypoints, box


def ids(
    tracker: PersonTracker,
    people: list[tuple[np.ndarray, np.ndarray]],
    t_s: float,
    colours: list[np.ndarray] | None = None,
) -> list[int]:
    keypoints = np.array([k for k, _ in people], np.float32).reshape(-1, 17, 3)
    return tracker.update(keypoints, np.array([b for _, b in people], np.float32).reshape(-1, 4), t_s, colours)


def dressed(bin: int) -> np.ndarray:
    """What somebody looks like whose clothes are all of one colour."""
    look = np.zeros((2, BINS), np.float32)
    look[:, 0] = 1
    look[:, LIGHT_BINS + bin] = 1
    look[:, LIGHT_BINS + COLOUR_BINS + bin] = 1
    return look


def test_two_people_keep_their_ids_whatever_the_order() -> None:
    tracker = PersonTracker()
    assert ids(tracker, [person(100), person(500)], 0.0) == [0, 1]
    assert ids(tracker, [person(510), person(110)], 0.1) == [1, 0]


def test_someone_new_gets_a_new_id_and_nobody_gets_a_used_one() -> None:
    tracker = PersonTracker()
    ids(tracker, [person(100)], 0.0)
    assert ids(tracker, [person(100), person(900)], 0.1) == [0, 1]
    for t_s in (5.0, 5.1, 5.2):
        ids(tracker, [], t_s)
    assert ids(tracker, [person(100)], 5.3) == [2]


def test_without_colours_a_short_absence_is_forgiven_and_a_long_one_is_not() -> None:
    tracker = PersonTracker()
    ids(tracker, [person(100)], 0.0)
    ids(tracker, [], 0.5)
    assert ids(tracker, [person(120)], 0.9 * SHORT_GAP_S) == [0]
    for number in range(MAX_MISSED_FRAMES + 1):
        ids(tracker, [], (1.5 + 0.1 * number) * SHORT_GAP_S)
    assert ids(tracker, [person(120)], 2.5 * SHORT_GAP_S) == [1]


def away(tracker: PersonTracker, since_s: float, until_s: float) -> None:
    for t_s in np.arange(since_s, until_s, 0.1):
        ids(tracker, [], float(t_s), [])


@pytest.mark.parametrize("absence_s", [0.6, 3.0, 0.9 * MEMORY_S])
def test_who_comes_back_in_the_same_clothes_is_the_same(absence_s: float) -> None:
    tracker = PersonTracker()
    ids(tracker, [person(100)], 0.0, [dressed(2)])
    away(tracker, 0.1, absence_s)
    assert ids(tracker, [person(700)], absence_s, [dressed(2)]) == [0]


def test_somebody_else_who_walks_in_is_new_even_in_the_same_place() -> None:
    tracker = PersonTracker()
    ids(tracker, [person(100)], 0.0, [dressed(2)])
    away(tracker, 0.1, 3.0)
    assert ids(tracker, [person(100)], 3.0, [dressed(8)]) == [1]
    assert ids(tracker, [person(100), person(900)], 3.1, [dressed(8), dressed(2)]) == [1, 0]


def test_nobody_is_remembered_for_ever() -> None:
    tracker = PersonTracker()
    ids(tracker, [person(100)], 0.0, [dressed(2)])
    away(tracker, 0.1, MEMORY_S + 1)
    assert ids(tracker, [person(100)], MEMORY_S + 1, [dressed(2)]) == [1]


@pytest.mark.parametrize("coloured", [True, False])
def test_people_who_cross_keep_their_ids(coloured: bool) -> None:
    """They walk through each other at 2.5 sizes a second, and meet in one place at t = 0.8 s."""
    tracker = PersonTracker()
    for number in range(49):
        t_s = number / 30
        places = [person(100 + 500 * t_s), person(900 - 500 * t_s)]
        looks = [dressed(2), dressed(8)] if coloured else None
        assert ids(tracker, places, t_s, looks) == [0, 1]


@pytest.mark.parametrize("first", [0.55, 0.7])
def test_who_was_hidden_behind_somebody_keeps_their_id(first: float) -> None:
    tracker = PersonTracker()
    for number in range(49):
        t_s = number / 30
        places, looks = [person(100 + 500 * t_s)], [dressed(2)]
        hidden = first < t_s < 1.1
        if not hidden:
            places, looks = [person(900 - 500 * t_s), *places], [dressed(8), *looks]
        assert ids(tracker, places, t_s, looks) == ([1] if hidden else [0, 1])


def test_a_somersault_is_no_other_person() -> None:
    tracker = PersonTracker()
    middle = np.array([300.0, 300.0])
    for number in range(30):
        keypoints, box = person(300)
        c, s = np.cos(number), np.sin(number)  # about a radian a frame
        keypoints[:, :2] = (keypoints[:, :2] - middle) @ np.array([[c, -s], [s, c]]) + middle
        assert ids(tracker, [(keypoints, box)], number / 15, [dressed(2)]) == [0]


def test_left_and_right_exchanged_is_no_other_person() -> None:
    tracker = PersonTracker()
    for number in range(10):
        keypoints, box = person(300)
        assert ids(tracker, [(keypoints[:: 1 - 2 * (number % 2)], box)], number / 30) == [0]


def test_stalls_of_a_live_loop_change_no_id() -> None:
    """Half a second of pause every two seconds, while somebody walks to and fro."""
    tracker = PersonTracker()
    t_s = 0.0
    for number in range(600):
        t_s += 0.5 if number % 60 == 59 else 1 / 30
        assert ids(tracker, [person(500 + 300 * np.sin(t_s))], t_s, [dressed(2)]) == [0]


def test_light_that_changes_slowly_is_followed() -> None:
    tracker = PersonTracker()
    for number in range(400):
        share = number / 400
        look = (1 - share) * dressed(2) + share * dressed(3)
        assert ids(tracker, [person(300)], number / 30, [look]) == [0]
    away(tracker, 13.4, 16.0)
    assert ids(tracker, [person(300)], 16.0, [dressed(3)]) == [0]


def test_a_time_lapse_or_a_stall_changes_no_id() -> None:
    tracker = PersonTracker()
    for number in range(5):
        assert ids(tracker, [person(100 + 30 * number), person(900)], 120.0 * number) == [0, 1]
    assert ids(tracker, [person(1900)], 600.0) == [2]


def test_another_source_begins_with_the_first_id() -> None:
    tracker = PersonTracker()
    ids(tracker, [person(100), person(900)], 0.0)
    tracker.reset()
    assert ids(tracker, [person(900)], 0.1) == [0]


def test_two_trackers_ids_are_kept_apart() -> None:
    first, second = PersonTracker(0, 2), PersonTracker(1, 2)
    assert ids(first, [person(100), person(500)], 0.0) == [0, 2]
    assert ids(second, [person(100), person(500)], 0.0) == [1, 3]
    assert ids(second, [person(1500), person(500), person(100)], 0.1) == [5, 3, 1]


def test_far_away_is_someone_else() -> None:
    tracker = PersonTracker()
    ids(tracker, [person(100)], 0.0)
    assert ids(tracker, [person(700)], 0.03) == [1]


def test_time_that_steps_back_starts_anew() -> None:
    tracker = PersonTracker()
    ids(tracker, [person(100)], 10.0)
    assert ids(tracker, [person(100)], 0.0) == [1]


@given(st.lists(st.lists(st.floats(0, 2000), max_size=4), max_size=12))
def test_ids_are_always_distinct(frames: list[list[float]]) -> None:
    tracker = PersonTracker()
    for number, places in enumerate(frames):
        found = ids(tracker, [person(x) for x in places], number / 30)
        assert len(set(found)) == len(found) == len(places)
        assert all(i >= 0 for i in found)
