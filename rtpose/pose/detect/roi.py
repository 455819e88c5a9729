"""The square of the picture around one person, turned so that the person is upright in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rtpose.types import Float32, Image, Picture
from rtpose.warp import warp


@dataclass(frozen=True, slots=True)
class Roi:
    """A turned square. All in pixels of the picture; `angle_rad` clockwise as seen (y points down)."""

    cx: float
    cy: float
    side: float
    angle_rad: float = 0.0

    @classmethod
    def around(cls, centre: Float32, scale_point: Float32, margin: float) -> Roi:
        """From the middle of the hips and the point above it, along the body, on the circle around the body.

        centre, scale_point: (2,) px. margin: how much wider than that circle.
        """
        dx, dy = float(scale_point[0] - centre[0]), float(scale_point[1] - centre[1])
        return cls(
            cx=float(centre[0]),
            cy=float(centre[1]),
            side=2.0 * math.hypot(dx, dy) * margin,
            angle_rad=math.pi / 2 - math.atan2(-dy, dx),
        )

    @property
    def is_upside_down(self) -> bool:
        """Whether the person stands on their head in the picture, within 45 degrees."""
        return math.cos(self.angle_rad) < -math.sqrt(0.5)

    def turned_around(self) -> Roi:
        """The same square the other way up."""
        return replace(self, angle_rad=self.angle_rad + math.pi)

    def is_usable(self, width: int, height: int) -> bool:
        """Whether it is finite, of plausible size, and overlaps a picture of width x height px."""
        if not all(map(math.isfinite, (self.cx, self.cy, self.side, self.angle_rad))):
            return False
        if not 1.0 <= self.side <= 20.0 * max(width, height):
            return False
        reach = self.side / 2
        return -reach < self.cx < width + reach and -reach < self.cy < height + reach

    def picture_from_crop(self, size: int) -> NDArray[np.float64]:
        """(2, 3): pixels of a crop of size x size -> pixels of the picture."""
        scale = self.side / size
        c, s = math.cos(self.angle_rad) * scale, math.sin(self.angle_rad) * scale
        half = size / 2
        return np.array([[c, -s, self.cx - (c - s) * half], [s, c, self.cy - (s + c) * half]])


class Finder(Protocol):
    """Says where people are in a picture: the first part of each detector."""

    @property
    def sure_score(self) -> float:
        """From this score on it is a person, without a second network that confirms it."""
        ...

    def find(self, picture: Picture, hidden: Sequence[Float32] = ()) -> list[tuple[Roi, float]]:
        """Squares around people, best first, with scores 0..1. hidden: boxes (4,) px to ignore."""
        ...


def cut_out(picture: Picture, picture_from_crop: NDArray[np.float64], out: Image, *, border: int) -> None:
    """Fill `out` (H, W, 3) with the part of `picture` that the matrix (2, 3) names, in one bilinear warp, as RGB.

    border: what to show outside the picture, a cv2.BORDER_... constant; BORDER_CONSTANT is black.
    """
    if not isinstance(picture, np.ndarray):
        picture.cut_out(picture_from_crop, out, border=border)
        return
    warp(picture, picture_from_crop, (out.shape[1], out.shape[0]), border=border, out=out)
