"""Boards rendered with a known camera: the camera is found again, and bad calibrations are known as such."""

from __future__ import annotations

from pathlib import Path

import av
import boards
import cv2
import numpy as np
import pytest

from rtpose.capture import open_source
from rtpose.errors import ConfigError, InputError
from rtpose.lens.boards import BoardView, make_board, parse_length
from rtpose.lens.coverage import GOOD_VIEWS, MIN_VIEWS, TILTS, Coverage
from rtpose.lens.solve import fit_lens, problems_of
from rtpose.lens.watch import watch
from rtpose.types import Camera

SIZE, CAMERA, CHARUCO = boards.SIZE, boards.CAMERA, boards.CHARUCO


def covered(views: list[BoardView]) -> Coverage:
    coverage = Coverage(SIZE)
    for view in views:
        coverage.offer(view)
    return coverage


@pytest.fixture(scope="module")
def charuco_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("board") / "board.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=5, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for turn, place in boards.board_poses(CHARUCO, CAMERA, SIZE):
            picture = boards.board_picture(CHARUCO, CAMERA, SIZE, turn, place)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture)):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path


def test_a_camera_is_recovered_from_a_video(charuco_video: Path) -> None:
    coverage = watch(open_source(str(charuco_video)), CHARUCO, lambda *_: None, lambda: False)
    fit = fit_lens(coverage)
    assert fit.camera.fx == pytest.approx(CAMERA.fx, rel=0.01)
    assert fit.camera.fy == pytest.approx(CAMERA.fy, rel=0.01)
    assert (fit.camera.cx, fit.camera.cy) == pytest.approx((CAMERA.cx, CAMERA.cy), abs=2)
    assert fit.error_px < 0.3
    assert fit.distortion_px < 0.3
    assert problems_of(fit, coverage) == []


def test_a_camera_is_recovered_from_pictures_of_a_chessboard(tmp_path: Path) -> None:
    board = make_board("9x6", None, "25mm")
    for number, (turn, place) in enumerate(boards.board_poses(board, CAMERA, SIZE, 14)):
        picture = boards.board_picture(board, CAMERA, SIZE, turn, place)
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    fit = fit_lens(watch(open_source(str(tmp_path)), board, lambda *_: None, lambda: False))
    assert fit.camera.fx == pytest.approx(CAMERA.fx, rel=0.01)
    assert fit.camera.fy == pytest.approx(CAMERA.fy, rel=0.01)


def test_a_chessboard_in_a_large_picture_is_refined_in_the_full_picture() -> None:
    size, camera = (1600, 1200), Camera(1450, 1450, 800, 600)
    board = make_board("5x4", None, "25mm")
    turn, place = np.array([0.2, 0.3, 0.1]), np.array([0.01, 0.0, 0.3])
    view = board.find(boards.board_picture(board, camera, size, turn, place))
    assert view is not None
    middle = (view.points_m.min(0) + view.points_m.max(0)) / 2
    true = cv2.projectPoints(view.points_m - middle, turn, place, boards.matrix_of(camera), None)[0].reshape(-1, 2)
    both = [np.abs(view.pixels - order).max() for order in (true, true[::-1])]  # a half turn looks the same
    assert min(both) < 0.3


def test_distortion_is_estimated_and_what_it_leaves_is_reported() -> None:
    """The pinhole of a barrel lens is shorter than the lens's own focal length, which only its middle has."""
    views = []
    for view, (turn, place) in zip(boards.views_of(CHARUCO), boards.board_poses(CHARUCO, CAMERA, SIZE), strict=True):
        distortion = np.array([-0.2, 0.05, 0, 0])
        pixels = cv2.projectPoints(view.points_m, turn, place, boards.matrix_of(CAMERA), distortion)[0]
        views.append(BoardView(view.points_m, pixels.reshape(-1, 2).astype(np.float32)))
    fit = fit_lens(covered(views))
    assert fit.error_px < 0.01
    assert 1 < fit.distortion_px < 10
    assert 0.9 * CAMERA.fx < fit.camera.fx < 0.99 * CAMERA.fx


def test_a_view_that_does_not_fit_is_left_out() -> None:
    views = boards.views_of(CHARUCO, noise_px=0.1)
    wrong = views[5].pixels + np.random.default_rng(0).normal(0, 8, views[5].pixels.shape)
    views[5] = BoardView(views[5].points_m, wrong.astype(np.float32))
    fit = fit_lens(covered(views))
    assert fit.left_out == 1
    assert fit.camera.fx == pytest.approx(CAMERA.fx, rel=0.01)


def test_bad_calibrations_are_known_as_such() -> None:
    noisy = covered(boards.views_of(CHARUCO, noise_px=2.0))
    assert "reprojection error" in problems_of(fit_lens(noisy), noisy)[0]
    few = covered(boards.views_of(CHARUCO, count=4))
    assert [text for text in problems_of(fit_lens(few), few) if f"at least {MIN_VIEWS}" in text]
    flat = covered(boards.views_of(CHARUCO, tilted=False, noise_px=0.1))
    assert flat.tilts == set()
    assert problems_of(fit_lens(flat), flat)[-1].startswith("tilted in 0 of 4")
    with pytest.raises(InputError, match="found in 2 different views"):
        fit_lens(covered(boards.views_of(CHARUCO, count=2)))


def test_coverage_says_what_to_do_next_until_it_is_complete() -> None:
    coverage = Coverage(SIZE)
    assert coverage.next_step == "show the whole board"
    assert coverage.map_text == "□□□□ □□□□ □□□□"
    assert covered(boards.views_of(CHARUCO, tilted=False)).next_step in TILTS.values()
    shares, steps = [], set()
    for view in boards.views_of(CHARUCO, count=40):
        coverage.offer(view)
        shares.append(coverage.share)
        steps.add(coverage.next_step)
    assert shares == sorted(shares)
    assert coverage.complete
    assert coverage.map_text == "■■■■ ■■■■ ■■■■"
    assert shares[-1] == pytest.approx(1)
    assert len(coverage.views) >= GOOD_VIEWS
    assert any(step.startswith("bring the board to the ") for step in steps)


def test_the_same_view_counts_once() -> None:
    view = boards.views_of(CHARUCO, count=1)[0]
    coverage = Coverage(SIZE)
    assert coverage.offer(view)
    assert not coverage.offer(BoardView(view.points_m, view.pixels + np.float32(1)))


@pytest.mark.parametrize(
    ("turn", "tilt"), [((0, 0.5, 0), "right"), ((0, -0.5, 0), "left"), ((0.5, 0, 0), "top"), ((-0.5, 0, 0), "bottom")]
)
def test_the_side_of_a_board_that_is_nearer(turn: tuple[float, float, float], tilt: str) -> None:
    points = boards.views_of(CHARUCO, count=1)[0].points_m
    rotation = cv2.Rodrigues(np.array(turn))[0]
    side = {"left": (-1, 0, 0), "right": (1, 0, 0), "top": (0, -1, 0), "bottom": (0, 1, 0)}[tilt]
    assert (rotation @ side)[2] < 0  # towards the camera
    pixels = cv2.projectPoints(points, np.array(turn), np.array([0, 0, 0.5]), boards.matrix_of(CAMERA), None)[0]
    assert covered([BoardView(points, pixels.reshape(-1, 2).astype(np.float32))]).tilts == {tilt}


def test_live_a_board_counts_only_while_it_is_still_and_until_there_are_enough_views() -> None:
    board = boards.FoundByNumber()
    steps: list[str] = []
    moving = watch(boards.LiveBoard(moves=True), board, lambda c, n, step: steps.append(step), lambda: False)
    assert moving.views == []
    assert steps[-1] == "hold the board still; show the whole board"
    source = boards.LiveBoard(moves=False)
    assert watch(source, board, lambda *_: None, lambda: False).complete
    assert not source.ended


def test_pictures_of_two_sizes_are_refused(tmp_path: Path) -> None:
    for name, side in (("a.png", 64), ("b.png", 80)):
        cv2.imwrite(str(tmp_path / name), np.zeros((side, side, 3), np.uint8))
    with pytest.raises(InputError, match="of one camera"):
        watch(open_source(str(tmp_path)), CHARUCO, lambda *_: None, lambda: False)


@pytest.mark.parametrize(("text", "length_m"), [("25mm", 0.025), ("2.5 cm", 0.025), ("1in", 0.0254), ("30", 0.03)])
def test_lengths(text: str, length_m: float) -> None:
    assert parse_length(text) == pytest.approx(length_m)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("9", None, "25mm"), "'9' is not a board"),
        (("9x2", None, "25mm"), "'9x2' is not a board"),
        (("9x6", "5x7", "25mm"), "leave one out"),
        (("9x6", None, "wide"), "not the length of a square"),
        (("9x6", None, "0mm"), "not the length of a square"),
        ((None, "5x7", "25mm", "30mm"), "does not fit into a square"),
        ((None, "5x7", "25mm", None, "9x9_1"), "choose one of 4x4_100"),
        ((None, "20x20", "25mm"), "needs 200 markers"),
    ],
)
def test_boards_that_cannot_be(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_board(*arguments)
