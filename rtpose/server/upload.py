"""A page uploads a video: checked sizes, a file with a unique name, deleted once no longer needed. No sockets here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from rtpose.errors import InputError
from rtpose.printable import printable
from rtpose.server import limits

NAME_LENGTH = 100


class VideoFeed(Protocol):
    """Shows videos, in the server's thread, and must not wait. Implemented by `PageSource` in `capture`."""

    def play(self, path: Path, name: str, done: Callable[[], None] = lambda: None) -> None:
        """Show a video next. name: for people; done: called once the file is no longer needed."""
        ...

    def stop_video(self) -> None:
        """End the video."""
        ...


class Upload:
    """One video on its way. The page's name for it is shown and never used as a path."""

    def __init__(self, feed: VideoFeed, size: str, name: str) -> None:
        """size: bytes, as the page says. Errors: `InputError` unless it is a number from 1 to the limit."""
        if not (size.isascii() and size.isdigit() and len(size) < 16 and 0 < int(size) <= limits.MAX_VIDEO_BYTES):
            raise InputError(
                f"a video may have up to {limits.MAX_VIDEO_BYTES >> 20} MiB: give the path of a larger one"
            )
        self._feed = feed
        self._left = int(size)
        self._name = printable(name)[:NAME_LENGTH] or "video"
        self._file = tempfile.NamedTemporaryFile(prefix="rtpose-", suffix=".video", delete=False)  # noqa: SIM115

    def receive(self, data: bytes) -> bool:
        """The next bytes. Returns whether the video is complete; it is then shown.

        Errors: `InputError` for more than was announced, and for a full disk.
        """
        if len(data) > self._left:
            raise InputError("the video is longer than the page said")
        try:
            self._file.write(data)
            self._left -= len(data)
            if self._left:
                return False
            self._file.close()
        except OSError as error:
            raise InputError(f"the video cannot be stored ({error.strerror or error})") from None
        path = Path(self._file.name)
        self._feed.play(path, self._name, lambda: _remove(path))
        return True

    def abort(self) -> None:
        """The page has gone. A complete video stays."""
        if self._left:
            with suppress(OSError):
                self._file.close()
            _remove(Path(self._file.name))


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
