"""Random cameras for clips: where the camera stands, how it is held, and what its lens and sensor do to pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.geometry import camera_from_fov
from rtpose.train.synth.motion import Array
from rtpose.train.synth.view import PlacedCamera
from rtpose.types import Camera, Image

NEAREST_M, FARTHEST_M = 1.2, 12.0
SMALLEST_PX, LARGEST_PX = 170, 285
"""Range of a person's longer side in the picture, at its largest in the clip. The networks see squares of 256 px."""
LONGEST_PX = 1200
"""Limit of the picture's longer side."""


class Holding(StrEnum):
    """How the camera is held."""

    STILL = "still"
    PANNING = "panning"
    HAND = "hand"


@dataclass(frozen=True)
class ClipFilming:
    """How a clip is filmed."""

    views: Sequence[PlacedCamera]
    """The camera in each frame."""
    holding: Holding
    whole: bool
    """The picture is framed around the whole body, not around a part of it."""


def random_filming(
    times_s: Array, bodies: Array, upper: NDArray[np.bool_] | None, rng: np.random.Generator
) -> ClipFilming:
    """A camera on the +z side, placed as people usually do, with the person in its picture.

    times_s: (T,). bodies: (T, N, 3) metres, points all over the body in each frame. upper: (N,) the points that the
    picture is framed around, if it may cut off the rest; None: all of them.
    """
    count = len(times_s)
    framed = bodies if upper is None else bodies[:, upper]
    holding = Holding(rng.choice(list(Holding), p=[0.66, 0.14, 0.20]))
    fov = float(np.exp(rng.uniform(np.log(40), np.log(110))))
    size = _UNIT_SIZES[int(rng.choice(len(_UNIT_SIZES), p=_SIZE_SHARES))]
    share = float(rng.uniform(0.5, 0.96) if rng.random() < 0.9 else rng.uniform(0.2, 0.5))
    elevation, rolls = _elevation(rng), np.full(count, _roll(rng))
    direction = np.array([0.0, np.sin(elevation), np.cos(elevation)])

    middles = (framed.min(1) + framed.max(1)) / 2
    path = np.repeat(middles.mean(0, keepdims=True), count, 0)
    ride = np.zeros((count, 3))
    if holding is Holding.PANNING:
        path = _smooth(middles, times_s, 0.7)
        if rng.random() < 0.4:  # the camera moves along
            ride = (path - path[0]) * np.array([1.0, 0.0, 1.0]) * rng.uniform(0.5, 1.0)
    if holding is not Holding.STILL:
        shaking = 1.0 if holding is Holding.HAND else 0.35
        ride = ride + _shake(times_s, shaking * rng.uniform(0.01, 0.04), rng)
        path = path + _shake(times_s, shaking * rng.uniform(0.01, 0.05), rng)
        rolls = rolls + _shake(times_s, shaking * rng.uniform(0.3, 1.5), rng)[:, 0]

    unit = camera_from_fov(size, fov)
    halves = np.array(size) / 2 / unit.fx
    some = np.unique(np.linspace(0, count - 1, 7).astype(int))
    points = framed[some]

    def held(distance: float, aim: Array, frames: NDArray[np.intp]) -> tuple[Array, Array]:
        """(T, 3) the camera's positions and (T, 3, 3) its rotations."""
        eyes = path[0] + ride[frames] + distance * direction
        return eyes, camera_axes(path[frames] + aim * distance - eyes, rolls[frames])

    def box(distance: float, aim: Array) -> Array:
        """(2, 2) lowest and highest x, y of the person over the clip: 0 is the picture's middle, 1 its edge."""
        eyes, axes = held(distance, aim, some)
        seen = np.einsum("tij,tnj->tni", axes, points - eyes[:, None])
        plane = seen[..., :2] / np.maximum(seen[..., 2:], 0.2) / halves
        return np.stack([plane.min((0, 1)), plane.max((0, 1))])

    def centred(distance: float) -> Array:
        """(3,) aim that puts the person in the middle of the picture: an offset from theirs, times `distance`."""
        aim = np.zeros(3)
        for _ in range(2):
            right, down = held(distance, aim, some)[1][0, :2]
            x, y = box(distance, aim).mean(0) * halves
            aim = aim + right * x + down * y
        return aim

    near, far = NEAREST_M, FARTHEST_M
    for _ in range(8):
        distance = float(np.sqrt(near * far))
        if np.ptp(box(distance, centred(distance)), axis=0).max() / 2 > share:
            near = distance
        else:
            far = distance
    # Move the person off the middle, but keep them inside.
    aim = centred(distance)
    right, down = held(distance, aim, some)[1][0, :2]
    largest = float(np.abs(box(distance, aim)).max())
    apart = rng.uniform(-0.9, 0.9, 2) * np.maximum(1 - np.abs(box(distance, aim)).max(0), 0) * halves
    for _ in range(4):
        moved = aim + right * apart[0] + down * apart[1]
        if np.abs(box(distance, moved)).max() <= max(1.0, largest):
            aim = moved
            break
        apart = apart / 2
    eyes, axes = held(distance, aim, np.arange(count))
    views = [PlacedCamera(unit, size, turn, -turn @ eye) for eye, turn in zip(eyes, axes, strict=True)]
    return ClipFilming(_scaled(views, bodies, rng), holding, upper is None)


def camera_axes(forward: Array, roll_deg: Array) -> Array:
    """(T, 3, 3): right, down and forward (rows) of a level camera that looks along `forward` (T, 3), then rolled."""
    forward = forward / np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.stack([-forward[:, 2], np.zeros(len(forward)), forward[:, 0]], 1)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    down = np.cross(forward, right)
    c, s = np.cos(np.radians(roll_deg))[:, None], np.sin(np.radians(roll_deg))[:, None]
    return np.stack([c * right + s * down, -s * right + c * down, forward], 1)


_UNIT_SIZES = ((1600, 900), (1600, 1200), (900, 1600), (1200, 1600), (1600, 1600))
_SIZE_SHARES = (0.48, 0.17, 0.25, 0.07, 0.03)


def _elevation(rng: np.random.Generator) -> float:
    """Radians: direction of the camera from the person's middle, above the horizontal."""
    kind = rng.random()
    if kind < 0.45:
        deg = rng.normal(4, 8)
    elif kind < 0.80:
        deg = rng.uniform(-10, 40)
    elif kind < 0.93:
        deg = rng.uniform(30, 70)
    else:
        deg = rng.uniform(-40, -10)
    return float(np.radians(deg))


def _roll(rng: np.random.Generator) -> float:
    kind = rng.random()
    if kind < 0.78:
        return float(rng.normal(0, 3))
    if kind < 0.90:
        return float(rng.normal(0, 18))
    return float(rng.uniform(-180, 180))


def _shake(times_s: Array, size: float, rng: np.random.Generator) -> Array:
    """(T, 3): trembling and drift of a hand."""
    out = np.zeros((len(times_s), 3))
    for axis in range(3):
        for _ in range(5):
            hz = float(np.exp(rng.uniform(np.log(0.1), np.log(2.5))))
            out[:, axis] += rng.normal() * np.sin(2 * np.pi * hz * times_s + rng.uniform(0, 7)) / (1 + hz)
    return out * size


def _smooth(values: Array, times_s: Array, width_s: float) -> Array:
    """(T, 3): a moving average, Gaussian in time."""
    near = np.exp(-0.5 * ((times_s[:, None] - times_s) / (width_s / 2)) ** 2)
    out: Array = near @ values / near.sum(1, keepdims=True)
    return out


def _scaled(views: list[PlacedCamera], bodies: Array, rng: np.random.Generator) -> list[PlacedCamera]:
    """The same views, with a resolution that gives the person a random size between the limits."""
    size, largest = views[0].size, 0.0
    for view, points in zip(views, bodies, strict=True):
        low, high = box_px(view, points)
        inside = np.clip([low, high], 0, size)
        largest = max(largest, float(np.ptp(inside, axis=0).max()))
    scale = min(float(rng.uniform(SMALLEST_PX, LARGEST_PX)) / largest, LONGEST_PX / max(size))
    width, height = (max(64, round(side * scale)) for side in size)
    focal = views[0].camera.fx * scale
    camera = Camera(focal, focal, width / 2, height / 2)
    return [replace(view, camera=camera, size=(width, height)) for view in views]


def box_px(view: PlacedCamera, points: Array) -> tuple[Array, Array]:
    """(2,) and (2,) px: lowest and highest x, y of world points (N, 3) metres in the picture."""
    seen = view.to_camera(points)
    plane = seen[:, :2] / np.maximum(seen[:, 2:], 0.2)
    pixels = plane * view.camera.fx + np.array([view.camera.cx, view.camera.cy])
    return pixels.min(0), pixels.max(0)


class ClipLens:
    """Effects of one camera on all pictures of a clip: tones, blur, noise, JPEG. Drawn once."""

    def __init__(self, rng: np.random.Generator) -> None:
        gain = np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.05, 3))
        contrast = float(np.exp(rng.normal(0, 0.12)))
        levels = (np.arange(256)[:, None] * gain - 110.0) * contrast + 110.0
        self._table = levels.clip(0, 255).astype(np.uint8)[None]
        self._blur = float(rng.uniform(0.3, 1.2)) if rng.random() < 0.45 else 0.0
        noise = float(np.exp(rng.uniform(-0.5, 2.3))) if rng.random() < 0.7 else 0.0
        self._noise = np.rint(rng.normal(0, noise, (_NOISE_PX, _NOISE_PX, 3))).clip(-60, 60).astype(np.int16)
        self._noisy = noise > 0
        self._quality = int(rng.integers(30, 95)) if rng.random() < 0.6 else 0
        self._rng = rng

    def apply(self, image: Image) -> Image:
        """The picture with the effects. (H, W, 3) uint8 RGB, returned in the same shape."""
        out = cv2.LUT(image, self._table)
        if self._blur:
            out = cv2.GaussianBlur(out, (0, 0), self._blur)
        if self._noisy:
            height, width = out.shape[:2]
            y, x = self._rng.integers(0, _NOISE_PX, 2)
            noise = np.roll(self._noise, (y, x), (0, 1))
            tiles = (-(-height // _NOISE_PX), -(-width // _NOISE_PX), 1)
            noise = np.tile(noise, tiles)[:height, :width]
            out = cv2.add(out, np.ascontiguousarray(noise), dtype=cv2.CV_8U)
        if self._quality:
            _, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
            out = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return np.asarray(out, np.uint8)


_NOISE_PX = 256
