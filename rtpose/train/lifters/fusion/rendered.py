"""Rendered clips with the output of real landmark networks, as batches for `fusion`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.geometry import rays_from_pixels, standing_height
from rtpose.pose.lift.fusion_codec import (
    BODY,
    FROM_BLAZEPOSE33,
    ROOT,
    TYPICAL_HEIGHT_M,
    least,
    upright_views,
)
from rtpose.types import Camera, Float32

NETWORKS = ("lite", "full", "heavy")
ASTRAY = 0.35
"""If half of the joints are further off than this share of the person's size, the network saw something else."""


@dataclass(frozen=True)
class Piece:
    """Frames of one clip in which one network saw the person; axes of each frame's upright virtual camera."""

    points: Float32
    """(T, 28, 2) on the plane at z = 1."""
    scores: Float32
    own: Float32
    """(T, 28, 3) metres."""
    visible: Float32
    truth: Float32
    """(T, 28, 3) relative to the root, metres for a height of 1.70 m."""
    gravity: Float32
    """(T, 3)."""
    axes: Float32
    """(T, 3, 3): virtual = this @ world."""
    times_s: Float32
    network: str


def read_pieces(folder: Path, networks: Sequence[str] = NETWORKS, shortest: int = 8) -> list[Piece]:
    """All clips of a folder of shards, once for each network. shortest: pieces with fewer frames are left out."""
    pieces = []
    for file in sorted(folder.glob("shard-*.npz")):
        with np.load(file, allow_pickle=False) as shard:
            data = {name: shard[name] for name in shard.files}
        for clip, (first, last) in enumerate(zip(data["starts"][:-1], data["starts"][1:], strict=True)):
            for network in networks:
                rows = first + np.flatnonzero(_on_the_person(data, network)[first:last])
                if len(rows) >= shortest:
                    pieces.append(_piece(data, clip, rows, network))
    return pieces


def _on_the_person(data: dict[str, NDArray[Any]], network: str) -> NDArray[np.bool_]:
    """(F,) whether the network saw the person, and not something else."""
    offset = np.linalg.norm(FROM_BLAZEPOSE33 @ data[f"{network}_points"] - data["joints_px"], axis=-1)
    size = np.linalg.norm(data["joints_px"] - data["joints_px"][:, ROOT : ROOT + 1], axis=-1).mean(1)
    near = np.median(np.nan_to_num(offset, nan=np.inf), axis=1) < ASTRAY * size
    return np.asarray(data[f"{network}_found"] & near)


def _sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-x.clip(-30, 30))))


def _piece(data: dict[str, NDArray[Any]], clip: int, rows: NDArray[np.intp], network: str) -> Piece:
    camera = Camera(*(float(v) for v in data["camera"][clip]))
    raw = data[f"{network}_points"][rows]
    pixels = FROM_BLAZEPOSE33 @ raw
    own = FROM_BLAZEPOSE33 @ data[f"{network}_world"][rows]
    visible = _sigmoid(data[f"{network}_visibility"][rows])
    scores = np.minimum(visible, _sigmoid(data[f"{network}_presence"][rows]))
    outside = ((raw < 0) | (raw >= data["size"][clip])).any(-1)
    scores = least(FROM_BLAZEPOSE33, np.where(outside, np.minimum(scores, 0.1), scores))
    visible = least(FROM_BLAZEPOSE33, visible)
    times = data["times_s"][rows]
    rays = rays_from_pixels(pixels.astype(np.float32), camera)
    views = upright_views(rays)
    seen = rays @ views
    joints = data["joints_m"][rows]
    factor = TYPICAL_HEIGHT_M / standing_height(joints[:, :BODY]).mean()
    world = data["world_from_camera"][rows][:, :3, :3]
    axes = (world @ views).transpose(0, 2, 1)
    return Piece(
        points=(seen[..., :2] / np.maximum(seen[..., 2:], 1e-3)).astype(np.float32),
        scores=scores, own=(own @ views).astype(np.float32), visible=visible,
        truth=((joints - joints[:, ROOT : ROOT + 1]) @ views * factor).astype(np.float32),
        gravity=-axes[..., 1].astype(np.float32), axes=axes.astype(np.float32),
        times_s=times.astype(np.float32), network=network,
    )  # fmt: skip
