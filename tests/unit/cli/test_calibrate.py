"""`rtpose calibrate`: the file it writes is one that `--calibration` takes; what it refuses, it does not write."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import boards
import cv2
import numpy as np
import pytest

from rtpose.camera import camera_of
from rtpose.cli.calibrate import calibrate
from rtpose.config import RunSettings
from rtpose.errors import InputError, OutputError, RtposeError
from rtpose.lens.boards import make_board

SIZE, CAMERA = boards.SIZE, boards.CAMERA


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    board = make_board(None, "5x7", "25mm")
    for number, (turn, place) in enumerate(boards.board_poses(board, CAMERA, SIZE, 14)):
        picture = boards.board_picture(board, CAMERA, SIZE, turn, place)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


def test_its_file_is_a_calibration(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "camera.yaml"
    calibrate(str(pictures), charuco="5x7", out=out, quiet=True)
    camera, text = camera_of(RunSettings(calibration=str(out)))
    assert camera(SIZE).fx == pytest.approx(CAMERA.fx, rel=0.01)
    assert camera((960, 720)).fx == pytest.approx(2 * CAMERA.fx, rel=0.01)
    assert str(out) in text
    said = capsys.readouterr().out
    assert "14 views, 12 of 12 regions, 4 of 4 tilts" in said
    assert re.search(r"reprojection error 0\.\d\d px", said)

    written = out.read_text()
    with pytest.raises(OutputError, match="exists: choose another name or add --overwrite"):
        calibrate(str(pictures), charuco="5x7", out=out, quiet=True)
    assert out.read_text() == written


def test_a_bad_one_is_written_only_by_force(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, few = tmp_path / "camera.yaml", str(pictures / "[0-3].png")
    with pytest.raises(InputError, match=r"not reliable: 4 views \(at least 8\).*--force") as refused:
        calibrate(few, charuco="5x7", out=out, quiet=True)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    calibrate(few, charuco="5x7", out=out, force=True, quiet=True)
    assert out.exists()
    assert "warning: this calibration is not reliable" in capsys.readouterr().err


def test_a_source_without_a_board(pictures: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(InputError, match="found in 0 different views"):
        calibrate(str(tmp_path / "a.png"), out=tmp_path / "camera.yaml", quiet=True)
    with pytest.raises(RtposeError, match="no such file"):
        calibrate(str(tmp_path / "b.png"), out=tmp_path / "camera.yaml", quiet=True)


def test_live_it_says_what_to_do_next_and_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = boards.LiveBoard(moves=False)
    monkeypatch.setattr("rtpose.capture.open_camera", lambda camera, fps: source)
    monkeypatch.setattr("rtpose.lens.boards.make_board", lambda *options: boards.FoundByNumber())
    calibrate(out=tmp_path / "camera.yaml")
    assert not source.ended  # it was not read to its end
    told = capsys.readouterr().err
    assert "0 views, 0 of 12 regions, 0 of 4 tilts: hold the board still; show the whole board" in told
    assert "bring the board to the" in told or "tilt the board" in told
    assert f"{SIZE[0]}, {SIZE[1]}" in (tmp_path / "camera.yaml").read_text()


@pytest.mark.parametrize("options", [{"board": "9x6"}, {"charuco": "10x14", "square": "30mm"}])
def test_a_printed_board_is_one_that_is_found(options: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "board.png"
    calibrate(print_to=file, **options)
    page = cv2.imread(str(file))
    assert page is not None
    board = make_board(options.get("board"), options.get("charuco"), options.get("square", "25mm"))
    view = board.find(cv2.resize(page, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA))
    assert view is not None
    square_px = np.linalg.norm(view.pixels[1] - view.pixels[0])
    square_m = np.linalg.norm(view.points_m[1] - view.points_m[0])
    assert square_px / 0.4 / 300 * 0.0254 == pytest.approx(square_m, rel=0.01)


def test_a_board_as_pdf_has_its_true_size(tmp_path: Path) -> None:
    file = tmp_path / "board.pdf"
    calibrate(print_to=file)
    data = file.read_bytes()
    assert data.startswith(b"%PDF-1.4")
    width, height = (float(side) * 25.4 / 72 for side in re.search(rb"MediaBox \[0 0 (\S+) (\S+)\]", data).groups())  # type: ignore[union-attr]
    assert (width, height) == pytest.approx((297, 210), abs=0.1)  # A4 on its side: 10 x 7 squares of 25 mm
    start = data.index(b"stream\n", data.index(b"/Image")) + 7
    page = np.frombuffer(zlib.decompress(data[start : data.index(b"\nendstream", start)]), np.uint8)
    assert len(page) == round(297 / 25.4 * 300) * round(210 / 25.4 * 300)
    table = int(re.search(rb"startxref\n(\d+)", data)[1])  # type: ignore[index]
    assert data[table:].startswith(b"xref")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", data), start=1):
        assert data[int(place) :].startswith(b"%d 0 obj" % number)
    with pytest.raises(OutputError, match="exists"):
        calibrate(print_to=file)
    with pytest.raises(OutputError, match=r"\.png or \.pdf"):
        calibrate(print_to=tmp_path / "board.svg")
    assert [file] == list(tmp_path.iterdir())
