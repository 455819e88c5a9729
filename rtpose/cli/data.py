"""`rtpose data`: prepare, exercises, render, clips and footage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from rtpose.cli.options import Quiet
from rtpose.cli.terminal import needing_train, progress_bar, warn
from rtpose.errors import InputError

data_app = typer.Typer(help="Make or render motion data for training (needs the extra 'train').", no_args_is_help=True)
prepare_app = typer.Typer(
    help="Make a motion pack (one .npz file of motions) from a data set's original files.", no_args_is_help=True
)
data_app.add_typer(prepare_app, name="prepare")


@prepare_app.command("cmu")
def data_prepare_cmu(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder with the ASF and AMC files, or BVH files, at any depth.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The pack to write.", show_default="cmu17_train.npz, with --angles cmu_amc30_train.npz"
        ),
    ] = None,
    subjects: Annotated[
        str | None, typer.Option(help="Only these subjects, separated by commas.", show_default="all")
    ] = None,
    angles: Annotated[
        bool,
        typer.Option(
            "--angles", help="Store joint angles, for `rtpose data render`, instead of positions (ASF/AMC only)."
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make a pack at 30 Hz from the ASF/AMC or BVH files of the CMU motion capture database."""
    with needing_train("preparing data"):
        from rtpose.train.data.readers.cmu import prepare_cmu
        from rtpose.train.data.readers.cmu_angles import prepare_cmu_angles

    prepare = prepare_cmu_angles if angles else prepare_cmu
    out = out or Path("cmu_amc30_train.npz" if angles else "cmu17_train.npz")
    chosen = [part.strip() for part in subjects.split(",")] if subjects else None
    with progress_bar(quiet, "clips") as update:
        frames = prepare(folder, out, subjects=chosen, progress=lambda done, total, name: update(done, total, name))
    print(f"{frames} frames -> {out}")


@data_app.command("exercises")
def data_exercises(
    motions: Annotated[Path, typer.Option(help="The pack of joint angles, of `rtpose data prepare cmu --angles`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The pack to write.")] = Path("exercises.npz"),
    clips: Annotated[int, typer.Option(help="Clips of 2.5 seconds.", min=1)] = 2000,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Make a pack of generated exercises, gestures and sitting, which are rare in motion capture data."""
    with needing_train("preparing data"):
        from rtpose.train.lifters.fusion.exercise_pack import write_exercise_pack

    with progress_bar(quiet, "clips") as update:
        frames = write_exercise_pack(motions, out, clips, seed=seed, report=lambda done: update(done, clips, ""))
    print(f"{frames} frames -> {out}")


@data_app.command("render")
def data_render(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Output folder; an interrupted run resumes there.")],
    motions: Annotated[Path, typer.Option(help="Pack of joint angles made by `rtpose data prepare cmu --angles`.")],
    count: Annotated[int, typer.Option(help="Number of pictures, rounded up to a multiple of 256.")] = 20480,
    size: Annotated[str, typer.Option(help="Width x height in pixels.")] = "256x256",
    people: Annotated[int, typer.Option(help="Most people in one picture, 1 to 4.")] = 3,
    group: Annotated[bool, typer.Option(help="Show all people (2 or more) instead of cropping to one.")] = False,
    test: Annotated[bool, typer.Option(help="Use motions, bodies and textures reserved for testing.")] = False,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    backgrounds: Annotated[
        Path | None, typer.Option(help="Folder of your own background pictures.", show_default="none")
    ] = None,
    workers: Annotated[int, typer.Option(help="Number of processes.")] = max(1, os.cpu_count() or 1),
    sheet: Annotated[
        Path | None, typer.Option(help="Also write the first 48 pictures with their joints here.", show_default="none")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Render people with exact labels, to train and test picture networks (needs the extra 'synth')."""
    from rtpose.train.synth.people import PeopleSettings
    from rtpose.train.synth.photo import Split
    from rtpose.train.synth.shards import RenderedFolder, RenderProgress, render_folder
    from rtpose.train.synth.sheet import contact_sheet, write_picture

    parts = size.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise InputError(f"--size {size}: give width x height, as in 256x256")
    settings = PeopleSettings(
        size=(int(parts[0]), int(parts[1])), most_people=people, group=group,
        split=Split.TEST if test else Split.TRAIN, seed=seed,
    )  # fmt: skip
    with progress_bar(quiet, "pictures") as update:

        def report(now: RenderProgress) -> None:
            update(now.done, now.count, f"{now.made / max(now.seconds, 1e-9):.1f}/s")

        end = render_folder(
            folder, motions, settings, count, backgrounds=backgrounds, workers=workers, report=report,
            notify=warn,
        )  # fmt: skip
    print(f"{end.done} pictures in {folder}")
    if end.made:
        each = ", ".join(f"{step} {seconds / end.made * 1e3:.1f}" for step, seconds in end.steps_s.items())
        print(f"{end.made} made in {end.seconds:.0f} s: {end.made / end.seconds:.1f} a second by {end.workers} workers")
        print(f"{end.made / end.cpu_s:.1f} per second of CPU time")
        print(f"worker milliseconds per picture: {each}")
    if sheet:
        pictures = RenderedFolder(folder)
        write_picture(sheet, contact_sheet([pictures[i] for i in range(min(48, len(pictures)))], columns=8))
        print(sheet)


@data_app.command("clips")
def data_clips(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Output folder; an interrupted run resumes there.")],
    motions: Annotated[Path, typer.Option(help="Pack of joint angles made by `rtpose data prepare cmu --angles`.")],
    count: Annotated[int, typer.Option(help="Number of clips, rounded up to a multiple of 16.")] = 2048,
    frames: Annotated[int, typer.Option(help="Frames in a clip, 2 to 64. Clips have 8 to 34 frames a second.")] = 24,
    network: Annotated[
        list[str] | None,
        typer.Option(
            help="BlazePose's landmark network to run: lite, full or heavy. May be given several times.",
            show_default="full",
        ),
    ] = None,
    positions: Annotated[
        Path | None,
        typer.Option(help="A pack of joint positions, such as cmu17_train.npz, for more motions.", show_default="none"),
    ] = None,
    test: Annotated[bool, typer.Option(help="Use motions, bodies and textures reserved for testing.")] = False,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    workers: Annotated[int, typer.Option(help="Number of processes.")] = max(1, os.cpu_count() or 1),
    quiet: Quiet = False,
) -> None:
    """Render clips of a moving person and run BlazePose on them, to train lifters (needs the extra 'synth').

    Keeps the exact 3D joints and the detector's joints and evidence of each frame, but no pictures.
    """
    from rtpose.train.synth.clip_detections import NETWORKS
    from rtpose.train.synth.clip_shards import ClipProgress, render_clips
    from rtpose.train.synth.photo import Split

    networks = list(dict.fromkeys(network or NETWORKS[:1]))
    with progress_bar(quiet, "clips") as update:

        def report(now: ClipProgress) -> None:
            update(now.done, now.count, f"{now.seconds / now.made:.1f} s each" if now.made else "")

        end = render_clips(
            folder, motions, count, networks=networks, split=Split.TEST if test else Split.TRAIN, seed=seed,
            frames=frames, positions=positions, workers=workers, report=report, notify=warn,
        )  # fmt: skip
    print(
        f"{end.done} clips in {folder}, with joints of {', '.join(networks)}; the README.md there explains the arrays"
    )


@data_app.command("footage")
def data_footage(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Output folder, empty or new.")],
    motions: Annotated[Path, typer.Option(help="Pack of joint angles made by `rtpose data prepare cmu --angles`.")],
    count: Annotated[int, typer.Option(help="Number of clips.", min=1)] = 10,
    frames: Annotated[int, typer.Option(help="Frames in a clip. Clips have 8 to 34 frames a second.", min=2)] = 64,
    positions: Annotated[
        Path | None,
        typer.Option(
            help="A pack of joint positions that nothing is trained on, such as cmu17_test.npz, for all motions except "
            "exercises.",
            show_default="none",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Render clips of moving people with exact ground truth, for `rtpose eval --footage rendered:FOLDER`
    (needs the extra 'synth').

    Bodies, textures and the motions from --motions are those reserved for testing.
    """
    from rtpose.train.synth.footage import render_footage

    with progress_bar(quiet, "clips") as update:
        render_footage(
            folder, motions, count, seed=seed, frames=frames, positions=positions,
            report=lambda done: update(done, count, ""), notify=warn,
        )  # fmt: skip
    print(f"{count} clips in {folder}")
