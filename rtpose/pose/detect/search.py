"""Which parts of a picture the person detector looks at: it shrinks what it gets to 224 px, so that small people are
only found in a part of the picture, and of people close together only one is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.pose.detect.appearance import PAINT
from rtpose.pose.detect.roi import Roi
from rtpose.skeleton import BLAZEPOSE33
from rtpose.types import Float32, Image

TILE_SHARES = (0.6, 0.36, 0.25)
"""Sides of the tiles, of the picture's longer side."""
TILE_STEP = 0.6
"""From one tile to the next, of a tile's side: whoever is smaller than the rest is whole in one of them."""
FIRST_TILE_STEP = 0.4
"""The same in the first pictures, which are searched in all parts: twice the tiles, but only once."""
LEAST_TILE_PX = 180
"""Smaller tiles would show the detector no more than larger ones."""

LIMB_WIDTH, HEAD_RADIUS = 0.3, 0.45
"""Of a body that is painted over, in lengths of its trunk."""
_TRUNK = list(BLAZEPOSE33.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip"))
_LIMBS = [
    BLAZEPOSE33.indices(f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
]
_DIAGONALS = [
    BLAZEPOSE33.indices("left_shoulder", "right_hip"),
    BLAZEPOSE33.indices("right_shoulder", "left_hip"),
]
_FACE = slice(0, BLAZEPOSE33.indices("left_shoulder")[0])


def paint_over(crop: Image, joints: Float32, picture_from_crop: NDArray[np.float64]) -> None:
    """Make the body with these joints grey, so that whoever is behind it is seen alone.

    joints: (33, 2) px of the picture. picture_from_crop: (2, 3).
    """
    turn, shift = picture_from_crop[:, :2], picture_from_crop[:, 2]
    placed = (joints - shift) @ np.linalg.inv(turn).T
    if not (np.abs(placed) < 16 * max(crop.shape)).all():
        return
    points = placed.round().astype(np.int32)
    left, right, left_hip, right_hip = placed[_TRUNK]
    trunk = float(np.linalg.norm((left + right - left_hip - right_hip) / 2))
    cv2.fillConvexPoly(crop, cv2.convexHull(points[_TRUNK]), PAINT)
    for a, b in _LIMBS:
        cv2.line(crop, points[a].tolist(), points[b].tolist(), PAINT, max(1, round(LIMB_WIDTH * trunk)))
    cv2.circle(crop, placed[_FACE].mean(0).round().astype(int).tolist(), round(HEAD_RADIUS * trunk), PAINT, -1)


def on_body(points: Float32, joints: Float32) -> NDArray[np.bool_]:
    """(N,): which points (N, 2) px lie on the limbs or the trunk of a body with these joints (33, 2) px."""
    starts, ends = (joints[[pair[end] for pair in [*_LIMBS, *_DIAGONALS]]] for end in (0, 1))
    left, right, left_hip, right_hip = joints[_TRUNK]
    trunk = float(np.linalg.norm((left + right - left_hip - right_hip) / 2))
    along = ends - starts
    length2 = np.maximum((along**2).sum(1), 1e-6)
    share = np.einsum("nsk,sk->ns", points[:, None] - starts, along) / length2
    apart = points[:, None] - starts - share.clip(0, 1)[..., None] * along
    near: NDArray[np.bool_] = (np.linalg.norm(apart, axis=2) < LIMB_WIDTH / 2 * trunk).any(1)
    return near


def search_tiles(width: int, height: int, step: float = TILE_STEP) -> list[Roi]:
    """Squares that cover a picture of width x height px at each scale, the largest first. step: from one to the next,
    of a square's side."""
    longer = max(width, height)
    sides = [longer * share for share in TILE_SHARES if longer * share >= LEAST_TILE_PX]
    return [
        Roi(cx, cy, side) for side in sides for cy in _centres(height, side, step) for cx in _centres(width, side, step)
    ]  # fmt: skip


class TilePlan:
    """Goes through the tiles of a picture again and again; every other time the people who are known are hidden."""

    def __init__(self, width: int, height: int) -> None:
        self._tiles = search_tiles(width, height)
        self._first_tiles = search_tiles(width, height, FIRST_TILE_STEP)
        self._rest = self._endless()

    def all_of_them(self) -> Iterator[tuple[Roi, bool]]:
        """Tiles close together, each twice: its square, and whether to hide those who are known."""
        return _shown_and_hidden(self._first_tiles)

    def some(self, count: int) -> Iterator[tuple[Roi, bool]]:
        """The next `count`, or none where the picture is too small for tiles."""
        return itertools.islice(self._rest, count)

    def _endless(self) -> Iterator[tuple[Roi, bool]]:
        while self._tiles:
            yield from _shown_and_hidden(self._tiles)


def _shown_and_hidden(tiles: list[Roi]) -> Iterator[tuple[Roi, bool]]:
    return ((tile, hide) for hide in (False, True) for tile in tiles)


def _centres(length: float, side: float, step: float) -> list[float]:
    if side >= length:
        return [length / 2]
    count = math.ceil((length - side) / (side * step)) + 1
    centres: list[float] = np.linspace(side / 2, length - side / 2, count).tolist()
    return centres
