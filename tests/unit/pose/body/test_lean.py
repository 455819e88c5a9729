"""Lean is removed as far as the picture allows, and from nobody who does lean."""

from dataclasses import replace

import numpy as np
import pytest
from standing_people import camera_over_floor, person

from rtpose.pose.body.balance import angle_deg, body_axis
from rtpose.pose.body.gravity import gravity_from_angles
from rtpose.pose.body.lean import LeanRemover, rotation_about
from rtpose.skeleton import RTPOSE28
from rtpose.types import Person3D

GRAVITY = gravity_from_angles(10, 5)


def leaning(degrees: float, axis: tuple[float, float, float] = (1, 0, 0)) -> Person3D:
    stands = person(camera_over_floor(10, 5, 1.5), (0, -4))
    turn = rotation_about(np.radians(degrees) * np.array(axis))
    return replace(stands, pose_3d=(stands.pose_3d @ turn.T).astype(np.float32), error_m=np.full(28, 0.08, np.float32))


def lean_deg(someone: Person3D) -> float:
    axis = body_axis(someone.pose_3d)
    assert axis is not None
    return angle_deg(axis, GRAVITY)


def settled(someone: Person3D, remover: LeanRemover) -> Person3D:
    for frame in range(100):
        (turned,) = remover.remove_lean([someone], GRAVITY, frame / 30)
    return turned


def test_a_lean_towards_the_camera_goes() -> None:
    for degrees in (-8, 8):
        assert lean_deg(leaning(degrees)) > 7
        assert lean_deg(settled(leaning(degrees), LeanRemover())) < 2


def test_where_gravity_is_known_somebody_new_stands_upright_from_the_first_frame_on() -> None:
    for at_once, most_deg in ((True, 2), (False, 9)):
        (turned,) = LeanRemover(at_once=at_once).remove_lean([leaning(8)], GRAVITY, 0.0)
        assert most_deg - 2 < lean_deg(turned) < most_deg


def test_less_of_it_goes_while_gravity_is_known_no_better() -> None:
    someone, remover = leaning(8), LeanRemover()
    for frame in range(100):
        (turned,) = remover.remove_lean([someone], GRAVITY, frame / 30, np.radians(6))
    assert lean_deg(turned) == pytest.approx(8 - 8 * 3**2 / (3**2 + 6**2), abs=0.3)


def test_the_picture_does_not_change_by_more_than_the_spread() -> None:
    someone = replace(leaning(20), error_m=np.full(28, 0.01, np.float32))
    turned = settled(someone, LeanRemover())
    before, after = someone.pose_3d + someone.root_3d, turned.pose_3d + turned.root_3d
    apart = after[:, :2] / after[:, 2:] - before[:, :2] / before[:, 2:]
    assert someone.root_3d[2] * np.sqrt((apart**2).sum(-1).mean()) <= 0.0051


def test_a_lean_in_the_picture_stays() -> None:
    """About the line of sight the picture shows how somebody leans."""
    assert lean_deg(settled(leaning(8, (0, 0, 1)), LeanRemover())) > 6


def test_who_bends_is_left_alone() -> None:
    someone = leaning(0)
    bent = someone.pose_3d.copy()
    upper = [i for i, joint in enumerate(RTPOSE28.joints) if not joint.endswith(("hip", "knee", "foot", "heel", "toe"))]
    bent[upper] = bent[upper] @ rotation_about(np.array([0.9, 0, 0])).T
    someone = replace(someone, pose_3d=bent.astype(np.float32))
    assert np.abs(settled(someone, LeanRemover()).pose_3d - bent).max() < 0.01


def test_it_comes_slowly_and_bones_stay() -> None:
    remover, someone = LeanRemover(), leaning(8)
    before = someone.pose_3d
    for frame in range(60):
        (turned,) = remover.remove_lean([someone], GRAVITY, frame / 30)
        assert np.linalg.norm(turned.pose_3d - before, axis=-1).max() < 0.02
        before = turned.pose_3d
        lengths = np.linalg.norm(turned.pose_3d[:, None] - turned.pose_3d[None], axis=-1)
        exact = np.linalg.norm(someone.pose_3d[:, None] - someone.pose_3d[None], axis=-1)
        assert np.allclose(lengths, exact, atol=1e-5)


def test_without_gravity_nothing_is_turned() -> None:
    someone = leaning(8)
    (turned,) = LeanRemover().remove_lean([someone], None, 0.0)
    assert np.array_equal(turned.pose_3d, someone.pose_3d)
