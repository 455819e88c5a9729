"""Compares `cascaded` with detector and lifter on real clips or pictures: the same frames through both.

    python scripts/compare_estimators.py CLIP [CLIP ...] [--cascaded FILE] [--every N] [--sheet OUT.jpg]

For each clip, prints the number of frames in which each of the two finds a person. For people that both find, prints
the median P-MPJPE between the two (after Procrustes alignment with scale) and the median distance of the 2D joints in
percent of the person's height in the picture. Neither is ground truth. The sheet shows some frames with both skeletons,
and next to them both poses from the front and from the left: detector and lifter above, `cascaded` below.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from rtpose import metrics
from rtpose.config import RunSettings
from rtpose.geometry import camera_from_fov
from rtpose.outputs.drawing import draw_people
from rtpose.pose.estimators import open_estimators
from rtpose.skeleton import H36M17
from rtpose.types import Float32, Frame, Image, Person3D

HEIGHT_M = 1.7
TILE = 240
SHOWN_PER_CLIP = 4


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--cascaded", help="a network for pictures (.onnx); left out: the shipped one")
    parser.add_argument("--lifter", default="fusion")
    parser.add_argument("--every", type=int, default=1, help="only every N-th frame")
    parser.add_argument("--frames", type=int, help="only the first N of these")
    parser.add_argument("--sheet", type=Path, help="also write this picture")
    options = parser.parse_args()
    rows, tiles = compare(options.clips, options.cascaded, options.lifter, options.every, options.frames)
    print(f"{'clip':<32}{'frames':>7}{'lifter':>8}{'cascaded':>10}{'both':>6}{'P-MPJPE mm':>12}{'2D %':>7}")
    for row in rows:
        print(
            f"{row.clip:<32}{row.frames:>7}{row.lifter_sees:>8}{row.cascaded_sees:>10}{row.both:>6}"
            f"{row.p_mpjpe_mm:>12.1f}{row.apart_percent:>7.1f}"
        )
    if options.sheet is not None:
        columns = min(2, len(tiles))
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
        sheet = np.vstack([np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)])
        cv2.imwrite(str(options.sheet), np.ascontiguousarray(sheet[..., ::-1]))
        print(options.sheet)


@dataclass(frozen=True)
class Compared:
    """One clip. Counts are of frames; medians are of the frames where both see the same person."""

    clip: str
    frames: int
    lifter_sees: int
    cascaded_sees: int
    both: int
    p_mpjpe_mm: float
    apart_percent: float


def compare(
    clips: list[Path], cascaded: str | None, lifter: str = "fusion", every: int = 1, frames: int | None = None
) -> tuple[list[Compared], list[Image]]:
    """The figures of each clip, and tiles of some frames. Arguments as on the command line."""
    two_stage = open_estimators(RunSettings(lifter=lifter, height_m=HEIGHT_M)).each[0]
    direct = open_estimators(RunSettings(estimator="cascaded", cascaded=cascaded, height_m=HEIGHT_M)).each[0]
    rows: list[Compared] = []
    tiles: list[Image] = []
    for clip in clips:
        two_stage.reset()
        direct.reset()
        seen, count, p_mpjpe_mm, apart_percent = np.zeros(2, int), 0, [], []
        kept: list[Image] = []
        for frame in islice(frames_of(clip, every), frames):
            count += 1
            camera = camera_from_fov(frame.size)
            lifted, found = two_stage.estimate(frame, camera), direct.estimate(frame, camera)
            seen += [bool(lifted), bool(found)]
            kept.append(tile(frame.image, lifted, found))
            if lifted and found and overlap(lifted[0], found[0]) > 0.3:
                first, second = lifted[0], found[0]
                p_mpjpe_mm.append(1000 * float(metrics.p_mpjpe(second.pose_3d[None], first.pose_3d[None])[0]))
                tall = np.ptp(first.keypoints_2d[:, 1])
                apart = np.linalg.norm(first.keypoints_2d[:, :2] - second.keypoints_2d[:, :2], axis=1)
                apart_percent.append(100 * float(np.median(apart) / tall))
        rows.append(
            Compared(
                clip.name, count, int(seen[0]), int(seen[1]), len(p_mpjpe_mm), _median(p_mpjpe_mm),
                _median(apart_percent),
            )
        )  # fmt: skip
        shown = sorted(set(np.linspace(0, count - 1, SHOWN_PER_CLIP).round().astype(int).tolist()))
        tiles += [kept[i] for i in shown]
    return rows, tiles


def frames_of(clip: Path, every: int) -> Iterator[Frame]:
    """Frames of a video, or the one of a picture."""
    with av.open(str(clip)) as container:
        for i, picture in enumerate(container.decode(video=0)):
            if i % every == 0:
                yield Frame(picture.to_ndarray(format="rgb24"), i, 0, float(picture.time or 0.0))


def overlap(one: Person3D, other: Person3D) -> float:
    """Intersection over union of the boxes."""
    low, high = np.maximum(one.bbox[:2], other.bbox[:2]), np.minimum(one.bbox[2:], other.bbox[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = [float(np.prod(person.bbox[2:] - person.bbox[:2])) for person in (one, other)]
    return shared / max(sum(areas) - shared, 1e-9)


def tile(image: Image, lifted: list[Person3D], direct: list[Person3D]) -> Image:
    """The picture with each result, and each pose from the front and from the side: (2 TILE, 3 TILE, 3)."""
    rows = []
    for people in (lifted, direct):
        picture = cv2.resize(draw_people(image, people), (TILE, TILE), interpolation=cv2.INTER_AREA)
        views = [view(people[0].pose_3d if people else None, axis) for axis in (0, 2)]
        rows.append(np.hstack([picture.astype(np.uint8), *views]))
    out: Image = np.vstack(rows)
    return out


def view(pose_m: Float32 | None, axis: int) -> Image:
    """A pose (17, 3) in camera axes, 2.2 m shown; axis 0: from the camera, 2: from the side."""
    canvas = np.full((TILE, TILE, 3), 24, np.uint8)
    if pose_m is None:
        return canvas
    points = np.stack([pose_m[:, axis], pose_m[:, 1]], 1) * (TILE / 2.2) + TILE / 2
    for child, parent in H36M17.edges:
        color = tuple(int(H36M17.colors[child][k : k + 2], 16) for k in (1, 3, 5))
        a, b = ((int(x), int(y)) for x, y in points[[child, parent]])
        cv2.line(canvas, a, b, color, 3, cv2.LINE_AA)
    return canvas


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")


if __name__ == "__main__":
    main()
