"""Windows: parts of a picture that are drawn separately, and the rest of the picture as a turning camera sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from rtpose.train.synth.filming import box_px
from rtpose.train.synth.motion import Array
from rtpose.train.synth.view import PlacedCamera
from rtpose.types import Camera, Image


@dataclass(frozen=True)
class Window:
    """A rectangle inside a picture, in pixels."""

    x: int
    y: int
    width: int
    height: int

    def of(self, view: PlacedCamera) -> PlacedCamera:
        """The camera that sees this part only."""
        camera = replace(view.camera, cx=view.camera.cx - self.x, cy=view.camera.cy - self.y)
        return replace(view, camera=camera, size=(self.width, self.height))

    def cut(self, picture: Image) -> Image:
        """This part of a picture."""
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]

    def paste(self, part: Image, picture: Image) -> None:
        """Copy a picture of this part into the whole picture."""
        picture[self.y : self.y + self.height, self.x : self.x + self.width] = part


def window_around(view: PlacedCamera, body: Array, largest_px: int) -> Window:
    """The part of the picture with a person and some of their shadow.

    body: (N, 3) metres, points all over the person.
    """
    low, high = (np.clip(edge, 0, view.size) for edge in box_px(view, body))
    margin = 8 + 0.1 * float((high - low).max())
    x0, y0 = (max(0, int(edge - margin)) for edge in low)
    x1, y1 = (min(side, int(edge + margin)) for side, edge in zip(view.size, high, strict=True))
    return Window(x0, y0, min(max(x1 - x0, 1), largest_px), min(max(y1 - y0, 1), largest_px))


def tiles(size: tuple[int, int], largest_px: int) -> Iterator[Window]:
    """Windows that cover a picture of `size` (width, height) px without overlap."""
    width, height = size
    for y in range(0, height, largest_px):
        for x in range(0, width, largest_px):
            yield Window(x, y, min(largest_px, width - x), min(largest_px, height - y))


def widened(view: PlacedCamera, factor: float) -> PlacedCamera:
    """The same camera with a picture that is larger by `factor` on all sides."""
    width, height = (round(side * factor) for side in view.size)
    return replace(view, camera=replace(view.camera, cx=width / 2, cy=height / 2), size=(width, height))


def reprojected(picture: Image, taken: PlacedCamera, view: PlacedCamera) -> Image:
    """A picture taken by the camera `taken`, as seen from `view`: exact if the camera only rotated."""
    if taken.size == view.size and np.array_equal(taken.camera_from_world, view.camera_from_world):
        return picture
    turn = view.camera_from_world @ taken.camera_from_world.T
    homography = _matrix(view.camera) @ turn @ np.linalg.inv(_matrix(taken.camera))
    out = cv2.warpPerspective(picture, homography, view.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(out, np.uint8)


def _matrix(camera: Camera) -> Array:
    return np.array([[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]])
