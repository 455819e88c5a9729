"""Qualitative pages: pictures with labelled 2D joints, and a lifter's poses. SVMAC's Figures 5 and 6, 2D-3D
consistency's Figure 8. (Estimates next to the ground truth, as in Figures 4 and 7, are on the page of every table.)"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rtpose.errors import ConfigError, InputError
from rtpose.pose.lift.codec import codec_from_facts
from rtpose.pose.lift.lifter import NetworkLifter
from rtpose.skeleton import H36M17
from rtpose.train.data.readers.lsp import load_lsp
from rtpose.train.data.readers.mpii import load_mpii
from rtpose.train.data.readers.poses import Poses2D, as_detected_or_nan
from rtpose.train.reproduce.page import drawn_pose, image_element
from rtpose.types import Float32, Image

GALLERIES = {
    "svmac-figure5": ("SVMAC, Figure 5: MPII", "svmac", "mpii"),
    "svmac-figure6": ("SVMAC, Figure 6: Leeds Sports Pose", "svmac", "lsp"),
    "consistency-figure8": ("2D-3D consistency, Figure 8: MPII", "consistency", "mpii"),
}
"""Title, lifter and data set of each page."""


def write_gallery(file: Path, name: str, folder: Path, *, lifter: str | None = None, count: int = 12) -> None:
    """Write one self-contained HTML file of `count` people, spread over the data set's available pictures.

    folder: LSP (`joints.mat` next to `images`) or MPII (its labels, with `images`). lifter: a shipped lifter or a file;
    None: the paper's. Errors: `ConfigError` for an unknown page, `InputError` for another folder, or if it has no
    picture of a person with all joints labelled.
    """
    if name not in GALLERIES:
        raise ConfigError(f"no page '{name}': choose one of {', '.join(GALLERIES)}")
    title, method, data = GALLERIES[name]
    people = load_lsp(folder) if data == "lsp" else load_mpii(folder)
    network = NetworkLifter(lifter or method)
    joints = as_detected_or_nan(people.joints_px)
    rows = _with_pictures(people, joints, folder, count)
    codec = codec_from_facts(network.facts["normalisation"])
    points = codec.encode(joints[rows])[0].astype(np.float32)
    poses = codec.decode(points, network.depth(points))
    shown = "".join(
        image_element(_pair(_picture(folder, people.images[row]), joints[row], pose - pose[0]))
        for row, pose in zip(rows, poses, strict=True)
    )
    file.write_text(
        f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title>"
        "<style>body{font:15px sans-serif;margin:2em}</style>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(str(network.facts['name']))}, from the data set's 2D joints. "
        f"Each person: the picture, and the pose from the front and from the side.</p>{shown}",
        encoding="utf-8",
    )


def _with_pictures(people: Poses2D, joints: Float32, folder: Path, count: int) -> list[int]:
    """Rows of people with all joints whose picture exists."""
    complete = np.flatnonzero(np.isfinite(joints).all((1, 2))).tolist()
    there = [row for row in complete if (folder / "images" / people.images[row]).is_file()]
    if not there:
        raise InputError(
            f"{folder / 'images'} has no picture of a person with all joints: put the data set's pictures there"
        )
    return [there[i] for i in np.unique(np.linspace(0, len(there) - 1, count).round().astype(int))]


def _picture(folder: Path, name: str) -> Image:
    path = folder / "images" / name
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        raise InputError(f"{path} is not a picture: download it again")
    return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


def _pair(picture: Image, joints_px: Float32, pose: NDArray[Any]) -> Figure:
    """The picture, cut around the person, with the 2D joints; and the pose (17, 3) from the front and the side."""
    figure = Figure(figsize=(9, 3), layout="tight")
    axes: Any = figure.add_subplot(1, 3, 1)
    axes.imshow(picture)
    for a, b in H36M17.edges:
        axes.plot(*joints_px[[a, b]].T, color="tab:orange", linewidth=1.5)
    low, high = joints_px.min(0), joints_px.max(0)
    reach = 0.2 * float((high - low).max())
    axes.set_xlim(low[0] - reach, high[0] + reach)
    axes.set_ylim(high[1] + reach, low[1] - reach)
    axes.axis("off")
    for place, azimuth in ((2, -90), (3, 0)):
        axes = figure.add_subplot(1, 3, place, projection="3d")
        drawn_pose(axes, pose, "tab:blue")
        axes.view_init(elev=5, azim=azimuth)
        axes.set_aspect("equal")
        axes.axis("off")
    return figure
