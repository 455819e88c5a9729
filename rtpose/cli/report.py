"""`rtpose report`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from rtpose.cli.options import Overwrite
from rtpose.cli.terminal import say, warn
from rtpose.errors import ConfigError, InputError, OutputError

if TYPE_CHECKING:
    from rtpose.recordings.recording import Recording
    from rtpose.report.page import PersonPart, ReportHead

_PICTURES = 8
_LEAST_REPETITIONS = 2
"""With fewer, pictures in even steps say more than those at peaks."""
_LEAST_SEEN_S = 1.0
"""Somebody seen for less gets no section: there is nothing to read in it."""


def report(
    recording: Annotated[Path, typer.Argument(metavar="IN.{npz,rtpose}", help="A recording.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The .html file to write.", show_default="NAME.html")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Also write the angles as CSV, and ranges as NAME-summary.csv.")
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help="The recording's video, for pictures.", show_default="the one next to it")
    ] = None,
    pictures: Annotated[bool, typer.Option("--pictures/--no-pictures", help="Show pictures of the video.")] = True,
    title: Annotated[str, typer.Option(help="Heading of the report.")] = "Movement report",
    person: Annotated[int | None, typer.Option(help="Only the person with this id.", show_default="everybody")] = None,
    angle: Annotated[
        str | None,
        typer.Option(
            help="Count repetitions by this angle, e.g. knee_flexion.", show_default="the one that moves most"
        ),
    ] = None,
    least_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Angles with lower confidence are unsure and left out of all numbers.")
    ] = 0.25,
    overwrite: Overwrite = False,
) -> None:
    """Write a report on joint angles: curves, ranges of motion, repetitions, left and right side by side."""
    from rtpose.pose.body.offline import fit_recording
    from rtpose.recordings import load_recording
    from rtpose.recordings.output_file import OutputFile
    from rtpose.report.angles import KIND_OF, angles_of
    from rtpose.report.page import PersonPart, report_html
    from rtpose.report.statistics import count_repetitions
    from rtpose.report.tables import write_angles, write_summary

    out = out or recording.with_suffix(".html")
    if out.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{out}: a report is written as .html: change the name's ending")
    if angle is not None and angle not in KIND_OF:
        raise ConfigError(f"there is no angle '{angle}': choose one of {', '.join(KIND_OF)}")
    poses = load_recording(recording)
    notes: list[str] = []
    ids = _people(poses, person, notes)
    if poses.meta.get("cut_off"):
        notes.append("The recording was cut off: this is its readable part.")
    outputs = [OutputFile(path, overwrite=overwrite) for path in (out, *_tables(csv))]
    if ids and not poses.has_bodies:
        poses = fit_recording(poses)
    parts = []
    for track_id in ids:
        angles = angles_of(poses, track_id)
        counts = count_repetitions(angles, KIND_OF[angle] if angle else None, least_confidence)
        parts.append(PersonPart(angles, counts))
    if pictures:
        parts = _with_pictures(parts, poses, recording, video)
    text = report_html(_head(poses, recording, title, least_confidence, notes), parts)
    for number, output in enumerate(outputs):
        with output.writing():
            if number == 0:
                output.part.write_text(text, encoding="utf-8")
            elif number == 1:
                write_angles(output.part, parts, poses.frame_ids.tolist())
            else:
                write_summary(output.part, parts, least_confidence)
        output.commit()
    for note in notes:
        warn(note)
    for part in parts:
        reps = ", ".join(f"{len(count.repetitions)} by {count.title.lower()}" for count in part.counts)
        say(f"person {part.angles.track_id}: repetitions {reps or 'none'}")
    say(f"-> {', '.join(str(output.path) for output in outputs)}")


def _tables(csv: Path | None) -> tuple[Path, ...]:
    return () if csv is None else (csv, csv.with_stem(f"{csv.stem}-summary"))


def _people(poses: Recording, person: int | None, notes: list[str]) -> list[int]:
    """The ids of those to report on. Errors: `InputError`."""
    if not len(poses):
        raise InputError("the recording has no frames: there is nothing to report")
    if person is not None:
        if person not in poses.ids:
            raise InputError(f"the recording has no person {person}: it has {', '.join(map(str, poses.ids)) or 'none'}")
        return [person]
    long_seen = [track_id for track_id in poses.ids if _seen_s(poses, track_id) >= _LEAST_SEEN_S]
    if short := len(poses.ids) - len(long_seen):
        who = "1 person who was" if short == 1 else f"{short} people who were"
        notes.append(f"Left out: {who} seen for less than {_LEAST_SEEN_S:g} s.")
    return long_seen


def _seen_s(poses: Recording, track_id: int) -> float:
    times = poses.timestamps_s[(poses.track_ids == track_id).any(1)]
    return float(times[-1] - times[0])


def _with_pictures(parts: list[PersonPart], poses: Recording, recording: Path, video: Path | None) -> list[PersonPart]:
    """The same with pictures, where there is a video. Errors: `InputError` if the given one cannot be read."""
    from rtpose.outputs.drawing import draw_people
    from rtpose.report.pictures import cut_pictures, video_beside

    found = video or video_beside(poses, recording)
    if found is None:
        return parts
    wanted = [(part.angles.track_id, _picture_times(poses, part)) for part in parts]
    try:
        strips = cut_pictures(found, poses, wanted, draw_people)
        if parts and not any(strips.values()):
            raise InputError(f"{found} is not the video of this recording: its frames have other times or another size")
    except InputError as error:
        if video is not None:
            raise
        warn(f"warning: no pictures: {error}")
        return parts
    return [replace(part, pictures=strips[part.angles.track_id]) for part in parts]


def _picture_times(poses: Recording, part: PersonPart) -> list[float]:
    """When to show the person: before and at the peaks of repetitions, else in even steps."""
    import numpy as np

    times = poses.timestamps_s[(poses.track_ids == part.angles.track_id).any(1)]
    reps = part.counts[0].repetitions if part.counts else ()
    if len(reps) < _LEAST_REPETITIONS:
        return [float(time_s) for time_s in np.linspace(times[0], times[-1], _PICTURES)]
    moments = [time_s for rep in reps for time_s in (rep.start_s, rep.peak_s)]
    moments.append(float(times[-1]) if reps[-1].end_s is None else reps[-1].end_s)
    chosen = np.unique(np.linspace(0, len(moments) - 1, min(_PICTURES, len(moments))).round().astype(int))
    return [moments[number] for number in chosen.tolist()]


def _head(poses: Recording, path: Path, title: str, least: float, notes: list[str]) -> ReportHead:
    from rtpose.report.page import ReportHead, duration_text

    seconds = float(poses.timestamps_s[-1] - poses.timestamps_s[0])
    rate = f", {(len(poses) - 1) / seconds:.0f} a second" if seconds > 0 else ""
    source = str(poses.meta.get("source") or "unknown")
    facts = [
        ("Clip", source if "://" in source else PurePath(source.replace("\\", "/")).name),
        ("Recording", path.name),
        ("Recording written", f"{datetime.fromtimestamp(path.stat().st_mtime):%Y-%m-%d %H:%M}"),
        ("Report made", f"{datetime.now():%Y-%m-%d %H:%M}"),
        ("Duration", f"{duration_text(seconds)}"),
        ("Frames", f"{len(poses)}{rate}"),
        ("Person" if len(poses.ids) == 1 else "People", ", ".join(map(str, poses.ids)) or "none"),
        ("Estimated with", f"rtpose {poses.meta.get('rtpose') or '?'}, {poses.meta.get('estimator') or 'unknown'}"),
    ]
    return ReportHead(title, facts, [str(text) for text in poses.meta.get("assumptions") or ()], least, notes)
