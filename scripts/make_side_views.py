"""Makes docs/side_views.webp: one frame of each clip, by mediapipe and by the current rtpose.

    python scripts/make_side_views.py docs/side_views.webp CLIP@FRAME…

For each clip: the person as the camera sees them (rtpose's 2D joints), then from the side (the camera is on the left)
and from above (the camera is below) by mediapipe, complexity 1, and by rtpose as it runs over files. The frame is the
first from FRAME on in which rtpose finds a person. A clip of a set of footage (docs/footage.md) has its
measured ground truth behind both, in grey, and mediapipe's rows of the truth file. Roots are aligned; metres, camera
axes; the line is the floor that rtpose found. `--pictures` draws the clips' own pictures, too: mind their licences.

What to look for: standing people whose knees bend, bodies that lean or float, swapped sides, wrongly bent limbs.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

import rtpose
from rtpose.bench import peer_mediapipe
from rtpose.footage.sets import JOINTS, TRUTH, FootageSet, TruthCamera, load_set
from rtpose.skeleton import BLAZEPOSE33, H36M17_FROM_BLAZEPOSE33, RTPOSE28, SIDE_COLORS, side_of
from rtpose.types import Frame, Image, Person3D

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

Array = NDArray[Any]
BLOCKS = 2
"""Clips beside each other."""
PEER_FRAMES = 30
"""mediapipe tracks a person: it begins this many frames earlier."""
NEAR = 0.25
"""As `rtpose.footage.measure.NEAR`."""
_TRUE = RTPOSE28.indices(*JOINTS)
_ENDS = {"left_toe": "left_foot_index", "right_toe": "right_foot_index"}
_FROM_PEER = [BLAZEPOSE33.index_of[_ENDS.get(joint, joint)] for joint in RTPOSE28.joints[17:]]


@dataclass(frozen=True)
class Moment:
    """One frame of a clip. Joints of `rtpose28`; None: no person, or another one."""

    name: str
    picture: Image
    pixels: Array
    """(28, 2) rtpose's."""
    after: Array
    """(28, 3) metres, camera axes, relative to the root."""
    before: Array | None
    truth: Array | None
    """(28, 3), NaN except for the twelve measured joints."""
    floor: tuple[float, float, float] | None
    """a, b, c with a y + b z + c = 0 on the floor below the root, in metres relative to it."""
    arms_only: bool


def moment_of(name: str) -> Moment:
    """name: CLIP@FRAME."""
    path, _, number = name.rpartition("@")
    clip = Path(path)
    footage = load_set(clip.parent) if (clip.parent / TRUTH).is_file() else None
    camera = next((c for c in footage.cameras if c.clip.name == clip.name), None) if footage else None
    frame, people, world = _seen(clip, int(number), footage.people if footage else 1)
    at = frame.frame_id
    peer: tuple[Array, Array] | None = None
    if camera is None:
        peer = _peer(clip, at)
    elif np.isfinite(camera.peer_world[at]).all():
        peer = np.full((28, 2), np.nan), np.full((28, 3), np.nan)
        peer[0][_TRUE], peer[1][_TRUE] = camera.peer_2d[at], camera.peer_world[at]
    person = people[0]
    if peer is not None:
        person = min(people, key=lambda p: _apart(p.keypoints_2d[:, :2], peer[0]))
        if _apart(person.keypoints_2d[:, :2], peer[0]) > NEAR:
            peer = None
    floor = None
    if world is not None:
        floor = float(world[1, 1]), float(world[1, 2]), float(world[1, :3] @ person.root_3d + world[1, 3])
    return Moment(
        f"{clip.parent.name}\n{clip.stem}\nframe {at}", frame.image, person.keypoints_2d[:, :2], person.pose_3d,
        peer[1] if peer else None, _truth(footage, camera, at, person), floor, bool(footage and footage.arms_only),
    )  # fmt: skip


def _seen(clip: Path, first: int, persons: int) -> tuple[Frame, list[Person3D], Array | None]:
    """The chosen frame, its people and `world_from_camera`."""
    with rtpose.open_source(clip) as frames, rtpose.open_estimator(network="heavy", persons=persons) as estimator:
        for frame in frames:
            people = estimator(frame)
            if people and frame.frame_id >= first:
                return frame, people, estimator.world_from_camera
    raise SystemExit(f"rtpose finds no person in {clip} from frame {first} on")


def _peer(clip: Path, at: int) -> tuple[Array, Array] | None:
    """mediapipe's (28, 2) px and (28, 3) metres in frame `at`."""
    python = peer_mediapipe.environment(None)
    marks = None
    with peer_mediapipe.reference(python, smooth=True) as peer, rtpose.open_source(clip) as frames:
        for frame in frames:
            if frame.frame_id >= at - PEER_FRAMES:
                marks = peer.landmarks(frame.image)
            if frame.frame_id == at:
                break
    if marks is None:
        return None
    pixels, world = (np.concatenate([H36M17_FROM_BLAZEPOSE33 @ m, m[_FROM_PEER]]) for m in marks)
    return pixels[:, :2], world


def _truth(footage: FootageSet | None, camera: TruthCamera | None, at: int, person: Person3D) -> Array | None:
    if footage is None or camera is None:
        return None
    joints = camera.joints(footage.world[at : at + 1])[0]
    pixels = np.full((footage.people, 28, 2), np.nan)
    pixels[:, _TRUE] = camera.project(joints)
    apart = [_apart(person.keypoints_2d[:, :2], p) if np.isfinite(p).any() else np.inf for p in pixels]
    nearest = int(np.argmin(apart))
    if apart[nearest] > NEAR:
        return None
    out = np.full((28, 3), np.nan)
    out[_TRUE] = np.where(footage.valid[at, nearest, :, None], joints[nearest], np.nan)
    return out


def _apart(pixels: Array, other: Array) -> float:
    """Median distance of limb joints over the person's size; left and right may be swapped."""
    size = np.nanmax(np.nanmax(other[_TRUE], axis=0) - np.nanmin(other[_TRUE], axis=0))
    sides = (pixels, pixels[RTPOSE28.twins])
    return float(min(np.nanmedian(np.linalg.norm((side - other)[_TRUE], axis=-1)) for side in sides) / size)


def draw(axes: Axes, joints: Array, across: Array, down: Array, *, grey: bool = False) -> None:
    """Bones; if only limb joints are known, the lines of shoulders, hips and sides. grey: the ground truth."""
    bones = [(a, b) for a, b in RTPOSE28.bones if not a.endswith("ear")]
    if np.isnan(across[RTPOSE28.index_of["root"]]):
        bones += [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")]
        bones += [(f"{side}_shoulder", f"{side}_hip") for side in ("left", "right")]
    for child, parent in bones:
        ends = RTPOSE28.indices(child, parent)
        axes.plot(
            across[ends], down[ends], color="#7d8798" if grey else SIDE_COLORS[side_of(child)],
            linewidth=3.2 if grey else 1.4, solid_capstyle="round",
        )  # fmt: skip


def draw_3d(axes: Axes, moment: Moment, joints: Array | None, above: bool, floor: bool) -> None:
    """From the side or from above, with the ground truth behind."""
    root = RTPOSE28.indices(*(f"{side}_{'shoulder' if moment.arms_only else 'hip'}" for side in ("left", "right")))
    if floor and moment.floor and not above:
        a, b, c = moment.floor
        y, z = moment.after[root].mean(0)[1:]
        at_z = np.array([-1.2, 1.2])
        axes.plot(at_z, -(b * (at_z + z) + c) / a - y, color="#4f5a6b", linewidth=1)
    for value, grey in ((moment.truth, True), (joints, False)):
        if value is not None:
            at = value - value[root].mean(0)
            draw(axes, at, *((at[:, 0], -at[:, 2]) if above else (at[:, 2], at[:, 1])), grey=grey)
    axes.set_xlim(-1.15, 1.15)
    axes.set_ylim(1.15, -1.15)


def draw_camera(axes: Axes, moment: Moment, pictures: bool) -> None:
    """What the camera sees around the person."""
    shown = moment.pixels[np.isfinite(moment.pixels).all(-1)]
    middle, half = (shown.min(0) + shown.max(0)) / 2, 0.62 * np.ptp(shown, axis=0).max()
    if pictures:
        axes.imshow(moment.picture)
    draw(axes, moment.pixels, moment.pixels[:, 0], moment.pixels[:, 1])
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] + half, middle[1] - half)


def draw_page(moments: list[Moment], out: Path, *, pictures: bool) -> None:
    """The whole picture."""
    headings = ("camera", "mediapipe: side", "above", "rtpose: side", "above")
    rows = -(-len(moments) // BLOCKS)
    columns = BLOCKS * len(headings)
    figure, grid = plt.subplots(
        rows, columns, figsize=(1.3 * columns, 1.32 * rows), squeeze=False, layout="constrained"
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for number, moment in enumerate(moments):
        block, row = divmod(number, rows)
        cells = grid[row][block * len(headings) :]
        draw_camera(cells[0], moment, pictures)
        for cell, (joints, above, floor) in enumerate(
            [(moment.before, False, False), (moment.before, True, False), (moment.after, False, True),
             (moment.after, True, False)], start=1,
        ):  # fmt: skip
            if joints is not None:
                draw_3d(cells[cell], moment, joints, above, floor)
        for cell, heading in enumerate(headings):
            axes = cells[cell]
            axes.set_axis_on()
            axes.set(xticks=[], yticks=[], aspect="equal", facecolor="#20242c")
            if row == 0:
                axes.set_title(heading, fontsize=7, pad=3)
        cells[0].set_ylabel(moment.name, fontsize=5)
    figure.savefig(out, dpi=100)
    plt.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("clips", nargs="+", metavar="CLIP@FRAME")
    parser.add_argument("--pictures", action="store_true")
    given = parser.parse_args()
    moments = []
    for name in given.clips:
        moment = moment_of(name)
        print(name, "" if moment.before is not None else "(mediapipe: no person, or another one)")
        moments.append(moment)
    draw_page(moments, given.out, pictures=given.pictures)
    print(given.out)


if __name__ == "__main__":
    main()
