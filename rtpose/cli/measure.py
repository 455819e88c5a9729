"""`rtpose bench`, `doctor`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtpose import __version__
from rtpose.cli.assemble import Run, detector_precision, open_file, source_info
from rtpose.cli.options import (
    DEFAULT_PORT,
    Port,
    Quiet,
)
from rtpose.cli.terminal import (
    progress_bar,
)
from rtpose.errors import ConfigError, InputError

if TYPE_CHECKING:
    from rtpose.bench.report import Agreement, LiveFigures, MachineFigures, NetworkFigures, SideFigures
    from rtpose.config import RunSettings
    from rtpose.types import Result, Sink


def bench(
    clip: Annotated[Path | None, typer.Argument(help="A video.", show_default="the built-in sample")] = None,
    settings: Annotated[
        str, typer.Option(help="What is measured: settings such as lifter=baseline,backend=torch,threads=1.")
    ] = "default",
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Two such settings, or mediapipe, in turns in one run, and their ratio."),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(metavar="mediapipe=PYTHON", help="Also another program: the Python that has it."),
    ] = None,
    people: Annotated[
        str | None, typer.Option(metavar="N or 1..4", help="The clip with that many people (of 4), side by side.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each side takes its turn.")] = 5,
    frames: Annotated[int | None, typer.Option(min=2, help="Only the first frames.", show_default="all")] = None,
    make_1080p: Annotated[bool, typer.Option("--make-1080p", help="Scale the clip to 1920x1080 first.")] = False,
    roofline: Annotated[
        bool, typer.Option("--roofline/--no-roofline", help="Measure the machine's limits and each network.")
    ] = True,
    minutes: Annotated[
        float | None, typer.Option(help="Instead: run that long, over and over, and watch the memory.")
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Instead: from a frame's time to its drawing in a browser (extra 'dev').")
    ] = False,
    clients: Annotated[
        str | None, typer.Option(metavar="1,100", help="Instead: the cost of that many pages at once.")
    ] = None,
    hostile: Annotated[
        int, typer.Option(min=0, help="Of the pages of --clients, so many never read, and as many more send rubbish.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """How fast rtpose is on this machine, stage by stage, and how far that is from the machine's limits."""
    import tempfile

    import msgspec
    from rich.console import Console

    from rtpose.assets import sample_clip
    from rtpose.bench import report as figures
    from rtpose.bench import sides as bench_sides
    from rtpose.bench.clips import make_1080p as scale_up
    from rtpose.bench.tables import print_report

    if sum(map(bool, (compare, people, minutes, page or clients))) > 1:
        raise ConfigError(
            "--compare, --people, --minutes and --page or --clients each measure something else: give one"
        )
    chosen = bench_sides.parse_settings(settings)
    peers = bench_sides.parse_peers(peer or [])
    counts = [int(part) for part in (clients or "").split(",") if part.strip().isdecimal()]
    if clients is not None and len(counts) != len(clients.split(",")):
        raise ConfigError(f"--clients {clients}: give numbers of pages, as in 1,100")
    if hostile and not any(count > 2 * hostile for count in counts):
        raise ConfigError(f"--hostile {hostile}: also give --clients with more than {2 * hostile} pages")
    the_clip = clip or sample_clip()
    source_info(the_clip)  # what is wrong with it is said before any work
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
            result.live = _bench_live(chosen, the_clip, counts, browser=page, rounds=rounds, hostile=hostile)
        else:
            wanted = [(settings, the_clip)]
            if compare is not None:
                wanted = [(text, the_clip) for text in compare]
            elif people is not None:
                wanted = _crowds(settings, the_clip, people, folder)
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
            result.agreements = _agreements(result.sides, folder)
        if roofline and result.sides:
            result.machine, result.networks = _roofline(result.machine, chosen)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    else:
        print_report(result, Console(width=160 if not sys.stdout.isatty() else None, markup=False))


def doctor(
    port: Port = DEFAULT_PORT,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """What of rtpose is there on this machine, what is missing, and what to do about it."""
    import msgspec
    from rich.console import Console

    from rtpose import doctor as clinic

    def benchmark(seconds: float) -> clinic.Speed:
        from rtpose.assets import sample_clip
        from rtpose.config import RunSettings

        run = Run(RunSettings())
        frames = 0
        begin, begin_cpu = time.monotonic(), time.process_time()

        def count(result: Result) -> None:
            nonlocal frames
            frames += 1
            if time.monotonic() - begin >= seconds:
                run.stop()

        while not run.stopped:
            run.play(open_file(str(sample_clip())), on_result=count)
        return clinic.Speed(frames, time.monotonic() - begin, time.process_time() - begin_cpu)

    lines = list(clinic.examine(clinic.all_checks(port, benchmark)))
    if as_json:
        health = clinic.Health(__version__, lines)
        print(msgspec.json.format(msgspec.json.encode(health), indent=2).decode())
    else:
        Console(width=140 if not sys.stdout.isatty() else None).print(clinic.table(lines))


def bench_worker(settings: str) -> None:
    """One side of `rtpose bench`; settings: JSON."""
    import msgspec

    from rtpose.bench.clients import clients
    from rtpose.bench.worker import serve
    from rtpose.config import RunSettings
    from rtpose.recordings.npz_recorder import NpzRecorder

    run = Run(msgspec.json.decode(settings, type=RunSettings))

    def play(
        clip: str, out: Path | None, page: bool, on_result: Callable[[Result], None], stop: Callable[[], bool]
    ) -> None:
        run.stopped = False  # the last pass was

        def each(result: Result) -> None:
            on_result(result)
            if stop():
                run.stop()

        meta: dict[str, Any] = {}
        recorders: list[Sink] = [NpzRecorder(out, overwrite=True, meta=lambda: meta)] if out else []
        with ExitStack() as stack:
            server = None
            if page:
                server = stack.enter_context(run.serving(source=clip, live=True, port=0))
                stack.enter_context(clients(server.url, 1))
            run.play(open_file(clip), server=server, recorders=recorders, meta=meta, real_time=page, on_result=each)

    serve(play)


def _bench_live(
    settings: RunSettings, clip: Path, counts: Sequence[int], *, browser: bool, rounds: int, hostile: int
) -> list[LiveFigures]:
    """One row for the browser, if it is wanted, and one for each number of pages; hostile ones where there is room."""
    from rtpose.bench.live import Drawn, measure_live

    run = Run(settings)
    drawn = Drawn()
    fps = source_info(clip).fps
    with run.serving(source=clip.name, live=True, port=0, on_drawn=drawn) as server:

        def play(on_result: Callable[[Result], None]) -> None:
            run.play(open_file(str(clip)), server=server, real_time=True, on_result=on_result)
            if run.stopped:  # a part of a measurement is none
                raise KeyboardInterrupt

        play(lambda result: None)  # a warm-up
        wanted = [(1, True)] if browser else []
        return [
            measure_live(
                play,
                drawn,
                server.url,
                pages=pages,
                browser=in_browser,
                source_fps=fps,
                passes=rounds,
                hostile=hostile if pages > 2 * hostile else 0,
            )
            for pages, in_browser in [*wanted, *((count, False) for count in counts)]
        ]


def _crowds(settings: str, clip: Path, people: str, folder: Path) -> list[tuple[str, Path]]:
    """Settings and clip for each number of people."""
    from rtpose.bench.agreement import read_joints
    from rtpose.bench.clips import MOST_PEOPLE, box_around, make_crowd
    from rtpose.bench.sides import make_side, poses_of, working

    first, dots, last = people.partition("..")
    if not first.isdecimal() or (dots and not last.isdecimal()):
        raise ConfigError(f"--people {people}: give a number, or two as in 1..{MOST_PEOPLE}")
    numbers = range(int(first), int(last or first) + 1)
    if not numbers or numbers[0] < 1 or numbers[-1] > MOST_PEOPLE:
        raise ConfigError(f"--people {people}: give 1 to {MOST_PEOPLE}")
    with working([make_side("default", clip, {})]) as workers:
        workers[0].run(out=poses_of(folder, 0), details=False)
    joints = read_joints(poses_of(folder, 0))
    if joints is None:
        raise InputError(f"nobody is seen in {clip}: --people needs a clip with one person")
    box = box_around(joints[0], source_info(clip).size)
    wanted = []
    for number in numbers:
        crowd = folder / f"{number} of {MOST_PEOPLE}.mp4"
        make_crowd(clip, crowd, number, box)
        own = [] if settings in ("", "default") else [settings]
        wanted.append((",".join([*own, f"persons={number}"]), crowd))
    return wanted


def _agreements(sides: Sequence[SideFigures], folder: Path) -> list[Agreement]:
    """The first side's joints beside each other's, where both follow one person."""
    from rtpose.bench.agreement import agreement, read_joints
    from rtpose.bench.sides import poses_of

    if len({side.clip for side in sides}) > 1:
        return []
    joints = [read_joints(poses_of(folder, index)) for index in range(len(sides))]
    found = [
        agreement(side.name, of_side, sides[0].name, joints[0])
        for side, of_side in zip(sides[1:], joints[1:], strict=True)
    ]
    return [one for one in found if one is not None]


def _roofline(machine: MachineFigures, settings: RunSettings) -> tuple[MachineFigures, list[NetworkFigures]]:
    """The machine with its limits, and the networks that the settings use."""
    import msgspec

    from rtpose.bench.roofline import Network, copy_gb_s, matrix_gflops, measure_network
    from rtpose.networks import model_files
    from rtpose.networks.choose import choose_backend
    from rtpose.networks.weights import cascaded_file, lifter_file
    from rtpose.pose.detect import network_files, outputs_of

    finder, landmarks = map(model_files.path_of, network_files(settings.detector))
    of_finder, of_landmarks = outputs_of(settings.detector)
    precision = detector_precision(settings)
    networks = [Network("person detector", finder, of_finder, precision=precision)]
    if settings.estimator == "cascaded":
        file, name = cascaded_file(settings.cascaded), "cascaded"
    else:
        file = lifter_file(settings.lifter)
        name = f"lifter {file.stem}"
        networks.append(Network("landmarks", landmarks, of_landmarks, precision=precision))
    backend, precision, device = settings.backend, settings.precision, settings.device
    if backend == "auto":
        chosen = choose_backend(file)
        backend, precision, device = chosen.backend, chosen.precision, None
    networks.append(Network(name, file, None, backend, precision, device))
    threads = settings.threads
    measured = msgspec.structs.replace(
        machine, matrix_gflops=matrix_gflops(threads), copy_gb_s=copy_gb_s(threads or machine.cores)
    )
    return measured, [measure_network(network, measured, threads=threads) for network in networks]
