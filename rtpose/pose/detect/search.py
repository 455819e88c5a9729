"""Which parts of a picture the person detector looks at: it shrinks what it gets to 224 px, so that small people are
only found in a part of the picture, and of people close together only one is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from rtpose.pose.detect.roi import Roi

TILE_SHARES = (0.6, 0.36, 0.25)
"""Sides of the tiles, of the picture's longer side."""
TILE_STEP = 0.6
"""From one tile to the next, of a tile's side: whoever is smaller than the rest is whole in one of them."""
LEAST_TILE_PX = 180
"""Smaller tiles would show the detector no more than larger ones."""


def search_tiles(width: int, height: int) -> list[Roi]:
    """Squares that cover a picture of width x height px at each scale, the largest first."""
    longer = max(width, height)
    sides = [longer * share for share in TILE_SHARES if longer * share >= LEAST_TILE_PX]
    return [
        Roi(cx, cy, side) for side in sides for cy in _centres(height, side) for cx in _centres(width, side)
    ]  # fmt: skip


class TilePlan:
    """Goes through the tiles of a picture again and again; every other time the people who are known are hidden."""

    def __init__(self, width: int, height: int) -> None:
        self._tiles = search_tiles(width, height)
        self._rest = self._endless()

    def all_of_them(self) -> Iterator[tuple[Roi, bool]]:
        """Each tile twice: its square, and whether to hide those who are known."""
        return itertools.chain((tile, hide) for hide in (False, True) for tile in self._tiles)

    def some(self, count: int) -> Iterator[tuple[Roi, bool]]:
        """The next `count`, or none where the picture is too small for tiles."""
        return itertools.islice(self._rest, count)

    def _endless(self) -> Iterator[tuple[Roi, bool]]:
        while self._tiles:
            yield from self.all_of_them()


def _centres(length: float, side: float) -> list[float]:
    if side >= length:
        return [length / 2]
    count = math.ceil((length - side) / (side * TILE_STEP)) + 1
    centres: list[float] = np.linspace(side / 2, length - side / 2, count).tolist()
    return centres
