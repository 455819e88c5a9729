"""The field of view by EXIF and by the tags of phones' videos."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.capture import open_source
from rtpose.capture.focal import FOCAL_35MM_TAG, fov_of_picture, fov_of_video
from rtpose.geometry import fov_from_35mm

WriteVideo = Callable[..., Path]
FOCAL_LENGTH, X_RESOLUTION, RESOLUTION_UNIT, WIDTH, IN_35MM = 0x920A, 0xA20E, 0xA210, 0xA002, 0xA405


def exif_of(tags: dict[int, int | Fraction]) -> bytes:
    """EXIF with these tags: whole numbers as LONG, fractions as RATIONAL."""
    entries, values = b"", b""
    first = 8 + 2 + 12 + 4
    values_at = first + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        if isinstance(value, Fraction):
            entries += struct.pack("<HHII", tag, 5, 1, values_at + len(values))
            values += struct.pack("<II", value.numerator, value.denominator)
        else:
            entries += struct.pack("<HHII", tag, 4, 1, value)
    tiff = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x8769, 4, 1, first, 0)
    tiff += struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0) + values
    return b"Exif\0\0" + tiff


def with_exif(path: Path, size: tuple[int, int], tags: dict[int, int | Fraction]) -> Path:
    """A JPEG of `size` (width, height)."""
    good, jpeg = cv2.imencode(".jpg", np.zeros((size[1], size[0], 3), np.uint8))
    assert good
    data, exif = jpeg.tobytes(), exif_of(tags)
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    return path


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def with_track_tag(path: Path, number_type: int, value: bytes) -> Path:
    """Add the tag to the first track of a mov, where phones put it."""
    meta = box(
        b"meta",
        box(b"hdlr", struct.pack(">II4s12x", 0, 0, b"mdta") + b"\0")
        + box(b"keys", struct.pack(">II", 0, 1) + box(b"mdta", FOCAL_35MM_TAG.encode()))
        + box(b"ilst", box(struct.pack(">I", 1), box(b"data", struct.pack(">II", number_type, 0) + value))),
    )
    data = path.read_bytes()
    for kind in (b"moov", b"trak"):
        at = data.find(kind, data.find(b"moov")) - 4
        data = data[:at] + struct.pack(">I", int.from_bytes(data[at : at + 4], "big") + len(meta)) + data[at + 4 :]
    end = at + int.from_bytes(data[at : at + 4], "big") - len(meta)
    path.write_bytes(data[:end] + meta + data[end:])
    return path


def test_a_photo_by_its_35mm_equivalent(tmp_path: Path) -> None:
    source = open_source(str(with_exif(tmp_path / "a.jpg", (400, 300), {IN_35MM: 26})))
    assert source.info.fov_deg == pytest.approx(fov_from_35mm((400, 300), 26))
    assert source.info.fov_origin == "the picture's EXIF"


def test_a_phones_heic_photo(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    for name, exif in (("a.heic", exif_of({IN_35MM: 26})), ("b.heic", None)):
        photo = pillow_heif.from_bytes(mode="RGB", size=(64, 48), data=bytes(64 * 48 * 3))
        photo.save(str(tmp_path / name), exif=exif)
    assert open_source(str(tmp_path / "a.heic")).info.fov_deg == pytest.approx(fov_from_35mm((64, 48), 26))
    assert open_source(str(tmp_path / "b.heic")).info.fov_deg is None


def test_a_photo_by_its_sensor(tmp_path: Path) -> None:
    # 6000 px on 36 mm: a full-frame camera with a 50 mm lens; the picture was scaled to 600 px and is upright.
    tags = {
        FOCAL_LENGTH: Fraction(50), X_RESOLUTION: Fraction(6000 * 10, 36), RESOLUTION_UNIT: 3, WIDTH: 6000,
    }  # fmt: skip
    source = open_source(str(with_exif(tmp_path / "a.jpg", (400, 600), tags)))
    assert source.info.fov_deg == pytest.approx(39.6, abs=0.1)  # as a full-frame 50 mm lens has


@pytest.mark.parametrize(
    "tags",
    [{}, {IN_35MM: 0}, {IN_35MM: 1}, {IN_35MM: 40000}, {FOCAL_LENGTH: Fraction(4)}, {WIDTH: 400}],
    ids=["none", "zero", "too wide", "too long", "no sensor", "no lens"],
)
def test_a_photo_that_does_not_say(tmp_path: Path, tags: dict[int, int | Fraction]) -> None:
    assert open_source(str(with_exif(tmp_path / "a.jpg", (400, 300), tags))).info.fov_deg is None


@given(st.binary(max_size=300))
def test_rubbish_in_exif_is_no_error(rubbish: bytes) -> None:
    data = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(rubbish) + 8) + b"Exif\0\0" + rubbish
    found = fov_of_picture(BytesIO(data), (400, 300))
    assert found is None or 5 <= found <= 150


@pytest.mark.parametrize("name", ["a.mov", "a.mp4", "a.mkv"])
def test_a_video_by_the_containers_tag(tmp_path: Path, name: str) -> None:
    import av

    with av.open(
        str(tmp_path / name), "w", options={"movflags": "use_metadata_tags"} if name != "a.mkv" else {}
    ) as out:
        out.metadata[FOCAL_35MM_TAG] = "26"
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for packet in stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))):
            out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    info = open_source(str(tmp_path / name)).info
    assert info.fov_deg == pytest.approx(fov_from_35mm((64, 48), 26))
    assert info.fov_origin == "the video's metadata"


@pytest.mark.parametrize(
    ("number_type", "value"),
    [
        (1, b"24"),
        (21, b"\x18"),
        (23, struct.pack(">f", 24)),
        (66, b"\0\x18"),
        (67, b"\0\0\0\x18"),
        (74, b"\0" * 7 + b"\x18"),
    ],
)
def test_a_video_by_the_tag_of_its_track(write_video: WriteVideo, number_type: int, value: bytes) -> None:
    path = with_track_tag(write_video("a.mov"), number_type, value)
    assert open_source(str(path)).info.fov_deg == pytest.approx(fov_from_35mm((64, 48), 24))


def test_a_video_that_does_not_say(write_video: WriteVideo) -> None:
    assert open_source(str(write_video("a.mov"))).info.fov_deg is None
    assert open_source(str(with_track_tag(write_video("b.mov"), 1, b"wide"))).info.fov_deg is None
    assert open_source(str(with_track_tag(write_video("c.mov"), 23, b"\0"))).info.fov_deg is None


@given(st.binary(max_size=200), st.sampled_from([b"moov", b"trak", b"meta"]))
def test_rubbish_in_a_video_is_no_error(tmp_path_factory: pytest.TempPathFactory, rubbish: bytes, kind: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "rubbish.mov"
    inner = rubbish if kind == b"moov" else box(b"trak", rubbish if kind == b"trak" else box(b"meta", rubbish))
    path.write_bytes(box(b"ftyp", b"qt  ") + box(b"moov", inner))
    assert fov_of_video(path, {}, (64, 48)) is None
