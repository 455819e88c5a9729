import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rtpose.pose.track import MAX_GAP_S, MAX_MISSED_FRAMES, NearestTracker


def person(x: float, y: float = 300, size: float = 200) -> tuple[np.ndarray, np.ndarray]:
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[:, 0] = x + np.linspace(-0.2, 0.2, 17) * size
    keypoints[:, 1] = y + np.linspace(-0.5, 0.5, 17) * size
    box = np.array([x - size / 4, y - size / 2, x + size / 4, y + size / 2], np.float32)
    return keypoints, box


def ids(tracker: NearestTracker, people: list[tuple[np.ndarray, np.ndarray]], t_s: float) -> list[int]:
    keypoints = np.array([k for k, _ in people], np.float32).reshape(-1, 17, 3)
    return tracker.update(keypoints, np.array([b for _, b in people], np.float32).reshape(-1, 4), t_s)


def test_two_people_keep_their_ids_whatever_the_order() -> None:
    tracker = NearestTracker()
    assert ids(tracker, [person(100), person(500)], 0.0) == [0, 1]
    assert ids(tracker, [person(510), person(110)], 0.1) == [1, 0]


def test_someone_new_gets_a_new_id_and_nobody_gets_a_used_one() -> None:
    tracker = NearestTracker()
    ids(tracker, [person(100)], 0.0)
    assert ids(tracker, [person(100), person(900)], 0.1) == [0, 1]
    for t_s in (5.0, 5.1, 5.2):
        ids(tracker, [], t_s)
    assert ids(tracker, [person(100)], 5.3) == [2]


def test_a_short_absence_is_forgiven_and_a_long_one_is_not() -> None:
    tracker = NearestTracker()
    ids(tracker, [person(100)], 0.0)
    ids(tracker, [], 0.5)
    assert ids(tracker, [person(120)], 0.9 * MAX_GAP_S) == [0]
    for number in range(MAX_MISSED_FRAMES + 1):
        ids(tracker, [], (1.5 + 0.1 * number) * MAX_GAP_S)
    assert ids(tracker, [person(120)], 2.5 * MAX_GAP_S) == [1]


def test_a_time_lapse_or_a_stall_changes_no_id() -> None:
    tracker = NearestTracker()
    for number in range(5):
        assert ids(tracker, [person(100 + 30 * number), person(900)], 120.0 * number) == [0, 1]
    assert ids(tracker, [person(1900)], 600.0) == [2]


def test_another_source_begins_with_the_first_id() -> None:
    tracker = NearestTracker()
    ids(tracker, [person(100), person(900)], 0.0)
    tracker.reset()
    assert ids(tracker, [person(900)], 0.1) == [0]


def test_two_trackers_ids_are_kept_apart() -> None:
    first, second = NearestTracker(0, 2), NearestTracker(1, 2)
    assert ids(first, [person(100), person(500)], 0.0) == [0, 2]
    assert ids(second, [person(100), person(500)], 0.0) == [1, 3]
    assert ids(second, [person(1500), person(500), person(100)], 0.1) == [5, 3, 1]


def test_far_away_is_someone_else() -> None:
    tracker = NearestTracker()
    ids(tracker, [person(100)], 0.0)
    assert ids(tracker, [person(700)], 0.03) == [1]


def test_time_that_steps_back_starts_anew() -> None:
    tracker = NearestTracker()
    ids(tracker, [person(100)], 10.0)
    assert ids(tracker, [person(100)], 0.0) == [1]


@given(st.lists(st.lists(st.floats(0, 2000), max_size=4), max_size=12))
def test_ids_are_always_distinct(frames: list[list[float]]) -> None:
    tracker = NearestTracker()
    for number, places in enumerate(frames):
        found = ids(tracker, [person(x) for x in places], number / 30)
        assert len(set(found)) == len(found) == len(places)
        assert all(i >= 0 for i in found)
