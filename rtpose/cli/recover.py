"""`rtpose recover`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from rtpose.cli.options import Overwrite
from rtpose.cli.terminal import say
from rtpose.errors import OutputError


def recover(
    broken: Annotated[Path, typer.Argument(metavar="BROKEN.rtpose", help="A recording that was cut off or damaged.")],
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT.rtpose", help="Where to write the readable part.", show_default="BROKEN-recovered.rtpose"
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Save the readable part of a damaged recording."""
    from rtpose.recordings.output_file import OutputFile
    from rtpose.recordings.rtpose_file import end_chunk, read_rtpose

    found = read_rtpose(broken)
    frames = len(found.recording.timestamps_s)
    if found.complete and not found.lost_bytes:
        say(f"{broken} is complete: {frames} frames, nothing to recover")
        return
    out = out or broken.with_stem(f"{broken.stem}-recovered")
    if out.suffix.lower() != ".rtpose":
        raise OutputError(f"{out}: a recording is recovered as .rtpose; use `rtpose convert` for other formats")
    if out.resolve() == broken.resolve():
        raise OutputError(f"{out} is the input: choose another name for the output")
    output = OutputFile(out, overwrite=overwrite)
    with output.writing(), broken.open("rb") as source, output.part.open("wb") as file:
        shutil.copyfileobj(source, file)
        file.truncate(found.frames_end)
        file.seek(found.frames_end)
        file.write(end_chunk({"frames": frames, "recovered": True}))
    output.commit()
    times = found.recording.timestamps_s
    length = f"{times[-1] - times[0]:.1f} s" if frames else "0 s"
    say(f"{frames} frames ({length}) kept, {found.lost_bytes} bytes at the end unreadable -> {out}")
