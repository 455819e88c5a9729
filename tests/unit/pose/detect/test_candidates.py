"""Of two looks at one person, which is believed."""

from dataclasses import replace

import numpy as np
import pytest

from rtpose.pose.detect.candidates import SeenPerson, surer
from rtpose.pose.detect.roi import Roi
from rtpose.types import Evidence, Person2D

UP = Roi(50, 50, 80)


def seen(presence: float, spread_px: float, roi: Roi = UP) -> SeenPerson:
    each = np.ones(33, np.float32)
    evidence = Evidence(
        image_z_px=each, world_m=np.ones((33, 3), np.float32), visibility=each, presence=each,
        spread_px=spread_px * each, angle_rad=roi.angle_rad,
    )  # fmt: skip
    person = Person2D(np.zeros((33, 3), np.float32), np.zeros(4, np.float32), presence, evidence)
    return SeenPerson(person, roi, roi)


@pytest.mark.parametrize(
    ("presence", "spread_px", "turned"),
    [(0.995, 3.0, True), (0.985, 3.0, False), (0.9999, 6.0, False)],
    ids=["surer and sharper", "hardly surer", "surer, but the peaks are wide"],
)
def test_the_other_way_up_must_be_surer_and_no_less_sharp(presence: float, spread_px: float, turned: bool) -> None:
    one, other = seen(0.98, 5.0), seen(presence, spread_px, UP.turned_around())
    assert surer(one, other) is (other if turned else one)
    assert surer(one, None) is one


def test_upside_down_is_within_45_degrees() -> None:
    assert UP.turned_around().is_upside_down
    for turn_deg, expected in ((0, False), (130, False), (140, True), (-170, True), (230, False), (540, True)):
        assert replace(UP, angle_rad=float(np.deg2rad(turn_deg))).is_upside_down is expected
