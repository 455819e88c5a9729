"""A recording as a file for other programs. docs/formats.md says what each holds."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rtpose.errors import InputError, OutputError

if TYPE_CHECKING:
    from rtpose.recordings.npz import PosesFile


@dataclass(frozen=True, slots=True)
class _Format:
    module: str
    holds: Literal["frames", "people", "one person"]
    """frames: also a recording without a person. one person: several become several files."""
    function: str = "write"
    """`function(path, poses, ids)` returns what there is to say to people, or ""."""


FORMATS = {
    ".npz": _Format("rtpose.recordings.export.own", "frames", "write_npz"),
    ".rtpose": _Format("rtpose.recordings.export.own", "frames", "write_rtpose"),
    ".json": _Format("rtpose.recordings.export.json_file", "frames"),
    ".csv": _Format("rtpose.recordings.export.csv_file", "frames"),
    ".bvh": _Format("rtpose.recordings.export.bvh", "one person"),
    ".trc": _Format("rtpose.recordings.export.trc", "one person"),
    ".c3d": _Format("rtpose.recordings.export.c3d", "people"),
    ".glb": _Format("rtpose.recordings.export.glb", "people"),
}


def convert(poses: PosesFile, out: Path, *, person: int | None = None, overwrite: bool = False) -> list[str]:
    """Write `poses` in the format that the name's ending says; only one person if `person`, a track id, is given.

    Of several people in a format for one, each gets a file: NAME-3.bvh. Returns a line for people for each file.
    Errors: `OutputError`, `InputError` for a recording without frames or without that person, `MissingExtraError`.
    """
    from rtpose.recordings.export.motion import track_ids
    from rtpose.recordings.output_file import OutputFile

    form = FORMATS.get(out.suffix.lower())
    if form is None:
        raise OutputError(f"{out}: a recording is written as {', '.join(FORMATS)}: change the name's ending")
    if not len(poses.timestamps_s):
        raise InputError("the recording has no frames: there is nothing to convert")
    ids = track_ids(poses)
    if person is not None:
        if person not in ids:
            raise InputError(f"the recording has no person {person}: it has {', '.join(map(str, ids)) or 'nobody'}")
        ids = [person]
    if form.holds != "frames" and not ids:
        raise InputError(f"nobody is in the recording: a {out.suffix.lower()} holds people only")
    parts: list[tuple[Path, Sequence[int]]] = [(out, ids)]
    if form.holds == "one person" and len(ids) > 1:
        parts = [(out.with_stem(f"{out.stem}-{track_id}"), [track_id]) for track_id in ids]
    write = getattr(importlib.import_module(form.module), form.function)
    outputs = [OutputFile(path, overwrite=overwrite) for path, _ in parts]
    said = []
    for output, (path, who) in zip(outputs, parts, strict=True):
        with output.writing():
            note = write(output.part, poses, who)
        output.commit()
        people = f"person {who[0]}" if len(who) == 1 else f"{len(who)} people"
        said.append(f"{path}: {people}{', ' if note else ''}{note}")
    return said
