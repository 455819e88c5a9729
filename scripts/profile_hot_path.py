"""Where the CPU time of `rtpose video` goes, part by part.

    python scripts/profile_hot_path.py CLIP [--persons N] [--precision P] [--rounds N] [--functions]

Runs one frame after the other and every network on one thread, so that each part's CPU time is its own. The decoder,
which has its own threads, is measured in a separate pass. `rtpose bench` measures the real program, whose parts
overlap. Medians over the rounds. --functions: Python's own profile of one round instead.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from rtpose.capture import open_source
from rtpose.config import RunSettings
from rtpose.geometry import camera_from_fov
from rtpose.pose.body import bodies
from rtpose.pose.body.bodies import Bodies
from rtpose.pose.detect import blazepose
from rtpose.session import Session


class Parts:
    """CPU seconds by part, without the parts inside it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside: list[float] = []

    def watch(self, owner: Any, name: str, part: str) -> None:
        """Count the time of the function `owner.name` as `part`."""
        function: Callable[..., Any] = getattr(owner, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            self._inside.append(0.0)
            begin = time.thread_time()
            try:
                return function(*arguments, **options)
            finally:
                whole = time.thread_time() - begin
                self.seconds[part] += whole - self._inside.pop()
                if self._inside:
                    self._inside[-1] += whole

        setattr(owner, name, watched)


class Program:
    """The parts of `rtpose video`, in one thread."""

    def __init__(self, persons: int, precision: str) -> None:
        session = Session(RunSettings(persons=persons, precision=precision, threads=1))
        self.estimator: Any = session.estimators[0]._current
        self.smoother = session.make_smoother()
        self.body = Bodies()

    def play(self, clip: Path) -> tuple[int, float]:
        """Frames, and this thread's CPU seconds without reading."""
        self.estimator.reset()
        self.smoother.reset()
        self.body.reset()
        frames, seconds = 0, 0.0
        source = open_source(str(clip))
        camera = camera_from_fov(source.info.size)
        while (frame := source.read()) is not None:
            begin = time.thread_time()
            persons = self.smoother.smooth(self.estimator.estimate(frame, camera), frame.pts_s)
            self.body.fit(persons, camera, frame.pts_s)
            seconds += time.thread_time() - begin
            frames += 1
        source.close()
        return frames, seconds

    def watched(self, parts: Parts) -> None:
        """Let `parts` time the parts."""
        detector, tracker, lifter = (getattr(self.estimator, f"_{part}") for part in ("detector", "tracker", "lifter"))
        parts.watch(detector, "detect", "joints: the rest of the detector")
        parts.watch(blazepose, "cut_out", "squares cut out of the planes")
        parts.watch(detector._finder._network, "run", "person network")
        parts.watch(detector._landmarks, "run", "landmark network")
        parts.watch(tracker, "update", "track")
        parts.watch(lifter, "lift_people", "lift: before and behind the network")
        parts.watch(lifter._network, "run", "lifter's network")
        parts.watch(self.smoother, "smooth", "smooth")
        parts.watch(self.body, "fit", "body: the rest")
        parts.watch(self.body.world, "observe", "body: gravity and floor")
        parts.watch(self.body._contacts, "update", "body: contacts")
        parts.watch(self.body._lean, "remove_lean", "body: lean")
        parts.watch(bodies, "fit", "body: the fit")


def reading(clip: Path) -> float:
    """CPU seconds of a frame for reading and decoding alone, all threads."""
    source = open_source(str(clip))
    begin, frames = time.process_time(), 0
    while source.read() is not None:
        frames += 1
    source.close()
    return (time.process_time() - begin) / frames


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, metavar="CLIP")
    parser.add_argument("--persons", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--functions", action="store_true")
    options = parser.parse_args()
    program = Program(options.persons, options.precision)
    program.play(options.clip)
    if options.functions:
        with cProfile.Profile() as profile:
            program.play(options.clip)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    parts = Parts()
    program.watched(parts)
    rounds: dict[str, list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        parts.seconds.clear()
        read_ms = 1000 * reading(options.clip)
        frames, seconds = program.play(options.clip)
        for part, of_part in parts.seconds.items():
            rounds[part].append(1000 * of_part / frames)
        rounds["the rest"].append(1000 * (seconds - sum(parts.seconds.values())) / frames)
        rounds["read and decode"].append(read_ms)
        rounds["a frame"].append(1000 * seconds / frames + read_ms)
    whole = median(rounds["a frame"])
    print("| part | ms of processor time a frame | share |\n|---|---|---|")
    for part, times in sorted(rounds.items(), key=lambda entry: -median(entry[1])):
        print(f"| {part} | {median(times):.2f} | {median(times) / whole:.0%} |")


if __name__ == "__main__":
    main()
