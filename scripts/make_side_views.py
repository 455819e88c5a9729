"""Makes docs/side_views.webp: people of several clips from the camera, from the side and from above, by two lifters.

    python scripts/make_side_views.py docs/side_views.webp --before consistency --after fusion CLIP…

Drawings only, no picture of a clip: three moments of each clip, the first person in them, root at 0.
What to look for: standing people whose knees bend, bodies that lean, thighs that change length.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np

import rtpose
from rtpose.skeleton import H36M17, SIDE_COLORS, side_of

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

MOMENTS = (0.25, 0.5, 0.75)
VIEWS = {"camera": (0, 1), "side": (2, 1), "above": (0, 2)}
"""Name -> which camera axes point right and down."""


def poses_of(clip: Path, lifter: str, network: str) -> dict[int, np.ndarray]:
    """frame_id -> (17, 3) of the first person."""
    found = {}
    with rtpose.open_source(clip) as frames, rtpose.open_estimator(lifter=lifter, network=network) as estimator:
        for frame in frames:
            people = estimator(frame)
            if people:
                found[frame.frame_id] = people[0].pose_3d
    return found


def draw(axes: Axes, pose: np.ndarray, view: str) -> None:
    across, down = VIEWS[view]
    for child, parent in H36M17.bones:
        ends = pose[H36M17.indices(child, parent)]
        axes.plot(
            ends[:, across], ends[:, down], color=SIDE_COLORS[side_of(child)], linewidth=1.6, solid_capstyle="round"
        )
    axes.set_aspect("equal")
    axes.set_xlim(-1, 1)
    axes.set_ylim((1.1, -1.0) if down == 1 else (1, -1))
    axes.set_facecolor("#20242c")
    axes.set_xticks([])
    axes.set_yticks([])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--before", default="consistency")
    parser.add_argument("--after", default="fusion")
    parser.add_argument("--network", default="full")
    given = parser.parse_args()
    columns = len(MOMENTS) * len(VIEWS)
    figure, grid = plt.subplots(
        2 * len(given.clips),
        columns,
        figsize=(1.15 * columns, 2.3 * len(given.clips)),
        squeeze=False,
        layout="constrained",
    )
    for number, clip in enumerate(given.clips):
        both = [poses_of(clip, lifter, given.network) for lifter in (given.before, given.after)]
        common = sorted(set(both[0]) & set(both[1]))
        for row, (lifter, poses) in enumerate(zip((given.before, given.after), both, strict=True)):
            for moment, share in enumerate(MOMENTS):
                frame = common[int(share * (len(common) - 1))] if common else None
                for place, view in enumerate(VIEWS):
                    axes = grid[2 * number + row][moment * len(VIEWS) + place]
                    if frame is None:
                        axes.set_axis_off()
                        continue
                    draw(axes, poses[frame], view)
                    if row == 0:
                        axes.set_title(f"{view}, frame {frame}", fontsize=5, pad=2)
                    if moment == place == 0:
                        axes.set_ylabel(f"{clip.parent.name}/{clip.stem}\n{lifter}", fontsize=5)
    figure.savefig(given.out, dpi=110)
    print(given.out)


if __name__ == "__main__":
    main()
