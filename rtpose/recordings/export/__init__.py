"""Exports of recordings to the formats of other programs. docs/formats.md describes their content."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rtpose.errors import InputError, OutputError

if TYPE_CHECKING:
    from rtpose.recordings.export.markers import Markers
    from rtpose.recordings.recording import Recording


@dataclass(frozen=True, slots=True)
class _Format:
    module: str
    holds: Literal["frames", "people", "one person"]
    """frames: a recording without people is written, too. one person: several people become several files."""
    function: str = "write"
    """`function(path, recording, ids)` returns a message for the user, or ""."""
    of: Literal["joints", "markers", "bones"] = "joints"
    """markers: the function takes `markers`, too. bones: it needs bodies."""


FORMATS = {
    ".npz": _Format("rtpose.recordings.export.own", "frames", "export_npz"),
    ".rtpose": _Format("rtpose.recordings.export.own", "frames", "export_rtpose"),
    ".json": _Format("rtpose.recordings.export.json_file", "frames"),
    ".csv": _Format("rtpose.recordings.export.csv_file", "frames"),
    ".bvh": _Format("rtpose.recordings.export.bvh", "one person", of="bones"),
    ".trc": _Format("rtpose.recordings.export.trc", "one person", of="markers"),
    ".c3d": _Format("rtpose.recordings.export.c3d", "people", of="markers"),
    ".glb": _Format("rtpose.recordings.export.glb", "people", of="bones"),
}


def is_for_bodies(out: Path) -> bool:
    """Whether the format needs a body: bones, or markers on it."""
    form = FORMATS.get(out.suffix.lower())
    return form is not None and form.of != "joints"


def export_recording(
    recording: Recording,
    out: Path,
    *,
    person: int | None = None,
    markers: Markers | None = None,
    overwrite: bool = False,
) -> list[str]:
    """Write `recording` in the format given by the ending of `out`.

    person: the track id of the only person to write. If the format holds one person and there are several, each gets
    a file: NAME-3.bvh. markers: the points of TRC and C3D. Returns one message for the user per file.
    Errors: `OutputError`; `InputError` if the recording has no frames or not that person, or no bodies for a format of
    bones; `MissingExtraError`.
    """
    from rtpose.recordings.output_file import OutputFile

    form = FORMATS.get(out.suffix.lower())
    if form is None:
        raise OutputError(f"{out}: a recording is written as {', '.join(FORMATS)}: change the name's ending")
    if markers is not None and form.of != "markers":
        raise OutputError(f"{out}: only TRC and C3D have markers: leave --markers out")
    if not len(recording):
        raise InputError("the recording has no frames: there is nothing to convert")
    ids = recording.ids
    if person is not None:
        if person not in ids:
            raise InputError(f"the recording has no person {person}: it has {', '.join(map(str, ids)) or 'none'}")
        ids = [person]
    if form.holds != "frames" and not ids:
        raise InputError(f"the recording has no people: a {out.suffix.lower()} holds only people")
    parts: list[tuple[Path, Sequence[int]]] = [(out, ids)]
    if form.holds == "one person" and len(ids) > 1:
        parts = [(out.with_stem(f"{out.stem}-{track_id}"), [track_id]) for track_id in ids]
    write = getattr(importlib.import_module(form.module), form.function)
    outputs = [OutputFile(path, overwrite=overwrite) for path, _ in parts]
    messages = []
    for output, (path, who) in zip(outputs, parts, strict=True):
        with output.writing():
            note = write(output.part, recording, who, **({} if markers is None else {"markers": markers}))
        output.commit()
        people = f"person {who[0]}" if len(who) == 1 else f"{len(who)} people"
        messages.append(f"{path}: {people}{', ' if note else ''}{note}")
    return messages
