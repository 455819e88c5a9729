"""`rtpose calibrate`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtpose.cli.options import Overwrite, Quiet
from rtpose.cli.terminal import StatusLine, progress_bar, say, warn
from rtpose.cli.webcam import open_live, shown
from rtpose.errors import InputError
from rtpose.interrupts import on_signals

if TYPE_CHECKING:
    from rtpose.lens.boards import Board
    from rtpose.lens.coverage import Coverage
    from rtpose.lens.solve import LensFit
    from rtpose.types import FrameSource


def calibrate(
    source: Annotated[
        str | None,
        typer.Argument(metavar="[IN]", help="A video, a folder of pictures, or a pattern.", show_default="a camera"),
    ] = None,
    camera: Annotated[str, typer.Option(help="Without IN: camera number, device or stream URL.")] = "0",
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, for --calibration.")] = Path(
        "camera.yaml"
    ),
    board: Annotated[
        str | None, typer.Option(help="Chessboard: inner corners, COLUMNSxROWS.", show_default="9x6")
    ] = None,
    charuco: Annotated[str | None, typer.Option(help="ChArUco board instead: squares, COLUMNSxROWS.")] = None,
    square: Annotated[str, typer.Option(help="Side of a square: 25mm, 1in. Only --print uses it.")] = "25mm",
    marker: Annotated[
        str | None, typer.Option(help="Side of a ChArUco board's markers.", show_default="3/4 of the square")
    ] = None,
    dictionary: Annotated[str, typer.Option(help="Markers of a ChArUco board, as OpenCV names them.")] = "4x4_100",
    print_to: Annotated[
        Path | None, typer.Option("--print", help="Write the board to this .png or .pdf, to print it, and stop.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write the calibration even if it is bad.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure a camera's focal length with a printed board, live or from a video."""
    from rtpose.lens.boards import make_board
    from rtpose.lens.solve import fit_lens
    from rtpose.recordings.output_file import OutputFile

    target = make_board(board, charuco, square, marker, dictionary)
    if print_to is not None:
        _print_board(print_to, target, f"--charuco {charuco}" if charuco else f"--board {board or '9x6'}", overwrite)
        return
    output = OutputFile(out, overwrite=overwrite)
    name = source or f"camera {shown(camera)}"
    coverage = _watch(_open(source, camera), target, name, quiet=quiet)
    fit = fit_lens(coverage)
    _check(fit, coverage, force=force)
    with output.writing():
        output.part.write_text(fit.yaml(), encoding="utf-8")
    output.commit()
    _print_result(fit, coverage, out)


def _print_board(path: Path, board: Board, option: str, overwrite: bool) -> None:
    from rtpose.lens.sheet import write_board
    from rtpose.recordings.output_file import OutputFile

    output = OutputFile(path, overwrite=overwrite)
    with output.writing():
        width_m, height_m = write_board(output.part, board, f"rtpose calibrate {option}", name=path.name)
    output.commit()
    say(f"{path}: {width_m * 1000:.0f} x {height_m * 1000:.0f} mm; print it, glue it to something flat, then:")
    say(f"rtpose calibrate {option}")


def _open(source: str | None, camera: str) -> FrameSource:
    from rtpose.capture import open_source

    opened = open_source(source) if source is not None else open_live(camera)
    if source is not None and opened.info.live:
        opened.close()
        raise InputError(f"{shown(source)} is live: rtpose calibrate --camera {shown(source)}")
    return opened


def _watch(source: FrameSource, board: Board, name: str, *, quiet: bool) -> Coverage:
    from rtpose.lens.watch import watch

    stopped: list[bool] = []
    with closing(source), on_signals(lambda: stopped.append(True)):
        if source.info.live:
            with StatusLine() as line:
                return watch(source, board, _live_hints(line, quiet), lambda: bool(stopped))
        with progress_bar(quiet, name) as update:

            def show(coverage: Coverage, read: int, step: str) -> None:
                update(read, source.info.frame_count, coverage.summary)

            return watch(source, board, show, lambda: bool(stopped))


def _live_hints(line: StatusLine, quiet: bool) -> Callable[[Coverage, int, str], None]:
    """Shows the coverage and what to do next; without a terminal, in a line for each new hint."""
    last = ""

    def show(coverage: Coverage, read: int, step: str) -> None:
        nonlocal last
        line.show(f"{coverage.share:.0%} {coverage.map_text} {step} ({coverage.summary})")
        if step != last and not (line.is_shown or quiet):
            line.warn(f"{coverage.summary}: {step}")
        last = step

    return show


def _check(fit: LensFit, coverage: Coverage, *, force: bool) -> None:
    """Errors: `InputError` for a bad calibration, unless forced."""
    from rtpose.lens.solve import problems_of

    if problems := problems_of(fit, coverage):
        text = f"this calibration is not reliable: {', '.join(problems)}"
        if not force:
            raise InputError(f"{text}; {coverage.next_step}, or write it anyway with --force")
        warn(f"warning: {text}")


def _print_result(fit: LensFit, coverage: Coverage, out: Path) -> None:
    from rtpose.geometry import fov_from_focal

    camera = fit.camera
    left_out = f" ({fit.left_out} outliers left out)" if fit.left_out else ""
    fov_deg, size = fov_from_focal(fit.image_size, camera.fx), "{}x{}".format(*fit.image_size)
    say(
        f"fx {camera.fx:.1f}, fy {camera.fy:.1f} (± {fit.focal_deviation:.1%}), cx {camera.cx:.1f}, "
        f"cy {camera.cy:.1f} px of {size}: {fov_deg:.1f} degrees across the longer side"
    )
    say(f"{coverage.summary}{left_out}, reprojection error {fit.error_px:.2f} px")
    say(f"rtpose does not undo lens distortion: {fit.distortion_px:.1f} px of it are left on average")
    say(f"-> {out}: use it with --calibration {out}")
