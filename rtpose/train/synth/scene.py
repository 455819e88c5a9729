"""A room to stand in: floor, walls and furniture of simple shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.train.synth.surfaces import Colour, Material, Pattern, PlacedSurface, Surface
from rtpose.types import Float32

_CUBE = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)], dtype=np.float32)
_CUBE_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


def _plain(positions: Float32, normals: Float32, faces: NDArray[np.int32], material: Material, casts: bool) -> Surface:
    ones = np.ones(len(positions), np.float32)
    return Surface(positions, normals, ones, ones * 0, faces, material, casts)


def box(
    centre: tuple[float, float, float],
    size: tuple[float, float, float],
    material: Material,
    casts: bool = True,
) -> Surface:
    """An upright box. Metres."""
    positions, normals, faces = [], [], []
    for k, side in enumerate(_CUBE_SIDES):
        corners = _CUBE[list(side)]
        normal = np.sign(np.round(corners.mean(0), 3))
        positions.append(corners * size + centre)
        normals.append(np.tile(normal, (4, 1)))
        a, b, c, d = (4 * k + i for i in range(4))
        faces += [[a, b, c], [a, c, d]]
    return _oriented(np.concatenate(positions), np.concatenate(normals), np.array(faces, np.int32), material, casts)


def lathe(
    profile: list[tuple[float, float]], at: tuple[float, float, float], material: Material, sides: int = 32
) -> Surface:
    """A solid of revolution, for lamps and pots. profile: (radius, height) in metres from the bottom to the top."""
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    rings = np.array([[[r * np.cos(a), h, r * np.sin(a)] for a in angles] for r, h in profile])
    slope = np.gradient(np.array(profile), axis=0)
    normal2 = np.stack([slope[:, 1], -slope[:, 0]], axis=1)
    normal2 /= np.maximum(np.linalg.norm(normal2, axis=1, keepdims=True), 1e-9)
    normals = np.array([[[n[0] * np.cos(a), n[1], n[0] * np.sin(a)] for a in angles] for n in normal2])
    faces = []
    for i in range(len(profile) - 1):
        for j in range(sides):
            a, b = i * (sides + 1) + j, (i + 1) * (sides + 1) + j
            faces += [[a, b, b + 1], [a, b + 1, a + 1]]
    positions = rings.reshape(-1, 3) + np.array(at)
    return _oriented(positions, normals.reshape(-1, 3), np.array(faces, np.int32), material, True)


def leaf(at: tuple[float, float, float], tip: tuple[float, float, float], width: float, material: Material) -> Surface:
    """A bent blade from `at` to `tip`."""
    start, end = np.array(at), np.array(tip)
    across = np.cross(end - start, [0.0, 1.0, 0.0])
    across /= max(float(np.linalg.norm(across)), 1e-6)
    t = np.linspace(0, 1, 9)[:, None]
    middle = (
        start + (end - start) * t + np.array([0.0, 0.25 * float(np.linalg.norm(end - start)), 0.0]) * t * (1 - t) * 4
    )
    half = width / 2 * np.sin(np.pi * np.clip(t, 0.03, 0.97)) ** 0.7
    positions = np.concatenate([middle - across * half, middle + across * half])
    n = len(t)
    faces = [[i, i + 1, n + i] for i in range(n - 1)] + [[i + 1, n + i + 1, n + i] for i in range(n - 1)]
    along = np.gradient(middle, axis=0)
    normals = np.cross(along, across)
    normals *= np.sign(normals[:, 1:2] + 1e-9)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return _oriented(positions, np.concatenate([normals, normals]), np.array(faces, np.int32), material, True)


def _oriented(
    positions: NDArray[np.floating],
    normals: NDArray[np.floating],
    faces: NDArray[np.int32],
    material: Material,
    casts: bool,
) -> Surface:
    """Triangles turned so that their front is where the normals point."""
    corners = positions[faces]
    wound = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    wrong = (wound * normals[faces[:, 0]]).sum(1) < 0
    faces = faces.copy()
    faces[wrong] = faces[wrong][:, ::-1]
    return _plain(positions.astype(np.float32), normals.astype(np.float32), faces, material, casts)


WHITE = Material((1.0, 1.0, 1.0))
CUBE = box((0, 0, 0), (1, 1, 1), WHITE)
WALL = box((0, 0, 0), (1, 1, 1), WHITE, casts=False)
CYLINDER = lathe([(0.0, -0.5), (0.5, -0.5), (0.5, 0.5), (0.0, 0.5)], (0, 0, 0), WHITE, sides=20)
BALL = lathe(
    [(0.5 * float(np.cos(a)), 0.5 * float(np.sin(a))) for a in np.linspace(-np.pi / 2, np.pi / 2, 12)],
    (0, 0, 0), WHITE, sides=20,
)  # fmt: skip


def solid(
    mesh: Surface,
    centre: NDArray[np.float64],
    size: tuple[float, float, float],
    material: Material,
    rotation: NDArray[np.float64] | None = None,
) -> PlacedSurface:
    """A unit shape, scaled to `size` metres, then rotated, then moved. Uploaded once, however often it is drawn."""
    turn = np.eye(3) if rotation is None else rotation
    matrices = np.concatenate([turn * np.array(size), centre[:, None]], axis=1)
    return PlacedSurface(mesh, matrices[None].astype(np.float32), material, stretch=size)


def _shade(colour: Colour, factor: float) -> Colour:
    r, g, b = (min(1.0, c * factor) for c in colour)
    return r, g, b


def room(
    rng: np.random.Generator,
    wall: Colour = (0.80, 0.78, 0.73),
    accent: Colour = (0.42, 0.55, 0.56),
    wood: Colour = (0.62, 0.45, 0.30),
    depth_m: float = 2.0,
    width_m: float = 5.4,
) -> list[Surface]:
    """A living room around the origin, seen from +z: back wall at -depth, furniture along the walls.

    The middle (1.2 m around the origin) stays free. Deterministic by `rng`.
    """
    floor = Material(_shade(wood, 0.92), _shade(wood, 1.28), Pattern.PLANKS, scale=8.0, gloss=0.25, grain=0.08)
    paint = Material(wall, grain=0.03, gloss=0.02)
    painted = Material(accent, grain=0.03, gloss=0.02)
    white = Material((0.92, 0.91, 0.89), grain=0.02, gloss=0.15)
    oak = Material(_shade(wood, 0.75), _shade(wood, 1.0), Pattern.PLANKS, scale=3.0, gloss=0.15, grain=0.1)
    fabric = Material(_shade(accent, 0.8), grain=0.25, gloss=0.03, folds_m=0.004)
    cushion = Material((0.85, 0.62, 0.30), grain=0.2, folds_m=0.004)
    dark = Material((0.10, 0.10, 0.11), gloss=0.5, grain=0.05)
    green = Material((0.20, 0.42, 0.20), (0.36, 0.58, 0.28), Pattern.BLOTCHES, scale=14.0, gloss=0.25)
    back, side = -depth_m, width_m / 2
    height = 2.7
    out = [
        box((0, -0.05, 1.5), (width_m + 2, 0.1, 2 * depth_m + 8), floor, casts=False),
        box((0, height / 2, back - 0.05), (width_m + 2, height, 0.1), painted, casts=False),
        box((-side - 0.05, height / 2, 1.5), (0.1, height, 2 * depth_m + 8), paint, casts=False),
        box((side + 0.05, height / 2, 1.5), (0.1, height, 2 * depth_m + 8), paint, casts=False),
        box((0, height + 0.05, 1.5), (width_m + 2, 0.1, 2 * depth_m + 8), white, casts=False),
        box((0, 0.05, back + 0.01), (width_m, 0.10, 0.02), white, casts=False),
        box((-side + 0.01, 0.05, 1.5), (0.02, 0.10, 2 * depth_m + 8), white, casts=False),
        box((side - 0.01, 0.05, 1.5), (0.02, 0.10, 2 * depth_m + 8), white, casts=False),
    ]
    rug = Material((0.70, 0.64, 0.55), (0.48, 0.35, 0.32), Pattern.CHECKS, scale=3.0, grain=0.35)
    out.append(box((0.0, 0.006, 0.05), (2.3, 0.012, 1.7), rug, casts=False))

    # Sofa on one side, shelf and plant on the other.
    hand = 1.0 if rng.random() < 0.5 else -1.0
    x = hand * (side - 0.95)
    z = back + 0.45
    out += [
        box((x, 0.23, z), (1.6, 0.32, 0.8), fabric),
        box((x, 0.58, z - 0.32), (1.6, 0.50, 0.18), fabric),
        box((x - 0.78, 0.36, z), (0.16, 0.52, 0.8), fabric),
        box((x + 0.78, 0.36, z), (0.16, 0.52, 0.8), fabric),
        box((x - 0.45 * hand, 0.55, z - 0.16), (0.40, 0.34, 0.12), cushion),
    ]
    x = -hand * (side - 0.75)
    z = back + 0.20
    out += [
        box((x, 0.40, z), (1.2, 0.78, 0.38), oak),
        box((x, 0.80, z), (1.26, 0.03, 0.42), white),
        box((x - 0.02, 0.40, z + 0.192), (0.012, 0.70, 0.004), dark),
    ]
    at = x - 0.42
    for _ in range(9):
        w, h = rng.uniform(0.025, 0.05), rng.uniform(0.17, 0.26)
        tone = tuple(float(c) for c in rng.uniform(0.15, 0.8, 3))
        out.append(box((at, 0.815 + h / 2, z), (w, h, 0.16), Material((tone[0], tone[1], tone[2]), grain=0.05)))
        at += w + 0.003
    lamp_x = x + 0.40
    out += [
        lathe([(0.075, 0.815), (0.07, 0.83), (0.012, 0.85), (0.012, 1.08)], (lamp_x, 0, z), dark),
        lathe([(0.14, 1.05), (0.09, 1.27)], (lamp_x, 0, z), Material((1.0, 0.93, 0.78), grain=0.02)),
    ]
    pot_x, pot_z = hand * (side - 2.05), back + 0.28
    out.append(
        lathe(
            [(0.0, 0.0), (0.11, 0.0), (0.15, 0.30), (0.135, 0.30), (0.13, 0.27), (0.0, 0.27)],
            (pot_x, 0, pot_z),
            Material((0.76, 0.70, 0.64), grain=0.1),
        )
    )
    for k in range(16):
        a = 2 * np.pi * (k + rng.uniform(0, 0.6)) / 16
        reach, top = rng.uniform(0.12, 0.30), rng.uniform(0.55, 0.95)
        tip = (pot_x + reach * float(np.cos(a)), top, pot_z + 0.6 * reach * float(np.sin(a)))
        out.append(leaf((pot_x, 0.27, pot_z), tip, 0.08, green))
    for cx, cy, w, h in ((hand * 1.35, 1.55, 0.75, 0.55), (-hand * 1.6, 1.65, 0.42, 0.58)):
        tones = rng.uniform(0.2, 0.75, (2, 3))
        picture = Material(
            (float(tones[0, 0]), float(tones[0, 1]), float(tones[0, 2])),
            (float(tones[1, 0]), float(tones[1, 1]), float(tones[1, 2])),
            Pattern.PICTURE, scale=5.0, grain=0.05,
        )  # fmt: skip
        out += [
            box((cx, cy, back + 0.012), (w + 0.08, h + 0.08, 0.025), dark),
            box((cx, cy, back + 0.02), (w, h, 0.015), white, casts=False),
            box((cx, cy, back + 0.024), (w * 0.78, h * 0.78, 0.012), picture, casts=False),
        ]
    return out
