"""The motion packs that `fusion` is trained on, from their folder."""

from __future__ import annotations

from pathlib import Path

from rtpose.errors import InputError
from rtpose.train.lifters.fusion.settings import FusionSettings

MOTIONS, EXERCISES = "cmu17_train.npz", "exercises.npz"


def packs_of(folder: Path, settings: FusionSettings) -> dict[Path, float]:
    """Pack -> share of the people. Errors: `InputError` for a folder that lacks one."""
    shares = {folder / MOTIONS: 1 - settings.exercises, folder / EXERCISES: settings.exercises}
    wanted = {file: share for file, share in shares.items() if share > 0}
    missing = [file.name for file in wanted if not file.is_file()]
    if EXERCISES in missing:
        raise InputError(
            f"{folder} has no {EXERCISES}: make it with `rtpose data exercises`, or set exercises=0 to train without"
        )
    if missing:
        raise InputError(f"{folder} has no {missing[0]}: give the folder that holds the motion packs")
    return wanted
