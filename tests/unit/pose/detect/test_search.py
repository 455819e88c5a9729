import numpy as np
import pytest

from rtpose.pose.detect.search import FIRST_TILE_STEP, LEAST_TILE_PX, TilePlan, on_body, search_tiles
from rtpose.skeleton import BLAZEPOSE33


@pytest.mark.parametrize("size", [(1280, 720), (1080, 1920), (640, 480), (768, 432)])
def test_each_scale_covers_the_picture_with_overlaps(size: tuple[int, int]) -> None:
    tiles = search_tiles(*size)
    assert tiles
    for side in {tile.side for tile in tiles}:
        assert side >= LEAST_TILE_PX
        seen = np.zeros((size[1], size[0]), int)
        for tile in tiles:
            if tile.side == side:
                x, y, half = tile.cx, tile.cy, side / 2
                seen[max(0, round(y - half)) : round(y + half), max(0, round(x - half)) : round(x + half)] += 1
        assert seen.min() >= 1


def test_small_pictures_have_no_tiles() -> None:
    assert search_tiles(200, 150) == []
    assert list(TilePlan(200, 150).some(3)) == []


def test_a_plan_comes_to_every_tile_with_people_shown_and_hidden() -> None:
    plan, tiles = TilePlan(1280, 720), search_tiles(1280, 720)
    both = {(tile, hide) for tile in tiles for hide in (False, True)}
    taken = [step for _ in range(2 * len(tiles)) for step in plan.some(3)]
    assert set(taken) == both
    assert taken[: len(both)] == taken[len(both) : 2 * len(both)]


def test_the_first_pictures_are_searched_in_tiles_closer_together() -> None:
    first = list(TilePlan(1280, 720).all_of_them())
    assert len(set(first)) == len(first)
    assert {tile for tile, _ in first} == set(search_tiles(1280, 720, FIRST_TILE_STEP))
    for side in {tile.side for tile, _ in first}:
        columns = sorted({tile.cx for tile, _ in first if tile.side == side})
        assert (np.diff(columns) <= FIRST_TILE_STEP * side + 1e-6).all()


def test_which_points_lie_on_a_body() -> None:
    joints = np.zeros((33, 2), np.float32)
    for name, y in (("shoulder", 0), ("elbow", 20), ("wrist", 40), ("hip", 40), ("knee", 80), ("ankle", 120)):
        joints[list(BLAZEPOSE33.indices(f"left_{name}", f"right_{name}"))] = (90, y), (110, y)
    points = np.array([[90, 60], [94, 60], [100, 60], [100, 20], [140, 60]], np.float32)
    assert on_body(points, joints).tolist() == [True, True, False, True, False]
