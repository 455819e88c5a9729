"""The jobs of `rtpose video`: inputs, patterns of inputs, and where each result goes."""

from __future__ import annotations

import glob
import hashlib
import os
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Literal, Self

from rtpose.capture.images import IMAGE_SUFFIXES, match_pattern, natural_key
from rtpose.errors import InputError, OutputError, RtposeError
from rtpose.outputs.overlay import check_name
from rtpose.pipeline import Summary
from rtpose.recordings.npz import read_counts
from rtpose.recordings.output_file import OutputFile

State = Literal["done", "skipped", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class Job:
    """One input and where its results go, as given by the user."""

    given: str
    """Path, pattern of pictures or URL; a URL may hold a password."""
    out: Path
    overlay: Path | None
    folder: Path
    """Base of relative paths; another process or machine may have a different working directory."""
    fps: float | None = None
    """Frame rate of an input without times; None: as `open_source` assumes."""

    @property
    def name(self) -> str:
        """`given` without a password, for messages, reports and files."""
        from rtpose.capture.streams import without_password

        return without_password(self.given) if "://" in self.given else self.given

    @property
    def source(self) -> str:
        """`given` made absolute, for `open_source` in any process."""
        if "://" in self.given:
            return self.given
        name = Path(self.given).expanduser()
        if is_pattern(str(name)):
            return os.path.join(glob.escape(str(self.folder)), name)
        return str(self.folder / name)

    @property
    def files(self) -> list[Path]:
        """The outputs."""
        return [self.folder / file for file in (self.overlay, self.out) if file is not None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a job."""

    job: Job
    state: State
    """skipped: its outputs already existed. stopped: not finished, because the run was stopped."""
    summary: Summary | None = None
    """For a skipped job, read from its files; None if nothing was computed."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All jobs of a command."""

    jobs: tuple[Job, ...]
    several: bool
    """Whether outputs are folders: for several inputs, and for any pattern of videos."""


def is_pattern(name: str) -> bool:
    """Whether a name contains wildcards and no file has literally that name."""
    return "://" not in name and glob.has_magic(name) and not os.path.lexists(name)


def plan(inputs: Sequence[str], out: Path | None, overlay: Path | None, fps: float | None = None) -> Plan:
    """The jobs of `inputs`, patterns of videos expanded.

    A pattern's outputs keep the folders below the part of it without wildcards. A pattern that finds only pictures
    is one input, like a folder of them. Errors: `InputError` for a pattern that no file matches.
    """
    expanded = [(name, _expand(name)) for name in inputs]
    several = len(inputs) > 1 or any(found is not None for _, found in expanded)
    folder = Path.cwd()

    def place(given: Path | None, default: Path) -> Path | None:
        return given / default if given is not None and (several or given.is_dir()) else given

    jobs = []
    for name, found in expanded:
        for one, stem in [(name, _stem(name))] if found is None else found:
            npz, mp4 = (stem.with_name(stem.name + ending) for ending in (".npz", ".mp4"))
            jobs.append(Job(one, place(out, npz) or npz, place(overlay, mp4), folder, fps))
    return Plan(tuple(jobs), several)


def _stem(name: str) -> Path:
    stem = Path(name.rstrip("/")).stem
    if not stem or is_pattern(name) or ("://" in name and set(stem) & set('*?[<>:"|')):  # no name for a file
        stem = "poses"
    return Path(stem)


def _expand(name: str) -> list[tuple[str, Path]] | None:
    """The files that a pattern matches, each with its output name without suffix; None for a plain input."""
    if not is_pattern(name):
        return None
    pattern = Path(name).expanduser()
    found = [match for match in match_pattern(pattern) if match.is_file()]
    if not found:
        raise InputError(f"no file matches '{name}': check its folder, or leave the wildcards out")
    if all(file.suffix.lower() in IMAGE_SUFFIXES for file in found):
        return None
    fixed = Path(*takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    found.sort(key=lambda file: natural_key(str(file)))
    places = [file.relative_to(fixed) for file in found]
    count = Counter(place.with_suffix("") for place in places)
    # a.mp4 next to a.mov: both keep their suffixes.
    stems = [place if count[place.with_suffix("")] > 1 else place.with_suffix("") for place in places]
    return [(str(file), stem) for file, stem in zip(found, stems, strict=True)]


def check_outputs(plan: Plan, *, overwrite: bool) -> None:
    """Report every problem with the outputs before any work. Writes nothing.

    With several inputs, existing outputs are not an error: see `done_before`.
    """
    inputs = {Path(job.name).resolve() for job in plan.jobs}
    taken: set[Path] = set()
    looked_at: set[Path] = set()
    for job in plan.jobs:
        if job.overlay:
            check_name(job.overlay)
        for file in filter(None, (job.out, job.overlay)):
            if file.resolve() in inputs:
                raise OutputError(f"{file} is an input: choose another name for the output")
            if file.resolve() in taken:
                raise OutputError(
                    f"two outputs would be written to {file}: give each its own name or folder, or put a pattern in "
                    "quotes, as in 'clips/**/*.mp4', to keep its folders"
                )
            taken.add(file.resolve())
            if not plan.several:
                OutputFile(file, overwrite=overwrite)
            elif file.parent not in looked_at:
                looked_at.add(file.parent)
                _check_folder(file)
        if job.out.suffix.lower() != ".npz":
            raise OutputError(
                f"{job.out}: poses are written as .npz: give a name ending in .npz, or first make a folder of that name"
            )


def _check_folder(file: Path) -> None:
    """Check that `file` could be written, including any parent folders to create."""
    missing = file
    while not missing.parent.exists():
        missing = missing.parent
    OutputFile(missing, overwrite=True)


def done_before(job: Job) -> Outcome | None:
    """The outcome of a job that an earlier run finished; None if it still has to run.

    Outputs get their names when they are complete, so an existing one is done. A foreign file in its place is an error.
    """
    if not all(file.exists() for file in job.files):
        return None
    try:
        frames, with_people, most = read_counts(job.folder / job.out)
    except RtposeError as error:
        return Outcome(job, "failed", error=f"{error}; move it away, or add --overwrite")
    return Outcome(job, "skipped", Summary(frames=frames, frames_with_people=with_people, most_people=most))


@contextmanager
def made_folders(jobs: Sequence[Job]) -> Iterator[None]:
    """The folders of the outputs. They exist during the block, and afterwards if they are not empty.

    Errors: `OutputError` for one that cannot be made.
    """
    made: list[Path] = []
    for folder in dict.fromkeys(file.parent for job in jobs for file in job.files):
        missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder} ({error.strerror}): choose another place") from None
        made += reversed(missing)
    try:
        yield
    finally:
        for folder in reversed(made):
            with suppress(OSError):  # something is in it
                folder.rmdir()


class WholeOutputs:
    """A job's outputs under temporary names, which get their final names when all of them are complete; a `with` block.

    The temporary names belong to this process, so that one that was given up for dead, and still writes, does no harm.
    """

    def __init__(self, job: Job) -> None:
        """Errors: `OutputError` if a folder is missing."""
        mark = f"{socket.gethostname()}-{os.getpid()}.half"
        self._halves = {file: file.with_name(f"{_half_start(file)}{mark}{file.suffix}") for file in job.files}
        for file in self._halves:
            if not file.parent.is_dir():
                raise OutputError(
                    f"the folder {file.parent} does not exist on {socket.gethostname()}: --out must be in a folder "
                    "that all machines share"
                )
        overlay = self._halves[job.folder / job.overlay] if job.overlay else None
        self.job = replace(job, out=self._halves[job.folder / job.out], overlay=overlay)
        """The job to do in place of the given one."""

    def __enter__(self) -> Self:
        return self

    def commit(self) -> None:
        """Give the outputs their names. Errors: `OutputError`."""
        try:
            for file, half in self._halves.items():
                half.replace(file)
                for left in file.parent.glob(f"{glob.escape(_half_start(file))}*.half{glob.escape(file.suffix)}*"):
                    left.unlink(missing_ok=True)  # by a process that died over it
        except OSError as error:
            raise OutputError(f"cannot write {file} ({error.strerror}): choose another place") from None

    def __exit__(self, *_: object) -> None:
        for half in self._halves.values():
            half.unlink(missing_ok=True)


def _half_start(file: Path) -> str:
    """The beginning of a temporary name: a digest of the whole name, because `cam.left` begins like `cam`, and as much
    of the name as leaves room for the rest."""
    return f".{file.stem[:20]}.{hashlib.sha256(os.fsencode(file.name)).hexdigest()[:12]}."
