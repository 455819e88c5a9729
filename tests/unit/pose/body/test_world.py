"""Gravity, floor and sizes from people who stand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standing_people import STANDS, camera_over_floor, person

from rtpose.bones import CONTACT_JOINTS
from rtpose.errors import ConfigError
from rtpose.pose.body.balance import angle_deg
from rtpose.pose.body.gravity import angles_from_gravity, gravity_from_angles
from rtpose.pose.body.lean import rotation_about
from rtpose.pose.body.world import World, world_from_gravity
from rtpose.skeleton import RTPOSE28
from rtpose.types import Person3D


def known(world: World) -> tuple[np.ndarray, float]:
    gravity, floor_m = world.gravity, world.floor_m
    assert gravity is not None
    assert floor_m is not None
    return gravity, floor_m


def watch(world: World, people: list[list[Person3D]], seconds: float = 8.0, fps: float = 10.0) -> None:
    for number in range(int(seconds * fps)):
        frame = people[number % len(people)]
        world.observe(frame, [STANDS] * len(frame), number / fps)


@given(st.floats(-80, 80), st.floats(-170, 170), st.floats(0.5, 4))
def test_world_space_is_level_and_its_floor_is_at_0(pitch_deg: float, roll_deg: float, height_m: float) -> None:
    gravity = gravity_from_angles(pitch_deg, roll_deg)
    assert np.allclose(angles_from_gravity(gravity), (pitch_deg, roll_deg), atol=1e-6)
    matrix = world_from_gravity(gravity, height_m)
    turn = matrix[:3, :3]
    assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert np.isclose(np.linalg.det(turn), 1)
    assert np.allclose(turn @ gravity, [0, -1, 0], atol=1e-9)
    below = matrix @ np.append(height_m * gravity, 1)
    assert np.allclose(below[:3], 0, atol=1e-9)  # the floor under the camera is the origin


@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(0, 0), (35, 0), (-10, 8), (20, 26), (30, -26)])
def test_gravity_and_floor_of_somebody_who_stands(pitch_deg: float, roll_deg: float) -> None:
    camera = camera_over_floor(pitch_deg, roll_deg, 1.6)
    world = World()
    assert world.gravity is None
    assert world.world_from_camera is None
    watch(world, [[person(camera, (0.3, -3))]])
    assert world.gravity is not None
    assert angle_deg(world.gravity, gravity_from_angles(pitch_deg, roll_deg)) < 1
    assert world.floor_m == pytest.approx(1.6, abs=0.03)
    assert world.floor_is_seen
    assert np.allclose(world.world_from_camera @ camera, np.eye(4), atol=0.06)


def lifted_with_a_lean(someone: Person3D, degrees: float) -> Person3D:
    """As a lifter sees them that is wrong along the line of sight, by as much for everybody."""
    assert someone.down is not None
    axis = np.cross(someone.down, someone.root_3d)
    turn = rotation_about(np.radians(degrees) * axis / np.linalg.norm(axis))
    return replace(someone, pose_3d=(someone.pose_3d @ turn.T).astype(np.float32), down=turn @ someone.down)


def test_a_first_look_is_enough_where_people_stand() -> None:
    """No foot was seen to stand still yet: the lowest are taken to."""
    camera = camera_over_floor(25, 10, 2.0)
    world = World()
    world.observe([person(camera, (-0.8, -4), 1.1, 0), person(camera, (0.8, -3), 0.9, 1)], [np.full(4, 0.2)] * 2, 0.0)
    assert angle_deg(known(world)[0], gravity_from_angles(25, 10)) < 4
    assert world.floor_m == pytest.approx(2.0, abs=0.1)
    assert world.scale_of(1) / world.scale_of(0) == pytest.approx(1.1 / 0.9, rel=0.08)


def test_a_look_is_early_until_people_were_seen_for_long() -> None:
    someone = person(camera_over_floor(25, 10, 2.0), (0, -3))
    world = World()
    world.observe([someone], [STANDS], 0.0)
    early_deg = np.degrees(world.early_rad)
    assert 2 < early_deg < 8
    watch(world, [[someone]], seconds=3)
    assert world.early_rad == 0
    seated, hidden = World(), replace(someone, keypoints_2d=someone.keypoints_2d * [1, 1, 0])
    watch(seated, [[hidden]], seconds=3)
    assert seated.gravity is not None
    assert seated.early_rad == 0  # assumed to be level, and lean is removed by that


def test_a_first_look_at_somebody_who_sits_says_nothing() -> None:
    world, someone = World(), person(camera_over_floor(25, 10, 2.0), (0, -3))
    someone.keypoints_2d[list(RTPOSE28.indices("left_hip", "right_hip")), 2] = 0
    world.observe([someone], [np.zeros(4)], 0.0)
    assert world.gravity is None


def test_people_on_both_sides_show_gravity_better_than_the_lifter_does() -> None:
    """Their planes of sight meet in it, however they lean towards the camera."""
    camera, gravity = camera_over_floor(30, 0, 2.5), gravity_from_angles(30, 0)
    middle, aside = World(), World()
    watch(middle, [[lifted_with_a_lean(person(camera, (0, -4)), 6)]], seconds=12)
    people = [[lifted_with_a_lean(person(camera, (x, -4), track_id=i), 6) for i, x in enumerate((-1.6, 1.6))]]
    watch(aside, people, seconds=12)
    assert angle_deg(known(middle)[0], gravity) > 5
    assert angle_deg(known(aside)[0], gravity) < 3.5


def test_a_look_the_lifter_is_unsure_of_counts_less() -> None:
    """Half hidden for 6 seconds, somebody leans by 8 degrees; then they stand upright in plain sight."""
    camera, gravity = camera_over_floor(20, 0, 2.0), gravity_from_angles(20, 0)
    stands = replace(person(camera, (0, -4)), error_m=np.full(28, 0.08, np.float32))
    off_deg = []
    for error_m in (0.08, 0.24):
        leans = replace(lifted_with_a_lean(stands, 8), error_m=np.full(28, error_m, np.float32))
        world = World()
        for number in range(120):
            world.observe([leans if number < 60 else stands], [STANDS], number / 10)
        off_deg.append(angle_deg(known(world)[0], gravity))
    assert off_deg[0] > 2.3
    assert off_deg[1] < 1.5


def test_a_size_does_not_settle_while_its_person_is_away() -> None:
    camera, world = camera_over_floor(20, 0, 2.0), World()
    both = [person(camera, (-0.8, -3), track_id=0), person(camera, (0.8, -3), track_id=1)]
    watch(world, [both], seconds=1)
    for number in range(30):
        world.observe(both[:1], [STANDS], 1 + number / 10)
    assert world.size_is_settled(0)
    assert not world.size_is_settled(1)


def test_somebody_who_sits_does_not_make_the_camera_crooked() -> None:
    world, camera = World(), camera_over_floor(0, 0, 1.2)
    sits = lifted_with_a_lean(person(camera, (0, -2)), 25)
    scores = sits.keypoints_2d.copy()
    scores[list(RTPOSE28.indices("left_foot", "right_foot", "left_hip", "right_hip")), 2] = 0.1
    sits = replace(sits, keypoints_2d=scores)
    for number in range(200):
        world.observe([sits], [np.zeros(4)], number / 10)
    assert angle_deg(known(world)[0], gravity_from_angles(0, 0)) < 3
    assert any("assumed to be level" in line for line in world.describe())


def test_the_floor_is_not_held_against_people_of_unknown_size() -> None:
    camera = camera_over_floor(20, 0, 2.0)
    world = World()
    watch(world, [[person(camera, (-0.8, -3), 1.12, 0)]], seconds=3)
    assert world.floor_under(0) is not None
    assert world.floor_under(1) is None
    for number in range(30):
        world.observe(
            [person(camera, (-0.8, -3), 1.12, 0), person(camera, (0.8, -3), 1.0, 1)], [STANDS] * 2, 3 + number / 10
        )
    here, there = world.floor_under(0), world.floor_under(1)
    assert here is not None
    assert there is not None
    assert here / there == pytest.approx(1.12, rel=0.05)  # each in the size that the lifter made them


def test_sizes_are_those_of_people() -> None:
    camera = camera_over_floor(20, 0, 2.0)
    world = World()
    watch(world, [[person(camera, (-0.8, -3), 2.2, 0), person(camera, (0.8, -3), 0.7, 1)]], seconds=4)
    assert 1.7 * world.scale_of(0) > 1.15
    assert 1.7 * world.scale_of(1) < 2.15


def test_two_people_on_one_floor_say_how_tall_they_are_beside_each_other() -> None:
    camera = camera_over_floor(20, 0, 2.0)
    world = World()
    places = [((-1 + 0.1 * k, -3.5), (0.8, -3 - 0.1 * k)) for k in range(12)]
    watch(world, [[person(camera, a, 1.15, 0), person(camera, b, 0.95, 1)] for a, b in places], seconds=20)
    ratio = world.scale_of(0) / world.scale_of(1)
    assert ratio == pytest.approx(0.95 / 1.15, rel=0.05)


def test_the_height_of_the_camera_says_how_tall_people_are() -> None:
    camera = camera_over_floor(15, 0, 2.0)
    world = World(camera_height_m=2.0)
    watch(world, [[person(camera, (0, -3), 1.2)]], seconds=12)
    assert world.floor_m == pytest.approx(2.0)
    assert world.scale_of(0) == pytest.approx(1 / 1.2, rel=0.03)
    tall_m = 1.7 * world.scale_of(0)
    assert any(f"person 0 {tall_m:.2f} m" in line for line in world.describe(1.7))


def test_what_is_given_is_not_learned() -> None:
    camera = camera_over_floor(12, 5, 1.5)
    world = World(pitch_deg=10, roll_deg=2)
    watch(world, [[person(camera, (0, -3))]])
    assert angles_from_gravity(known(world)[0]) == pytest.approx((10, 2), abs=1e-3)
    world = World(roll_deg=2)
    watch(world, [[person(camera, (0, -3))]])
    pitch_deg, roll_deg = angles_from_gravity(known(world)[0])
    assert roll_deg == pytest.approx(2, abs=1e-3)
    assert pitch_deg == pytest.approx(12, abs=1)


def test_it_moves_slowly_once_settled() -> None:
    """Somebody leans, or the camera was turned: what stands on the floor does not jump."""
    world = World()
    watch(world, [[person(camera_over_floor(0, 0, 1.5), (0, -3))]], seconds=6)
    before, floor_m = known(world)
    other = person(camera_over_floor(25, 10, 2.5), (0, -3))
    for number in range(200):
        world.observe([other], [STANDS], 6 + number / 10)
        moved, moved_floor_m = known(world)
        assert angle_deg(before, moved) <= 0.21
        assert abs(moved_floor_m - floor_m) <= 0.0101
        before, floor_m = moved, moved_floor_m
    assert angle_deg(before, gravity_from_angles(0, 0)) > 3  # but it does follow


def test_the_floor_is_assumed_where_nobodys_feet_are_seen() -> None:
    world = World()
    camera = camera_over_floor(0, 0, 1.5)
    someone = person(camera, (0, -2))
    someone.keypoints_2d[list(RTPOSE28.indices(*CONTACT_JOINTS)), 2] = 0.1
    for number in range(60):
        world.observe([someone], [np.zeros(4)], number / 10)
    assert world.gravity is not None
    assert not world.floor_is_seen
    assert world.floor_m == pytest.approx(1.5, abs=0.12)
    assert any("assumed" in line for line in world.describe())


def test_level_takes_the_axis_of_somebody_who_holds_still() -> None:
    world = World(level=True)
    camera = camera_over_floor(18, -12, 1.5)
    watch(world, [[person(camera, (0, -3))]], seconds=1.5)
    assert world.gravity is None
    watch(world, [[person(camera, (0, -3))]], seconds=3)
    held = world.gravity
    assert held is not None
    assert angle_deg(held, gravity_from_angles(18, -12)) < 1.5
    for number in range(100):
        world.observe([person(camera_over_floor(0, 0, 1.5), (0, -3))], [STANDS], 20 + number / 10)
    assert angle_deg(held, known(world)[0]) < 0.1


@pytest.mark.parametrize(
    "wrong", [{"pitch_deg": 95}, {"roll_deg": 200}, {"camera_height_m": 0}, {"level": True, "pitch_deg": 3}]
)
def test_impossible_values_are_reported(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        World(**wrong)


def test_reset_forgets() -> None:
    world = World()
    watch(world, [[person(camera_over_floor(0, 0, 1.5), (0, -3))]])
    world.reset()
    assert (world.gravity, world.world_from_camera, world.scale_of(0)) == (None, None, 1)


def test_a_given_height_goes_before_the_height_of_the_camera() -> None:
    camera = camera_over_floor(15, 0, 2.0)
    world = World(camera_height_m=2.0, height_is_given=True)
    watch(world, [[person(camera, (0, -3), 1.05)]], seconds=12)
    assert world.scale_of(0) == pytest.approx(1, abs=0.03)
