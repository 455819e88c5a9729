"""`rtpose demo`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rtpose.cli.options import DEFAULT_PORT, Browser, NetworkOptions, Port, with_option_groups
from rtpose.cli.terminal import exit_if_outputs_failed, open_page, summary_line, warn

if TYPE_CHECKING:
    from rtpose.types import Person3D, Result


@with_option_groups
def demo(
    *,
    port: Port = DEFAULT_PORT,
    browser: Browser = True,
    networks: NetworkOptions,
    loop: Annotated[
        bool | None,
        typer.Option("--loop/--once", help="Repeat the clip until Ctrl-C.", show_default="loop on a terminal"),
    ] = None,
) -> None:
    """Play the built-in clip in the browser and print the error against its ground truth."""
    from rtpose.assets import SampleTruth, sample_clip
    from rtpose.assets.sample_error import sample_error
    from rtpose.capture import open_source
    from rtpose.config import make_settings
    from rtpose.session import Session

    truth = SampleTruth.load()
    session = Session(make_settings(height_m=truth.height_m, **networks.given()), live=True, on_notice=warn)
    if loop is None:
        loop = sys.stdin.isatty() and sys.stdout.isatty()
    with session.serve(source=f"{sample_clip().name} (built-in)", port=port) as server:
        open_page(server, browser)
        while True:
            found: dict[int, tuple[Person3D, ...]] = {}

            def keep(result: Result, found: dict[int, tuple[Person3D, ...]] = found) -> None:
                found[result.frame.frame_id] = result.persons

            summary = session.run(open_source(str(sample_clip())), server=server, real_time=True, on_result=keep)
            if session.stopped:
                return
            print(sample_error(found, truth.joints_3d, truth.joints_2d))
            print(summary_line(summary))
            exit_if_outputs_failed(summary)
            if not loop:
                return
            print("Playing again; press Ctrl-C to stop.")
