"""Make the README's animation of a clip: its frames with the 2D joints, and next to them the person in 3D.

    python scripts/make_readme_picture.py tfjs_pose_1.mp4

Runs `rtpose video CLIP --out poses.npz --overlay overlay.mp4`, puts the overlay on the left, and on the right the same
bodies and ground as the Open3D window, drawn here with OpenCV so that no display is needed. The clip in the README is
tfjs_pose_1.mp4 from tensorflow/tfjs-models, pose-detection/test_data (Apache-2.0, see NOTICE).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.capture import open_source
from rtpose.outputs.bodies import BACKGROUND, Floor, build_ground, build_people
from rtpose.types import Float32, Image, Person3D

OUT = Path(__file__).resolve().parents[1] / "docs" / "demo.webp"
SIDE_PX = 400
SMOOTHING = 2
"""The 3D half is drawn this many times larger and scaled down, for smooth edges."""
EVERY = 2
"""Of 30 frames a second, every second one is shown."""
FIELD_OF_VIEW_DEG = 38.0
DISTANCE_M = 3.6
EYE_HEIGHT_M = 1.35
LOOK_AT_M = 0.95
SWING_DEG = 40.0
"""The 3D camera swings this far to each side, once in the clip."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--quality", type=int, default=60, help="WebP quality, 1 to 100")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        npz, overlay = Path(folder, "poses.npz"), Path(folder, "overlay.mp4")
        command = [
            sys.executable,
            "-m",
            "rtpose",
            "video",
            str(args.clip),
            "--out",
            str(npz),
            "--overlay",
            str(overlay),
        ]
        subprocess.run(command, check=True)
        people, times_s = read_people(npz)
        frames = read_frames(overlay)
    pictures = [
        np.hstack([scaled(frames[index]), draw_scene(people, times_s, index)]) for index in range(0, len(frames), EVERY)
    ]
    save(pictures, args.out, frame_ms=round(1000 * EVERY * float(np.median(np.diff(times_s)))), quality=args.quality)
    print(f"{args.out}: {len(pictures)} pictures, {args.out.stat().st_size / 1e6:.2f} MB")


def read_people(npz: Path) -> tuple[list[list[Person3D]], NDArray[np.float64]]:
    """The people of each frame, and the frames' times in seconds."""
    with np.load(npz) as file:
        data = dict(file)
    people = []
    for row, ids in enumerate(data["track_ids"]):
        people.append(
            [
                Person3D(
                    int(ids[column]), np.zeros(4, np.float32), data["keypoints_2d"][row, column],
                    data["poses_3d"][row, column], data["root_3d"][row, column], data["confidence"][row, column],
                )
                for column in np.flatnonzero(ids >= 0)
            ]
        )  # fmt: skip
    return people, data["timestamps_s"]


def read_frames(video: Path) -> list[Image]:
    """All frames of a video, (H, W, 3) uint8 RGB."""
    source = open_source(str(video))
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame.image)
    source.close()
    return frames


def scaled(picture: Image) -> Image:
    """As high as the 3D half is."""
    height, width = picture.shape[:2]
    size = (round(width * SIDE_PX / height), SIDE_PX)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def draw_scene(people: list[list[Person3D]], times_s: NDArray[np.float64], index: int) -> Image:
    """The people of frame `index` on the ground, from a camera that swings about them. (SIDE_PX, SIDE_PX, 3) RGB."""
    floor = Floor()
    for earlier in range(index + 1):
        floor.observe(people[earlier], float(times_s[earlier]))
    side = SIDE_PX * SMOOTHING
    canvas = np.empty((side, side, 3), np.uint8)
    canvas[:] = [int(BACKGROUND[at : at + 2], 16) for at in (1, 3, 5)]

    # The middle of all people, in the viewer's axes (x right, y up, z towards the camera), averaged over the clip.
    middles = [person.root_3d for persons in people for person in persons]
    x, _, z = np.mean(middles, axis=0) if middles else (0.0, 0.0, 3.0)
    middle = np.array([x, 0, -z], np.float32)
    swing = np.deg2rad(SWING_DEG) * np.sin(2 * np.pi * index / len(people))
    eye = DISTANCE_M * np.array([np.sin(swing), 0, np.cos(swing)]) + [0, EYE_HEIGHT_M, 0]
    ground, lines = build_ground()
    bodies = build_people(people[index], floor.height_m)
    for mesh, offset in ((ground, None), (lines, None), (bodies, middle)):
        corners = mesh.corners if offset is None else mesh.corners - offset
        draw_mesh(canvas, corners, mesh.colors, mesh.triangles, eye)
    return np.asarray(cv2.resize(canvas, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def draw_mesh(
    canvas: Image, corners: Float32, colors: Float32, triangles: NDArray[np.int32], eye: NDArray[np.float64]
) -> None:
    """Triangles from the farthest to the nearest. corners: (N, 3) metres; colors: (N, 3) sRGB 0..1."""
    back = eye - [0, LOOK_AT_M, 0]
    back /= np.linalg.norm(back)
    right = np.cross([0, 1, 0], back)
    right /= np.linalg.norm(right)
    view_from_world = np.stack([right, np.cross(back, right), back])
    seen = (corners - eye) @ view_from_world.T  # x right, y up, z towards the eye
    depth = -seen[:, 2]
    focal_px = canvas.shape[0] / 2 / np.tan(np.deg2rad(FIELD_OF_VIEW_DEG / 2))
    near = np.maximum(depth, 0.05)
    points = canvas.shape[0] / 2 + focal_px * np.stack([seen[:, 0], -seen[:, 1]], -1) / near[:, None]
    a, b, c = points[triangles].transpose(1, 0, 2)
    facing = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0] < 0  # counter-clockwise with y up
    shown = triangles[facing & (depth[triangles].min(1) > 0.1)]
    for triangle in shown[np.argsort(-depth[shown].mean(1))]:
        color = tuple(float(value) for value in 255 * colors[triangle].mean(0))
        corners_px = np.round(points[triangle] * 16).astype(np.int32)
        cv2.fillConvexPoly(canvas, corners_px, color, cv2.LINE_8, 4)


def save(pictures: list[Image], out: Path, *, frame_ms: int, quality: int) -> None:
    """An endless animated WebP."""
    animation = cv2.Animation()
    animation.frames = [np.ascontiguousarray(picture[..., ::-1]) for picture in pictures]
    animation.durations = [frame_ms] * len(pictures)
    if not cv2.imwriteanimation(str(out), animation, [cv2.IMWRITE_WEBP_QUALITY, quality]):
        raise SystemExit(f"cannot write {out}")


if __name__ == "__main__":
    main()
