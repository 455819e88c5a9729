"""`rtpose bench --people`: the same work for each number of people."""

from __future__ import annotations

from pathlib import Path

from rtpose.bench.agreement import read_joints
from rtpose.bench.clips import MOST_PEOPLE, clip_info, copied_box, make_crowd
from rtpose.bench.sides import make_side, poses_of, working
from rtpose.errors import ConfigError, InputError


def crowds(settings: str, clip: Path, people: str, folder: Path) -> list[tuple[str, Path]]:
    """Settings and clip, written to `folder`, for each number of people. people: "3" or "1..4".

    Errors: `ConfigError` for another text or number, `InputError` for a clip without a person.
    """
    first, dots, last = people.partition("..")
    if not first.isdecimal() or (dots and not last.isdecimal()):
        raise ConfigError(f"--people {people}: give a number, or two as in 1..{MOST_PEOPLE}")
    numbers = range(int(first), int(last or first) + 1)
    if not numbers or numbers[0] < 1 or numbers[-1] > MOST_PEOPLE:
        raise ConfigError(f"--people {people}: give 1 to {MOST_PEOPLE}")
    with working([make_side("default", clip, {})]) as workers:
        workers[0].run(out=poses_of(folder, 0), details=False)
    joints = read_joints(poses_of(folder, 0))
    if joints is None:
        raise InputError(f"no person was found in {clip}: --people needs a clip with one person")
    box = copied_box(joints[0], clip_info(clip).size)
    made = []
    for number in numbers:
        crowd = folder / f"{number} of {MOST_PEOPLE}.mp4"
        make_crowd(clip, crowd, number, box)
        own = [] if settings in ("", "default") else [settings]
        made.append((",".join([*own, f"persons={number}"]), crowd))
    return made
