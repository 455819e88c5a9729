"""What is drawn: surfaces at rest, their materials, and their places. World axes: metres, y up."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from rtpose.types import Float32

Colour = tuple[float, float, float]
"""sRGB, 0..1."""


class Pattern(IntEnum):
    """Pattern of a material's two colours. The numbers are those of the shader."""

    PLAIN = 0
    STRIPES = 1
    CHECKS = 2
    PLANKS = 3
    SKIN = 4
    HAIR = 5
    EYE = 6
    DENIM = 7
    PICTURE = 8
    BLOTCHES = 9


@dataclass(frozen=True)
class Material:
    """Appearance of a surface."""

    colour: Colour
    second: Colour = (0.0, 0.0, 0.0)
    pattern: Pattern = Pattern.PLAIN
    scale: float = 10.0
    """Repeats of the pattern per metre."""
    gloss: float = 0.1
    """0 matt to 1 wet."""
    folds_m: float = 0.0
    """Depth of cloth folds; only the shading changes."""
    grain: float = 0.1
    """Fine unevenness of the colour, 0..1."""
    anchors: Float32 = field(default_factory=lambda: np.zeros((4, 3), np.float32))
    """(4, 3) metres at rest: places that a pattern needs (skin: eyes, mouth, nose; eye: its centre)."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh at rest. The renderer caches uploaded surfaces, so drawing one many times is cheap."""

    positions: Float32
    """(N, 3) metres; patterns stick to them."""
    normals: Float32
    """(N, 3) unit."""
    inside: Float32
    """(N,): the surface is drawn where the interpolated value is positive: sleeves, hems and hairlines."""
    mask: Float32
    """(N,) 0..1: blend towards the second colour (skin: lips)."""
    faces: NDArray[np.int32]
    """(F, 3)."""
    material: Material
    casts_shadow: bool = True
    bones: NDArray[np.uint8] | None = None
    """(N, 8) which bones move each point; None: it does not move."""
    weights: Float32 | None = None
    """(N, 8) how much, adding up to 1."""


@dataclass(frozen=True)
class PlacedSurface:
    """A mesh in its place."""

    mesh: Surface
    matrices: Float32 | None = None
    """(B, 3, 4) world from rest for each bone, at most 32; None: the rest is the world."""
    material: Material | None = None
    """Instead of the mesh's own. Anchors stay the mesh's."""
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Size of the rest shape for patterns: for unit shapes that the matrices scale."""


def vertex_normals(positions: Float32, faces: NDArray[np.int32]) -> Float32:
    """(N, 3) unit: mean of the adjoining triangles, by area."""
    corners = positions[faces]
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    out = np.stack(
        [
            np.bincount(faces.ravel(), np.repeat(face_normals[:, axis], 3), minlength=len(positions))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    return np.asarray(out / length, np.float32)
