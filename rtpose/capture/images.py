"""Pictures: a file, a folder or a glob, in natural order, as a `FrameSource`."""

from __future__ import annotations

import glob
import re
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from rtpose.errors import InputError
from rtpose.stages import stage
from rtpose.types import Frame, Image, SourceInfo, SourceStats

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
DEFAULT_FPS = 30.0


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
        found = list(path.iterdir()) if is_folder else [Path(p) for p in glob.glob(str(path), recursive=True)]
    except OSError as error:
        raise InputError(f"cannot list '{path}': {error.strerror}; check its permissions") from error
    if not is_folder and not glob.has_magic(str(path)):
        raise InputError(f"no such file or folder: '{path}'; check the path")
    images = [p for p in found if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".") and p.is_file()]
    if not images:
        where = "in the folder" if is_folder else "for the pattern"
        raise InputError(f"no pictures found {where} '{path}'; looked for {', '.join(IMAGE_SUFFIXES)}")
    return sorted(images, key=lambda p: natural_key(str(p)))


def read_image(path: Path) -> Image | None:
    """(H, W, 3) uint8 RGB, upright by its EXIF orientation, transparency ignored; None if it is not a picture.

    Errors: `OSError` if the file cannot be read.
    """
    data = np.fromfile(path, np.uint8)  # cv2.imread does not support Unicode paths on Windows
    if data.size == 0:
        return None
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:  # larger than its limits
        return None
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


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
        self._ready = self._read_next()
        if self._ready is None:
            count = len(self._paths)
            what = f"'{name}' cannot" if count == 1 else f"none of the {count} pictures of '{name}' can"
            raise InputError(f"{what} be read as a picture; check that it opens elsewhere")
        self.info = SourceInfo(
            name=name, live=False, size=self._ready.size, fps=self._fps, frame_count=len(self._paths)
        )

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

    def _read_next(self) -> Frame | None:
        while self._next < len(self._paths):
            index = self._next
            self._next += 1
            try:
                with stage("decode"):
                    image = read_image(self._paths[index])
            except OSError:  # removed or locked after the folder was listed
                image = None
            if image is not None:
                return Frame(image, index, time.monotonic_ns(), index / self._fps)
            self.stats.drop("damaged")
        return None
