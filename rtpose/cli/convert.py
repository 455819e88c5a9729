"""`rtpose convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rtpose.cli.options import Overwrite
from rtpose.cli.terminal import say, warn
from rtpose.errors import OutputError


def convert(
    recording: Annotated[Path, typer.Argument(metavar="IN.{npz,rtpose}", help="A recording.")],
    out: Annotated[
        Path, typer.Argument(metavar="OUT.{npz,rtpose,json,csv,bvh,trc,c3d,glb}", help="The suffix selects the format.")
    ],
    person: Annotated[int | None, typer.Option(help="Only the person with this id.", show_default="everybody")] = None,
    markers: Annotated[
        Literal["rtpose", "halpe26"] | None,
        typer.Option(
            help="Markers of TRC and C3D: all joints, or those of Pose2Sim's HALPE_26.", show_default="rtpose"
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Convert a recording for another program. BVH and TRC hold one person, so each person gets a file.

    Bodies are fitted first where a recording has none and the format needs them.
    """
    from rtpose.recordings import load_recording
    from rtpose.recordings.export import export_recording, is_for_bodies

    if out.resolve() == recording.resolve():
        raise OutputError(f"{out} is the input: choose another name for the output")
    poses = load_recording(recording)
    if poses.meta.get("cut_off"):
        warn(f"warning: {recording} was cut off; converting the part that is readable")
    if poses.ids and not poses.has_bodies and is_for_bodies(out):
        from rtpose.pose.body.offline import fit_recording

        poses = fit_recording(poses)
    for line in export_recording(poses, out, person=person, markers=markers, overwrite=overwrite):
        say(line)
