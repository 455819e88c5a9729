"""Reading files out of zip and .tgz archives."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from rtpose.errors import ModelError

# RuntimeError: encrypted, or packed in a way that zipfile does not know.
_UNREADABLE = (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError, zlib.error)
MAX_MEMBER_BYTES = 256 * 2**20
_GZIP = b"\x1f\x8b"


class DamagedArchiveError(ModelError):
    """An archive that cannot be read, or that does not contain what it should."""


def is_archive(path: Path) -> bool:
    """Whether a file looks like a zip or .tgz archive."""
    with path.open("rb") as stream:
        return stream.read(len(_GZIP)) == _GZIP or zipfile.is_zipfile(path)


def read_members(archive: Path, wanted: Sequence[str]) -> dict[str, list[bytes]]:
    """The contents of the members whose path ends in one of `wanted`, by that ending; several may have the same.

    Errors: `DamagedArchiveError`.
    """
    found: dict[str, list[bytes]] = {name: [] for name in wanted}
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                for info in opened.infolist():
                    for name in _endings(info.filename, wanted):
                        _check_size(archive, info.filename, info.file_size)
                        found[name].append(opened.read(info))
        else:
            with tarfile.open(archive, "r:gz") as opened_tar:
                for entry in opened_tar:
                    for name in _endings(entry.name, wanted):
                        _check_size(archive, entry.name, entry.size)
                        if (stream := opened_tar.extractfile(entry)) is not None:
                            found[name].append(stream.read())
    except _UNREADABLE as error:
        raise DamagedArchiveError(f"{archive.name} is damaged or incomplete: {error}") from error
    return found


def _check_size(archive: Path, member: str, size: int) -> None:
    if size > MAX_MEMBER_BYTES:
        raise DamagedArchiveError(
            f"{archive.name} is damaged or the wrong file: {member} would be {size / 2**20:,.0f} MB, and no network "
            f"has more than {MAX_MEMBER_BYTES // 2**20} MB"
        )


def _endings(member: str, wanted: Sequence[str]) -> list[str]:
    return [name for name in wanted if f"/{member}".endswith(f"/{name}")]
