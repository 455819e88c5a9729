"""Pictures: a file, a folder or a glob, in natural order, as a `FrameSource`."""

from __future__ import annotations

import glob
import re
import time
from collections.abc import Sequence
from io import BytesIO
from itertools import takewhile
from pathlib import Path

import cv2
import imagesize
import numpy as np
from numpy.typing import NDArray

from rtpose.capture.focal import fov_of_picture
from rtpose.errors import InputError, MissingExtraError
from rtpose.stages import stage
from rtpose.types import Frame, Image, SourceInfo, SourceStats

HEIF_SUFFIXES = (".heic", ".heif")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".avif", *HEIF_SUFFIXES)
MAX_PIXELS = 100_000_000
"""A picture with more would take over 300 MB, and OpenCV's warps cannot address it."""
MAX_SIDE = 32_000
"""OpenCV's warps count pixels of a side in 16 bits."""
DEFAULT_FPS = 30.0
_HEADER_BYTES = 1 << 18
_VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mts", ".ts", ".mpg", ".wmv", ".3gp")
"""Suffixes of videos that a folder may hold where pictures were expected."""


def natural_key(name: str) -> tuple[list[int | str], str]:
    """Sort key that puts "2.jpg" before "10.jpg". Equal only for equal names."""
    parts = re.split(r"(\d+)", name)
    # Odd parts are the numbers, so that numbers only ever meet numbers.
    return [int(part) if i % 2 else part.casefold() for i, part in enumerate(parts)], name


def find_images(path: Path) -> list[Path]:
    """The pictures of `path`: the file itself, those in the folder, or those that match the glob.

    Hidden files and files without one of `IMAGE_SUFFIXES` are left out. Errors: `InputError`.
    """
    try:
        if path.is_file():
            return [path]
        is_folder = path.is_dir()
        found = list(path.iterdir()) if is_folder else match_pattern(path)
    except OSError as error:
        raise InputError(f"cannot list '{path}': {error.strerror}; check its permissions") from error
    if not is_folder and not glob.has_magic(str(path)):
        raise InputError(f"no such file or folder: '{path}'; check the path")
    images = [p for p in found if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".") and p.is_file()]
    if not images:
        if is_folder and (videos := [p.suffix for p in found if p.suffix.lower() in _VIDEO_SUFFIXES]):
            pattern = path / f"*{max(set(videos), key=videos.count)}"
            raise InputError(f"the folder '{path}' holds videos, not pictures; give them as a pattern: '{pattern}'")
        where = "in the folder" if is_folder else "for the pattern"
        raise InputError(f"no pictures found {where} '{path}'; looked for {', '.join(IMAGE_SUFFIXES)}")
    return sorted(images, key=lambda p: natural_key(str(p)))


def match_pattern(pattern: Path) -> list[Path]:
    """The paths that match a glob, in no order. `**` does not follow links, so cycles end. Names that start with a dot
    match only a pattern with such a name. Errors: `OSError`."""
    parts = list(pattern.parts)
    fixed = list(takewhile(lambda part: not glob.has_magic(part), parts))
    wild = [part if part == "**" else re.sub(r"\*\*+", "*", part) for part in parts[len(fixed) :]]
    if wild and wild[-1] == "**":
        wild.append("*")
    hidden = any(part.startswith(".") for part in wild)
    folder = Path(*fixed)
    found = dict.fromkeys(folder.glob("/".join(wild)) if wild else [folder] * folder.exists())
    return [
        path for path in found if hidden or not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def check_size(width: int, height: int, name: str) -> None:
    """Errors: `InputError` for a picture that is too large to work on."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise InputError(
            f"'{name}' has {width}x{height} pixels; at most {MAX_PIXELS // 1_000_000} million and {MAX_SIDE} per side "
            "can be read: scale it down"
        )


def read_image(path: Path) -> Image | None:
    """(H, W, 3) uint8 RGB, upright by its EXIF orientation, transparency ignored; None if it is not a picture.

    Errors: `OSError` if the file cannot be read, `InputError` if the picture is too large, `MissingExtraError` for a
    HEIF photo without the extra `heif`.
    """
    if path.suffix.lower() in HEIF_SUFFIXES:
        return _read_heif(path)
    data = np.fromfile(path, np.uint8)  # cv2.imread does not support Unicode paths on Windows
    if data.size == 0:
        return None
    check_size(*_declared_size(data), str(path))
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:  # larger than its limits
        return None
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def is_animated(path: Path) -> bool:
    """Whether it is a WebP of several pictures, by the flag in its header."""
    with path.open("rb") as file:
        head = file.read(21)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20] & 2)


def _declared_size(data: NDArray[np.uint8]) -> tuple[int, int]:
    """(width, height) from the header, before anything is allocated; zeros if it is not a picture."""
    try:
        width, height = imagesize.get(BytesIO(data[:_HEADER_BYTES].tobytes()))
    except Exception:  # a strange header may raise anything: the decoder will refuse the file
        return 0, 0
    return max(int(width), 0), max(int(height), 0)


def _read_heif(path: Path) -> Image | None:
    """Phone photos, whose pictures are stored in tiles."""
    try:
        import pillow_heif
    except ImportError:
        raise MissingExtraError("heif", f"reading {path.suffix} photos") from None
    try:
        photo = pillow_heif.open_heif(str(path), convert_hdr_to_8bit=True, bgr_mode=False)
        width, height = photo.size
        check_size(width, height, str(path))
        pixels = np.asarray(photo)
    except (ValueError, RuntimeError, EOFError):
        return None
    return np.ascontiguousarray(pixels[..., :3])


def _heif_exif(path: Path) -> bytes:
    """The EXIF of a photo that could be read, as a TIFF file; empty without one."""
    import pillow_heif

    exif: bytes = pillow_heif.open_heif(str(path)).info.get("exif") or b""
    return exif.removeprefix(b"Exif\0\0")


class ImageFiles:
    """Pictures as frames. They may differ in size; `info.size` is the first one's.

    An unreadable picture is left out and counted in `stats.dropped["damaged"]`, but keeps its time: frame n is
    shown at n / fps seconds.
    """

    def __init__(self, name: str, paths: Sequence[Path], *, fps: float | None = None) -> None:
        """name: as given by the user. fps: None for 30. Errors: `InputError` if no picture can be read."""
        self.stats = SourceStats()
        self._paths = list(paths)
        self._next = 0
        self._fps = fps or DEFAULT_FPS
        self._odd: dict[str, list[str]] = {}
        if fps is None and len(self._paths) > 1:
            self.stats.note(f"'{name}': {DEFAULT_FPS:g} pictures a second assumed; --fps sets it")
        self._ready = self._read_next()
        if self._ready is None:
            count = len(self._paths)
            what = f"'{name}' cannot" if count == 1 else f"none of the {count} pictures of '{name}' can"
            raise InputError(f"{what} be read as a picture; check that it opens elsewhere")
        fov_deg = self._fov(self._paths[self._ready.frame_id], self._ready.size)
        self.info = SourceInfo(
            name=name, live=False, size=self._ready.size, fps=self._fps, frame_count=len(self._paths),
            fov_deg=fov_deg,
            fov_origin="the picture's EXIF" if len(self._paths) == 1 else "the first picture's EXIF",
        )  # fmt: skip

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """Next picture, or None at the end. `timeout_s` is not used."""
        frame, self._ready = self._ready or self._read_next(), None
        if frame is not None:
            self.stats.delivered += 1
        return frame

    @property
    def ended(self) -> bool:
        """True once all pictures were read."""
        return self._ready is None and self._next >= len(self._paths)

    @property
    def status(self) -> str:
        """Unreadable pictures so far, or "ok"."""
        damaged = self.stats.dropped.get("damaged", 0)
        return f"pictures lost: damaged {damaged}" if damaged else "ok"

    def close(self) -> None:
        """End reading; no file is open between reads."""
        self._ready, self._next = None, len(self._paths)

    @staticmethod
    def _fov(path: Path, size: tuple[int, int]) -> float | None:
        try:
            if path.suffix.lower() in HEIF_SUFFIXES:
                return fov_of_picture(BytesIO(_heif_exif(path)), size)
            with path.open("rb") as file:
                return fov_of_picture(file, size)
        except OSError:  # removed after it was read
            return None

    def _read_next(self) -> Frame | None:
        while self._next < len(self._paths):
            index, path = self._next, self._paths[self._next]
            self._next += 1
            try:
                with stage("decode"):
                    image = read_image(path)
                if image is not None and is_animated(path):
                    self._note_odd(
                        "animated", f"'{path}' is animated: only its first picture is read; convert it to mp4"
                    )
            except OSError:  # removed or locked after the folder was listed
                image = None
            except InputError as error:
                if len(self._paths) == 1:
                    raise
                self._note_odd("refused", str(error))
                image = None
            if image is not None:
                return Frame(image, index, time.monotonic_ns(), index / self._fps)
            self.stats.drop("damaged")
        return None

    def _note_odd(self, kind: str, line: str) -> None:
        """One line for all pictures of a kind: that of the first, and the number of others."""
        lines = self._odd.setdefault(kind, [])
        if lines:
            self.stats.notes.remove(_summed_up(lines))
        lines.append(line)
        self.stats.note(_summed_up(lines))


def _summed_up(lines: Sequence[str]) -> str:
    return lines[0] if len(lines) == 1 else f"{lines[0]} (and {len(lines) - 1} more like it)"
