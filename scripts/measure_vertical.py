"""Is a set's z axis vertical? Compares it with the straight lines of the background: door frames, shelves, walls.

    python scripts/measure_vertical.py FOOTAGE

FOOTAGE: as `rtpose eval --footage` takes it. Line segments of all cameras that agree on one direction of the world
within 24 degrees of z; a robust fit. Prints the direction, its angle to z, and the angles that each camera gives alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.capture import open_source
from rtpose.footage.sets import TruthCamera, find_sets, load_set

Array = NDArray[Any]

EVERY, PICTURES = 9, 25
"""The background is the median of this many pictures, this many frames apart."""
LEAST_SHARE = 0.06
"""Length of a segment over the picture's longer side."""
FARTHEST_DEG, NEAR_DEG = 24, 1.0
"""The search range about z; segments within the other angle agree."""


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    print("| set | up | degrees from z | by each camera | segments that agree |\n|---|---|---|---|---|")
    for folder in find_sets(parser.parse_args().footage):
        footage = load_set(folder)
        each = [planes_of(camera) for camera in footage.cameras]
        normals, lengths = (np.concatenate(arrays) for arrays in zip(*each, strict=True))
        up = refined(normals, lengths, searched(normals, lengths))
        alone = [_from_z(refined(*planes, up)) for planes in each]
        agree = int((np.abs(np.degrees(np.arcsin(normals @ up))) < NEAR_DEG).sum())
        print(
            f"| {footage.name} | {', '.join(f'{value:.4f}' for value in up)} | {_from_z(up):.1f} "
            f"| {', '.join(f'{angle:.1f}' for angle in alone)} | {agree} |"
        )


def planes_of(camera: TruthCamera) -> tuple[Array, Array]:
    """(N, 3) unit normals in world axes of the planes of sight of line segments, and (N,) their lengths as shares of
    the picture."""
    source = open_source(str(camera.clip))
    pictures: list[Array] = []
    while not source.ended and len(pictures) < PICTURES:
        frame = source.read()
        if frame is not None and frame.frame_id % EVERY == 0:
            pictures.append(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY))
    source.close()
    background = cv2.undistort(np.median(pictures, axis=0).astype(np.uint8), camera.matrix, camera.distortion)
    segments = cv2.createLineSegmentDetector().detect(background)[0].reshape(-1, 2, 2)
    lengths = np.linalg.norm(segments[:, 1] - segments[:, 0], axis=-1) / max(background.shape)
    segments, lengths = segments[lengths >= LEAST_SHARE], lengths[lengths >= LEAST_SHARE]
    rays = np.concatenate([segments, np.ones_like(segments[..., :1])], -1) @ np.linalg.inv(camera.matrix).T
    normals = np.cross(rays[:, 0], rays[:, 1])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    return normals @ camera.rotations[0], lengths


def searched(normals: Array, lengths: Array) -> Array:
    """(3,) the direction near z that most segments agree with."""
    tilts = np.sin(np.radians(np.arange(-FARTHEST_DEG, FARTHEST_DEG + 1, 2)))
    ways = [np.array([x, y, np.sqrt(1 - x * x - y * y)]) for x in tilts for y in tilts]
    return max(ways, key=lambda way: float((lengths * _trust(normals, way, NEAR_DEG)).sum()))


def refined(normals: Array, lengths: Array, up: Array) -> Array:
    """(3,) the direction near `up` that lies in the planes, by weighted least squares."""
    for step in range(30):
        weights = lengths * _trust(normals, up, max(3 * 0.8**step, NEAR_DEG))
        _, vectors = np.linalg.eigh((normals * weights[:, None]).T @ normals)
        up = vectors[:, 0] * np.sign(vectors[2, 0])
    return up


def _trust(normals: Array, up: Array, spread_deg: float) -> Array:
    trust: Array = np.exp(-((np.degrees(np.arcsin(np.clip(normals @ up, -1, 1))) / spread_deg) ** 2) / 2)
    return trust


def _from_z(up: Array) -> float:
    return float(np.degrees(np.arccos(min(abs(up[2]), 1.0))))


if __name__ == "__main__":
    main()
