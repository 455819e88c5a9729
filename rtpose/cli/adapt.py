"""`rtpose adapt`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtpose.cli.options import Calibration, Fov, Overwrite, Persons, Quiet
from rtpose.cli.terminal import needing_train, progress_bar
from rtpose.errors import ConfigError, InputError

if TYPE_CHECKING:
    from rtpose.config import RunSettings
    from rtpose.train.adapt.takes import Take

STEPS = 150


def adapt(
    clips: Annotated[
        list[str], typer.Argument(metavar="CLIP…", help="Videos of the people and the camera to adapt to.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The lifter to write, for --lifter.")] = Path("adapted.onnx"),
    network: Annotated[
        str,
        typer.Option(
            "--network", help="The landmark network that it will be used with: lite or full; heavy with --together."
        ),
    ] = "full",
    lifter: Annotated[
        str, typer.Option("--lifter", help="What to start from: fusion, or a file that adapt wrote.")
    ] = "fusion",
    persons: Persons = None,
    fov: Fov = None,
    calibration: Calibration = None,
    together: Annotated[
        bool,
        typer.Option(
            "--together",
            help="The clips were filmed at the same time from different sides, by still cameras that start together. "
            "They correct each other's depth.",
        ),
    ] = False,
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = STEPS,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Adapt the lifter to the people and the camera in your own videos, without labels (needs the extra 'train').

    It learns from the poses that the network heavy finds when it looks ahead and back, and with --together from what
    several cameras agree on. The last quarter of each clip is held out: if the lifter is no better there, nothing is
    written.
    """
    from rtpose.config import make_settings

    if network not in ("lite", "full", *(["heavy"] if together else [])):
        raise ConfigError(f"--network {network}: choose lite or full; heavy, the teacher, needs --together")
    if together and len(clips) < 2:
        raise ConfigError("--together needs the clips of two cameras or more")
    settings = make_settings(persons=persons, fov_deg=fov, calibration=calibration, lifter=lifter)
    with needing_train("rtpose adapt"):
        _adapt(clips, out, network, settings, steps, together=together, overwrite=overwrite, quiet=quiet)


def _adapt(
    clips: list[str],
    out: Path,
    network: str,
    settings: RunSettings,
    steps: int,
    *,
    together: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    from rtpose.networks.weights import lifter_file
    from rtpose.recordings.output_file import OutputFile
    from rtpose.train.adapt.learn import adapted
    from rtpose.train.adapt.together import joined
    from rtpose.train.lifters.fusion.export import export_adapted, load_fusion

    before, facts = load_fusion(lifter_file(settings.lifter))
    output = OutputFile(out, overwrite=overwrite)
    watched = [_watched(clip, network, settings, quiet) for clip in clips]
    takes = [take for of_clip in watched for take in of_clip]
    if together:
        takes, agreeing = joined(watched)
        if agreeing == 0:
            output.discard()
            raise InputError(
                "no two clips show the same poses at the same times: check that they start together, that no camera "
                "moves and that --persons is right, or leave --together out"
            )
        print(f"{agreeing} of {len(takes)} takes are seen by several cameras")
    frames = sum(map(len, takes))
    with progress_bar(quiet, "learning") as update:
        after, outcome = adapted(before, takes, steps=steps, report=lambda done: update(done, steps, ""))
    print(
        f"{frames} frames of {len(takes)} takes; on the held-out quarter: {outcome.before_mm:.1f} -> "
        f"{outcome.after_mm:.1f} mm from the teacher, limbs vary by {outcome.limbs_before:.1f} -> "
        f"{outcome.limbs_after:.1f} %"
    )
    if not outcome.better:
        output.discard()
        print("The lifter did not improve on these clips: the old one is kept and nothing is written.")
        return
    with output.writing():
        export_adapted(
            after, facts,
            {
                "network": network, "frames": frames, "steps": steps, "before_mm": round(outcome.before_mm, 1),
                "after_mm": round(outcome.after_mm, 1),
            },
            output.part,
        )  # fmt: skip
    output.commit()
    print(f"{out}: use it with --network {network} --lifter {out}")


def _watched(clip: str, network: str, settings: RunSettings, quiet: bool) -> list[Take]:
    from rtpose.train.adapt.takes import takes_of

    with progress_bar(quiet, f"watching {Path(clip).name}") as update:
        return takes_of(clip, network, settings, lambda done, total: update(done, total, ""))
