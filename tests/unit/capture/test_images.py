from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.capture import open_source
from rtpose.capture.images import natural_key
from rtpose.errors import InputError
from rtpose.types import Frame, FrameSource

ReadAll = Callable[[FrameSource], list[Frame]]
Corners = Callable[..., np.ndarray]

# EXIF orientation -> how the stored picture is turned to be shown.
ORIENTATIONS = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: np.rot90(image, 2),
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).transpose(1, 0, 2),
    8: lambda image: np.rot90(image, 1),
}


def write_rgb(path: Path, image: np.ndarray) -> None:
    assert cv2.imwrite(str(path), image[..., ::-1])


def test_folder_in_natural_order_with_changing_sizes(
    tmp_path: Path, read_all: ReadAll, corner_picture: Corners
) -> None:
    for number in (10, 2, 1):
        write_rgb(tmp_path / f"view{number}.png", corner_picture(20 + 2 * number, 30))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_bytes(b"rubbish")
    source = open_source(str(tmp_path), fps=10)
    assert isinstance(source, FrameSource)
    assert source.info.size == (22, 30)
    assert source.info.frame_count == 3
    assert source.info.fps == 10
    frames = read_all(source)
    assert [f.size for f in frames] == [(22, 30), (24, 30), (40, 30)]
    assert [f.pts_s for f in frames] == pytest.approx([0, 0.1, 0.2])
    assert [f.frame_id for f in frames] == [0, 1, 2]
    assert source.stats.delivered == 3
    assert np.array_equal(frames[2].image, corner_picture(40, 30))


def test_glob(tmp_path: Path, read_all: ReadAll, corner_picture: Corners) -> None:
    for name in ("a1.png", "a2.png", "b1.png"):
        write_rgb(tmp_path / name, corner_picture())
    (tmp_path / "deep").mkdir()
    write_rgb(tmp_path / "deep" / "a3.bmp", corner_picture())
    assert len(read_all(open_source(str(tmp_path / "a*.png")))) == 2
    assert len(read_all(open_source(str(tmp_path / "**" / "a*")))) == 3


@pytest.mark.parametrize("name", ["one.png", "UPPER.PNG", "bild ü 人.webp", "take[1].png"])
def test_one_picture(name: str, tmp_path: Path, read_all: ReadAll, corner_picture: Corners) -> None:
    path = tmp_path / name
    path.write_bytes(cv2.imencode(path.suffix, corner_picture()[..., ::-1])[1].tobytes())
    source = open_source(str(path))
    assert not source.info.live
    (frame,) = read_all(source)
    assert frame.pts_s == 0
    assert np.abs(frame.image.astype(int) - corner_picture()).mean() < 5
    assert source.ended


@pytest.mark.parametrize("kind", ["grey", "grey 16 bit", "alpha", "rgb 16 bit"])
def test_pixel_formats(kind: str, tmp_path: Path, read_all: ReadAll, corner_picture: Corners) -> None:
    rgb = corner_picture()
    stored = {
        "grey": rgb[..., 0],
        "grey 16 bit": rgb[..., 0].astype(np.uint16) * 257,
        "alpha": np.dstack([rgb[..., ::-1], np.full(rgb.shape[:2], 128, np.uint8)]),
        "rgb 16 bit": rgb[..., ::-1].astype(np.uint16) * 257,
    }[kind]
    shown = rgb[..., :1].repeat(3, axis=2) if "grey" in kind else rgb
    assert cv2.imwrite(str(tmp_path / "a.png"), stored)
    (frame,) = read_all(open_source(str(tmp_path / "a.png")))
    assert frame.image.dtype == np.uint8
    assert frame.image.flags.c_contiguous
    assert np.abs(frame.image.astype(int) - shown).max() <= 1


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation(orientation: int, tmp_path: Path, read_all: ReadAll, corner_picture: Corners) -> None:
    jpeg = cv2.imencode(".jpg", corner_picture()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    exif = b"Exif\0\0" + b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    (tmp_path / "phone.jpg").write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    (frame,) = read_all(open_source(str(tmp_path / "phone.jpg")))
    shown = ORIENTATIONS[orientation](corner_picture())
    assert frame.image.shape == shown.shape
    assert np.median(np.abs(frame.image.astype(int) - shown)) < 10


def test_damaged_pictures_are_left_out(tmp_path: Path, read_all: ReadAll, corner_picture: Corners) -> None:
    for number in range(4):
        write_rgb(tmp_path / f"{number}.png", corner_picture())
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / "2.png").write_bytes(b"rubbish" * 50)
    source = open_source(str(tmp_path))
    frames = read_all(source)
    assert [f.frame_id for f in frames] == [1, 3]
    assert [f.pts_s for f in frames] == pytest.approx([1 / 30, 3 / 30])
    assert source.stats.dropped == {"damaged": 2}
    assert source.status == "pictures lost: damaged 2"


def test_removed_while_reading(tmp_path: Path, read_all: ReadAll, corner_picture: Corners) -> None:
    for number in range(3):
        write_rgb(tmp_path / f"{number}.png", corner_picture())
    source = open_source(str(tmp_path))
    (tmp_path / "1.png").unlink()
    assert len(read_all(source)) == 2
    assert source.stats.dropped == {"damaged": 1}


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "clip.mp4").write_bytes(b"x")
    with pytest.raises(InputError, match=r"no pictures found in the folder .*empty.*\.jpg.*\.png"):
        open_source(str(empty))
    with pytest.raises(InputError, match=r"for the pattern .*\.jpg"):
        open_source(str(empty / "*.png"))
    with pytest.raises(InputError, match="no such file or folder"):
        open_source(str(empty / "nothing"))
    (empty / "a.jpg").write_bytes(b"rubbish")
    with pytest.raises(InputError, match=r"a\.jpg' cannot be read as a picture"):
        open_source(str(empty / "a.jpg"))
    (empty / "b.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="none of the 2 pictures"):
        open_source(str(empty))

    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match=r"cannot list .*Permission denied"):
        open_source(str(empty))


def test_close(tmp_path: Path, corner_picture: Corners) -> None:
    write_rgb(tmp_path / "a.png", corner_picture())
    source = open_source(str(tmp_path))
    source.close()
    source.close()
    assert source.ended
    assert source.read() is None


@given(st.lists(st.integers(0, 10**12), unique=True), st.randoms())
def test_numbers_sort_as_numbers(numbers: list[int], shuffle: random.Random) -> None:
    names = [f"take 7/Frame{n}.png" for n in sorted(numbers)]
    mixed = names.copy()
    shuffle.shuffle(mixed)
    assert sorted(mixed, key=natural_key) == names


@given(st.lists(st.text(max_size=8), unique=True), st.randoms())
def test_any_names_have_one_order(names: list[str], shuffle: random.Random) -> None:
    mixed = names.copy()
    shuffle.shuffle(mixed)
    assert sorted(mixed, key=natural_key) == sorted(names, key=natural_key)
