"""Random cameras of clips, the windows of their pictures, and the effects of lenses."""

from __future__ import annotations

import numpy as np
import pytest

from rtpose.train.synth.filming import (
    LARGEST_PX,
    LONGEST_PX,
    ClipFilming,
    ClipLens,
    Holding,
    box_px,
    camera_axes,
    random_filming,
)
from rtpose.train.synth.view import PlacedCamera
from rtpose.train.synth.windows import Window, reprojected, tiles, widened, window_around
from rtpose.types import Camera

TIMES_S = np.arange(24) / 12


def walker(seed: int) -> np.ndarray:
    """(T, N, 3): points of a person who walks a metre."""
    rng = np.random.default_rng(seed)
    points = rng.uniform([-0.3, 0.0, -0.2], [0.3, 1.75, 0.2], (200, 3))
    path = TIMES_S[:, None] * np.array([0.5, 0.0, 0.1])
    return points + path[:, None] - [0.5, 0, 0]


def shots(count: int, upper: bool = False) -> list[ClipFilming]:
    body = walker(0)
    part = body[0, :, 1] > 1.0 if upper else None
    return [random_filming(TIMES_S, body, part, np.random.default_rng(seed)) for seed in range(count)]


def test_axes_are_those_of_a_view() -> None:
    rng = np.random.default_rng(0)
    forward, roll = rng.normal(0, 1, (6, 3)), rng.uniform(-180, 180, 6)
    for axes, along, deg in zip(camera_axes(forward, roll), forward, roll, strict=True):
        view = PlacedCamera.looking(Camera(1, 1, 0, 0), (1, 1), np.zeros(3), along, deg)
        assert np.allclose(axes, view.camera_from_world)


def test_somebody_is_in_the_picture_and_of_a_cheap_size() -> None:
    body = walker(0)
    outside, sizes = 0, []
    for shot in shots(120):
        assert len(shot.views) == 24
        boxes = np.array([box_px(view, points) for view, points in zip(shot.views, body, strict=True)])
        size = np.array(shot.views[0].size)
        outside += bool((boxes < -8).any() or (boxes > size + 8).any())
        sizes.append(float(np.ptp(boxes, axis=1).max()))
        assert sizes[-1] <= LARGEST_PX + 2
        assert max(size) <= LONGEST_PX
        assert all(view.size == shot.views[0].size and view.camera == shot.views[0].camera for view in shot.views)
        assert shot.whole
    assert outside < 12  # held by hand
    assert np.median(sizes) > 150


@pytest.mark.slow
def test_cameras_are_of_all_kinds() -> None:
    many = shots(300)
    fov = [np.degrees(2 * np.arctan(max(s.views[0].size) / 2 / s.views[0].camera.fx)) for s in many]
    assert 38 < min(fov) < 50
    assert 100 < max(fov) < 112
    up = np.array([s.views[0].camera_from_world @ [0, 1, 0] for s in many])
    pitch = np.degrees(np.arcsin(-up[:, 2]))  # looking down is positive
    assert pitch.max() > 50
    assert pitch.min() < -15
    assert 0.5 < np.mean((pitch > -10) & (pitch < 40)) < 0.95
    roll = np.degrees(np.arctan2(up[:, 0], -up[:, 1]))
    assert np.median(np.abs(roll)) < 8
    assert np.abs(roll).max() > 120
    assert {s.holding for s in many} == set(Holding)
    portrait = np.mean([s.views[0].size[1] > s.views[0].size[0] for s in many])
    assert 0.2 < portrait < 0.5
    for shot in many:
        moved = max(np.abs(v.camera_from_world - shot.views[0].camera_from_world).max() for v in shot.views)
        assert (moved > 0) == (shot.holding is not Holding.STILL)


def test_a_part_of_the_body_may_fill_the_picture() -> None:
    body = walker(0)
    cut = 0
    for shot in shots(30, upper=True):
        assert not shot.whole
        low, high = box_px(shot.views[12], body[12])
        cut += bool((low < 0).any() or (high > shot.views[0].size).any())
    assert cut > 15


def test_windows_cover_the_picture_once() -> None:
    seen = np.zeros((70, 130), int)
    for window in tiles((130, 70), 48):
        assert window.width <= 48
        window.cut(seen)[:] += 1
    assert (seen == 1).all()


def test_a_window_is_where_the_person_is() -> None:
    for shot in shots(20):
        view, body = shot.views[3], walker(0)[3]
        window = window_around(view, body, 400)
        assert window.x >= 0
        assert window.x + window.width <= view.size[0]
        assert window.y + window.height <= view.size[1]
        inside = box_px(window.of(view), body)
        whole = box_px(view, body)
        assert np.allclose(inside[0] + [window.x, window.y], whole[0])
        assert (np.clip(inside[0], 0, None) >= 0).all()
    part = Window(2, 1, 3, 2)
    picture = np.zeros((5, 8, 3), np.uint8)
    part.paste(np.full((2, 3, 3), 7, np.uint8), picture)
    assert (part.cut(picture) == 7).all()
    assert picture.sum() == 7 * 18


def test_a_turned_picture_shows_the_same_things() -> None:
    view = PlacedCamera.looking(Camera(200, 200, 100, 75), (200, 150), np.array([0.0, 1, 4]), np.array([0.0, 1, 0]))
    taken = widened(view, 1.5)
    picture = np.zeros((taken.size[1], taken.size[0], 3), np.uint8)
    point = np.array([0.4, 1.3, 0.0])
    x, y = np.rint(box_px(taken, point[None])[0]).astype(int)
    picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    other = PlacedCamera.looking(view.camera, view.size, np.array([0.0, 1, 4]), np.array([0.3, 1.1, 0]), roll_deg=12)
    shown = reprojected(picture, taken, other)
    assert shown.shape == (150, 200, 3)
    rows, columns = np.nonzero(shown[..., 0] > 128)
    assert np.allclose([columns.mean(), rows.mean()], box_px(other, point[None])[0], atol=1.0)
    assert reprojected(picture, taken, taken) is picture


@pytest.mark.parametrize("seed", range(6))
def test_a_lens_keeps_the_picture(seed: int) -> None:
    image = np.full((60, 300, 3), 120, np.uint8)
    image[20:40, 100:200] = (200, 60, 30)
    lens = ClipLens(np.random.default_rng(seed))
    first, second = lens.apply(image), lens.apply(image)
    assert first.shape == image.shape
    assert first.dtype == np.uint8
    assert np.abs(first.astype(int).mean() - second.astype(int).mean()) < 2  # one camera, the same tones
    assert first[30, 150, 0] > first[30, 20, 0]
