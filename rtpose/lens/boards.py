"""Boards to calibrate cameras with: chessboards and ChArUco boards, drawn and found in pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError
from rtpose.types import Image

Grey = NDArray[np.uint8]
_FIND_AT_PX = 1280
"""Longer side at which a chessboard is looked for; its corners are then refined in the full picture."""
_LEAST_CORNERS = 8
_MARKER_SHARE = 0.75
_UNITS_M = {"mm": 0.001, "cm": 0.01, "m": 1.0, "in": 0.0254, "": 0.001}
_MOST_SQUARES = 40


@dataclass(frozen=True, slots=True)
class BoardView:
    """The visible corners of a board in a picture."""

    points_m: NDArray[np.float32]
    """(N, 3) on the board, z = 0."""
    pixels: NDArray[np.float32]
    """(N, 2) in the picture, from its top-left corner (the middle of the first pixel is 0.5, 0.5)."""


class Board(Protocol):
    """A printed board."""

    @property
    def size_m(self) -> tuple[float, float]:
        """(width, height) of the printed squares."""
        ...

    def draw(self, px_per_m: float) -> Grey:
        """(H, W) uint8: the board without a margin."""
        ...

    def find(self, picture: Image) -> BoardView | None:
        """picture: (H, W, 3) RGB."""
        ...


@dataclass(frozen=True)
class Chessboard:
    """A chessboard with `columns` x `rows` inner corners, one less than it has squares. All must be in the picture."""

    columns: int
    rows: int
    square_m: float

    @property
    def size_m(self) -> tuple[float, float]:
        """See `Board`."""
        return (self.columns + 1) * self.square_m, (self.rows + 1) * self.square_m

    def draw(self, px_per_m: float) -> Grey:
        """See `Board`."""
        side = max(1, round(self.square_m * px_per_m))
        black = np.indices((self.rows + 1, self.columns + 1)).sum(0) % 2 == 0
        return np.kron(np.where(black, 0, 255), np.ones((side, side))).astype(np.uint8)

    def find(self, picture: Image) -> BoardView | None:
        """See `Board`."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, _FIND_AT_PX / max(grey.shape))
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
        found, corners = cv2.findChessboardCornersSB(
            small, (self.columns, self.rows), flags=cv2.CALIB_CB_NORMALIZE_IMAGE
        )
        if not found:
            return None
        pixels = corners.reshape(-1, 2).astype(np.float32)
        if scale < 1:
            pixels = (pixels + 0.5) / scale - 0.5
            steps = np.linalg.norm(np.diff(pixels.reshape(self.rows, self.columns, 2), axis=1), axis=-1)
            half = int(np.clip(steps.min() / 3, 2, 15))
            stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.01)
            pixels = cv2.cornerSubPix(grey, pixels[:, None].copy(), (half, half), (-1, -1), stop)[:, 0]
        grid = np.stack(np.meshgrid(np.arange(self.columns), np.arange(self.rows)), -1).reshape(-1, 2)
        points = np.column_stack([grid, np.zeros(len(grid))]) * self.square_m
        return BoardView(points.astype(np.float32), pixels + np.float32(0.5))


@dataclass(frozen=True)
class Charuco:
    """A chessboard of `columns` x `rows` squares with a marker in each white one: a part of it is enough."""

    columns: int
    rows: int
    square_m: float
    marker_m: float
    dictionary: str

    @property
    def size_m(self) -> tuple[float, float]:
        """See `Board`."""
        return self.columns * self.square_m, self.rows * self.square_m

    @cached_property
    def _board(self) -> cv2.aruco.CharucoBoard:
        markers = cv2.aruco.getPredefinedDictionary(_dictionary(self.dictionary))
        return cv2.aruco.CharucoBoard((self.columns, self.rows), self.square_m, self.marker_m, markers)

    @cached_property
    def _detector(self) -> cv2.aruco.CharucoDetector:
        return cv2.aruco.CharucoDetector(self._board)

    def draw(self, px_per_m: float) -> Grey:
        """See `Board`."""
        side = max(1, round(self.square_m * px_per_m))
        drawn: Grey = self._board.generateImage((self.columns * side, self.rows * side))
        return drawn

    def find(self, picture: Image) -> BoardView | None:
        """See `Board`."""
        corners, ids, _, _ = self._detector.detectBoard(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
        if ids is None or len(ids) < _LEAST_CORNERS:
            return None
        points = np.asarray(self._board.getChessboardCorners(), np.float32)[ids.ravel()]
        if min(np.ptp(points[:, 0]), np.ptp(points[:, 1])) < self.square_m / 2:  # all in one line
            return None
        return BoardView(points, corners.reshape(-1, 2).astype(np.float32) + np.float32(0.5))


def make_board(
    chessboard: str | None, charuco: str | None, square: str, marker: str | None = None, dictionary: str = "4x4_100"
) -> Board:
    """The board for options such as "9x6", "5x7", "25mm". Errors: `ConfigError`."""
    if chessboard and charuco:
        raise ConfigError("--board and --charuco are two kinds of boards: leave one out")
    square_m = parse_length(square)
    if charuco is None:
        columns, rows = _parse_counts(chessboard or "9x6")
        return Chessboard(columns, rows, square_m)
    columns, rows = _parse_counts(charuco)
    marker_m = _MARKER_SHARE * square_m if marker is None else parse_length(marker)
    if not marker_m < square_m:
        raise ConfigError(f"a marker of {marker_m * 1000:g} mm does not fit into a square of {square_m * 1000:g} mm")
    room = len(cv2.aruco.getPredefinedDictionary(_dictionary(dictionary)).bytesList)
    needed = columns * rows // 2
    if needed > room:
        raise ConfigError(
            f"--charuco {charuco} needs {needed} markers, {dictionary} has {room}: take a larger dictionary"
        )
    return Charuco(columns, rows, square_m, marker_m, dictionary)


def parse_length(text: str) -> float:
    """ "25mm", "2.5cm", "0.025m", "1in" or "25" (mm) -> metres. Errors: `ConfigError`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(mm|cm|m|in|)\s*", text)
    length_m = float(match[1]) * _UNITS_M[match[2]] if match else 0.0
    if not 0.001 <= length_m <= 2:
        raise ConfigError(f"'{text}' is not the length of a square: write 25mm, 2.5cm or 1in")
    return length_m


def _parse_counts(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)[xX×](\d+)", text.strip())
    counts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(3 <= count <= _MOST_SQUARES for count in counts):
        raise ConfigError(f"'{text}' is not a board: write COLUMNSxROWS, 3 to {_MOST_SQUARES} each, for example 9x6")
    return counts


def _dictionary(name: str) -> int:
    number = getattr(cv2.aruco, f"DICT_{name.upper()}", None)
    if number is None:
        known = sorted({n[5:].lower() for n in dir(cv2.aruco) if n.startswith("DICT_")})
        raise ConfigError(f"there is no dictionary '{name}': choose one of {', '.join(known)}")
    return int(number)
