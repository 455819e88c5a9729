"""`rtpose bench`, and the hidden command that runs one side of a comparison."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rtpose import __version__
from rtpose.cli.options import Quiet
from rtpose.cli.terminal import progress_bar, warn
from rtpose.errors import ConfigError


def bench(
    clip: Annotated[
        Path | None, typer.Argument(metavar="CLIP", help="A video.", show_default="the built-in sample")
    ] = None,
    settings: Annotated[
        str, typer.Option(help="Settings to measure, such as network=lite,precision=int8,threads=1.")
    ] = "default",
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Alternate between two such settings (or mediapipe) and print their ratio."),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="mediapipe=PYTHON",
            help="Also measure another program; PYTHON is the interpreter it is installed in.",
        ),
    ] = None,
    people: Annotated[
        str | None,
        typer.Option(metavar="N or 1..4", help="Repeat the clip side by side, for this many people (4 at most)."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds for each side.")] = 5,
    frames: Annotated[int | None, typer.Option(min=2, help="Use only the first N frames.", show_default="all")] = None,
    make_1080p: Annotated[bool, typer.Option("--make-1080p", help="Scale the clip to 1920x1080 first.")] = False,
    roofline: Annotated[
        bool, typer.Option("--roofline/--no-roofline", help="Also measure the machine's limits and each network alone.")
    ] = True,
    minutes: Annotated[float | None, typer.Option(help="Instead: loop for this many minutes and watch memory.")] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Instead: latency from capture to drawing in a browser (extra 'dev').")
    ] = False,
    clients: Annotated[
        str | None, typer.Option(metavar="1,100", help="Instead: the cost of serving this many pages at once.")
    ] = None,
    hostile: Annotated[
        int, typer.Option(min=0, help="How many of the --clients pages never read; the same number sends garbage.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Measure rtpose's speed on this machine, stage by stage, and compare it with the machine's limits."""
    import tempfile

    import msgspec
    from rich.console import Console

    from rtpose.assets import sample_clip
    from rtpose.bench import report as figures
    from rtpose.bench import sides as bench_sides
    from rtpose.bench.agreement import agreements
    from rtpose.bench.clips import clip_info
    from rtpose.bench.clips import make_1080p as scale_up
    from rtpose.bench.crowds import crowds
    from rtpose.bench.live import measure_pages
    from rtpose.bench.roofline import measure_networks
    from rtpose.bench.tables import print_report

    if sum(map(bool, (compare, people, minutes, page or clients))) > 1:
        raise ConfigError("--compare, --people, --minutes and --page or --clients measure different things: give one")
    chosen = bench_sides.parse_settings(settings)
    peers = bench_sides.parse_peers(peer or [])
    counts = [int(part) for part in (clients or "").split(",") if part.strip().isdecimal()]
    if clients is not None and len(counts) != len(clients.split(",")):
        raise ConfigError(f"--clients {clients}: give numbers of pages, as in 1,100")
    if hostile and not any(count > 2 * hostile for count in counts):
        raise ConfigError(f"--hostile {hostile}: also give --clients with more than {2 * hostile} pages")
    the_clip = clip or sample_clip()
    clip_info(the_clip)  # reports a bad clip before any work
    result = figures.BenchReport(version=__version__, rounds=rounds, machine=figures.machine())
    with tempfile.TemporaryDirectory(prefix="rtpose-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if make_1080p:
            scale_up(the_clip, folder / "1080p.mp4")
            the_clip = folder / "1080p.mp4"
        if minutes is not None:
            samples = bench_sides.watch_memory(bench_sides.make_side(settings, the_clip, peers), 60 * minutes)
            result.memory = figures.memory_figures(*samples)
        elif page or counts:
            result.live = measure_pages(
                chosen, the_clip, counts, browser=page, rounds=rounds, hostile=hostile, on_notice=warn
            )
        else:
            wanted = [(settings, the_clip)]
            if compare is not None:
                wanted = [(text, the_clip) for text in compare]
            elif people is not None:
                wanted = crowds(settings, the_clip, people, folder)
            else:
                wanted += [(text, the_clip) for text in peers]
            sides = [bench_sides.make_side(text, its_clip, peers) for text, its_clip in wanted]
            with progress_bar(quiet, "rounds") as update:
                result.sides = bench_sides.run_sides(
                    sides,
                    rounds=rounds,
                    frames=frames,
                    folder=folder,
                    report=lambda done, total: update(done, total, ""),
                )
            result.ratios = [figures.ratio(result.sides[0], other) for other in result.sides[1:]]
            result.agreements = agreements(result.sides, folder)
        if roofline and result.sides:
            result.machine, result.networks = measure_networks(result.machine, chosen)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    else:
        print_report(result, Console(width=160 if not sys.stdout.isatty() else None, markup=False))


def bench_worker(settings: str) -> None:
    """Run one side of `rtpose bench`. settings: JSON."""
    import msgspec

    from rtpose.bench.worker import serve, session_play
    from rtpose.config import RunSettings

    serve(session_play(msgspec.json.decode(settings, type=RunSettings), warn))
