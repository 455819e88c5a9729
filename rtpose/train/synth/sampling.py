"""Random people, clothes, lights and surroundings. Deterministic for a given generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rtpose.train.synth.clothing import Outfit
from rtpose.train.synth.motion import JointAngleMotion, rotation_xyz
from rtpose.train.synth.photo import Split
from rtpose.train.synth.scene import BALL, CUBE, CYLINDER, WALL, solid
from rtpose.train.synth.surfaces import Colour, Material, Pattern, PlacedSurface
from rtpose.train.synth.view import Light

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
    """A body of any age from about three years, as `BodyModel.shape` takes it. Two thirds are adults."""
    return {
        "gender": float(np.clip(rng.uniform(-0.2, 1.2), 0, 1)),
        "age": float(rng.uniform(0.25, 0.6) if rng.random() < 0.2 else rng.uniform(0.6, 1.0)),
        "height": float(rng.uniform(0.1, 0.85)),
        "muscle": float(rng.uniform(0.15, 0.9)),
        "weight": float(rng.uniform(0.1, 0.95)),
        "proportions": float(rng.uniform(0.2, 0.9)),
    }


def random_material(rng: np.random.Generator, patterns: tuple[Pattern, ...], folds_m: float = 0.0) -> Material:
    """Any colours in one of the patterns."""
    pattern = patterns[int(rng.integers(len(patterns)))]
    return Material(
        random_colour(rng), random_colour(rng), pattern,
        scale=float(np.exp(rng.uniform(np.log(3), np.log(30)))), gloss=float(rng.choice([0.03, 0.03, 0.2])),
        grain=float(rng.uniform(0.03, 0.25)), folds_m=folds_m,
    )  # fmt: skip


_CLOTH = (Pattern.PLAIN, Pattern.PLAIN, Pattern.STRIPES, Pattern.CHECKS, Pattern.BLOTCHES)
_THINGS = (Pattern.PLAIN, Pattern.PLAIN, Pattern.PLANKS, Pattern.STRIPES, Pattern.CHECKS, Pattern.BLOTCHES)


def _with_held_out(patterns: tuple[Pattern, ...], split: Split) -> tuple[Pattern, ...]:
    """One pattern appears only on clothes and objects of the test split."""
    return (*patterns, Pattern.PICTURE, Pattern.PICTURE) if split is Split.TEST else patterns


def random_outfit(rng: np.random.Generator, split: Split = Split.TRAIN) -> Outfit:
    """Vests to long sleeves, shorts to long trousers, all patterns."""

    def cloth(patterns: tuple[Pattern, ...]) -> Material:
        return random_material(rng, _with_held_out(patterns, split), folds_m=float(rng.uniform(0.004, 0.012)))

    shade = float(rng.uniform(0.85, 1.12))
    r, g, b = (min(0.95, c * shade) for c in SKINS[int(rng.integers(len(SKINS)))])
    sleeves = [rng.uniform(0.12, 0.3), rng.uniform(0.3, 0.9), rng.uniform(0.9, 1.95)]
    trouser_legs = [rng.uniform(0.3, 1.0), rng.uniform(1.0, 1.75), rng.uniform(1.75, 1.95)]
    shirt = cloth(_CLOTH)
    trousers = cloth((*_CLOTH, Pattern.DENIM, Pattern.DENIM, Pattern.DENIM))
    if rng.random() < 0.12:  # one piece of clothing
        trousers = shirt
    return Outfit(
        skin=(r, g, b),
        hair=random_colour(rng) if rng.random() < 0.1 else HAIRS[int(rng.integers(len(HAIRS)))],
        iris=(float(rng.uniform(0.1, 0.35)), float(rng.uniform(0.15, 0.4)), float(rng.uniform(0.1, 0.5))),
        hair_m=float(rng.uniform(0.002, 0.045)),
        hair_length=float(rng.uniform(0.0, 0.05)),
        shirt=shirt,
        sleeve=float(rng.choice(sleeves, p=[0.2, 0.4, 0.4])),
        shirt_looseness_m=float(rng.uniform(0.003, 0.035)),
        hem_m=float(rng.uniform(-0.04, 0.16)),
        trousers=trousers,
        trouser_leg=float(rng.choice(trouser_legs, p=[0.3, 0.1, 0.6])),
        trouser_looseness_m=float(rng.uniform(0.002, 0.035)),
        shoes=random_colour(rng),
        soles=random_colour(rng),
    )


def random_light(rng: np.random.Generator) -> Light:
    """Day or lamp, from any side above the horizon."""
    azimuth, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 2.5)
    warmth = rng.uniform(-0.15, 0.15)
    tone = rng.uniform(-0.1, 0.1)
    return Light(
        (float(np.cos(azimuth)), float(height), float(np.sin(azimuth))),
        colour=(float(min(1.0, 0.95 + warmth)), 0.95, float(min(1.0, 0.92 - warmth))),
        power=float(rng.uniform(0.2, 2.4)),
        sky=(float(0.68 + tone), 0.68, float(0.72 - tone)),
        ambient=float(rng.uniform(0.45, 1.2)),
        softness=float(rng.uniform(4.0, 24.0)),
        exposure=float(np.exp(rng.normal(0.0, 0.25))),
    )


def perturbed(
    motion: JointAngleMotion, draw: Callable[[], JointAngleMotion], rng: np.random.Generator
) -> JointAngleMotion:
    """The motion, sometimes with limbs of another motion, sometimes with joints bent further.

    draw: returns another motion with as many frames.
    """
    if rng.random() < 0.3:
        other = draw()
        for bone in ("upperback",) if rng.random() < 0.3 else ("lhumerus", "rhumerus"):
            motion = motion.with_limb_of(other, bone)
    if rng.random() < 0.6:
        spread_deg = {
            "upperback": 8, "lowerneck": 15, "lhumerus": 28, "rhumerus": 28, "lradius": 15, "rradius": 15,
            "lfemur": 14, "rfemur": 14, "ltibia": 8, "rtibia": 8,
        }  # fmt: skip
        turns = {
            bone: rotation_xyz(rng.normal(0, spread, 3)) for bone, spread in spread_deg.items() if rng.random() < 0.5
        }
        motion = motion.bent(turns)
    return motion


def random_room(
    rng: np.random.Generator,
    split: Split,
    floor_y: float,
    eye: NDArray[np.float64],
    people: NDArray[np.float64],
) -> list[PlacedSurface]:
    """A floor, most often walls, sometimes furniture, around people who are seen from +z; nearest things first.

    floor_y: metres. eye: (3,) metres, the camera. people: (P, 3) metres, where they are.
    """
    patterns = _with_held_out(_THINGS, split)
    out = []
    back, left, right = -rng.uniform(0.7, 5.0), -rng.uniform(1.3, 5.0), rng.uniform(1.3, 5.0)
    back += float(people[:, 2].min())
    left, right = left + float(people[:, 0].min()), right + float(people[:, 0].max())
    for _ in range(int(rng.integers(0, 9))):
        size = tuple(float(v) for v in rng.uniform([0.15, 0.1, 0.15], [1.4, 1.9, 0.9]))
        at = np.array([rng.uniform(left, right), floor_y + size[1] / 2, rng.uniform(back, back + 4.0)])
        clear = 0.35 + max(size[0], size[2]) / 2
        near_people = np.hypot(*(people - at)[:, [0, 2]].T).min() < clear
        if near_people or np.hypot(*(eye - at)[[0, 2]]) < clear + 0.8:
            continue
        yaw = rotation_xyz(np.array([0.0, rng.uniform(-180, 180), 0.0])) if rng.random() < 0.5 else None
        mesh = (CUBE, CUBE, CUBE, CYLINDER, BALL)[int(rng.integers(5))]
        out.append(solid(mesh, at, (size[0], size[1], size[2]), random_material(rng, patterns), yaw))
    depth, middle_z = 14.0, back + 7.0
    width, middle_x = right - left, (left + right) / 2
    floor = random_material(rng, patterns)
    out.append(solid(WALL, np.array([middle_x, floor_y - 0.05, middle_z]), (width + 20.0, 0.1, depth + 20.0), floor))
    if rng.random() < 0.75:
        height = rng.uniform(2.2, 3.8)
        paint = random_material(rng, patterns)
        side = paint if rng.random() < 0.5 else random_material(rng, patterns)
        y = floor_y + height / 2
        out.append(solid(WALL, np.array([middle_x, y, back - 0.05]), (width + 0.2, height, 0.1), paint))
        for x in (left - 0.05, right + 0.05):
            out.append(solid(WALL, np.array([x, y, middle_z]), (0.1, height, depth), side))
        for _ in range(int(rng.integers(0, 4))):  # pictures, windows, doors
            w, h = rng.uniform(0.2, 1.4), rng.uniform(0.2, 1.4)
            at = np.array([rng.uniform(left, right), floor_y + rng.uniform(0.6, height - 0.3), back + 0.01])
            out.insert(0, solid(WALL, at, (float(w), float(h), 0.02), random_material(rng, patterns)))
        if eye[1] < floor_y + height - 0.1 and rng.random() < 0.8:
            ceiling = np.array([middle_x, floor_y + height + 0.05, middle_z])
            out.append(solid(WALL, ceiling, (width + 0.2, 0.1, depth), random_material(rng, (Pattern.PLAIN,))))
    return out


def random_place(
    rng: np.random.Generator,
    split: Split,
    eyes: Sequence[NDArray[np.float64]],
    people: NDArray[np.float64],
) -> list[PlacedSurface]:
    """A room without furniture between camera and people, a bare floor, or nothing.

    eyes: (3,) metres each, where the camera is during the clip. people: (P, 3) metres. Nothing if the camera
    is near or below the floor.
    """
    if min(float(eye[1]) for eye in eyes) < 0.1:
        return []
    kind = rng.random()
    if kind < 0.7:
        things = random_room(rng, split, 0.0, eyes[len(eyes) // 2], people)
        return [t for t in things if t.mesh is WALL or not _between(t, (eyes[0], eyes[-1]), people)]
    if kind < 0.88:
        floor = random_material(rng, (Pattern.PLAIN, Pattern.PLANKS, Pattern.BLOTCHES))
        return [solid(WALL, np.array([0.0, -0.05, 0.0]), (60.0, 0.1, 60.0), floor)]
    return []


def _between(thing: PlacedSurface, eyes: Sequence[NDArray[np.float64]], people: NDArray[np.float64]) -> bool:
    """Whether an object may hide a person from the camera."""
    assert thing.matrices is not None
    at = thing.matrices[0, :, 3].astype(np.float64)
    reach = float(np.linalg.norm(thing.stretch)) / 2
    for eye in eyes:
        for end in people:
            along = end - eye
            share = float(np.clip((at - eye) @ along / (along @ along), 0, 1))
            if np.linalg.norm(at - eye - share * along) < reach + 0.75 * share:
                return True
    return False


def seat_and_desk(rng: np.random.Generator, hips: NDArray[np.float64], yaw_deg: float) -> list[PlacedSurface]:
    """A chair or stool for a sitting person, often a desk in front of them, sometimes with a screen on it.

    hips: (3,) metres, the middle of the hips. yaw_deg: the direction that they face; 0 is +z, positive to their left.
    """
    turn = rotation_xyz(np.array([0.0, yaw_deg, 0.0]))
    patterns = (Pattern.PLAIN, Pattern.PLAIN, Pattern.PLANKS)
    things: list[PlacedSurface] = []

    def slab(middle: tuple[float, float, float], size: tuple[float, float, float], material: Material) -> None:
        things.append(solid(CUBE, hips + turn @ np.array(middle), size, material, turn))

    wood, cloth = random_material(rng, patterns), random_material(rng, patterns)
    if rng.random() < 0.55:
        top, deep = float(rng.uniform(0.12, 0.26)), float(rng.uniform(0.5, 0.8))
        wide, near = float(rng.uniform(1.0, 1.7)), float(rng.uniform(0.16, 0.3))
        slab((0.0, top, near + deep / 2), (wide, 0.03, deep), wood)
        if rng.random() < 0.4:  # with a front panel
            under = float(hips[1]) + top
            slab((0.0, top - under / 2, near + deep - 0.05), (wide, under, 0.02), wood)
        if rng.random() < 0.3:
            screen = random_material(rng, patterns)
            slab((float(rng.uniform(-0.5, 0.5)), top + 0.2, near + deep - 0.15), (0.5, 0.3, 0.02), screen)
    seat = -float(rng.uniform(0.10, 0.13))
    slab((0.0, seat - 0.03, 0.12), (0.46, 0.06, 0.46), cloth)
    below = float(hips[1]) + seat - 0.06
    legs = [(0.0, 0.12)] if rng.random() < 0.5 else [(x, z) for x in (-0.2, 0.2) for z in (-0.08, 0.32)]
    thick = 0.07 if len(legs) == 1 else 0.035
    for x, z in legs:
        slab((x, seat - 0.06 - below / 2, z), (thick, below, thick), wood)
    if rng.random() < 0.7:
        slab((0.0, seat + 0.3, -0.2), (0.42, 0.45, 0.04), cloth)
    return things


def random_occluder(
    rng: np.random.Generator,
    split: Split,
    eye: NDArray[np.float64],
    target: NDArray[np.float64],
    reach_m: float,
) -> PlacedSurface:
    """Something between the camera and a person. reach_m: its apparent size at the person's distance."""
    along = rng.uniform(0.3, 0.85)
    size = along * reach_m * np.exp(rng.uniform(np.log(0.12), np.log(0.5))) * rng.uniform([0.3] * 3, [1.0] * 3)
    at = eye + along * (target - eye)
    mesh = (CUBE, CUBE, CYLINDER, BALL)[int(rng.integers(4))]
    turn = rotation_xyz(rng.uniform(-180, 180, 3))
    material = random_material(rng, _with_held_out(_THINGS, split))
    x, y, z = (float(v) for v in size)
    return solid(mesh, at, (x, y, z), material, turn)
