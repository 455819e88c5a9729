"""Which views of a board a calibration has, and which it lacks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.geometry import camera_from_fov
from rtpose.lens.boards import BoardView
from rtpose.wording import counted

ROWS, COLUMNS = 3, 4
MIN_VIEWS, MIN_REGIONS, MIN_TILTS = 8, 8, 2
"""With less the result is a guess: a board that faces the camera hardly shows the focal length."""
GOOD_VIEWS, MOST_VIEWS = 20, 60
_TILTED_DEG = 15.0
_SHARE_OF_VIEWS, _SHARE_OF_REGIONS, _SHARE_OF_TILTS = 0.3, 0.4, 0.3
_NEW = 0.12
"""How far a view must be from all others to count as new, in shares of the picture and of 60 degrees."""
_ROW_NAMES, _COLUMN_NAMES = ("upper", "middle", "lower"), ("left edge", "left", "right", "right edge")
TILTS = {
    "left": "turn the board: its left side closer to the camera",
    "right": "turn the board: its right side closer to the camera",
    "top": "tilt the board: its upper side closer to the camera",
    "bottom": "tilt the board: its lower side closer to the camera",
}
"""Side of the board that is closer, as seen in the picture -> how to get such a view."""


class Coverage:
    """The kept views of pictures of one size."""

    def __init__(self, size: tuple[int, int]) -> None:
        """size: (width, height) px."""
        self.size = size
        self.views: list[BoardView] = []
        self.regions: NDArray[np.bool_] = np.zeros((ROWS, COLUMNS), bool)
        """(3, 4): parts of the picture, rows from the top, in which corners were seen."""
        self.tilts: set[str] = set()
        """Of `TILTS`, those seen."""
        self._looks: list[NDArray[np.float64]] = []

    def offer(self, view: BoardView) -> bool:
        """Keep a view if it shows something that the others do not; whether it was kept."""
        look, tilts = self._look(view)
        if len(self.views) >= MOST_VIEWS or any(np.abs(look - other).max() < _NEW for other in self._looks):
            return False
        cells = (view.pixels / self.size * (COLUMNS, ROWS)).astype(int).clip(0, (COLUMNS - 1, ROWS - 1))
        self.regions[cells[:, 1], cells[:, 0]] = True
        self.tilts |= tilts
        self.views.append(view)
        self._looks.append(look)
        return True

    @property
    def share(self) -> float:
        """0..1: share of a good calibration's views so far."""
        return (
            _SHARE_OF_VIEWS * min(1.0, len(self.views) / GOOD_VIEWS)
            + _SHARE_OF_REGIONS * float(self.regions.mean())
            + _SHARE_OF_TILTS * len(self.tilts) / len(TILTS)
        )

    @property
    def complete(self) -> bool:
        """Whether more views would not help."""
        return bool(self.regions.all()) and len(self.tilts) == len(TILTS) and len(self.views) >= GOOD_VIEWS

    @property
    def next_step(self) -> str:
        """What the person holding the board should do next."""
        if not self.views:
            return "show the whole board"
        for tilt, what in TILTS.items():
            # Alternate with the regions: it is tedious to do all of one kind first.
            if tilt not in self.tilts and len(self.tilts) <= self.regions.sum() // 3:
                return what
        if not self.regions.all():
            row, column = np.argwhere(~self.regions)[0]
            return f"bring the board to the {_ROW_NAMES[row]} {_COLUMN_NAMES[column]} of the picture"
        if missing := [what for tilt, what in TILTS.items() if tilt not in self.tilts]:
            return missing[0]
        return "more views: closer, farther, rotated" if not self.complete else "that is enough"

    @property
    def summary(self) -> str:
        """ "12 views, 9 of 12 regions, 3 of 4 tilts"."""
        return (
            f"{counted(len(self.views), 'view')}, {int(self.regions.sum())} of {self.regions.size} regions, "
            f"{len(self.tilts)} of {len(TILTS)} tilts"
        )

    @property
    def map_text(self) -> str:
        """The regions, row by row from the top: "■■□□ ■■■□ □□□□"."""
        return " ".join("".join("■" if seen else "□" for seen in row) for row in self.regions.tolist())

    def _look(self, view: BoardView) -> tuple[NDArray[np.float64], set[str]]:
        """How a view looks, for comparison, and which sides of the board are nearer."""
        guess = camera_from_fov(self.size)
        matrix = np.array([[guess.fx, 0, guess.cx], [0, guess.fy, guess.cy], [0, 0, 1]])
        middle = (view.points_m.min(0) + view.points_m.max(0)) / 2
        good, turn, place = cv2.solvePnP(view.points_m - middle, view.pixels, matrix, None, flags=cv2.SOLVEPNP_IPPE)
        normal = np.array([0.0, 0.0, 1.0])
        if good:
            # Tilted against the image plane: only that shows a focal length.
            normal = cv2.Rodrigues(turn)[0][:, 2]
            normal = normal * (np.sign(normal @ place.ravel()) or 1.0)  # away from the camera
        about_y, about_x = (float(np.degrees(np.arctan2(normal[axis], normal[2]))) for axis in (0, 1))
        tilts = set()
        if abs(about_y) >= _TILTED_DEG:
            tilts.add("left" if about_y < 0 else "right")
        if abs(about_x) >= _TILTED_DEG:
            tilts.add("top" if about_x < 0 else "bottom")
        centre = view.pixels.mean(0) / self.size
        spread = view.pixels.std(0).mean() * 3 / max(self.size)
        return np.array([*centre, spread, about_y / 60, about_x / 60]), tilts
