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
from rtpose.pose.body.evidence import SteadyRays, evidence_of, expected_errors, scaled, with_lengths
from rtpose.pose.body.fit import Evidence3D, Fitted, fit
from rtpose.pose.body.grounding import Grounding, moved_on_sight, rays_from
from rtpose.pose.body.lean import LeanRemover
from rtpose.pose.body.legs import Legs
from rtpose.pose.body.lengths import LATE_RATE, SETTLED_S, LengthEstimator
from rtpose.pose.body.planted import LEGS_HOLD_M, PlantedFeet
from rtpose.pose.body.start import rotations_from_joints
from rtpose.pose.body.world import World
from rtpose.turns import give_way
from rtpose.types import BodyPose, Camera, Person3D

MAX_GAP_S = 0.5
"""Someone who was not seen for longer is posed anew; the lengths are kept …"""
FORGET_S = 60.0
"""… unless it was this long."""
STEPS, LATE_STEPS, FIRST_STEPS = 1, 3, 8
"""Of the fit: from the last pose, from one that is older than `SOON_S`, and from a first guess."""
SOON_S = 0.05
ROOT_STEP_S = 1 / 30
"""The standard deviations of the root in `evidence` are for so long."""
MOST_SIZE_STEP = 0.004
"""By which share a body's size changes from one frame to the next, at most: with the lengths' own step under 1 %."""
NEAR_SIZE = 0.005
"""So near to what the world says a size is reached."""
SLIDE_M_S = 0.06
"""How fast a foot that stands slides at most because its person's size, and so the distance, becomes better known."""
GROW_M_S = 0.8
"""The same of somebody none of whose feet is held: 13 mm in a frame of 60 a second, however far away they are."""
LOST_M = 0.12
"""A pose whose joints are farther than that from the lifter's, root mean square, is no start: somebody has been turned
around, and single steps would take long to follow."""
SMOOTHNESS = 0.05
"""Weight of the last pose: higher is smoother and later."""


@dataclass(slots=True)
class _Body:
    """What is remembered of a person."""

    t_s: float
    lengths: LengthEstimator = field(default_factory=LengthEstimator)
    scale: float | None = None
    """How many times larger than the lifter made the person, in the last frame; None: there is none."""
    seen_s: float = 0.0
    is_sized: bool = False
    """Whether the size has been reached; from then on it hardly changes."""
    rays: SteadyRays = field(default_factory=SteadyRays)
    feet: PlantedFeet = field(default_factory=PlantedFeet)
    ground: Grounding = field(default_factory=Grounding)
    rotations: Float64 | None = None
    """(B, 3, 3) relative, of the last frame, before feet were held; None: there is none."""
    joints: Float64 | None = None
    """(28, 3) metres, relative to the root, of these."""


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
        give_way()
        self._world.observe(persons, contacts, t_s)
        give_way()
        if self._corrections.lean:
            persons = self._lean.remove_lean(persons, self._world.gravity, t_s, self._world.early_rad)
        give_way()
        fitted = self._fit(persons, contacts, camera, t_s) if persons else []
        return fitted, self._world.world_from_camera

    def _fit(
        self, persons: Sequence[Person3D], contacts: Sequence[NDArray[np.float32]], camera: Camera, t_s: float
    ) -> list[Person3D]:
        bodies, gaps_s = self._recall(persons, t_s)
        scales = [
            self._resize(person.track_id, body, dt_s, float(np.linalg.norm(person.root_3d)))
            for person, body, dt_s in zip(persons, bodies, gaps_s, strict=True)
        ]
        sized = [scaled(person, scale) for person, scale in zip(persons, scales, strict=True)]
        given = evidence_of(sized, camera, rays=self._corrections.rays)
        give_way()
        count = len(persons)
        start, lengths = np.empty((count, len(BONES), 3, 3)), np.empty((count, len(BONES)))
        roots, steps = given.roots.copy(), STEPS
        for row, (person, body, dt_s) in enumerate(zip(persons, bodies, gaps_s, strict=True)):
            joints = np.asarray(person.pose_3d, np.float64)
            lengths[row] = scales[row] * body.lengths.update(joints, expected_errors(person), min(dt_s, MAX_GAP_S))
            if person.error_m is None:
                given.joints[row] = with_lengths(given.joints[row], lengths[row])
            if body.rotations is None or dt_s > MAX_GAP_S:
                body.rays.reset()
                body.feet.reset()
                start[row], steps = rotations_from_joints(joints[None])[0], FIRST_STEPS
            elif _is_lost(body, row, given):
                start[row], steps = rotations_from_joints(joints[None])[0], FIRST_STEPS
            else:
                start[row], steps = body.rotations, max(steps, STEPS if dt_s <= SOON_S else LATE_STEPS)
                self._remember(row, body.rotations, dt_s, given)
            if self._corrections.sizes:
                self._ground(row, person.track_id, body, contacts[row], dt_s, given)
                roots[row] = given.roots[row]
            if dt_s > 0:  # the root may walk off the lifter's by as much in a second, whatever the rate
                given.root_weights[row] *= ROOT_STEP_S / min(max(dt_s, ROOT_STEP_S / 4), MAX_GAP_S)
            if self._corrections.rays:
                given.rays[row], given.ray_weights[row] = body.rays.update(
                    given.rays[row], given.ray_weights[row], given.joints[row] + given.roots[row], dt_s
                )
        give_way()
        found = fit(start, roots, lengths, given, steps)
        give_way()
        shown = self._hold(bodies, found, lengths, contacts, gaps_s) if self._planted else found
        give_way()
        for row, body in enumerate(bodies):
            body.rotations, body.joints = found.rotations[row], found.joints[row]
        return _people_of(persons, shown, lengths, contacts)

    def _hold(
        self, bodies: Sequence[_Body], found: Fitted, lengths: Float64, contacts: Sequence[NDArray[np.float32]],
        gaps_s: Sequence[float],
    ) -> Fitted:  # fmt: skip
        """What was fitted, with feet in contact where they stand."""
        legs = Legs(found, lengths, LEGS_HOLD_M)
        roots, wanted, used = np.empty_like(found.roots), np.empty_like(legs.feet), np.zeros(legs.feet.shape[:2], bool)
        for row, (body, dt_s) in enumerate(zip(bodies, gaps_s, strict=True)):
            roots[row], wanted[row], used[row] = body.feet.update(
                contacts[row], legs.feet[row], found.roots[row], legs.compliance[row], dt_s
            )
        return legs.taken(roots, wanted, used)

    def _recall(self, persons: Sequence[Person3D], t_s: float) -> tuple[list[_Body], list[float]]:
        """What is remembered of everybody, and the seconds since each was seen, 0 of new people."""
        bodies = [self._people.setdefault(person.track_id, _Body(t_s)) for person in persons]
        gaps_s = [t_s - body.t_s for body in bodies]
        for body in bodies:
            body.t_s = t_s
        return bodies, gaps_s

    def _resize(self, track_id: int, body: _Body, dt_s: float, distance_m: float) -> float:
        """How many times larger than the lifter made them a person is: what the world says, reached in small steps
        however long they were away, and hardly seen in feet that stand. What is remembered grows along."""
        wanted = self._world.scale_of(track_id) if self._corrections.sizes else 1.0
        if body.scale is None:
            body.scale = wanted
        off = math.log(wanted / body.scale)
        body.seen_s += min(dt_s, MAX_GAP_S)
        body.is_sized = body.is_sized or (body.seen_s > SETTLED_S and abs(off) < NEAR_SIZE)
        most = LATE_RATE * dt_s if body.is_sized else MOST_SIZE_STEP
        most = min(most, (SLIDE_M_S if body.feet.holds else GROW_M_S) * dt_s / max(distance_m, 0.1))
        growth = math.exp(min(max(off, -most), most))
        if growth != 1.0:
            body.feet.grow(growth)
            body.scale *= growth
        return body.scale

    def _ground(
        self, row: int, track_id: int, body: _Body, contacts: NDArray[np.float32], dt_s: float, given: Evidence3D
    ) -> None:
        """Move a person to where the floor is under them."""
        ground = self._world.ground
        if ground is None or not self._world.size_is_settled(track_id):
            return
        root = given.roots[row].copy()
        body.ground.update(given.joints[row], root, contacts, ground, min(dt_s, MAX_GAP_S))
        given.roots[row] = moved_on_sight(root, body.ground.factor, ground.gravity, ground.floor_m)
        given.rays[row] = rays_from(given.rays[row], root, given.roots[row], ground.gravity, ground.floor_m)

    def _remember(self, row: int, rotations: Float64, dt_s: float, given: Evidence3D) -> None:
        given.last[row] = rotations
        if self._corrections.last_pose:
            given.last_weights[row] = SMOOTHNESS / (limits.SPEED * max(dt_s, 1e-3)) ** 2


def _is_lost(body: _Body, row: int, given: Evidence3D) -> bool:
    """Whether the last pose is none to start from."""
    if body.joints is None:
        return False
    weights = given.joint_weights[row]
    apart = ((body.joints - given.joints[row]) ** 2).sum(-1)
    return float(weights @ apart) > LOST_M**2 * float(weights.sum())


def _people_of(
    persons: Sequence[Person3D], found: Fitted, lengths: Float64, contacts: Sequence[NDArray[np.float32]]
) -> list[Person3D]:
    quaternions = wxyz_from_rotations(found.rotations).astype(np.float32)
    out = []
    for row, person in enumerate(persons):
        pose = BodyPose(quaternions[row], lengths[row].astype(np.float32), np.asarray(contacts[row], np.float32))
        joints, root = found.joints[row].astype(np.float32), found.roots[row].astype(np.float32)
        out.append(replace(person, pose_3d=joints, root_3d=root, body=pose))
    return out
