"""Whoever stands is as far away as the floor says."""

from dataclasses import replace

import numpy as np
import pytest
from standing_people import STANDS, camera_over_floor, person

from rtpose.pose.body.bodies import Bodies
from rtpose.pose.body.grounding import Ground, Grounding, factor_of, moved_on_sight, rays_from
from rtpose.skeleton import RTPOSE28
from rtpose.types import Camera

FEET = list(RTPOSE28.indices("left_heel", "right_heel"))
CAMERA = camera_over_floor(25, 8, 2.0)
GRAVITY = -CAMERA[:3, 1]
GROUND = Ground(GRAVITY, 2.0)


def test_the_distance_follows_the_floor_and_the_picture_of_the_feet_stays() -> None:
    someone = person(CAMERA, (0.3, -4))
    joints, root = someone.pose_3d.astype(float), someone.root_3d.astype(float)
    far = 1.08 * root + 0.08 * joints[FEET].mean(0)  # too far along the line of sight to the feet
    factor = factor_of(joints, far, STANDS, GROUND)
    assert factor == pytest.approx(1 / 1.08, abs=0.012)
    there = moved_on_sight(far, factor, GRAVITY, 2.0)
    assert np.abs((joints[FEET] + there) @ GRAVITY - 1.97).max() < 0.04
    before, after = joints[FEET].mean(0) + far, joints[FEET].mean(0) + there
    assert before[:2] / before[2] == pytest.approx(after[:2] / after[2], abs=0.01)


def test_a_floor_whose_tilt_is_uncertain_moves_people_less_the_farther_away_they_are() -> None:
    """At 8 m it is 0.5 m higher or lower, which says less of the distance than the picture."""
    moved = {}
    for away_m in (2, 8):
        someone = person(CAMERA, (0, -away_m))
        joints, root = someone.pose_3d.astype(float), 1.04 * someone.root_3d.astype(float)
        grounds = (Ground(GRAVITY, 2.0, np.radians(degrees), 0.0) for degrees in (0, 6))
        sure, unsure = (factor_of(joints, root, STANDS, ground) for ground in grounds)
        assert sure < unsure < 1
        moved[away_m] = (unsure - 1) / (sure - 1)
    # Errors: 5 % by the picture, 2.5 % by the floor's height, 0.6 x 6 degrees x away / 2 by its tilt.
    assert moved[2] == pytest.approx((0.05**2 + 0.025**2) / (0.05**2 + 0.025**2 + 0.063**2), abs=0.03)
    assert moved[8] == pytest.approx((0.05**2 + 0.025**2) / (0.05**2 + 0.025**2 + 0.251**2), abs=0.01)


def test_somebody_of_known_height_is_moved_less() -> None:
    someone = person(CAMERA, (0.3, -4))
    joints, root = someone.pose_3d.astype(float), 1.04 * someone.root_3d.astype(float)
    by_height = [factor_of(joints, root, STANDS, Ground(GRAVITY, 2.0, np.radians(5), spread)) for spread in (0.0, 0.1)]
    assert by_height[1] < by_height[0] < 1


def test_it_moves_slowly_and_waits_while_nobody_stands() -> None:
    someone = person(CAMERA, (0.3, -4))
    joints, root = someone.pose_3d.astype(float), 1.1 * someone.root_3d.astype(float)
    ground = Grounding()
    ground.update(joints, root, np.zeros(4), GROUND, 0.1)
    assert ground.factor == 1
    last = moved_on_sight(root, 1.0, GRAVITY, 2.0)
    for _ in range(40):
        ground.update(joints, root, STANDS, GROUND, 0.1)
        there = moved_on_sight(root, ground.factor, GRAVITY, 2.0)
        assert np.linalg.norm(there - last) <= 0.031
        last = there
    assert ground.factor < 0.96


def test_rays_belong_to_the_place_the_person_was_moved_to() -> None:
    someone = person(CAMERA, (0, -4))
    joints, root = someone.pose_3d.astype(float), someone.root_3d.astype(float)
    there = moved_on_sight(root, 0.9, GRAVITY, 2.0)
    seen, expected = joints + root, joints + there
    rays = rays_from(seen[:, :2] / seen[:, 2:], root, there, GRAVITY, 2.0)
    assert np.abs(rays - expected[:, :2] / expected[:, 2:]).max() < 0.025


def test_bodies_of_wrong_size_end_on_one_floor() -> None:
    """One of them is so much too large that their size is not believed, and keeps it."""
    camera, bodies = Camera(600, 600, 320, 240), Bodies()
    people = [person(CAMERA, (-0.8, -4), 1.0, 0), person(CAMERA, (0.8, -3.5), 1.3, 1)]
    for someone in people:
        seen = someone.pose_3d + someone.root_3d
        someone.keypoints_2d[:, :2] = seen[:, :2] / seen[:, 2:] * 600 + [320, 240]
    for number in range(150):
        fitted, world = bodies.fit([replace(p) for p in people], camera, number / 15)
    assert world is not None
    heights = [((p.pose_3d[FEET] + p.root_3d) @ world[1, :3] + world[1, 3]).mean() for p in fitted]
    assert abs(heights[0] - heights[1]) < 0.08


def test_who_comes_in_stands_on_the_floor_that_is_known_from_the_first_frame_on() -> None:
    bodies = Bodies()
    first, second = person(CAMERA, (-0.8, -4), 1.0, 0), person(CAMERA, (0.8, -3.5), 1.2, 1)
    for number in range(60):
        bodies.fit([replace(first)], Camera(600, 600, 320, 240), number / 15)
    fitted, world = bodies.fit([replace(first), replace(second)], Camera(600, 600, 320, 240), 4.0)
    assert world is not None
    heights = [((p.pose_3d[FEET] + p.root_3d) @ world[1, :3] + world[1, 3]).mean() for p in fitted]
    assert abs(heights[0] - heights[1]) < 0.15  # 0.40 at the size that is assumed
    assert np.linalg.norm(fitted[1].root_3d) == pytest.approx(np.linalg.norm(second.root_3d) / 1.2, rel=0.08)
