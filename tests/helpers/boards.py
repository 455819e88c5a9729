"""Pictures of calibration boards, seen by a camera that is known exactly."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from rtpose.lens.boards import Board, BoardView, make_board
from rtpose.types import Camera, Frame, Image, SourceInfo, SourceStats

PX_PER_M = 3000.0
SIZE = (480, 360)
CAMERA = Camera(430, 430, 245, 176)
CHARUCO = make_board(None, "5x7", "25mm")
MARGIN = 0.03


def matrix_of(camera: Camera) -> np.ndarray:
    return np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])


def board_poses(
    board: Board, camera: Camera, size: tuple[int, int], count: int = 24
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rotation vector, place of the middle): all over the picture, and tilts to 30 degrees in all directions."""
    random = np.random.default_rng(1)
    places = [(x, y) for y in (-0.55, 0.0, 0.55) for x in (-0.62, -0.2, 0.2, 0.62)]
    tilts = [(0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5), (0.4, 0.4), (-0.4, 0.35), (0.1, -0.1)]
    for number in range(count):
        x, y = places[number % len(places)]
        about_x, about_y = tilts[number % len(tilts)]
        distance = camera.fx * board.size_m[0] / (size[0] * random.uniform(0.36, 0.42))
        place = np.array([x * size[0] / 2 / camera.fx, y * size[1] / 2 / camera.fy, 1.0]) * distance
        turn = np.array([about_x + 1e-3, about_y + 1e-3, random.uniform(-0.15, 0.15)])
        yield turn, place


def board_picture(board: Board, camera: Camera, size: tuple[int, int], turn: np.ndarray, place: np.ndarray) -> Image:
    """(H, W, 3) RGB. turn: rotation vector. place: of the board's middle, metres, camera space."""
    drawn = board.draw(PX_PER_M)
    margin = round(MARGIN * PX_PER_M)
    per_m = drawn.shape[1] / board.size_m[0]
    drawn = cv2.copyMakeBorder(drawn, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=255)
    rotation = cv2.Rodrigues(turn)[0]
    middle = np.array(board.size_m) / 2
    rays_from_board = np.column_stack([rotation[:, 0], rotation[:, 1], place - rotation[:, :2] @ middle])
    board_from_drawing = np.linalg.inv([[per_m, 0, margin], [0, per_m, margin], [0, 0, 1]])
    # Twice as fine, then averaged. OpenCV's pixels have whole coordinates in their middles, the camera's do not.
    half, fine = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]), np.diag([2.0, 2.0, 1.0])
    homography = np.linalg.inv(half) @ fine @ matrix_of(camera) @ rays_from_board @ board_from_drawing @ half
    seen = cv2.warpPerspective(drawn, homography, (2 * size[0], 2 * size[1]), flags=cv2.INTER_LINEAR, borderValue=120)
    grey = cv2.resize(seen, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 2, grey.shape)
    return cv2.cvtColor(np.clip(grey * 0.8 + 20 + noise, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)


def views_of(
    board: Board, count: int = 24, tilted: bool = True, noise_px: float = 0.0, seed: int = 0
) -> list[BoardView]:
    """Views without pictures: the exact corners of poses all over the picture."""
    random = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(1, 6), np.arange(1, 8), [0]), -1).reshape(-1, 3) * 0.025
    points = (grid - (0.5 * board.size_m[0], 0.5 * board.size_m[1], 0)).astype(np.float32)
    found = []
    for turn, place in board_poses(board, CAMERA, SIZE, count):
        turn = turn if tilted else np.array([1e-3, 1e-3, turn[2]])
        pixels = cv2.projectPoints(points, turn, place, matrix_of(CAMERA), None)[0].reshape(-1, 2)
        found.append(BoardView(points, (pixels + random.normal(0, noise_px, pixels.shape)).astype(np.float32)))
    return found


class LiveBoard:
    """A live source that shows each view twice, the second time held still."""

    def __init__(self, moves: bool) -> None:
        self.info = SourceInfo("camera", live=True, size=SIZE, fps=30, frame_count=None)
        self.stats = SourceStats()
        self.status, self.ended, self._moves, self._read = "ok", False, moves, 0

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        self._read += 1
        self.ended = self._read == 80
        number = self._read if self._moves else self._read // 2
        return Frame(np.full((SIZE[1], SIZE[0], 3), number, np.uint8), self._read, 0, self._read / 30)

    def close(self) -> None: ...


class FoundByNumber:
    """A board that finds the view whose number the picture's pixels have."""

    def __init__(self) -> None:
        self._views = views_of(CHARUCO, count=41)
        self.size_m = CHARUCO.size_m

    def draw(self, px_per_m: float) -> np.ndarray:
        return CHARUCO.draw(px_per_m)

    def find(self, picture: np.ndarray) -> BoardView | None:
        return self._views[picture[0, 0, 0] % 41]
