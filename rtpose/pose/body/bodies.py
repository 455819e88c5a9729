"""`Bodies`: every person of a frame becomes a body with constant bones, planted feet and a common floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONES, Float64, wxyz_from_rotations
from rtpose.config import CorrectionSettings
from rtpose.pose.body import limits
from rtpose.pose.body.contacts import ContactEstimator
from rtpose.pose.body.evidence import SteadyRays, evidence_of, expected_errors, scaled
from rtpose.pose.body.fit import Evidence3D, Fitted, fit
from rtpose.pose.body.grounding import Grounding, moved, rays_from
from rtpose.pose.body.lean import LeanRemover
from rtpose.pose.body.lengths import LengthEstimator
from rtpose.pose.body.planted import FEET, PlantedFeet
from rtpose.pose.body.start import rotations_from_joints
from rtpose.pose.body.world import World
from rtpose.types import BodyPose, Camera, Person3D

MAX_GAP_S = 0.5
"""Someone who was not seen for longer is posed anew; the lengths are kept …"""
FORGET_S = 60.0
"""… unless it was this long."""
STEPS, LATE_STEPS, FIRST_STEPS = 1, 3, 8
"""Of the fit: from the last pose, from one that is older than `SOON_S`, and from a first guess."""
SOON_S = 0.05
OFFSET_S = 4.0
"""A body that feet have moved away from where the lifter sees it comes back over about so long."""
ROOT_STEP_S = 1 / 30
"""The standard deviations of the root in `evidence` are for so long."""
MOST_OFFSET_M = 0.6
"""By how much it may be off: a place that is held wrongly does not lead it astray."""
MOST_SIZE_STEP = 0.004
"""By which share a body's size changes from one frame to the next, at most: with the lengths' own step under 1 %."""
DRAG_M_S, LEAST_DRAG_M = 0.6, 0.01
"""How much faster than the lifter's the root goes, at most, and how much farther it may go from one frame to the next,
at least: held feet do not drag it."""
SMOOTHNESS = 0.05
"""Weight of the last pose: higher is smoother and later."""


@dataclass(slots=True)
class _Body:
    """What is remembered of a person."""

    t_s: float
    lengths: LengthEstimator = field(default_factory=LengthEstimator)
    scale: float | None = None
    """How many times larger than the lifter made the person, in the last frame; None: there is none."""
    rays: SteadyRays = field(default_factory=SteadyRays)
    feet: PlantedFeet = field(default_factory=PlantedFeet)
    ground: Grounding = field(default_factory=Grounding)
    rotations: Float64 | None = None
    """(B, 3, 3) relative, of the last frame; None: there is none."""
    root_offset: Float64 = field(default_factory=lambda: np.zeros(3))
    """(3,) metres by which the body's root is off the lifter's, camera space."""
    roots: tuple[Float64, Float64] | None = None
    """(3,) the lifter's and the body's, of the last frame; None: there is none."""


class Bodies:
    """See `rtpose.types.BodyFitter`. Not for use from several threads at once."""

    def __init__(
        self, corrections: CorrectionSettings | None = None, *, planted: bool = True, world: World | None = None
    ) -> None:
        """planted: feet in contact are held where they stand. world: gravity and floor, where something is given; None:
        both are learned."""
        self._corrections = corrections or CorrectionSettings()
        self._planted = planted
        self._contacts = ContactEstimator()
        self._world = world or World()
        self._lean = LeanRemover()
        self._people: dict[int, _Body] = {}

    @property
    def world(self) -> World:
        """Gravity, floor and sizes as known so far."""
        return self._world

    def reset(self) -> None:
        """See `rtpose.types.BodyFitter`."""
        self._people = {}
        self._contacts.reset()
        self._world.reset()
        self._lean.reset()

    def fit(
        self, persons: Sequence[Person3D], camera: Camera, t_s: float
    ) -> tuple[list[Person3D], NDArray[np.float64] | None]:
        """See `rtpose.types.BodyFitter`."""
        self._people = {i: body for i, body in self._people.items() if 0 <= t_s - body.t_s <= FORGET_S}
        contacts = [
            self._contacts.update(
                person.track_id, person.pose_3d + person.root_3d, person.keypoints_2d[:, 2],
                person.down if self._world.gravity is None else self._world.gravity, t_s,
                self._world.floor_under(person.track_id),
            )
            for person in persons
        ]  # fmt: skip
        self._world.observe(persons, contacts, t_s)
        if self._corrections.lean:
            persons = self._lean.remove_lean(persons, self._world.gravity, t_s)
        fitted = self._fit(persons, contacts, camera, t_s) if persons else []
        return fitted, self._world.world_from_camera

    def _fit(
        self, persons: Sequence[Person3D], contacts: Sequence[NDArray[np.float32]], camera: Camera, t_s: float
    ) -> list[Person3D]:
        bodies, gaps_s = self._recall(persons, t_s)
        scales = [self._resize(person.track_id, body) for person, body in zip(persons, bodies, strict=True)]
        sized = [scaled(person, scale) for person, scale in zip(persons, scales, strict=True)]
        given = evidence_of(sized, camera, rays=self._corrections.rays)
        count = len(persons)
        start, lengths = np.empty((count, len(BONES), 3, 3)), np.empty((count, len(BONES)))
        lifted, roots, steps = given.roots.copy(), given.roots.copy(), STEPS
        for row, (person, body, dt_s) in enumerate(zip(persons, bodies, gaps_s, strict=True)):
            joints = np.asarray(person.pose_3d, np.float64)
            lengths[row] = scales[row] * body.lengths.update(joints, expected_errors(person), min(dt_s, MAX_GAP_S))
            if body.rotations is None or dt_s > MAX_GAP_S:
                body.root_offset, body.roots = np.zeros(3), None
                body.rays.reset()
                body.feet.reset()
                start[row], steps = rotations_from_joints(joints[None])[0], FIRST_STEPS
            else:
                start[row], steps = body.rotations, max(steps, STEPS if dt_s <= SOON_S else LATE_STEPS)
                self._remember(row, body.rotations, dt_s, given)
            if self._corrections.sizes:
                self._ground(row, person.track_id, body, contacts[row], dt_s, given, lifted)
            given.roots[row] += body.root_offset * math.exp(-dt_s / OFFSET_S)
            roots[row] = given.roots[row]
            if dt_s > 0:  # the root may walk off the lifter's by as much in a second, whatever the rate
                given.root_weights[row] *= ROOT_STEP_S / min(max(dt_s, ROOT_STEP_S / 4), MAX_GAP_S)
            if self._corrections.rays:
                given.rays[row], given.ray_weights[row] = body.rays.update(
                    given.rays[row], given.ray_weights[row], given.joints[row] + given.roots[row], dt_s
                )
            if self._planted:
                feet = sized[row].pose_3d[FEET] + lifted[row]
                held, weights = body.feet.update(contacts[row], feet, given.roots[row] - lifted[row], dt_s)
                given.held[row, FEET], given.held_weights[row, FEET] = held, weights
        found = fit(start, roots, lengths, given, steps)
        for row, body in enumerate(bodies):
            if body.roots is not None:
                found.roots[row] = _not_dragged(found.roots[row], lifted[row], *body.roots, gaps_s[row])
            body.roots = lifted[row].copy(), found.roots[row].copy()
            offset = found.roots[row] - lifted[row]
            body.root_offset = offset * min(1.0, MOST_OFFSET_M / max(float(np.linalg.norm(offset)), 1e-9))
        return _people_of(persons, bodies, found, lengths, contacts)

    def _recall(self, persons: Sequence[Person3D], t_s: float) -> tuple[list[_Body], list[float]]:
        """What is remembered of everybody, and the seconds since each was seen, 0 of new people."""
        bodies = [self._people.setdefault(person.track_id, _Body(t_s)) for person in persons]
        gaps_s = [t_s - body.t_s for body in bodies]
        for body in bodies:
            body.t_s = t_s
        return bodies, gaps_s

    def _resize(self, track_id: int, body: _Body) -> float:
        """How many times larger than the lifter made them a person is: what the world says, reached in small steps
        however long they were away. What is remembered grows along."""
        wanted = self._world.scale_of(track_id) if self._corrections.sizes else 1.0
        if body.scale is None:
            body.scale = wanted
        growth = math.exp(min(max(math.log(wanted / body.scale), -MOST_SIZE_STEP), MOST_SIZE_STEP))
        if growth != 1.0:
            body.feet.grow(growth)
            body.root_offset = body.root_offset * growth
            body.scale *= growth
        return body.scale

    def _ground(
        self, row: int, track_id: int, body: _Body, contacts: NDArray[np.float32], dt_s: float, given: Evidence3D,
        lifted: Float64,
    ) -> None:  # fmt: skip
        """Move a person to where the floor is under them."""
        gravity, floor_m = self._world.gravity, self._world.floor_m
        if gravity is None or floor_m is None or not self._world.size_is_settled(track_id):
            return
        root = lifted[row].copy()
        body.ground.update(given.joints[row], root, contacts, gravity, floor_m, min(dt_s, MAX_GAP_S))
        lifted[row] = moved(root, body.ground.factor, gravity, floor_m)
        given.rays[row] = rays_from(given.rays[row], root, lifted[row], gravity, floor_m)
        given.roots[row] = lifted[row]

    def _remember(self, row: int, rotations: Float64, dt_s: float, given: Evidence3D) -> None:
        given.last[row] = rotations
        if self._corrections.last_pose:
            given.last_weights[row] = SMOOTHNESS / (limits.SPEED * max(dt_s, 1e-3)) ** 2


def _not_dragged(root: Float64, lifted: Float64, last_lifted: Float64, last_root: Float64, dt_s: float) -> Float64:
    """(3,) the root, or as far on the way to it from the last one as the lifter's has gone, and a little more."""
    step = root - last_root
    most_m = float(np.linalg.norm(lifted - last_lifted)) + max(DRAG_M_S * dt_s, LEAST_DRAG_M)
    way: Float64 = last_root + step * min(1.0, most_m / max(float(np.linalg.norm(step)), 1e-9))
    return way


def _people_of(
    persons: Sequence[Person3D], bodies: Sequence[_Body], found: Fitted, lengths: Float64,
    contacts: Sequence[NDArray[np.float32]],
) -> list[Person3D]:  # fmt: skip
    """The people with their bodies, which are remembered."""
    quaternions = wxyz_from_rotations(found.rotations).astype(np.float32)
    out = []
    for row, (person, body) in enumerate(zip(persons, bodies, strict=True)):
        body.rotations = found.rotations[row]
        pose = BodyPose(quaternions[row], lengths[row].astype(np.float32), np.asarray(contacts[row], np.float32))
        joints, root = found.joints[row].astype(np.float32), found.roots[row].astype(np.float32)
        out.append(replace(person, pose_3d=joints, root_3d=root, body=pose))
    return out
