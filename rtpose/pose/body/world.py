"""Where the ground is: gravity and floor in camera axes, learned live from all people together, or as given."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError
from rtpose.geometry import standing_height
from rtpose.pose.body.balance import angle_deg, unit_or_none
from rtpose.pose.body.contacts import presumed
from rtpose.pose.body.floor import HEIGHT_SPREAD, FloorPlane
from rtpose.pose.body.gravity import GravityEstimate, with_given
from rtpose.pose.body.grounding import Ground
from rtpose.pose.body.level import LevelWatch
from rtpose.skeleton import H36M17
from rtpose.types import Person3D

Float64 = NDArray[np.float64]

FIT_S = 0.2
"""The plane is fitted anew so often."""
ASSUME_S = 3.0
"""After so long without a contact point the floor is assumed to be where people would stand."""
HIP_SHARE = 0.53
"""Height of the hips of somebody who stands, as a share of the standing height."""
SETTLE_S = 4.0
"""How long the estimate, once it is one, may move freely; then it moves by no more than these a second."""
TURN_DEG_S, SINK_M_S = 2.0, 0.10
SIZE_S = 2.0
SIZE_PER_S, SETTLING_SIZE_PER_S = 0.0005, 0.25
"""By which share a person's size changes a second, at most, and in the first `SIZE_S` that it is known."""
MAX_GAP_S = 1.0
"""A longer time between frames counts as this long."""
MOST_NAMED = 8
"""People whose heights are told."""
MIN_CAMERA_M, MAX_CAMERA_M = 0.05, 50.0
JOINTS17 = len(H36M17.joints)


class World:
    """Gravity, floor and people's sizes. Moves slowly: what stands on it must not jump. Not thread-safe."""

    def __init__(
        self,
        pitch_deg: float | None = None,
        roll_deg: float | None = None,
        camera_height_m: float | None = None,
        level: bool = False,
        *,
        height_is_given: bool = False,
    ) -> None:
        """pitch_deg: how far the camera looks down. roll_deg: how far it is turned clockwise, as its user sees it.
        camera_height_m: of the camera above the floor. level: gravity is the axis of somebody who stands upright and
        still at the beginning. What is given is not learned. height_is_given: people are as tall as the lifter made
        them; else the height of the camera says how tall they are.

        Errors: `ConfigError` for values that no camera has, and for a level beside a pitch or roll.
        """
        if pitch_deg is not None and not -89 <= pitch_deg <= 89:
            raise ConfigError(f"a pitch of {pitch_deg:g} degrees is not possible: give -89 (up) to 89 (down)")
        if roll_deg is not None and not -180 <= roll_deg <= 180:
            raise ConfigError(f"a roll of {roll_deg:g} degrees is not possible: give -180 to 180")
        if camera_height_m is not None and not MIN_CAMERA_M <= camera_height_m <= MAX_CAMERA_M:
            raise ConfigError(
                f"a camera {camera_height_m:g} m above the floor is not possible: "
                f"give {MIN_CAMERA_M:g} to {MAX_CAMERA_M:g} metres"
            )
        if level and (pitch_deg is not None or roll_deg is not None):
            raise ConfigError("--level finds pitch and roll by itself: leave out --pitch and --roll, or --level")
        self._pitch_deg, self._roll_deg = pitch_deg, roll_deg
        self._camera_height_m = camera_height_m
        self._level = level
        self._height_is_given = height_is_given
        self.reset()

    def reset(self) -> None:
        """Forget everything that was learned: another source, or a jump in time."""
        self._watch = LevelWatch() if self._level else None
        self._estimate = GravityEstimate()
        self._plane = FloorPlane(self._camera_height_m, height_is_given=self._height_is_given)
        self._gravity: Float64 | None = None
        self._floor_m: float | None = None
        self._floor_is_seen = False
        self._sizes: dict[int, float] = {}
        self._wanted_sizes: dict[int, float] = {}
        self._known_s: dict[int, float] = {}
        """For how long each person was seen since they have a size."""
        self._met: set[int] = set()
        self._target: tuple[Float64, float | None] | None = None
        self._last_s: float | None = None
        self._next_fit_s = 0.0
        self._seen_s = 0.0
        self._sure_s = 0.0
        if self._given:
            self._gravity = with_given(None, self._pitch_deg, self._roll_deg)
            if self._camera_height_m is not None:
                self._floor_m = self._camera_height_m

    @property
    def gravity(self) -> Float64 | None:
        """(3,) unit vector, camera axes: where things fall to. None: not known yet."""
        return None if self._gravity is None else self._gravity.copy()

    @property
    def early_rad(self) -> float:
        """Expected error of gravity beyond that of a long look; 0 where it is certain."""
        return 0.0 if self._fixed else self._estimate.early_rad

    @property
    def floor_m(self) -> float | None:
        """How far below the camera the floor is, along gravity, metres. None: not known yet."""
        return None if self._gravity is None else self._floor_m

    @property
    def ground(self) -> Ground | None:
        """Both, and how well they and people's heights are known. None: not known yet."""
        if self._gravity is None or self._floor_m is None:
            return None
        spread_rad = 0.0 if self._fixed else self._estimate.spread_rad
        return Ground(self._gravity, self._floor_m, spread_rad, 0.0 if self._height_is_given else HEIGHT_SPREAD)

    @property
    def floor_is_seen(self) -> bool:
        """Whether feet stood on the floor; else it is given, or where people would stand."""
        return self._floor_is_seen

    @property
    def world_from_camera(self) -> Float64 | None:
        """(4, 4), world space: metres, y up, the floor at 0, x right as the camera sees it, the camera over the origin.
        None until gravity and floor are known."""
        if self._gravity is None or self._floor_m is None:
            return None
        return world_from_gravity(self._gravity, self._floor_m)

    def scale_of(self, track_id: int) -> float:
        """How many times larger than the lifter made them a person is, as far as the shared floor shows: for bones and
        for the distance from the camera alike."""
        return self._sizes.get(track_id, 1.0)

    def floor_under(self, track_id: int) -> float | None:
        """How far below the camera the floor is for somebody as large and as far away as the lifter made them, metres.
        None: nobody's feet were seen on it, or theirs were not, so their size beside the others' is not known."""
        if not self._floor_is_seen or self._floor_m is None or track_id not in self._sizes:
            return None
        return self._floor_m / self._sizes[track_id]

    def size_is_settled(self, track_id: int) -> bool:
        """Whether the person stands on the floor that was seen and their size hardly changes any more."""
        return self._floor_is_seen and self._known_s.get(track_id, 0.0) >= SIZE_S

    def describe(self, height_m: float | None = None) -> list[str]:
        """Lines for people: what gravity, floor and sizes rest on. height_m: the assumed standing height; with it, how
        tall people are where the height of the camera says so."""
        if self._given or self._level:
            known = [f"{name} {value:g} degrees" for name, value in
                     (("pitch", self._pitch_deg), ("roll", self._roll_deg)) if value is not None]  # fmt: skip
            gravity = "from somebody who stood upright" if self._level else f"camera {' and '.join(known)}, as given"
        elif self._seen_s >= ASSUME_S and self._estimate.is_assumed:
            gravity = "unknown, the camera is assumed to be level"
        else:
            gravity = "learned from how people stand and move"
            if self._estimate.direction is not None:
                gravity += f", to about {math.degrees(self._estimate.spread_rad):.0f} degrees"
        lines = [f"gravity: {gravity}"]
        if self._camera_height_m is not None:
            sizes = "people are as tall as given" if self._height_is_given else "people's sizes follow from it"
            lines.append(f"floor {self._camera_height_m:.2f} m below the camera, as given: {sizes}")
        elif self._floor_is_seen or self._floor_m is None:
            lines.append("floor: where feet stand")
        else:
            lines.append("floor: assumed where people would stand, no foot was seen on it")
        if height_m is not None and self._camera_height_m is not None and not self._height_is_given and self._sizes:
            tall = [f"person {i} {height_m * size:.2f} m" for i, size in list(self._sizes.items())[:MOST_NAMED]]
            lines.append(f"standing heights by the height of the camera: {', '.join(tall)}")
        return lines

    @property
    def _given(self) -> bool:
        return self._pitch_deg is not None or self._roll_deg is not None

    @property
    def _fixed(self) -> bool:
        """Whether gravity is certain."""
        both = self._pitch_deg is not None and self._roll_deg is not None
        return both or (self._watch is not None and self._watch.gravity is not None)

    def observe(self, persons: Sequence[Person3D], contacts: Sequence[NDArray[np.floating]], t_s: float) -> None:
        """The people of a frame, as the lifter made them. contacts: (4,) probabilities of each, as of
        `ContactEstimator`. t_s: the frame's time; a step back counts as no time."""
        dt_s = 0.0 if self._last_s is None else min(max(t_s - self._last_s, 0.0), MAX_GAP_S)
        self._last_s = t_s
        if not persons:
            return
        self._seen_s += dt_s
        new = {person.track_id for person in persons} - self._met
        self._met |= new
        people, feet = list(persons), list(contacts)
        for n, person in enumerate(people):
            if person.track_id in new:
                feet[n] = presumed(person, person.down if self._gravity is None else self._gravity)
        gravity = self._gravity_now(people, feet, dt_s, new)
        if gravity is None:
            return
        self._plane.add(people, feet, self._gravity if self._gravity is not None else gravity, dt_s)
        if new or self._target is None or self._seen_s >= self._next_fit_s:
            self._next_fit_s = self._seen_s + FIT_S
            self._fit(gravity, people)
        # Nobody has seen them yet: they are as large as they look to be beside the others from the first frame on.
        self._sizes |= {i: size for i, size in self._wanted_sizes.items() if i in new}
        self._move(people, dt_s)

    def _gravity_now(
        self, people: list[Person3D], feet: list[NDArray[np.floating]], dt_s: float, new: Set[int]
    ) -> Float64 | None:
        """As given, or as learned from postures so far."""
        if self._watch is not None:
            self._watch.add(people, feet, dt_s)
            return self._watch.gravity
        self._estimate.add(people, feet, dt_s, new)
        return with_given(self._estimate.direction, self._pitch_deg, self._roll_deg)

    def _fit(self, gravity: Float64, people: list[Person3D]) -> None:
        settled = {i: size for i, size in self._sizes.items() if self.size_is_settled(i)}
        plane = self._plane.fit(gravity, fixed=self._fixed, early_rad=self.early_rad, settled=settled)
        if plane is not None:
            self._floor_is_seen = True
            self._wanted_sizes = plane.sizes
            tilted = with_given(plane.gravity, self._pitch_deg, self._roll_deg)
            self._target = (plane.gravity if tilted is None else tilted, plane.depth_m)
            return
        depth_m = self._camera_height_m
        if depth_m is None and self._seen_s >= ASSUME_S:
            depth_m = max(_standing_depth_m(person, gravity) for person in people)
        self._target = (gravity, depth_m)

    def _move(self, people: list[Person3D], dt_s: float) -> None:
        """Towards the target: freely at first, then slowly."""
        if self._target is None:
            return
        gravity, depth_m = self._target
        if self._fixed or not self._estimate.is_assumed:
            self._sure_s += dt_s
        free = self._sure_s < SETTLE_S
        share = 1 - math.exp(-dt_s / (0.3 if free else 1.0))
        if self._gravity is None:
            self._gravity = gravity
        else:
            apart = angle_deg(self._gravity, gravity)
            limit = apart if free else TURN_DEG_S * dt_s
            part = min(share, limit / max(apart, 1e-9))
            moved = unit_or_none(self._gravity + part * (gravity - self._gravity))
            self._gravity = gravity if moved is None else moved
        if depth_m is not None:
            if self._floor_m is None:
                self._floor_m = depth_m
            else:
                step = share * (depth_m - self._floor_m)
                limit = abs(step) if free else SINK_M_S * dt_s
                self._floor_m += float(np.clip(step, -limit, limit))
        seen = {person.track_id for person in people}
        for track_id, size in self._wanted_sizes.items():
            before, known_s = self._sizes.get(track_id, 1.0), self._known_s.get(track_id, 0.0)
            self._known_s[track_id] = known_s + (dt_s if track_id in seen else 0.0)
            limit = dt_s * (SETTLING_SIZE_PER_S if known_s < SIZE_S else SIZE_PER_S)
            part = share * math.log(size / before)
            self._sizes[track_id] = before * math.exp(float(np.clip(part, -limit, limit)))
        self._sizes = {i: size for i, size in self._sizes.items() if i in self._wanted_sizes}
        self._known_s = {i: known_s for i, known_s in self._known_s.items() if i in self._wanted_sizes}


def world_from_gravity(gravity: Float64, floor_m: float) -> Float64:
    """(4, 4): see `World.world_from_camera`. gravity: (3,) unit vector, camera axes; floor_m: below the camera."""
    up = -gravity
    right = unit_or_none(np.array([1.0, 0, 0]) - up[0] * up)
    if right is None:  # the camera lies on its side: what it sees above is right
        right = unit_or_none(np.array([0, -1.0, 0]) + up[1] * up)
    assert right is not None
    matrix = np.eye(4)
    matrix[:3, :3] = [right, up, np.cross(right, up)]
    matrix[1, 3] = floor_m
    return matrix


def _standing_depth_m(person: Person3D, gravity: Float64) -> float:
    """Where the floor is, if the person stands."""
    height_m = float(standing_height(person.pose_3d[:JOINTS17], person.confidence[:JOINTS17]))
    return float(person.root_3d @ gravity) + HIP_SHARE * height_m
