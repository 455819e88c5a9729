"""The field of view that a photo or a video says it was taken with: EXIF, and the tags of phones in mp4 and mov."""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import exifread

from rtpose.geometry import fov_from_35mm, fov_from_focal

FOCAL_35MM_TAG = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
_PLAUSIBLE_DEG = (5.0, 150.0)
"""Range of lenses used to film people; a tag beyond is damaged, or from a fisheye, which is not a pinhole camera."""
_MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
"""EXIF's FocalPlaneResolutionUnit: inch, centimetre, millimetre, micrometre."""
_MOV_NUMBERS = {
    21: "i",
    22: "u",
    65: "i",
    66: "i",
    67: "i",
    74: "i",
    75: "u",
    76: "u",
    77: "u",
    78: "u",
    23: "f",
    24: "f",
}
"""QuickTime's well-known types of values: signed, unsigned, floating point."""
_MOV_HEADER_BYTES = 1 << 26
_MOV_MOST_BOXES = 10_000

logging.getLogger("exifread").setLevel(logging.CRITICAL)  # a picture without EXIF gets no warning


def fov_of_picture(file: BinaryIO, size: tuple[int, int]) -> float | None:
    """Degrees across the longer side from a picture's EXIF; None if it does not say.

    size: (width, height) px of the picture. By FocalLengthIn35mmFilm; else by FocalLength and the sensor's pixels.
    """
    try:
        tags = exifread.process_file(file, details=False, builtin_types=True)
    except Exception:  # strange data may raise anything: the picture is shown without it
        return None
    if (focal_35mm := _number(tags, "EXIF FocalLengthIn35mmFilm")) is not None:
        return _plausible(fov_from_35mm(size, focal_35mm))
    focal_mm = _number(tags, "EXIF FocalLength")
    per_unit = _number(tags, "EXIF FocalPlaneXResolution")
    taken_px = _number(tags, "EXIF ExifImageWidth")
    unit = _number(tags, "EXIF FocalPlaneResolutionUnit") or 2
    if focal_mm is None or per_unit is None or taken_px is None or unit not in _MM_PER_UNIT:
        return None
    # The sensor's pixels are along the picture's longer side, however the camera was held; it may be scaled down.
    taken_px = max(taken_px, _number(tags, "EXIF ExifImageLength") or 0)
    focal_px = focal_mm * per_unit / _MM_PER_UNIT[int(unit)] * max(size) / taken_px
    return _plausible(fov_from_focal(size, focal_px))


def fov_of_video(path: Path | None, metadata: Mapping[str, str], size: tuple[int, int]) -> float | None:
    """Degrees across the longer side from the tags of an mp4, mov or mkv; None if they do not say.

    path: of a file; None for a URL. metadata: the container's tags from FFmpeg, which leaves out those of a track,
    where phones put the lens. size: (width, height) px.
    """
    text = next((value for key, value in metadata.items() if key.lower() == FOCAL_35MM_TAG), None)
    focal_35mm: float | None = None
    with suppress(ValueError):
        focal_35mm = float(text) if text is not None else None
    if focal_35mm is None and path is not None:
        with suppress(OSError, struct.error, ValueError):
            focal_35mm = _track_tag(path)
    if focal_35mm is None or not 0 < focal_35mm < math.inf:
        return None
    return _plausible(fov_from_35mm(size, focal_35mm))


def _plausible(fov_deg: float) -> float | None:
    return fov_deg if _PLAUSIBLE_DEG[0] <= fov_deg <= _PLAUSIBLE_DEG[1] else None


def _number(tags: Mapping[str, object], name: str) -> float | None:
    value = tags.get(name)
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if 0 < number < math.inf else None


def _track_tag(path: Path) -> float | None:
    """`FOCAL_35MM_TAG` of a track of an mp4 or mov: moov/trak/meta with its keys and their values."""
    with path.open("rb") as file:
        moov = _movie_header(file)
    for track in _boxes(moov, b"trak"):
        for meta in _boxes(track, b"meta"):
            # Of MPEG's kind it starts with a version, of QuickTime's with the first box.
            body = meta if meta[4:8] == b"hdlr" else meta[4:]
            keys = [name for part in _boxes(body, b"keys") for name in _boxes(part[8:], b"mdta")]
            for number, name in enumerate(keys, start=1):
                if name != FOCAL_35MM_TAG.encode():
                    continue
                for values in _boxes(body, b"ilst"):
                    for item in _boxes(values, struct.pack(">I", number)):
                        for value in _boxes(item, b"data"):
                            return _mov_number(value)
    return None


def _movie_header(file: BinaryIO) -> bytes:
    """The content of the box moov; empty if there is none, or an implausible one."""
    for _ in range(_MOV_MOST_BOXES):
        head = file.read(8)
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        start = 8
        if length == 1:
            length, start = struct.unpack(">Q", file.read(8))[0], 16
        if kind == b"moov":
            return file.read(length - start) if start <= length <= _MOV_HEADER_BYTES else b""
        if length < start:  # 0: to the end of the file
            break
        file.seek(length - start, 1)
    return b""


def _boxes(data: bytes, kind: bytes) -> Iterator[bytes]:
    """The contents of the boxes of one kind in `data`."""
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length < 8:
            return
        if data[at + 4 : at + 8] == kind:
            yield data[at + 8 : at + length]
        at += length


def _mov_number(value: bytes) -> float:
    """A value of a box "data". Errors: `ValueError`, `struct.error`."""
    kind, body = int.from_bytes(value[:4], "big"), value[8:]
    form = _MOV_NUMBERS.get(kind)
    if form is None:
        return float(body.decode("utf-8"))
    if form == "f":
        return float(struct.unpack(">f" if kind == 23 else ">d", body)[0])
    return float(int.from_bytes(body, "big", signed=form == "i"))
