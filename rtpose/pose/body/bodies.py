"""`Bodies`: every person of a frame becomes a body with constant bones, planted feet and a common floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import CONTACT_JOINTS, Float64, wxyz_from_rotations
from rtpose.pose.body import limits
from rtpose.pose.body.fit import Evidence3D, fit, turn_matrices
from rtpose.pose.body.lengths import LengthEstimator
from rtpose.pose.body.planted import FEET, PlantedFeet
from rtpose.pose.body.start import rotations_from_joints
from rtpose.skeleton import RTPOSE28
from rtpose.types import BodyPose, Camera, Float32, Person3D

MAX_GAP_S = 0.5
"""Someone who was not seen for longer is posed anew; the lengths are kept …"""
FORGET_S = 60.0
"""… unless it was this long."""


@dataclass(frozen=True, slots=True)
class BodyOptions:
    """What the fit does; each correction can be switched off by itself, to measure it."""

    planted: bool = True
    """Feet in contact are held where they stand."""
    rays: bool = True
    """Joints are drawn to where the picture shows them."""
    smooth: bool = True
    """The last pose counts."""
    limits: bool = True
    """Hinges, rest and natural directions count."""


@dataclass(slots=True)
class _Body:
    t_s: float
    lengths: LengthEstimator = field(default_factory=LengthEstimator)
    feet: PlantedFeet = field(default_factory=PlantedFeet)
    rotations: Float64 | None = None
    """(B, 3, 3) of the last frame."""
    turns: Float64 | None = None
    """(B, 3) rad/s of the last frame."""
    root: Float64 | None = None
    joints: Float64 | None = None
    """(28, 3) of the last frame, camera space."""


STEPS, FIRST_STEPS = 2, 8
ERROR_TO_DEVIATION = 0.4
LEAST_ERROR_M = 0.02
RAY_M = 0.03
ROOT_ACROSS_M, ROOT_DEPTH_M = 0.02, 0.10
SMOOTHNESS = 0.05
KEEP_SPEED = 0.0
DERIVED = RTPOSE28.indices("spine", "neck_base")


class Bodies:
    """See `rtpose.types.BodyFitter`. Not for use from several threads at once."""

    def __init__(self, options: BodyOptions | None = None, contacts=None, world=None) -> None:
        self._options = options or BodyOptions()
        self._contacts = contacts
        self._world = world
        self.reset()

    def reset(self) -> None:
        """Forget everybody and the floor: another source, or a jump in time."""
        self._people: dict[int, _Body] = {}
        for part in (self._contacts, self._world):
            if part is not None:
                part.reset()

    def fit(
        self, persons: Sequence[Person3D], camera: Camera, t_s: float
    ) -> tuple[list[Person3D], NDArray[np.float64] | None]:
        """See `rtpose.types.BodyFitter`."""
        self._people = {i: b for i, b in self._people.items() if 0 <= t_s - b.t_s <= FORGET_S}
        fitted = self._fit_all(persons, camera, t_s) if persons else []
        return fitted, None if self._world is None else self._world.world_from_camera

    def _fit_all(self, persons: Sequence[Person3D], camera: Camera, t_s: float) -> list[Person3D]:
        count = len(persons)
        bodies, contacts = [], np.zeros((count, 4), np.float32)
        down = None if self._world is None else self._world.gravity
        for row, person in enumerate(persons):
            if self._contacts is not None:
                floor_m = None if self._world is None else self._world.floor_m
                contacts[row] = self._contacts.update(
                    person.track_id, person.pose_3d + person.root_3d, person.confidence, down, t_s, floor_m
                )
        if self._world is not None:
            self._world.observe(persons, list(contacts), t_s)
        given = _evidence(persons, camera, self._options)
        lengths = np.empty((count, limits.COUNT))
        start, roots = np.empty((count, limits.COUNT, 3, 3)), given.roots.copy()
        fresh = False
        for row, person in enumerate(persons):
            body = self._people.get(person.track_id)
            dt_s = 0.0 if body is None else t_s - body.t_s
            if body is None:
                body = self._people[person.track_id] = _Body(t_s)
            bodies.append(body)
            body.t_s = t_s
            if dt_s > MAX_GAP_S or body.rotations is None:
                body.rotations = body.joints = None
            errors = _errors(person)
            lengths[row] = body.lengths.update(np.asarray(person.pose_3d, np.float64), errors, min(dt_s, MAX_GAP_S))
            if body.rotations is None:
                start[row] = rotations_from_joints(np.asarray(person.pose_3d[None], np.float64))[0]
                given.last[row] = start[row]
                fresh = True
            else:
                start[row] = body.rotations
                given.last[row] = turn_matrices(body.turns * (KEEP_SPEED * dt_s)) @ body.rotations
                if self._options.smooth:
                    given.last_weights[row] = SMOOTHNESS / (limits.SPEED * max(dt_s, 1e-3)) ** 2
                roots[row] = body.root
            if self._options.planted:
                seen = person.pose_3d[FEET] + given.roots[row]
                shown = None if body.joints is None else body.joints[FEET]
                given.held[row, FEET], given.held_weights[row, FEET] = body.feet.update(contacts[row], seen, shown, dt_s)
        found = fit(start, roots, lengths, given, FIRST_STEPS if fresh else STEPS)
        quaternions = wxyz_from_rotations(found.rotations)
        out = []
        for row, (person, body) in enumerate(zip(persons, bodies, strict=True)):
            if body.rotations is not None:
                pass
            body.turns = np.zeros((limits.COUNT, 3))
            body.rotations, body.root = found.rotations[row], found.roots[row]
            body.joints = found.joints[row] + found.roots[row]
            pose = BodyPose(
                quaternions[row].astype(np.float32), lengths[row].astype(np.float32), contacts[row].astype(np.float32)
            )
            out.append(
                replace(
                    person, pose_3d=found.joints[row].astype(np.float32), root_3d=found.roots[row].astype(np.float32),
                    body=pose,
                )
            )  # fmt: skip
        return out


def _errors(person: Person3D) -> Float64:
    """(28,) metres: how wrong each joint may be."""
    if person.error_m is not None:
        return np.maximum(np.asarray(person.error_m, np.float64), LEAST_ERROR_M)
    return 0.05 + 0.15 * (1 - np.clip(np.nan_to_num(person.confidence.astype(np.float64)), 0, 1))


def _evidence(persons: Sequence[Person3D], camera: Camera, options: BodyOptions) -> Evidence3D:
    poses = np.stack([p.pose_3d for p in persons]).astype(np.float64)
    count = len(poses)
    roots = np.stack([p.root_3d for p in persons]).astype(np.float64)
    errors = np.stack([_errors(p) for p in persons])
    known = np.isfinite(poses).all(-1)
    weights = np.where(known, 1 / (ERROR_TO_DEVIATION * errors) ** 2, 0.0)
    weights[:, DERIVED] *= 0.1
    pixels = np.stack([p.keypoints_2d for p in persons]).astype(np.float64)
    seen = np.isfinite(pixels).all(-1) & (pixels[..., 2] > 0.1)
    rays = (pixels[..., :2] - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    ray_weights = np.where(seen, (np.nan_to_num(pixels[..., 2]) / RAY_M) ** 2, 0.0)
    ray_weights[:, RTPOSE28.indices("root", "thorax", "head", "spine", "neck_base")] = 0.0
    if not options.rays:
        ray_weights[:] = 0
    direction = roots / np.maximum(np.linalg.norm(roots, axis=-1, keepdims=True), 1e-6)
    along = direction[:, :, None] * direction[:, None, :]
    root_weights = (np.eye(3) - along) / ROOT_ACROSS_M**2 + along / ROOT_DEPTH_M**2
    bones = limits.COUNT
    return Evidence3D(
        np.where(known[..., None], poses, 0.0), weights, np.where(seen[..., None], rays, 0.0), ray_weights,
        np.zeros((count, 28, 3)), np.zeros((count, 28)), roots, root_weights,
        np.tile(np.eye(3), (count, bones, 1, 1)), np.zeros((count, bones)),
    )  # fmt: skip
