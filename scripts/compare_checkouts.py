"""Processor and wall time of `rtpose video` in several checkouts, in turns: what a change brought.

    python scripts/compare_checkouts.py CLIP CHECKOUT CHECKOUT … [--settings S] [--rounds N] [--real-time]

Each checkout is a process of its own, started once; a round is the whole clip to its npz in each. Prints medians a
frame, and the median of each round's ratio to the first checkout, which other programs on the machine disturb little.
--real-time: while a round lasts it goes before all other programs (Linux, needs the right to): near to an idle machine.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rtpose.capture import open_source
from rtpose.config import RunSettings, load_settings
from rtpose.session import Session


def work(clip: str, settings: str, real_time: bool) -> None:
    """A round for each line on stdin: processor and wall seconds a frame, and frames."""
    session = Session(load_settings(RunSettings, None, [one for one in settings.split(",") if one]))

    def play(out: Path) -> int:
        session.stopped = False
        return session.record(open_source(clip), out, overwrite=True).frames

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "poses.npz"
        play(out)
        print("ready", flush=True)
        for _ in sys.stdin:
            if real_time:
                for thread in os.listdir("/proc/self/task"):
                    os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(1))
            before, began = _processor_s(), time.perf_counter()
            frames = play(out)
            print((_processor_s() - before) / frames, (time.perf_counter() - began) / frames, flush=True)
            if real_time:
                for thread in os.listdir("/proc/self/task"):
                    os.sched_setscheduler(int(thread), os.SCHED_OTHER, os.sched_param(0))


def _processor_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", metavar="CLIP")
    parser.add_argument("checkouts", nargs="*", type=Path, metavar="CHECKOUT")
    parser.add_argument("--settings", default="", help="as `rtpose bench --settings`: name=value,name=value")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--real-time", action="store_true")
    options = parser.parse_args()
    if not options.checkouts:
        work(options.clip, options.settings, options.real_time)
        return
    clip = str(Path(options.clip).resolve())
    command = [sys.executable, str(Path(__file__).resolve()), clip, "--settings", options.settings]
    workers = []
    for checkout in options.checkouts:
        worker = subprocess.Popen(
            [*command, *(["--real-time"] if options.real_time else [])],
            cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout.resolve())}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert worker.stdin is not None
        assert worker.stdout is not None
        if worker.stdout.readline().strip() != "ready":
            sys.exit(f"{checkout}: it did not start")
        workers.append((worker.stdin, worker.stdout))
    rounds: list[list[tuple[float, float]]] = [[] for _ in workers]
    for number in range(options.rounds):
        order = range(len(workers))
        for i in order if number % 2 else reversed(order):
            orders, answers = workers[i]
            orders.write("go\n")
            orders.flush()
            processor_s, wall_s = map(float, answers.readline().split())
            rounds[i].append((processor_s, wall_s))
    print("| checkout | processor ms a frame | of the first | wall ms a frame | of the first |\n|---|---|---|---|---|")
    for checkout, times in zip(options.checkouts, rounds, strict=True):
        cells = []
        for k in (0, 1):
            ratio = median(own[k] / first[k] for own, first in zip(times, rounds[0], strict=True))
            cells += [f"{1000 * median(one[k] for one in times):.2f}", f"{ratio:.3f}"]
        print(f"| {checkout} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
