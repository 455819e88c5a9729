"""`rtpose eval --footage FOLDER`."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from rtpose.cli.terminal import warn
from rtpose.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from rtpose.footage.measure import Errors
    from rtpose.footage.sets import FootageSet, TruthCamera

# Heading, field of `Errors`, digits, factor.
_COLUMNS = (
    ("P-MPJPE", "p_mpjpe", 1, 1), ("N-MPJPE", "n_mpjpe", 1, 1), ("MPJPE", "mpjpe", 1, 1),
    ("accel m/s2", "acceleration", 1, 1),
    ("turn x", "turn_x", 1, 1), ("turn y", "turn_y", 1, 1), ("turn z", "turn_z", 1, 1),
    ("limbs %", "limbs", 1, 1), ("scale", "scale", 2, 1),
    ("swapped %", "swapped", 1, 100), ("found %", "found", 0, 100),
    ("id switches", "switches", 0, 1), ("frames", "frames", 0, 1),
)  # fmt: skip
_COMPARED = ("p_mpjpe", "mpjpe", "acceleration")


def evaluate_footage(
    folders: list[str], networks: list[str], lifters: list[str], settings: list[str], peer: str | None,
    json_file: Path | None, *, overwrite: bool,
) -> None:  # fmt: skip
    """folders: with `rendered:` before those of rendered people.

    Print a row for each set, camera, person and method, the means of sets, and what they are of the peer's.

    Errors: `InputError` for a folder without footage, `ConfigError`, those of a session.
    """
    import msgspec
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from rtpose.cli.footage_methods import method_of, peer_method
    from rtpose.config import RunSettings, load_settings
    from rtpose.footage.judge import PEER, Judged, as_json, comparable, judge_set, mean_over_sets, means_by_set
    from rtpose.footage.measure import reliability
    from rtpose.footage.sets import open_footage
    from rtpose.recordings.output_file import OutputFile

    if peer not in (None, PEER):
        raise ConfigError(f"no peer '{peer}': the only one is {PEER}")
    output = OutputFile(json_file, overwrite=overwrite) if json_file else None
    sets = [footage for folder in folders for footage in open_footage(folder)]

    def announce(footage: FootageSet, camera: TruthCamera) -> None:
        print(camera.clip, file=sys.stderr)

    methods = {}
    no_choice: list[str | None] = [None]
    for network, lifter, changes in product(networks or no_choice, lifters or no_choice, settings or [""]):
        name = " ".join(filter(None, (network, lifter, changes))) or "default"
        given = [f"{key}={value}" for key, value in (("network", network), ("lifter", lifter)) if value is not None]
        methods[name] = method_of(
            load_settings(RunSettings, overrides=[*given, *filter(None, changes.split(","))]), on_notice=warn,
            on_clip=announce,
        )  # fmt: skip
    judged: Judged = {}
    other = peer_method(announce) if peer else None
    rows = [row for footage in sets for row in judge_set(footage, methods, peer=other, judged=judged)]
    table = _table("set", "camera", "person", "method")
    for row in rows:
        table.add_row(row.set, str(row.camera), str(row.person), row.method, *_figures(row.errors))
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    means = _table("mean of", "method")
    by_set = means_by_set(rows)
    for name, of_method in by_set.items():
        for method, errors in of_method.items():
            means.add_row(name, method, *_figures(errors))
    whole = {footage.name for footage in sets if not footage.arms_only and not footage.rendered}
    for method, errors in mean_over_sets({name: by_set[name] for name in by_set if name in whole}).items():
        means.add_row("sets with whole people", method, *_figures(errors))
    console.print(means)
    if peer:
        shared = comparable(rows)
        ratios = Table("of mediapipe's error, same people", "method", "P-MPJPE", "MPJPE", "accel")
        groups = {name: shared[name] for name in shared}
        groups["sets with whole people"] = mean_over_sets({name: shared[name] for name in shared if name in whole})
        for name, of_method in groups.items():
            for method, errors in of_method.items():
                if method != PEER and PEER in of_method:
                    than = of_method[PEER]
                    ratios.add_row(
                        name, method,
                        *(_ratio(getattr(errors, field), getattr(than, field)) for field in _COMPARED),
                    )  # fmt: skip
        console.print(ratios)
    confidences = Table("method", "confidence", "within 100 mm", "joints", title="what a joint's confidence means")
    for method, parts in judged.items():
        confidence, apart_m = (np.concatenate(values) for values in zip(*parts, strict=True))
        for mean, share, count in reliability(confidence, apart_m):
            confidences.add_row(method, f"{mean:.2f}", f"{share:.2f}", str(count))
    console.print(confidences)
    if output:
        with output.writing():
            output.part.write_bytes(msgspec.json.format(msgspec.json.encode(as_json(rows)), indent=2))
        output.commit()


def _table(*first: str) -> Table:
    from rich.table import Table

    table = Table(*first, title="errors in mm, angles in degrees" if len(first) > 2 else None)
    for heading, *_ in _COLUMNS:
        table.add_column(heading, justify="right")
    return table


def _figures(errors: Errors) -> list[str]:
    return [f"{factor * getattr(errors, field):.{digits}f}" for _, field, digits, factor in _COLUMNS]


def _ratio(value: float, than: float) -> str:
    return f"{value / than:.2f}" if than > 0 else "-"
