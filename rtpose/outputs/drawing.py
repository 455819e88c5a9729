"""Draws people on their picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rtpose.skeleton import skeleton_of_person
from rtpose.types import Float32, Image, Person3D

LEAST_SCORE = 0.3
"""Joints below it are not drawn."""
SURE_SCORE = 0.5
"""Joints below it are drawn faint."""

_FRACTION_BITS = 4
_BLACK = (0, 0, 0)
_WHITE = (255, 255, 255)


def draw_people(image: Image, persons: Sequence[Person3D]) -> Image:
    """The picture with each person's skeleton and id; a new array.

    image: (H, W, 3) uint8 RGB; persons: with `keypoints_2d` (J, 3) px of that picture.
    Lines are coloured by side, with a thickness by the person's size. Joints of low score are faint or left out.
    """
    canvas = image.copy()
    for person in persons:
        points = person.keypoints_2d
        skeleton = skeleton_of_person(len(points))
        colors = [_rgb(color) for color in skeleton.colors]
        # OpenCV takes integers, which would overflow far outside the picture.
        reach = 4 * max(image.shape[:2])
        inside = np.isfinite(points).all(axis=1) & (np.abs(points[:, :2]) < reach).all(axis=1)
        shown = inside & (points[:, 2] >= LEAST_SCORE)
        if not shown.any():
            continue
        where = [_fixed(point) if ok else (0, 0) for point, ok in zip(points, shown, strict=True)]
        extent = float(np.ptp(points[shown, :2], axis=0).max())
        thickness = max(1, round(extent / 100))
        edges = [(child, parent) for child, parent in skeleton.edges if shown[child] and shown[parent]]
        sure = points[:, 2] >= SURE_SCORE
        # A dark rim first makes lines stand out from any background; faint ones get none.
        for child, parent in edges:
            if sure[child] and sure[parent]:
                _line(canvas, where[child], where[parent], _BLACK, thickness + 2)
        for child, parent in edges:
            if sure[child] and sure[parent]:
                _line(canvas, where[child], where[parent], colors[child], thickness)
            else:
                _line(canvas, where[child], where[parent], _faint(colors[child]), max(1, thickness // 2))
        for joint in np.flatnonzero(shown):
            color = colors[joint] if sure[joint] else _faint(colors[joint])
            radius = (thickness + 1) << _FRACTION_BITS
            cv2.circle(canvas, where[joint], radius, color, cv2.FILLED, cv2.LINE_AA, _FRACTION_BITS)
        _label(canvas, f"{person.track_id}", points[shown], scale=max(0.5, extent / 600))
    return canvas


def _line(canvas: Image, a: tuple[int, int], b: tuple[int, int], color: tuple[int, int, int], thickness: int) -> None:
    cv2.line(canvas, a, b, color, thickness, cv2.LINE_AA, _FRACTION_BITS)


def _label(canvas: Image, text: str, points: Float32, scale: float) -> None:
    """Draw the id above the person's highest point, inside the picture."""
    x, y = points[points[:, 1].argmin(), :2]
    height, width = canvas.shape[:2]
    origin = (int(np.clip(x, 0, width - 20 * scale)), int(np.clip(y - 15 * scale, 25 * scale, height - 1)))
    for color, thickness in ((_BLACK, 4), (_WHITE, 1)):
        cv2.putText(
            canvas, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, color,
            max(1, round(thickness * scale)), cv2.LINE_AA,
        )  # fmt: skip


def _fixed(point: Float32) -> tuple[int, int]:
    """px -> OpenCV's fixed-point numbers."""
    return round(float(point[0]) * 2**_FRACTION_BITS), round(float(point[1]) * 2**_FRACTION_BITS)


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _faint(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """Half-way to grey."""
    return (color[0] + 128) // 2, (color[1] + 128) // 2, (color[2] + 128) // 2
