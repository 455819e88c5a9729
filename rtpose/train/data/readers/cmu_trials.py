"""CMU's trials in a folder: one file each, with its frame rate and description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rtpose.errors import InputError

USUAL_FPS = 120.0
FPS_OF_SUBJECT = {"60": 60.0, "61": 60.0}
"""The database was recorded at 120 Hz, and these subjects at 60 Hz, whatever a conversion claims."""


@dataclass(frozen=True)
class Trial:
    """One trial's file."""

    subject: str
    trial: str
    path: Path
    flags: tuple[str, ...]
    """What was approximated; see `prepare_cmu`."""

    @property
    def name(self) -> str:
        return f"{self.subject}_{self.trial}"


def plain_number(number: str) -> str:
    """ "1", "01", "001" -> "01", as the database writes subjects and trials."""
    return f"{int(number):02d}" if number.isdigit() else number


def rate_of(trial: Trial, fps: Mapping[str, float] | None) -> float:
    """The frame rate of a trial in Hz. fps: see `prepare_cmu`."""
    given = {plain_number(subject): rate for subject, rate in (fps or {}).items()}
    return given.get(trial.subject, FPS_OF_SUBJECT.get(trial.subject, USUAL_FPS))


def find_trials(folder: Path, subjects: Iterable[str] | None) -> list[Trial]:
    """All trials, or those of some subjects, one file each. Errors: `InputError`, see `prepare_cmu`."""
    wanted = None if subjects is None else {plain_number(subject) for subject in subjects}
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder of the database, e.g. with 01.asf and 01_01.amc")
    found: dict[tuple[str, str], Trial] = {}
    for path in sorted(folder.rglob("*")):
        kind = path.suffix.lower()
        if kind not in {".amc", ".bvh"}:
            continue
        numbers = re.fullmatch(r"(\d+)_(\d+)", path.stem)
        if numbers:
            trial = Trial(plain_number(numbers[1]), plain_number(numbers[2]), path, ())
        else:
            trial = Trial(path.parent.name, path.stem, path, ("id_inferred",))
        known = found.get((trial.subject, trial.trial))
        if known is None or (kind == ".amc" and known.path.suffix.lower() == ".bvh"):
            found[trial.subject, trial.trial] = trial
    if not found:
        raise InputError(f"{folder} has no motions of the database: expected files such as 01_01.amc or 01_01.bvh")
    there = {subject for subject, _ in found}
    missing = sorted((wanted or set()) - there)
    if missing:
        raise InputError(
            f"{folder} has no subject {missing[0]}: expected {missing[0]}_01.amc with {missing[0]}.asf, or "
            f"{missing[0]}_01.bvh; it has {', '.join(sorted(there))}"
        )
    return [trial for (subject, _), trial in sorted(found.items()) if wanted is None or subject in wanted]


def trial_texts(folder: Path) -> dict[str, str]:
    """Trial -> its description, from the index file of the BVH conversions, if present."""
    texts: dict[str, str] = {}
    for path in sorted(folder.rglob("cmu-mocap-index-text.txt")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            entry = re.match(r"\s*(\d+)_(\d+)\s+(.*\S)", line)
            if entry:
                texts[f"{plain_number(entry[1])}_{plain_number(entry[2])}"] = entry[3]
    return texts
