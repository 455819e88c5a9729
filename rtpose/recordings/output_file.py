"""Output files that appear only when complete: written under a temporary name, then moved into place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rtpose.errors import OutputError


class OutputFile:
    """A file to come. `part` is written, `commit` gives it its name; until then an older file stays.

    `part` lies in the same folder, so that the move is one step. Its name is fixed: what a killed program
    left is written over by the next run.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        """Check before any work. Errors: `OutputError` if `path` exists and `overwrite` is not set, or if its
        folder is missing or cannot be written."""
        self.path = path
        if not path.name:
            raise OutputError(f"{path} is a folder: give the name of a file")
        self.part = path.with_name(path.name + ".part")
        try:
            self._check(overwrite)
        except OSError as error:  # rights, read-only disks and Windows: only trying tells
            reason = error.strerror or error
            raise OutputError(f"cannot write in {path.parent} ({reason}): choose another place") from None

    def _check(self, overwrite: bool) -> None:
        if self.path.is_dir():
            raise OutputError(f"{self.path} is a folder: give the name of a file")
        if self.path.exists() and not overwrite:
            raise OutputError(f"{self.path} exists: choose another name or add --overwrite")
        if not self.path.parent.is_dir():
            problem = "is a file" if self.path.parent.exists() else "does not exist"
            raise OutputError(f"the folder {self.path.parent} {problem}: make it first, or choose another place")
        self.part.open("wb").close()
        self.part.unlink()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn an `OSError` inside into an `OutputError`, and leave no half file behind on any error."""
        try:
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
        """Give the finished `part` its name. Errors: `OutputError`."""
        with self.writing():
            with self.part.open("rb+") as file:
                os.fsync(file.fileno())
            self.part.replace(self.path)

    def discard(self) -> None:
        """Remove `part`, if it is there."""
        self.part.unlink(missing_ok=True)
