from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rtpose.pose.detect.following import box_around, capped_outside, overlap, same_place, same_square, should_search
from rtpose.pose.detect.roi import Roi
from rtpose.types import Float32

JOINTS = arrays.arrays(np.float32, (17, 2), elements=st.floats(-500, 500, width=32))


@pytest.mark.parametrize(
    ("tracked", "persons", "lost", "since_s", "expected"),
    [
        (1, 1, False, 100.0, False),  # nobody else is wanted
        (0, 1, False, 0.1, True),
        (1, 2, False, 0.1, False),
        (1, 2, False, 0.6, True),
        (1, 2, False, -1.0, True),  # time ran backwards
        (1, 2, False, np.inf, True),  # nothing was searched yet
        (1, 2, True, 0.1, True),
    ],
)
def test_when_to_look_for_people(tracked: int, persons: int, lost: bool, since_s: float, expected: bool) -> None:
    assert should_search(tracked, persons, lost=lost, since_s=since_s) is expected


def test_joints_outside_are_never_sure() -> None:
    joints = np.float32([(0, 0), (99, 49), (100, 10), (10, 50), (-1, 10), (200, 200)])
    scores = np.float32([0.9, 0.9, 0.9, 0.9, 0.9, 0.05])
    np.testing.assert_allclose(capped_outside(scores, joints, (100, 50)), [0.9, 0.9, 0.1, 0.1, 0.1, 0.05])
    assert scores[2] == np.float32(0.9), "what was given stays"


@given(JOINTS)
def test_a_box_holds_its_joints_and_a_tenth_more(joints: Float32) -> None:
    box = box_around(joints)
    extent = np.ptp(joints, axis=0)
    np.testing.assert_allclose(box[2:] - box[:2], 1.2 * extent, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose((box[2:] + box[:2]) / 2, (joints.min(0) + joints.max(0)) / 2, atol=1e-2)


def test_the_same_person() -> None:
    one, half_as_large = Roi(100, 100, 200), Roi(110, 100, 100)
    assert same_place(one, half_as_large)
    assert not same_square(one, half_as_large)
    assert same_square(one, Roi(110, 100, 150))
    assert not same_place(one, Roi(131, 100, 200))
    assert overlap(np.float32((0, 0, 10, 10)), np.float32((0, 3, 10, 10)))
    assert not overlap(np.float32((0, 0, 10, 10)), np.float32((6, 0, 16, 10)))
