"""Feet that stand: where root and legs take them."""

import numpy as np
import pytest
from moving_bodies import CAMERA, LENGTHS, squatting, standing_person

from rtpose.pose.body.evidence import evidence_of
from rtpose.pose.body.fit import FEET, fit
from rtpose.pose.body.legs import Legs
from rtpose.pose.body.planted import PlantedFeet, _share

FPS = 60
STANDING = np.array([[-0.1, 1.0, 3.0], [-0.1, 1.0, 2.8], [0.1, 1.0, 3.0], [0.1, 1.0, 2.8]])
ROOT = np.array([0.0, 0.1, 3.0])
STIFF = 1e-6 * np.eye(12)
"""Legs that give way as good as not at all."""


def shown(feet: PlantedFeet, contacts: list[float], moved: np.ndarray, root: np.ndarray, dt_s: float = 1 / FPS):
    """Where root and feet go, whose fit is `moved` from where they stand."""
    root, places, used = feet.update(np.array(contacts), STANDING + moved, ROOT + root, STIFF, dt_s)
    return root, places, used


def test_a_change_is_shared_until_a_step_is_longer_by_so_much():
    x = np.array([0.1, 0.0, 0.0])
    assert _share(np.zeros((1, 3)), x, np.array([0.05])) == pytest.approx(0.5)
    assert _share(np.array([[0.3, 0.0, 0.0]]), x, np.array([0.05])) == pytest.approx(0.5)
    assert _share(np.array([[-0.1, 0.0, 0.0]]), x, np.array([0.05])) == 1.0
    # Across: 0.3² + (0.1 s)² = 0.302², of the first point; the second may go as far as it likes.
    steps = np.array([[0.0, 0.3, 0.0], [0.5, 0.0, 0.0]])
    assert _share(steps, x, np.array([0.002, 1e3])) == pytest.approx(np.sqrt(0.302**2 - 0.3**2) / 0.1)


def test_a_foot_in_the_air_is_not_dragged_along():
    """Root and left foot jump 20 cm to the side, as fitted; the right foot, in the air, does not. The left is held."""
    feet, contacts = PlantedFeet(), [1.0, 1.0, 0.0, 0.0]
    for _ in range(5):
        shown(feet, contacts, np.zeros((4, 3)), np.zeros(3))
    aside = np.array([0.2, 0.0, 0.0])
    moved = np.array([aside, aside, 0 * aside, 0 * aside])
    _, places, _ = shown(feet, contacts, moved, aside)
    np.testing.assert_allclose(places[2:] - STANDING[2:], [[-0.01, 0, 0]] * 2, atol=1e-6)


def test_a_foot_is_held_through_a_jump_of_the_person():
    """Two people overlap: for 0.3 s one of them is shown 0.9 m nearer."""
    feet, near = PlantedFeet(), np.array([0.0, 0.0, -0.9])
    places = []
    for t in range(20):
        jump = near * (5 <= t < 8)
        places.append(shown(feet, [1.0] * 4, np.tile(jump, (4, 1)), jump, dt_s=0.1)[1])
    assert np.linalg.norm(np.diff(places, axis=0), axis=-1).max() < 0.03


ASIDE = np.array([0.08, 0.0, 0.0])
LEFT_ASIDE = np.array([ASIDE, ASIDE, 0 * ASIDE, 0 * ASIDE])


def test_heel_and_toe_go_together():
    """The left leg moves 8 cm, as fitted; its foot is held, by the leg at first. Then the toe alone is let go."""
    feet = PlantedFeet()
    shown(feet, [1.0, 1.0, 0.0, 0.0], np.zeros((4, 3)), np.zeros(3))
    _, places, used = shown(feet, [1.0, 1.0, 0.0, 0.0], LEFT_ASIDE, np.zeros(3))
    assert used.tolist() == [True, True, False, False]
    np.testing.assert_allclose(places[:2], STANDING[:2], atol=0.001)
    _, later, used = shown(feet, [1.0, 0.0, 0.0, 0.0], LEFT_ASIDE, np.zeros(3))
    assert used.tolist() == [True, True, False, False]
    np.testing.assert_allclose(later[:2], STANDING[:2], atol=0.005)


def test_a_foot_that_is_let_go_goes_back_step_by_step():
    """At 0.6 m/s at most, to where the fit has it."""
    feet = PlantedFeet()
    shown(feet, [1.0, 1.0, 0.0, 0.0], np.zeros((4, 3)), np.zeros(3))
    steps = [shown(feet, [1.0, 1.0, 0.0, 0.0], LEFT_ASIDE, np.zeros(3))[1]]
    for _ in range(40):
        root, places, used = shown(feet, [0.0] * 4, LEFT_ASIDE, np.zeros(3))
        steps.append(places)
    assert np.linalg.norm(np.diff(steps, axis=0), axis=-1)[:, 0].max() == pytest.approx(0.6 / FPS, abs=0.001)
    assert not used.any()
    np.testing.assert_allclose(steps[-1] - root, STANDING + LEFT_ASIDE - ROOT, atol=1e-6)


def off_m(t_s: float, aside: tuple[float, float, float], monkeypatch: pytest.MonkeyPatch, **constants: float) -> float:
    """How far feet are off the places to which legs take them, `aside` from where they stand; the largest, metres."""
    for name, value in constants.items():
        monkeypatch.setattr(f"rtpose.pose.body.legs.{name}", value)
    person = standing_person(squatting(t_s))
    given = evidence_of([person], CAMERA, rays=True)
    found = fit(squatting(t_s)[None], given.roots, LENGTHS[None], given, 3)
    legs = Legs(found, LENGTHS[None], 0.003)
    wanted = legs.feet + np.array(aside)
    taken = legs.taken(found.roots, wanted, np.ones((1, 4), bool))
    return float(np.linalg.norm(taken.joints[:, FEET] + taken.roots[:, None] - wanted, axis=-1).max())


def test_a_second_step_takes_feet_nearer(monkeypatch: pytest.MonkeyPatch):
    assert off_m(0.4, (0.0, -0.1, 0.0), monkeypatch) < 0.005
    assert off_m(0.4, (0.0, -0.1, 0.0), monkeypatch, FAR_M=np.inf) > 0.02


def test_straight_legs_do_not_overshoot(monkeypatch: pytest.MonkeyPatch):
    """They hardly get shorter or longer: feet stay about where they are, instead of going far beyond."""
    assert off_m(0.15, (0.0, 0.1, 0.0), monkeypatch) < 0.15
    assert off_m(0.15, (0.0, 0.1, 0.0), monkeypatch, MOST_RAD=np.inf) > 0.3
