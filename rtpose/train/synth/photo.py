"""Backgrounds behind people, and simulated camera effects. Deterministic for a given generator."""

from __future__ import annotations

import zlib
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.types import Image

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


class Split(StrEnum):
    """What a picture is for. Training and test pictures share no random draws."""

    TRAIN = "train"
    TEST = "test"


def find_pictures(folder: Path, split: Split) -> list[Path]:
    """The user's own background pictures. About every tenth, chosen by its name, belongs to the test split.

    Errors: `InputError` if the folder has none.
    """
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise InputError(f"no pictures in {folder}: give a folder with {', '.join(PICTURE_SUFFIXES)} files")
    return [p for p in found if (zlib.crc32(p.name.encode()) % 10 == 0) == (split is Split.TEST)]


def cut_from_picture(path: Path, size: tuple[int, int], rng: np.random.Generator) -> Image:
    """A random window of a picture, (H, W, 3) uint8 RGB, sometimes mirrored. size: (width, height) px."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"{path} cannot be read as a picture: remove it from the folder of backgrounds")
    height, width = picture.shape[:2]
    scale = min(width / size[0], height / size[1]) * rng.uniform(0.4, 1.0)
    w, h = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    window = cv2.resize(picture[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        window = window[:, ::-1]
    return np.ascontiguousarray(window[..., ::-1], np.uint8)


def procedural_backdrop(size: tuple[int, int], rng: np.random.Generator, split: Split) -> Image:
    """(H, W, 3) uint8: a gradient, clouds, waves or a pile of shapes; mosaics in the test split only."""
    kinds = [_gradient, _clouds, _waves, _shapes, _shapes, _shapes]
    if split is Split.TEST:
        kinds += [_mosaic, _mosaic, _mosaic]
    picture = kinds[int(rng.integers(len(kinds)))](size, rng)
    if rng.random() < 0.5:
        sigma = float(rng.uniform(0.5, 4.0))
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def _colour(rng: np.random.Generator) -> NDArray[np.float32]:
    grey = rng.uniform(10, 245)
    out: NDArray[np.float32] = (grey + rng.normal(0, 1, 3) * rng.uniform(0, 70)).clip(0, 255).astype(np.float32)
    return out


def _mixed(weight: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    a, b = _colour(rng), _colour(rng)
    return a + (b - a) * weight[..., None]


def _gradient(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    corners = rng.uniform(0, 1, (2, 2)).astype(np.float32)
    return _mixed(cv2.resize(corners, size, interpolation=cv2.INTER_LINEAR), rng)


def _clouds(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    out = np.zeros((size[1], size[0], 3), np.float32)
    cells, strength = int(rng.integers(2, 6)), float(rng.uniform(15, 80))
    for _ in range(int(rng.integers(2, 6))):
        grid = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        out += cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
        cells, strength = cells * 2, strength * 0.6
    return out + _colour(rng)


def _waves(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32) / max(size)
    angle, count = rng.uniform(0, np.pi), rng.uniform(3, 40)
    bend = cv2.resize(
        rng.normal(0, rng.uniform(0, 1.5), (4, 4)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC
    )
    phase = 2 * np.pi * count * (x * np.cos(angle) + y * np.sin(angle)) + bend
    return _mixed((0.5 + 0.5 * np.sin(phase)).astype(np.float32), rng)


def _shapes(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Overlapping bars, boxes, discs and limb-like strokes, some with a texture: a cluttered place."""
    base = (_gradient, _clouds)[int(rng.integers(2))](size, rng)
    out = np.ascontiguousarray(base)
    width, height = size
    for _ in range(int(rng.integers(5, 40))):
        colour = tuple(float(c) for c in _colour(rng))
        x, y = int(rng.integers(width)), int(rng.integers(height))
        reach = int(max(size) * rng.uniform(0.02, 0.35))
        kind = rng.integers(4)
        if kind == 0:
            corner = (x + reach, y + int(reach * rng.uniform(0.2, 3.0)))
            cv2.rectangle(out, (x, y), corner, colour, -1)
        elif kind == 1:
            axes = (reach // 2 + 1, int(reach * rng.uniform(0.2, 0.8)) + 1)
            cv2.ellipse(out, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
        elif kind == 2:
            end = (x + int(rng.integers(-reach, reach + 1)), y + int(rng.integers(-reach, reach + 1)))
            cv2.line(out, (x, y), end, colour, int(rng.integers(1, max(size) // 12)), cv2.LINE_AA)
        else:
            corners = (np.array([x, y]) + rng.normal(0, reach / 2 + 1, (int(rng.integers(3, 7)), 2))).astype(np.int32)
            cv2.fillPoly(out, [corners], colour, cv2.LINE_AA)
    return out + rng.normal(0, rng.uniform(0, 12), out.shape).astype(np.float32)


def _mosaic(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    count = int(rng.integers(10, 80))
    points = rng.uniform(0, 1, (count, 2))
    colours = np.stack([_colour(rng) for _ in range(count)])
    y, x = np.mgrid[0 : size[1] // 2, 0 : size[0] // 2] / (max(size) / 2)
    nearest = ((x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2).argmin(-1)
    out: NDArray[np.float32] = cv2.resize(colours[nearest].astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return out


def photographed(image: Image, rng: np.random.Generator) -> Image:
    """The picture with random camera effects: tones, blur, low resolution, noise, JPEG. Same shape."""
    out = image.astype(np.float32)
    if rng.random() < 0.6:  # exposure, contrast, white balance
        gain = np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.05, 3))
        middle = 110.0
        out = (out * gain.astype(np.float32) - middle) * float(np.exp(rng.normal(0, 0.15))) + middle
    if rng.random() < 0.05:
        out = np.repeat(out.mean(-1, keepdims=True), 3, axis=-1)
    if rng.random() < 0.45:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.3, 1.4)))
    elif rng.random() < 0.15:
        out = cv2.filter2D(out, -1, _motion_kernel(rng))
    if rng.random() < 0.25:  # filmed smaller, shown larger
        height, width = out.shape[:2]
        share = rng.uniform(0.35, 0.9)
        small = cv2.resize(out, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
        out = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.7:
        out = out + rng.standard_normal(out.shape, np.float32) * np.float32(np.exp(rng.uniform(-0.5, 2.5)))
    done = np.clip(np.rint(out), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        ok, data = cv2.imencode(".jpg", done, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))])
        if ok:
            done = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return done


def _motion_kernel(rng: np.random.Generator) -> NDArray[np.float32]:
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    middle, reach, angle = (length - 1) / 2, (length - 1) / 2, rng.uniform(0, np.pi)
    dx, dy = reach * np.cos(angle), reach * np.sin(angle)
    start, end = ((round(middle + s * dx), round(middle + s * dy)) for s in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1)
    return np.asarray(kernel / kernel.sum(), np.float32)
