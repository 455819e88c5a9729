"""What `rtpose adapt` gains on real people with measured ground truth.

    python scripts/measure_adapt.py FOOTAGE [--steps N] [--together] [--whole] [SET…]

For each set: adapts the lifter to all of its clips without ground truth (with --together, as clips filmed at the same
time). Then judges the old and the new lifter on the last quarter of each clip, which adapt holds out, or with --whole
on all of it. Prints P-MPJPE and MPJPE in mm.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from rtpose.cli import main as rtpose
from rtpose.cli.footage_methods import method_of
from rtpose.config import RunSettings
from rtpose.footage.judge import judge_set, means_by_set
from rtpose.footage.sets import FootageSet, find_sets, load_set
from rtpose.train.adapt.learn import HELD_OUT


def last_part(footage: FootageSet) -> FootageSet:
    """The set with nothing to judge before its last quarter."""
    valid = footage.valid.copy()
    valid[: round((1 - HELD_OUT) * len(valid))] = False
    return dataclasses.replace(footage, valid=valid)


def main() -> None:
    """Parse, adapt, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("sets", nargs="*", help="names of sets; all unless given")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    print(f"{'set':<12}{'P-MPJPE':>9}{'adapted':>9}{'MPJPE':>9}{'adapted':>9}")
    for folder in find_sets(options.footage):
        footage = load_set(folder)
        if options.sets and footage.name not in options.sets:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch) / "adapted.onnx"
            clips = [str(camera.clip) for camera in footage.cameras]
            try:
                rtpose(
                    [
                        "adapt",
                        *clips,
                        "--out",
                        str(out),
                        "--persons",
                        str(footage.people),
                        "--steps",
                        str(options.steps),
                        *(["--together"] if options.together else []),
                    ]
                )
            except SystemExit as ended:
                if ended.code not in (0, None):
                    raise
            if not out.exists():
                print(f"{footage.name:<12} the old lifter stays")
                continue
            methods = {name: method_of(RunSettings(lifter=name)) for name in ("fusion", str(out))}
            old, new = means_by_set(judge_set(footage if options.whole else last_part(footage), methods, peer=None))[
                footage.name
            ].values()
        figures = np.array([old.p_mpjpe, new.p_mpjpe, old.mpjpe, new.mpjpe])
        print(f"{footage.name:<12}" + "".join(f"{value:>9.1f}" for value in figures), flush=True)


if __name__ == "__main__":
    main()
