"""People on the picture: where they are, in their sides' colours, and no guesses."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rtpose.outputs.drawing import draw_people
from rtpose.skeleton import RTPOSE28, SIDE_COLORS
from rtpose.types import Person3D, Result

MakeResult = Callable[..., Result]
LEFT = tuple(int(SIDE_COLORS["left"][i : i + 2], 16) for i in (1, 3, 5))
RIGHT = tuple(int(SIDE_COLORS["right"][i : i + 2], 16) for i in (1, 3, 5))


def apart(score: float = 0.9) -> Person3D:
    """The left joints on the left half of the picture's height, the right ones on the other."""
    points = np.full((28, 3), score, np.float32)
    for i, joint in enumerate(RTPOSE28.joints):
        x = {"left": 50, "right": 350}.get(joint.split("_")[0], 200)
        points[i, :2] = x, 20 + 20 * i
    return Person3D(3, np.zeros(4, np.float32), points, points, points[0], points[:, 2])


def count(image: np.ndarray, color: tuple[int, ...], columns: slice) -> int:
    return int((image[:, columns] == color).all(-1).sum())


def test_sides_have_their_colours_and_the_picture_is_a_new_one() -> None:
    image = np.full((400, 400, 3), 60, np.uint8)
    drawn = draw_people(image, [apart()])
    assert (image == 60).all()
    assert drawn.shape == image.shape
    assert count(drawn, LEFT, slice(0, 100)) > 100
    assert count(drawn, RIGHT, slice(300, 400)) > 100
    assert count(drawn, RIGHT, slice(0, 100)) == count(drawn, LEFT, slice(300, 400)) == 0


def test_nobody_is_nothing() -> None:
    image = np.full((40, 40, 3), 60, np.uint8)
    np.testing.assert_array_equal(draw_people(image, []), image)


def test_guesses_are_not_drawn_and_unsure_joints_are_faint() -> None:
    image = np.full((400, 400, 3), 60, np.uint8)
    np.testing.assert_array_equal(draw_people(image, [apart(0.29)]), image)
    faint = draw_people(image, [apart(0.4)])
    assert (faint != image).any()
    assert count(faint, LEFT, slice(0, 100)) == 0


def test_one_unsure_joint_leaves_the_others() -> None:
    person = apart()
    person.keypoints_2d[RTPOSE28.index_of["left_wrist"], 2] = 0.1
    image = np.full((400, 400, 3), 60, np.uint8)
    full, less = draw_people(image, [apart()]), draw_people(image, [person])
    assert 0 < count(less, LEFT, slice(0, 100)) < count(full, LEFT, slice(0, 100))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e9])
def test_points_far_away_are_left_out(value: float) -> None:
    person = apart()
    person.keypoints_2d[3, :2] = value
    draw_people(np.zeros((50, 60, 3), np.uint8), [person])
    person.keypoints_2d[:, :2] = value
    assert not draw_people(np.zeros((50, 60, 3), np.uint8), [person]).any()


def test_larger_people_have_thicker_lines(make_result: MakeResult) -> None:
    image = np.full((400, 400, 3), 60, np.uint8)
    small = apart()
    small = replace(small, keypoints_2d=small.keypoints_2d * np.float32([0.25, 0.25, 1]))
    large = draw_people(image, [apart()])
    assert (large != image).sum() > 4 * (draw_people(image, [small]) != image).sum()
