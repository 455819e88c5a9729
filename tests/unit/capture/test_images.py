from __future__ import annotations

import os
import random
import re
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.capture import open_source
from rtpose.capture.images import natural_key
from rtpose.errors import InputError, MissingExtraError
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
    (empty / "notes.txt").write_bytes(b"x")
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


def _png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(32_000, 32_000), (40_000, 10)])
def test_a_picture_too_large_to_work_on_is_refused_by_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(_png_header(*size))
    with pytest.raises(InputError, match=f"{size[0]}x{size[1]} pixels.*scale it down"):
        open_source(str(path))


def test_in_a_folder_a_picture_too_large_is_left_out_and_named(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((48, 64, 3), np.uint8))
    (tmp_path / "2.png").write_bytes(_png_header(32_000, 32_000))
    source = open_source(str(tmp_path), fps=10)
    frames = []
    while not source.ended:
        if (frame := source.read()) is not None:
            frames.append(frame)
    assert [frame.frame_id for frame in frames] == [0]
    assert source.stats.dropped == {"damaged": 1}
    assert "2.png' has 32000x32000 pixels" in source.stats.notes[0]


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_photos_in_other_containers(tmp_path: Path, suffix: str) -> None:
    picture = np.zeros((96, 128, 3), np.uint8)
    picture[:, :64] = (255, 0, 0)
    path = tmp_path / f"photo{suffix}"
    if suffix == ".heic":
        pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heif")
        pillow_heif.from_bytes("RGB", (128, 96), picture.tobytes()).save(path)
    else:
        cv2.imwrite(str(path), picture[..., ::-1])
    image = open_source(str(path)).read()
    assert image is not None
    assert image.size == (128, 96)
    assert np.abs(image.image[16::32, 16::32].astype(int) - picture[16::32, 16::32]).max() < 40


def test_a_heif_photo_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "photo.heic").write_bytes(b"x")
    with pytest.raises(MissingExtraError, match=r"reading \.heic photos needs the extra 'heif'"):
        open_source(str(tmp_path / "photo.heic"))


def test_tiles_of_a_photo_are_put_together(media: Path) -> None:
    faults = media.parent / "faults"
    if not faults.is_dir():
        pytest.skip("no faulty inputs beside the project (../shared/faults)")
    assert open_source(str(faults / "tiled_heif" / "photo_1280x960_grid.avif")).info.size == (1280, 960)


def test_many_pictures_that_cannot_be_used_are_one_line(tmp_path: Path, read_all: ReadAll) -> None:
    for number in range(5):
        write_rgb(tmp_path / f"{number}.png", np.zeros((8, 8, 3), np.uint8))
    for number in range(5, 9):
        (tmp_path / f"{number}.png").write_bytes(_png_header(32_000, 32_000))
    source = open_source(str(tmp_path), fps=10)
    assert len(read_all(source)) == 5
    assert source.stats.dropped == {"damaged": 4}
    (line,) = source.stats.notes
    assert "5.png' has 32000x32000 pixels" in line
    assert line.endswith("(and 3 more like it)")


def test_a_folder_of_videos_names_the_pattern(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "c.mkv", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(
        InputError, match=re.escape(f"holds videos, not pictures; give them as a pattern: '{tmp_path / '*.mp4'}'")
    ):
        open_source(str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_named_as_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for spec in ("-", str(tmp_path / "pipe")):
        with pytest.raises(InputError, match="is a pipe, and a video is read from a file: save it first"):
            open_source(spec)


def test_an_animated_picture_says_that_the_rest_is_not_read(tmp_path: Path) -> None:
    animation = cv2.Animation()
    animation.frames = [np.full((48, 64, 4), level, np.uint8) for level in (10, 200)]
    animation.durations = [100, 100]
    path = tmp_path / "two.webp"
    cv2.imwriteanimation(str(path), animation)
    source = open_source(str(path))
    assert "is animated: only its first picture is read" in source.stats.notes[0]
    cv2.imwrite(str(tmp_path / "still.webp"), animation.frames[0])
    assert open_source(str(tmp_path / "still.webp")).stats.notes == []
