"""Output files that appear only when complete: written under a temporary name, then moved into place."""

from __future__ import annotations

import itertools
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rtpose.errors import OutputError

if sys.platform != "win32":
    import fcntl

_SUFFIX = re.compile(r"\.[0-9a-f]{16}\.part")
_MAX_NAME_BYTES = 255 - len(".0123456789abcdef.part.tmp")
"""Room for the suffix, and for one that a library adds (see `export.c3d`)."""


class OutputFile:
    """A file to be written: write to `part` inside `writing`, then `commit`. Until then, an older file stays.

    `part` is in the same folder and has a unique name, so two runs with one output name do not disturb each
    other. It is created exclusively and never through a link. The part of a killed program is removed by the next one
    that writes to the same name.
    """

    def __init__(self, path: Path, *, overwrite: bool, mode: int = 0o666) -> None:
        """Check the path before any work. mode: who may read and write the file, as in `os.open`.

        Errors: `OutputError` if `path` exists and `overwrite` is not set, or if its folder is missing or not writable.
        """
        self.path = path
        if not path.name:
            raise OutputError(f"{path} is a folder: give the name of a file")
        self.part = path.with_name(f"{_shortened(path.name)}.{secrets.token_hex(8)}.part")
        self._overwrite = overwrite
        self._mode = mode
        self._created = False
        """Whether this object created `part`."""
        self._lock: int | None = None
        """Descriptor of `part`, locked so that other programs leave it alone."""
        try:
            self._check()
        except OSError as error:  # permissions, read-only disks and Windows: only trying tells
            reason = error.strerror or error
            raise OutputError(f"cannot write in {path.parent} ({reason}): choose another place") from None

    def _check(self) -> None:
        if self.path.is_dir():
            raise OutputError(f"{self.path} is a folder: give the name of a file")
        if os.path.lexists(self.path) and not self._overwrite:
            raise OutputError(f"{self.path} exists: choose another name or add --overwrite")
        if self.path.exists() and not self.path.is_file():
            raise OutputError(f"{self.path} is not a regular file: choose another name")
        if not self.path.parent.is_dir():
            problem = "is a file" if self.path.parent.exists() else "does not exist"
            raise OutputError(f"the folder {self.path.parent} {problem}: make it first, or choose another place")
        os.close(create(self.part, self._mode))
        self.part.unlink()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write to `part` inside this block, which may be entered several times.

        It turns an `OSError` into an `OutputError`, and leaves no incomplete file behind on any error.
        """
        try:
            if not self._created:
                self._remove_leftovers()
                self._lock = create(self.part, self._mode)
                self._created = True
                _try_lock(self._lock)
            yield
        except OSError as error:
            self.discard()
            kept = ", the older file is unchanged" if self.path.exists() else ""
            raise OutputError(
                f"cannot write {self.path} ({error.strerror or error}){kept}: "
                "free some space or choose another place, then run again"
            ) from None
        except BaseException:
            self.discard()
            raise

    def commit(self) -> None:
        """Move the finished `part` to its name.

        Errors: `OutputError` if that fails. If a file of this name has appeared since the start and `overwrite` is not
        set, it is left alone; the output gets the next free name, which the `OutputError` states.
        """
        with self.writing():
            with self.part.open("rb+") as file:
                os.fsync(file.fileno())
            self._unlock()
            place = self.path
            if self._overwrite:
                self.part.replace(self.path)
            else:
                place = next(path for path in free_names(self.path) if _move_to_free_name(self.part, path))
            self._created = False
        if place != self.path:
            raise OutputError(f"{self.path} was created by another program during the run: this output is in {place}")

    def discard(self) -> None:
        """Remove `part` if this object has created it."""
        self._unlock()
        if self._created:
            self._created = False
            self.part.unlink(missing_ok=True)

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    def _remove_leftovers(self) -> None:
        """Remove the parts of this output whose programs have died: their locks are free."""
        if sys.platform == "win32":
            return
        start = _shortened(self.path.name)
        for file in self.path.parent.iterdir():
            if not (file.name.startswith(start) and _SUFFIX.fullmatch(file.name[len(start) :])):
                continue
            with suppress(OSError):  # a link, or removed by its program
                descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
                try:
                    if _try_lock(descriptor):
                        file.unlink()
                finally:
                    os.close(descriptor)


def free_names(path: Path) -> Iterator[Path]:
    """`path`, then NAME-2, NAME-3, … next to it."""
    yield path
    yield from (path.with_stem(f"{path.stem}-{n}") for n in itertools.count(2))


def create_growing(path: Path, *, overwrite: bool) -> Path:
    """Create an empty file that will grow under its own name, and return its path.

    With `overwrite` an older file is removed. Otherwise, a file that has appeared there is left alone and the next
    free name is taken. Links are not followed. Errors: `OSError`.
    """
    if overwrite:
        path.unlink(missing_ok=True)
    for place in free_names(path):
        try:
            os.close(create(place))
        except FileExistsError:
            continue
        return place
    raise AssertionError("there is always a free name")


def final_name(part: Path) -> str:
    """The name that a part will get (shortened if it is very long)."""
    return _SUFFIX.sub("", part.name)


def _shortened(name: str) -> str:
    """The beginning of a name, short enough for a suffix."""
    while len(os.fsencode(name)) > _MAX_NAME_BYTES:
        name = name[:-1]
    return name


def create(path: Path, mode: int = 0o666) -> int:
    """Create a file; a link or an existing file of this name is an error. Returns its descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), mode)


def _try_lock(descriptor: int) -> bool:
    """Lock a file for as long as its descriptor is open; False if another program has locked it."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _move_to_free_name(source: Path, target: Path) -> bool:
    """Move a file without replacing another; False if `target` exists. Errors: `OSError`."""
    try:
        if sys.platform == "win32":
            source.rename(target)  # fails if the target exists
            return True
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links: reserve the name, then replace the reservation
        try:
            os.close(create(target))
        except FileExistsError:
            return False
        source.replace(target)
        return True
    source.unlink()
    return True
