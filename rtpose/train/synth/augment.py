"""Augments a labelled picture: rotation, mirroring, shift, scale, colours. Its labels stay exact.

All geometric changes correspond to a real camera: a rotation about any point is a roll of the camera with another
principal point, and mirroring is a mirrored world.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rtpose.skeleton import H36M17
from rtpose.train.synth.people import RenderedPerson, RenderedPicture
from rtpose.types import Camera, Image


@dataclass(frozen=True)
class Looks:
    """Strength of the augmentation."""

    turn_deg: float = 15.0
    """Standard deviation of the rotation, clipped to three times this."""
    turned: float = 0.6
    """Share of rotated pictures."""
    mirrored: float = 0.5
    scale: float = 0.12
    """Standard deviation of the log scale."""
    shift: float = 0.05
    """Largest shift as a share of the window's width."""
    colour: float = 0.12
    """Standard deviation of log brightness and log contrast; half of it for each colour channel."""


def seen_again(
    picture: RenderedPicture, size: int, rng: np.random.Generator, looks: Looks | None = None
) -> RenderedPicture:
    """A square picture of `size` px about the same people, its labels and camera changed with it.

    The window is as high as the original picture. looks: None for the default ones.
    """
    looks = looks or Looks()
    height, width = picture.image.shape[:2]
    turn = 0.0
    if rng.random() < looks.turned:
        turn = float(np.radians(np.clip(rng.normal(0, looks.turn_deg), -3 * looks.turn_deg, 3 * looks.turn_deg)))
    scale = size / height * float(np.exp(rng.normal(0, looks.scale)))
    middle = np.array([width, height]) / 2
    target = size * (0.5 + rng.uniform(-looks.shift, looks.shift, 2))
    c, s = np.cos(turn), np.sin(turn)
    rotation = np.array([[c, -s], [s, c]])
    mirror = rng.random() < looks.mirrored
    return moved(
        _recoloured(picture, looks.colour, rng), size, scale * rotation, target - scale * rotation @ middle, mirror
    )


def moved(
    picture: RenderedPicture,
    size: int,
    matrix: np.typing.NDArray[np.float64],
    shift: np.typing.NDArray[np.float64],
    mirror: bool = False,
) -> RenderedPicture:
    """The square window of `size` px in which `x` of the picture lies at `matrix @ x + shift`, then mirrored.

    matrix: (2, 2), a rotation times a scale. shift: (2,) px. Pixels beyond the picture repeat its edge.
    """
    scale = float(np.sqrt(np.linalg.det(matrix)))
    rotation = matrix / scale
    # Positions count from the corner of the first pixel, cv2's from its middle.
    warp = np.column_stack([matrix, matrix @ [0.5, 0.5] + shift - 0.5])
    smaller = scale < 0.75
    image = picture.image
    if smaller:  # blur first, to avoid aliasing
        image = cv2.GaussianBlur(image, (0, 0), 0.4 / scale)
    image = cv2.warpAffine(image, warp, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    camera = picture.camera
    cx, cy = matrix @ [camera.cx, camera.cy] + shift
    if mirror:
        image, cx = image[:, ::-1], size - cx
    people = tuple(_moved_person(p, size, matrix, rotation, shift, mirror) for p in picture.people)
    focal = Camera(camera.fx * scale, camera.fy * scale, float(cx), float(cy))
    return RenderedPicture(np.ascontiguousarray(image, np.uint8), people, focal)


def _moved_person(
    person: RenderedPerson,
    size: int,
    matrix: np.typing.NDArray[np.float64],
    rotation: np.typing.NDArray[np.float64],
    shift: np.typing.NDArray[np.float64],
    mirror: bool,
) -> RenderedPerson:
    pixels = person.joints_px @ matrix.T + shift
    metres = person.joints_m.astype(np.float64)
    metres[:, :2] = metres[:, :2] @ rotation.T
    x0, y0, x1, y1 = person.box_px
    corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) @ matrix.T + shift
    visible = person.visible
    if mirror:
        pixels[:, 0], metres[:, 0], corners[:, 0] = size - pixels[:, 0], -metres[:, 0], size - corners[:, 0]
        pixels, metres, visible = pixels[H36M17.twins], metres[H36M17.twins], visible[H36M17.twins]
    inside = ((pixels >= 0) & (pixels < size)).all(-1)
    box = np.concatenate([corners.min(0), corners.max(0)])
    return RenderedPerson(
        pixels.astype(np.float32), metres.astype(np.float32), visible & inside, box.astype(np.float32)
    )  # fmt: skip


def _recoloured(picture: RenderedPicture, spread: float, rng: np.random.Generator) -> RenderedPicture:
    gain = np.exp(rng.normal(0, spread) + rng.normal(0, spread / 2, 3))
    contrast = np.exp(rng.normal(0, spread))
    levels = np.arange(256)[:, None]
    table = ((levels * gain - 110.0) * contrast + 110.0).clip(0, 255).astype(np.uint8)
    image: Image = cv2.LUT(picture.image, table[None])
    return RenderedPicture(image, picture.people, picture.camera)
