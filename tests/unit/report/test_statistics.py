"""Ranges, sides and repetitions; unsure values count nowhere."""

from __future__ import annotations

import numpy as np
import pytest
from exercise_recordings import make_recording, squatting, standing, turn
from hypothesis import given
from hypothesis import strategies as st

from rtpose.bones import BONE_INDEX
from rtpose.report.angles import KIND_OF, angles_of
from rtpose.report.statistics import MotionRange, count_repetitions, find_repetitions, range_of, side_difference

TIMES = np.arange(0, 12, 0.1)


@given(
    count=st.integers(1, 8), height=st.floats(40, 120), noise=st.floats(0, 4), pause_s=st.floats(0, 3),
    drift=st.floats(-10, 10), seed=st.integers(0, 100),
)  # fmt: skip
def test_as_many_repetitions_as_were_made(
    count: int, height: float, noise: float, pause_s: float, drift: float, seed: int
) -> None:
    times = np.arange(0, count * (2 + pause_s) + 0.5, 1 / 20)
    phase = np.clip((times % (2 + pause_s)) / 2, 0, 1)
    clean = height * np.sin(np.pi * phase) ** 2 + drift * times / times[-1]
    clean[times >= count * (2 + pause_s)] = drift
    degrees = clean + np.random.default_rng(seed).uniform(-noise, noise, len(times))
    found = find_repetitions(times, degrees, height)
    assert len(found) == count
    for number, rep in enumerate(found):
        assert rep.peak_s == pytest.approx(number * (2 + pause_s) + 1, abs=0.5)
        assert rep.end_s is not None
        assert rep.start_s < rep.peak_s < rep.end_s
        assert rep.peak_deg == pytest.approx(height, abs=15)


def test_what_the_recording_cuts_off() -> None:
    degrees = 100 * (1 - np.cos(2 * np.pi * TIMES / 4)) / 2
    ends_low, ends_bent = find_repetitions(TIMES, degrees, 100), find_repetitions(TIMES[:105], degrees[:105], 100)
    assert [rep.end_s is None for rep in ends_low] == [False, False, False]
    assert [rep.end_s is None for rep in ends_bent] == [False, False, True]
    begins_bent = find_repetitions(TIMES[20:], degrees[20:], 100)
    assert len(begins_bent) == 2  # the first movement had begun before


def test_small_movements_and_unknown_angles_are_no_repetitions() -> None:
    assert find_repetitions(TIMES, 5 * np.sin(TIMES), 10) == []
    assert find_repetitions(TIMES, np.full(len(TIMES), np.nan), 10) == []
    assert find_repetitions(TIMES, np.full(len(TIMES), 40.0), 0) == []


def test_a_gap_is_bridged_and_adds_nothing() -> None:
    degrees = 100 * (1 - np.cos(2 * np.pi * TIMES / 4)) / 2
    degrees[42:48] = np.nan
    assert len(find_repetitions(TIMES, degrees, 100)) == 3


def test_squats_are_counted_on_both_sides_together() -> None:
    (count,) = count_repetitions(angles_of(make_recording(TIMES, [squatting(TIMES, 4)]), 0))
    assert count.side == ""
    assert count.kind.key in ("knee_flexion", "hip_flexion")
    assert len(count.repetitions) == 3
    assert count.repetitions[0].peak_deg == pytest.approx(90, abs=1)


def test_steps_in_turns_are_counted_for_each_side() -> None:
    rotations = standing(len(TIMES))
    bent = 80 * np.clip(np.sin(2 * np.pi * TIMES / 4), 0, 1), 80 * np.clip(-np.sin(2 * np.pi * TIMES / 4), 0, 1)
    for side, degrees in zip(("left", "right"), bent, strict=True):
        rotations[:, BONE_INDEX[f"{side}LowerLeg"]] = turn("x", degrees)
    person = angles_of(make_recording(TIMES, [rotations]), 0)
    assert [(c.title, len(c.repetitions)) for c in count_repetitions(person)] == [
        ("Knee flexion, left", 3), ("Knee flexion, right", 3)
    ]  # fmt: skip
    assert [len(c.repetitions) for c in count_repetitions(person, KIND_OF["elbow_flexion"])] == [0]


def test_unsure_values_do_not_count() -> None:
    recording = make_recording(TIMES, [squatting(TIMES, 4)])
    recording.confidence[50:70] = 0.1  # around the second peak
    recording.poses_3d[55, 0] *= -1
    found = range_of(angles_of(recording, 0), "left_knee_flexion")
    assert found is not None
    assert (found.low_deg, found.high_deg) == pytest.approx((0, 90), abs=1)
    assert found.sure_share == pytest.approx(1 - 20 / len(TIMES))
    recording.confidence[:] = 0.1
    assert range_of(angles_of(recording, 0), "left_knee_flexion") is None
    assert count_repetitions(angles_of(recording, 0)) == []
    assert range_of(angles_of(recording, 0), "left_knee_flexion", least=0.05) is not None


def test_single_wrong_frames_do_not_widen_a_range() -> None:
    person = angles_of(make_recording(TIMES, [squatting(TIMES, 4)]), 0)
    person.degrees["left_knee_flexion"][17] = 175
    found = range_of(person, "left_knee_flexion")
    assert found is not None
    assert found.high_deg < 91


def test_sides_are_compared_by_the_larger() -> None:
    left, right = MotionRange(0, 100, 1), MotionRange(10, 90, 1)
    assert side_difference(left, right) == pytest.approx((20, 0.2))
    assert side_difference(right, left) == pytest.approx((-20, -0.2))
    assert side_difference(left, None) is None
