"""People and the ground as coloured meshes: the page's scene for windows that draw meshes. numpy only.

Axes: world space, metres, x right, y up, z towards the viewer, the floor at 0 (see `Floor`). Shapes and colours are
those of the page (web/src: scene/, skeleton, pose, theme).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.geometry import VIEWER_FROM_CAMERA
from rtpose.skeleton import H36M17, skeleton_of_person
from rtpose.types import LEAST_CONFIDENCE, Float32, Person3D

SEEN_SCORE, SEEN_CONFIDENCE = 0.5, 0.15
"""Joints with a lower score in the picture are hidden; they are drawn faint, like those of lower confidence.
Confidence is the probability of an error under 100 mm, which is low for a visible limb whose depth is uncertain."""
BACKGROUND = "#0b0e15"
GROUND, GROUND_LINES = "#1b2438", "#41517a"
PERSON_COLORS = ("#3fe0bd", "#b18cff", "#ffd452", "#ff7eb6", "#9be564", "#6fd3f7", "#ffb3a1", "#c9b6e4")
GROUND_REACH_M = 11

_TAPER = 0.76
"""Radius of a bone at its far end as a share of the radius near the root."""
_SIDE_TINT = 0.2
"""Share of the side's colour in the bones of a limb."""
_FAINT = 0.26
_RADII_M = {
    "head": (0.04, 0.1), "base": (0.05, 0.046), "thorax": (0.066, 0.066), "spine": (0.07, 0.073), "root": (0.07, 0.076),
    "shoulder": (0.052, 0.054), "elbow": (0.045, 0.043), "wrist": (0.036, 0.036), "hip": (0.062, 0.066),
    "knee": (0.057, 0.053), "foot": (0.047, 0.042), "heel": (0.03, 0.034), "toe": (0.03, 0.027),
    "index": (0.016, 0.017), "pinky": (0.016, 0.015), "nose": (0.02, 0.024), "ear": (0.02, 0.022),
}  # fmt: skip
"""Last word of a joint's name -> radius of the bone that ends there, radius of the joint's ball."""
_LEVEL = np.eye(4)
_LEVEL[:3, :3] = VIEWER_FROM_CAMERA
_FEET = H36M17.indices("left_foot", "right_foot")
"""Everyone has these joints: `rtpose28` begins with them."""
_KEY_DIRECTION = np.array([2.2, 5.5, 2.6])
_RIM_DIRECTION = np.array([-4.0, 3.0, -6.0])
_SHADOW = "#090c13"
_ROUND = 14
"""Number of corners in a bone's cross-section and on a ball's equator."""


@dataclass(frozen=True, slots=True)
class ColoredMesh:
    """Triangles with a colour at each corner."""

    corners: Float32
    """(V, 3) metres."""
    colors: Float32
    """(V, 3) sRGB, 0..1, with the lighting included."""
    triangles: NDArray[np.int32]
    """(F, 3) indices of corners, counter-clockwise from outside."""


class Floor:
    """World space: as given, or from a level camera with the floor where the feet were lowest so far."""

    ANKLE_M = 0.08
    STANDING_ROOT_M = 0.93
    """Height of the root above the floor, assumed until a foot is seen."""
    MEMORY_S, STEP_S = 5.0, 0.1
    TRIM = 0.15
    """Share of steps below the floor, which are treated as errors."""

    def __init__(self) -> None:
        self.height_m = -1.2
        """In the viewer's axes, with the camera at 0; used until the world is given."""
        self._given: NDArray[np.float64] | None = None
        self._lowest: list[tuple[float, float]] = []

    @property
    def world_from_camera(self) -> NDArray[np.float64]:
        """(4, 4)."""
        if self._given is not None:
            return self._given
        world = _LEVEL.copy()
        world[1, 3] = -self.height_m
        return world

    def observe(
        self, persons: Sequence[Person3D], t_s: float, world_from_camera: NDArray[np.float64] | None = None
    ) -> None:
        """Add the people of a frame; feet of high confidence count for `MEMORY_S`. world_from_camera: (4, 4) once it is
        known, None before."""
        self._given = world_from_camera
        heights = [
            float(points[joint, 1])
            for points, _, sure in (_placed(person, _LEVEL) for person in persons)
            for joint in _FEET
            if sure[joint]
        ]
        if heights:
            last_s, last = self._lowest[-1] if self._lowest else (-np.inf, 0.0)
            if abs(t_s - last_s) < self.STEP_S:
                self._lowest[-1] = (last_s, min(last, *heights))
            else:
                self._lowest.append((t_s, min(heights)))
            del self._lowest[: -round(self.MEMORY_S / self.STEP_S)]
        if self._lowest:
            steps = sorted(height for _, height in self._lowest)
            self.height_m = steps[int(len(steps) * self.TRIM)] - self.ANKLE_M
        elif persons:
            self.height_m = min(-float(person.root_3d[1]) for person in persons) - self.STANDING_ROOT_M


def build_people(persons: Sequence[Person3D], world_from_camera: NDArray[np.float64]) -> ColoredMesh:
    """Bones, joints and shadows of all people, who have the same joints. world_from_camera: (4, 4), see `Floor`.

    Unseen joints are left out; those of low confidence are faint.
    """
    if not persons:
        return ColoredMesh(np.empty((0, 3), np.float32), np.empty((0, 3), np.float32), np.empty((0, 3), np.int32))
    skeleton = skeleton_of_person(len(persons[0].pose_3d))
    placed = [_placed(person, world_from_camera) for person in persons]
    points = np.stack([where for where, _, _ in placed])  # (P, J, 3)
    confidence = np.stack([known for _, known, _ in placed])  # (P, J)
    sure: NDArray[np.bool_] = np.stack([full for _, _, full in placed])  # (P, J)
    sides = np.stack([linear_from_hex(color) for color in skeleton.colors])  # (J, 3)
    own = np.stack([person_color(person.track_id) for person in persons])  # (P, 3)
    bone_radii, ball_radii = np.array([_radii(joint) for joint in skeleton.joints]).T

    ends = np.array([skeleton.indices(child, parent) for child, parent in skeleton.bones])
    child, parent = ends.T
    drawn = confidence[:, ends].min(-1) >= LEAST_CONFIDENCE  # (P, B)
    long = np.linalg.norm(points[:, child] - points[:, parent], axis=-1) > 1e-4
    who, bone = np.nonzero(drawn & long)
    tubes, tube_normals = _tubes(points[who, parent[bone]], points[who, child[bone]], bone_radii[child[bone]])
    tube_colors = own[who] + _SIDE_TINT * (sides[child[bone]] - own[who])

    of, joint = np.nonzero(confidence >= LEAST_CONFIDENCE)
    balls = points[of, joint][:, None] + ball_radii[joint][:, None, None] * _BALL
    ball_normals = np.broadcast_to(_BALL, balls.shape)

    corners = np.concatenate([tubes.reshape(-1, 3), balls.reshape(-1, 3)]).astype(np.float32)
    colors = np.concatenate(
        [
            _lit(tube_normals, tube_colors, ~sure[:, ends].min(-1)[who, bone]),
            _lit(ball_normals, sides[joint], ~sure[of, joint]),
        ]
    )
    triangles = np.concatenate(
        [_repeated(_TUBE_TRIANGLES, tubes.shape, 0), _repeated(_BALL_TRIANGLES, balls.shape, tubes.size // 3)]
    )
    return _with_shadows(ColoredMesh(corners, colors, triangles))


def build_ground() -> tuple[ColoredMesh, ColoredMesh]:
    """A disc around the origin that fades into the background, and a 1 m grid of flat strips on it."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.linspace(0, GROUND_REACH_M, 12)
    rim = np.stack([np.cos(angle), np.zeros(48), -np.sin(angle)], -1)
    disc = (radius[:, None, None] * rim).reshape(-1, 3).astype(np.float32)
    first = np.arange(11 * 48).reshape(11, 48)
    beside = np.roll(first, -1, axis=1)
    triangles = np.concatenate(
        [np.stack([first, first + 48, beside], -1), np.stack([beside, first + 48, beside + 48], -1)]
    )
    places = np.arange(-GROUND_REACH_M, GROUND_REACH_M + 1)
    line, along = (grid.ravel().astype(np.float32) for grid in np.meshgrid(places, places[:-1]))
    inside = np.hypot(line, along + 0.5) <= GROUND_REACH_M
    line, along, up, half = line[inside], along[inside], np.full(inside.sum(), 0.001, np.float32), np.float32(0.006)
    corner = [(along, line - half), (along + 1, line - half), (along + 1, line + half), (along, line + half)]
    strips = np.concatenate(
        [
            np.stack([np.stack([x, up, z], -1) for x, z in corner], 1),
            np.stack([np.stack([z, up, x], -1) for x, z in reversed(corner)], 1),
        ]
    ).reshape(-1, 3)
    quad = np.array([[0, 2, 1], [0, 3, 2]])
    of_lines = (np.arange(0, len(strips), 4)[:, None, None] + quad).reshape(-1, 3)
    return (
        ColoredMesh(disc, _faded(disc, GROUND), triangles.reshape(-1, 3).astype(np.int32)),
        ColoredMesh(strips, _faded(strips, GROUND_LINES), of_lines.astype(np.int32)),
    )


def person_color(track_id: int) -> Float32:
    """(3,) linear RGB; a person keeps its colour."""
    return linear_from_hex(PERSON_COLORS[track_id % len(PERSON_COLORS)])


def linear_from_hex(color: str) -> Float32:
    """ "#rrggbb" -> (3,) linear RGB, 0..1."""
    values = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def srgb_from_linear(values: Float32) -> Float32:
    """(..., 3) linear RGB -> sRGB, 0..1."""
    values = np.clip(values, 0, 1)
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055).astype(np.float32)


def _placed(person: Person3D, world_from_camera: NDArray[np.float64]) -> tuple[Float32, Float32, NDArray[np.bool_]]:
    """(J, 3) joints in the world and (J,) confidence, both 0 where a joint is unknown; (J,) whether it is drawn in
    full."""
    points = (person.pose_3d + person.root_3d) @ world_from_camera[:3, :3].T + world_from_camera[:3, 3]
    known = np.isfinite(points.sum(axis=-1))
    confidence = np.where(known, person.confidence, 0)
    sure = (person.keypoints_2d[:, 2] >= SEEN_SCORE) & (confidence >= SEEN_CONFIDENCE)
    return np.where(known[:, None], points, 0).astype(np.float32), confidence, sure


def _radii(joint: str) -> tuple[float, float]:
    return _RADII_M[joint.rpartition("_")[2]]


def _tubes(a: Float32, b: Float32, radii: NDArray[np.float64]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Corners and normals (N, C, 3) of tubes from `a` (N, 3) to their thinner ends `b` (N, 3)."""
    along = (b - a) / np.linalg.norm(b - a, axis=-1, keepdims=True)
    other = np.where(np.abs(along[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]])
    aside = np.cross(along, other)
    aside /= np.linalg.norm(aside, axis=-1, keepdims=True)
    angle = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)[:, None]
    rim = np.cos(angle) * aside[:, None] + np.sin(angle) * np.cross(along, aside)[:, None]  # (N, round, 3)
    wide = radii[:, None, None] * rim
    return np.concatenate([a[:, None] + wide, b[:, None] + _TAPER * wide], axis=1), np.concatenate([rim, rim], axis=1)


def _lit(normals: NDArray[np.floating], colors: Float32, faint: NDArray[np.bool_]) -> Float32:
    """sRGB of corners lit by the sky, a lamp in front and a lamp behind.

    normals: (N, C, 3); colors: (N, 3) linear; faint: (N,). Returns (N * C, 3).
    """
    key = np.clip(normals @ (_KEY_DIRECTION / np.linalg.norm(_KEY_DIRECTION)), 0, None)[..., None]
    rim = np.clip(normals @ (_RIM_DIRECTION / np.linalg.norm(_RIM_DIRECTION)), 0, None)[..., None]
    sky = 0.5 + 0.5 * normals[..., 1:2]
    light = 1.5 * (linear_from_hex("#4a3f5c") + sky * (linear_from_hex("#c9dcff") - linear_from_hex("#4a3f5c")))
    light = light + 2.6 * key * linear_from_hex("#fff3e0") + 1.4 * rim * linear_from_hex("#7da7ff")
    shaded = srgb_from_linear((colors[:, None] * light / np.pi).astype(np.float32))
    share = np.where(faint, _FAINT, 1.0)[:, None, None]
    mixed = share * shaded + (1 - share) * srgb_from_linear(linear_from_hex(BACKGROUND))
    return mixed.reshape(-1, 3).astype(np.float32)


def _repeated(triangles: NDArray[np.int32], shape: tuple[int, ...], first: int) -> NDArray[np.int32]:
    """`triangles` of one shape repeated for `shape[0]` shapes of `shape[1]` corners, the first corner being `first`."""
    starts = first + shape[1] * np.arange(shape[0], dtype=np.int32)
    return (starts[:, None, None] + triangles).reshape(-1, 3)


def _with_shadows(bodies: ColoredMesh) -> ColoredMesh:
    """The bodies with their shadows from the front lamp, just above the floor."""
    flat = bodies.corners - bodies.corners[:, 1:2] * (_KEY_DIRECTION / _KEY_DIRECTION[1]).astype(np.float32)
    flat[:, 1] = 0.003
    dark = np.broadcast_to(srgb_from_linear(linear_from_hex(_SHADOW)), flat.shape)
    of_shadow = bodies.triangles + np.int32(len(flat))
    return ColoredMesh(
        np.concatenate([bodies.corners, flat]),
        np.concatenate([bodies.colors, dark]),
        # Both orientations: a shadow's triangles may face down.
        np.concatenate([bodies.triangles, of_shadow, of_shadow[:, ::-1]]),
    )


def _faded(corners: Float32, color: str) -> Float32:
    share = np.clip(1 - np.hypot(corners[:, 0], corners[:, 2]) / GROUND_REACH_M, 0, None)[:, None] ** 1.5
    far = srgb_from_linear(linear_from_hex(BACKGROUND))
    return (far + share * (srgb_from_linear(linear_from_hex(color)) - far)).astype(np.float32)


def _make_ball() -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Corners, which are also the normals, and triangles of a ball of radius 1."""
    rings, across = _ROUND // 2, _ROUND
    down = np.linspace(0, np.pi, rings + 1)[:, None]
    around = np.linspace(0, 2 * np.pi, across, endpoint=False)[None]
    corners = np.stack(
        [np.sin(down) * np.cos(around), np.cos(down) * np.ones_like(around), -np.sin(down) * np.sin(around)], -1
    ).reshape(-1, 3)
    first = np.arange(rings * across).reshape(rings, across)
    beside = np.roll(first, -1, axis=1)
    triangles = np.concatenate(
        [np.stack([first, first + across, beside], -1), np.stack([beside, first + across, beside + across], -1)]
    ).reshape(-1, 3)
    return corners, triangles.astype(np.int32)


_BALL, _BALL_TRIANGLES = _make_ball()
_tube = np.arange(_ROUND)
_next = np.roll(_tube, -1)
_TUBE_TRIANGLES = np.concatenate(
    [np.stack([_tube, _next, _tube + _ROUND], -1), np.stack([_next, _next + _ROUND, _tube + _ROUND], -1)]
).astype(np.int32)
