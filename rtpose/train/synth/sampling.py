"""Random people, clothes, lights and cameras. Deterministic by the generator that is passed in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.geometry import camera_from_fov
from rtpose.train.synth.clothing import Outfit
from rtpose.train.synth.renderer import Colour, Light, Material, Pattern, View

SKINS: tuple[Colour, ...] = (
    (0.88, 0.70, 0.61), (0.80, 0.60, 0.50), (0.71, 0.51, 0.40),
    (0.56, 0.38, 0.28), (0.40, 0.26, 0.19), (0.28, 0.18, 0.14),
)  # fmt: skip
HAIRS: tuple[Colour, ...] = (
    (0.05, 0.04, 0.04), (0.16, 0.10, 0.07), (0.30, 0.19, 0.11),
    (0.55, 0.40, 0.22), (0.45, 0.20, 0.10), (0.55, 0.54, 0.53),
)  # fmt: skip


def random_colour(rng: np.random.Generator) -> Colour:
    """From near black to bright; strong colours are rarer than greyish ones, as in wardrobes."""
    level, saturation = rng.uniform(0.08, 0.95), rng.uniform(0.0, 1.0) ** 1.7
    hue = rng.uniform(0.0, 1.0, 3)
    r, g, b = (float(np.clip(level * (1 - saturation * (1 - c)), 0.02, 0.97)) for c in hue)
    return r, g, b


def random_phenotype(rng: np.random.Generator) -> dict[str, float]:
    """A body from school age to old age, as `BodyModel.shape` takes it."""
    return {
        "gender": float(rng.uniform()),
        "age": float(rng.uniform(0.4, 1.0)),
        "height": float(rng.uniform(0.1, 0.7)),
        "muscle": float(rng.uniform(0.3, 0.8)),
        "weight": float(rng.uniform(0.25, 0.85)),
        "proportions": float(rng.uniform(0.3, 0.8)),
    }


def random_outfit(rng: np.random.Generator) -> Outfit:
    """T-shirts to long sleeves, shorts to long trousers, all patterns."""

    def cloth(patterns: tuple[Pattern, ...]) -> Material:
        pattern = patterns[int(rng.integers(len(patterns)))]
        return Material(
            random_colour(rng), random_colour(rng), pattern,
            scale=float(rng.uniform(5, 30)), gloss=0.03, grain=float(rng.uniform(0.05, 0.25)),
            folds_m=float(rng.uniform(0.004, 0.012)),
        )  # fmt: skip

    return Outfit(
        skin=SKINS[int(rng.integers(len(SKINS)))],
        hair=HAIRS[int(rng.integers(len(HAIRS)))],
        iris=(float(rng.uniform(0.1, 0.35)), float(rng.uniform(0.15, 0.4)), float(rng.uniform(0.1, 0.5))),
        hair_m=float(rng.uniform(0.006, 0.04)),
        hair_length=float(rng.uniform(0.0, 0.05)),
        shirt=cloth((Pattern.PLAIN, Pattern.PLAIN, Pattern.STRIPES, Pattern.CHECKS, Pattern.BLOTCHES)),
        sleeve=float(rng.choice([rng.uniform(0.3, 0.8), rng.uniform(1.7, 1.95)])),
        shirt_looseness_m=float(rng.uniform(0.004, 0.030)),
        hem_m=float(rng.uniform(-0.04, 0.10)),
        trousers=cloth((Pattern.PLAIN, Pattern.PLAIN, Pattern.DENIM, Pattern.CHECKS)),
        trouser_leg=float(rng.choice([rng.uniform(0.5, 0.95), rng.uniform(1.75, 1.95)])),
        trouser_looseness_m=float(rng.uniform(0.003, 0.030)),
        shoes=random_colour(rng),
        soles=random_colour(rng),
    )


def random_light(rng: np.random.Generator) -> Light:
    """Day or lamp, from any side above the horizon."""
    azimuth, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 2.0)
    warmth = rng.uniform(-0.12, 0.12)
    return Light(
        (float(np.cos(azimuth)), float(height), float(np.sin(azimuth))),
        colour=(float(min(1.0, 0.95 + warmth)), 0.95, float(min(1.0, 0.92 - warmth))),
        power=float(rng.uniform(0.6, 2.2)),
        ambient=float(rng.uniform(0.5, 1.1)),
        softness=float(rng.uniform(1.0, 8.0)),
        exposure=float(rng.uniform(0.7, 1.2)),
    )


def random_view(
    rng: np.random.Generator,
    size: tuple[int, int],
    target: NDArray[np.float64],
    height_m: float,
    azimuth_deg: float,
) -> View:
    """A camera that sees a person of `height_m` around `target` whole: 35 to 75 degrees, 0.3 to 2.2 m up.

    azimuth_deg: 0 looks at the world's +z side of the person, 90 at its +x side.
    """
    fov = float(rng.uniform(35, 75))
    camera = camera_from_fov(size, fov)
    share = rng.uniform(0.55, 0.75)
    distance = camera.fy * height_m / (share * min(size))
    azimuth = np.radians(azimuth_deg)
    eye = target + distance * np.array([np.sin(azimuth), 0.0, np.cos(azimuth)])
    eye[1] = rng.uniform(0.3, 2.2)
    offset = rng.uniform(-0.08, 0.08, 3) * height_m
    return View.looking(camera, size, eye, target + offset, roll_deg=float(rng.normal(0, 3)))
