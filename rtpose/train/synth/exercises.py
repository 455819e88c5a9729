"""Generated motions that people do in front of cameras and that are rare in motion capture: standing, talking with the
hands, sitting, slow exercises. They are joint angles with random keyframes, so no two are alike.

Angles are in degrees. Those of a limb are written for the left side; the right side gets the mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from rtpose.train.synth.motion import Array, JointAngleMotion, JointAnglePack, rotation_xyz


class Exercise(StrEnum):
    """A generated motion."""

    STAND = "stand"
    TALK = "talk"
    SIT = "sit"
    SQUAT = "squat"
    ONE_LEG = "one_leg"
    SIDE_BEND = "side_bend"
    FORWARD_BEND = "forward_bend"
    RAISE_ARMS = "raise_arms"
    LUNGE = "lunge"
    TWIST = "twist"


SHARES = {
    Exercise.STAND: 0.1, Exercise.TALK: 0.2, Exercise.SIT: 0.22, Exercise.SQUAT: 0.12, Exercise.ONE_LEG: 0.1,
    Exercise.SIDE_BEND: 0.06, Exercise.FORWARD_BEND: 0.04, Exercise.RAISE_ARMS: 0.08, Exercise.LUNGE: 0.05,
    Exercise.TWIST: 0.03,
}  # fmt: skip


@dataclass
class _Arm:
    """Angles of one arm, (T,) each."""

    forward: Array
    """How far the upper arm is raised to the front."""
    outward: Array
    """How far it is raised to the side: 0 hangs, 90 is level."""
    inward_turn: Array
    """Rotation about its own axis, which brings a bent forearm across the body."""
    elbow: Array
    forearm_turn: Array
    wrist: Array
    shrug: Array


@dataclass
class _Leg:
    """Angles of one leg, (T,) each."""

    forward: Array
    """Of the thigh, from the vertical."""
    outward: Array
    turnout: Array
    knee: Array
    foot: Array
    """How far the toes point below level."""


@dataclass
class _Body:
    """Angles of the whole body. Limbs: left, right."""

    arms: tuple[_Arm, _Arm]
    legs: tuple[_Leg, _Leg]
    pelvis: Array
    """(T, 3) about x (bend forward), y (turn left), z (bend to the right)."""
    back: Array
    """(T, 3), divided among the three bones of the back."""
    neck: Array
    """(T, 3), divided among the three bones of neck and head."""
    support: Array
    """(2,) share of the weight on each foot. Feet that carry weight do not move."""


def random_exercise(rng: np.random.Generator) -> Exercise:
    """A random exercise, with the probabilities in `SHARES`."""
    kinds = list(SHARES)
    return kinds[int(rng.choice(len(kinds), p=np.array(list(SHARES.values())) / sum(SHARES.values())))]


def exercise_motion(
    kind: Exercise, pack: JointAnglePack, subject: str, times_s: Array, rng: np.random.Generator
) -> JointAngleMotion:
    """The exercise at `times_s` (T,), done by the skeleton of `subject`. It faces +z, with its feet near the origin."""
    curves = _Curves(times_s - times_s[0], rng)
    body = _MAKERS[kind](curves)
    at_rest = pack.posed(subject, {"root": np.eye(3)[None]}, np.zeros((1, 3)), "", "").rest_directions["lfemur"]
    local = _local_rotations(body, float(np.degrees(np.arctan2(at_rest[0], -at_rest[1]))))
    motion = pack.posed(subject, local, np.zeros((len(times_s), 3)), kind.value, kind.value)
    # Move the hips so that the feet that carry weight stay in place.
    ankles = np.stack(
        [
            motion.leg_length
            / 2
            * (
                motion.rotations[f"{s}femur"] @ motion.rest_directions[f"{s}femur"]
                + motion.rotations[f"{s}tibia"] @ motion.rest_directions[f"{s}tibia"]
            )
            for s in "lr"
        ]
    )
    stance = np.einsum("s,stk->tk", body.support / body.support.sum(), ankles)
    hips = (stance[0] - stance) * np.array([1.0, 0.0, 1.0])
    return replace(motion, hips=hips, lowest=np.zeros(len(times_s)))


class _Curves:
    """Random curves of an angle over time, (T,) each."""

    def __init__(self, times_s: Array, rng: np.random.Generator) -> None:
        self.t, self.rng = times_s, rng

    def sway(self, deg: float) -> Array:
        """Slow, small, irregular movement that is always there."""
        out = np.zeros_like(self.t)
        for _ in range(4):
            out += self.rng.normal() * np.sin(2 * np.pi * self.rng.uniform(0.08, 0.9) * self.t + self.rng.uniform(0, 7))
        return deg * out / 2.0

    def held(self, low: float, high: float, sway: float = 1.5) -> Array:
        """One value for the whole clip, with sway."""
        return float(self.rng.uniform(low, high)) + self.sway(sway)

    def keyed(self, low: float, high: float, pace_s: tuple[float, float] = (0.35, 1.3), sway: float = 1.5) -> Array:
        """From one random value to the next, with pauses."""
        end = float(self.t[-1])
        at, value = [-1.0], [self.rng.uniform(low, high)]
        while at[-1] < end + 1.0:
            at.append(at[-1] + self.rng.uniform(*pace_s))
            value.append(value[-1] if self.rng.random() < 0.25 else self.rng.uniform(low, high))
        step = np.clip(np.searchsorted(at, self.t, side="right"), 1, len(at) - 1)
        times, values = np.array(at), np.array(value)
        share = (self.t - times[step - 1]) / (times[step] - times[step - 1])
        ease = share * share * (3 - 2 * share)
        out: Array = values[step - 1] + ease * (values[step] - values[step - 1]) + self.sway(sway)
        return out

    def repeated(self, period_s: tuple[float, float] = (1.8, 4.5), rest: float = 1.0) -> Array:
        """From 0 to 1 and back, repeated, starting at a random point. rest: if above 1, stays near 0 for longer."""
        phase = self.rng.uniform(0, 1) + self.t / self.rng.uniform(*period_s)
        return (0.5 - 0.5 * np.cos(2 * np.pi * phase)) ** self.rng.uniform(0.6, max(0.7, rest))

    def flat(self, value: float = 0.0) -> Array:
        return np.full_like(self.t, value)

    def three(self, x: Array, y: Array, z: Array) -> Array:
        return np.stack([x, y, z], -1)

    def arm(self, forward: Array, outward: Array, inward_turn: Array, elbow: Array) -> _Arm:
        return _Arm(
            forward, outward, inward_turn, np.clip(elbow, 0, 150),
            self.keyed(-50, 50), self.keyed(-25, 25), self.sway(1.5) + np.maximum(0, outward - 60) * 0.25,
        )  # fmt: skip

    def hanging_arm(self) -> _Arm:
        return self.arm(self.held(-8, 12), self.held(4, 16), self.held(-10, 25), self.held(3, 25))

    def talking_arm(self) -> _Arm:
        return self.arm(self.keyed(-10, 55), self.keyed(5, 45), self.keyed(-25, 60), self.keyed(35, 125))

    def balancing_arm(self) -> _Arm:
        return self.arm(self.held(-15, 40), self.keyed(45, 100), self.held(-20, 20), self.held(0, 35))

    def any_arm(self) -> _Arm:
        """A random common pose of an arm: on the hip, across the chest, at the face, waving, pointing."""
        kind = self.rng.integers(7)
        if kind == 0:  # on the hip
            return self.arm(self.held(-25, -5), self.held(35, 55), self.held(40, 75), self.held(75, 100))
        if kind == 1:  # across the chest
            return self.arm(self.held(15, 40), self.held(5, 20), self.held(50, 80), self.held(85, 115))
        if kind == 2:  # at the face
            return self.arm(self.keyed(35, 70), self.held(5, 30), self.held(10, 50), self.keyed(110, 145))
        if kind == 3:  # waving
            wave = 25 * np.sin(2 * np.pi * self.rng.uniform(0.7, 2.0) * self.t)
            return self.arm(self.held(0, 30), self.held(60, 110), self.held(-90, -60) + wave, self.keyed(50, 110))
        if kind == 4:  # stretched, pointing at something
            return self.arm(self.keyed(20, 110), self.keyed(0, 80), self.keyed(-20, 30), self.held(0, 25))
        if kind == 5:
            return self.hanging_arm()
        return self.talking_arm()

    def arms(self, *kinds: str) -> tuple[_Arm, _Arm]:
        """Left and right, both alike or different. kinds: names of the methods above to choose from."""
        one, other = (getattr(self, f"{kinds[int(self.rng.integers(len(kinds)))]}_arm")() for _ in range(2))
        return (one, one) if self.rng.random() < 0.3 else (one, other)

    def standing_legs(self, stance: float | None = None, bend: Array | None = None) -> tuple[_Leg, _Leg]:
        """Left and right. bend: (T,) angle of the thighs to the front when the body goes down."""
        stance = self.rng.uniform(-1, 14) if stance is None else stance
        turnout = self.rng.uniform(0, 22)
        down = self.flat() if bend is None else bend
        knees = self.rng.uniform(0.9, 1.2)
        legs = []
        for _ in range(2):
            soft = np.maximum(self.held(0, 7, 0.6), 0)
            knee = 1.75 * knees * down + 2 * soft
            legs.append(_Leg(down + soft, stance + self.sway(0.7), self.flat(turnout), knee, self.flat()))
        return legs[0], legs[1]

    def upright(self, **other: object) -> _Body:
        """A random standing body, with the fields in `other` replaced."""
        usual = _Body(
            arms=self.arms("hanging", "talking", "any"),
            legs=self.standing_legs(),
            pelvis=self.three(self.held(-4, 8, 1), self.sway(4), self.held(-4, 4, 1)),
            back=self.three(self.held(-5, 15, 1.5), self.keyed(-12, 12), self.held(-6, 6, 1.5)),
            neck=self.three(self.keyed(-20, 30), self.keyed(-45, 45), self.keyed(-12, 12)),
            support=np.ones(2),
        )
        return replace(usual, **other)  # type: ignore[arg-type]


def _stand(c: _Curves) -> _Body:
    return c.upright(arms=c.arms("hanging", "any"))


def _talk(c: _Curves) -> _Body:
    return c.upright(arms=c.arms("talking", "any", "talking"))


def _sit(c: _Curves) -> _Body:
    legs = []
    for _ in range(2):
        thigh = c.held(72, 95, 0.7)
        knee = np.clip(c.held(60, 112, 1.0), 0, 130)
        legs.append(_Leg(thigh, c.held(0, 18, 0.7), c.flat(c.rng.uniform(-5, 20)), knee, c.held(-5, 15, 1)))
    lean = c.held(-18, 14, 1.0)
    return c.upright(
        arms=c.arms("talking", "any", "talking"),
        legs=(legs[0], legs[1]),
        pelvis=c.three(lean, c.sway(3), c.sway(1)),
        back=c.three(c.held(5, 40, 2), c.keyed(-18, 18), c.held(-8, 8, 2)),
    )


def _squat(c: _Curves) -> _Body:
    depth = c.rng.uniform(30, 88) * c.repeated(rest=1.6)
    legs = c.standing_legs(c.rng.uniform(4, 18), depth)
    lean = c.rng.uniform(0.3, 0.6) * depth
    front = c.rng.random() < 0.6
    if front:
        rise = c.rng.uniform(50, 95) * np.clip(depth / max(float(depth.max()), 1), 0, 1) + c.held(0, 20)
        one = c.arm(rise, c.held(0, 12), c.held(-10, 20), c.held(0, 20))
        arms = (one, one)
    else:
        arms = c.arms("any", "hanging")
    return c.upright(
        arms=arms, legs=legs,
        pelvis=c.three(lean, c.sway(1.5), c.sway(1)),
        back=c.three(c.held(-5, 15) - 0.2 * lean, c.sway(3), c.sway(2)),
        neck=c.three(-0.4 * lean + c.held(-5, 15), c.sway(8), c.sway(3)),
    )  # fmt: skip


def _one_leg(c: _Curves) -> _Body:
    up = c.repeated((2.5, 6.0), 0.8) if c.rng.random() < 0.5 else c.flat(1.0)
    back = c.rng.random() < 0.35
    thigh = up * (c.held(-35, -5) if back else c.held(15, 95))
    knee = np.maximum(0, up * c.held(10, 115, 2))
    raised = _Leg(thigh, up * c.held(-5, 35), c.flat(c.rng.uniform(0, 25)), knee, up * c.held(0, 35))
    soft = np.maximum(0, c.held(0, 10, 1))
    standing = _Leg(soft, c.held(-6, 2, 0.7), c.flat(c.rng.uniform(0, 15)), 2 * soft, c.flat())
    left = c.rng.random() < 0.5
    lean = up * (c.held(10, 45) if back else c.held(-8, 8))
    arms = c.arms("any", "balancing", "balancing")
    return c.upright(
        arms=arms,
        legs=(raised, standing) if left else (standing, raised),
        pelvis=c.three(lean, c.sway(3), up * c.held(-8, 8, 1)),
        support=np.array([0.0, 1.0]) if left else np.array([1.0, 0.0]),
    )


def _side_bend(c: _Curves) -> _Body:
    phase = 2 * np.pi * (c.t / c.rng.uniform(2, 5) + c.rng.uniform())
    bend = c.rng.uniform(15, 50) * np.sin(phase)
    arms = []
    for side in (1, -1):
        up = np.clip(side * np.sin(phase), 0, 1) if c.rng.random() < 0.6 else c.flat(c.rng.uniform(0, 1))
        arms.append(c.arm(c.held(-5, 20), 15 + up * c.held(90, 165), c.held(-20, 40), c.held(5, 60)))
    return c.upright(
        arms=(arms[1], arms[0]), legs=c.standing_legs(c.rng.uniform(0, 20)),
        back=c.three(c.held(-5, 12), c.sway(4), bend), pelvis=c.three(c.held(-3, 5), c.sway(2), 0.15 * bend),
    )  # fmt: skip


def _forward_bend(c: _Curves) -> _Body:
    deep = c.repeated((2.5, 6.0), 1.2)
    lean, curl = deep * c.rng.uniform(20, 75), deep * c.rng.uniform(10, 70)
    one = c.arm(deep * c.held(60, 130), c.held(0, 15), c.held(-10, 20), c.held(0, 25))
    soft = np.maximum(0, c.held(0, 12, 1))
    legs = c.standing_legs(c.rng.uniform(0, 12), soft * deep)
    return c.upright(
        arms=(one, one) if c.rng.random() < 0.7 else c.arms("hanging", "any"), legs=legs,
        pelvis=c.three(lean, c.sway(2), c.sway(1)), back=c.three(curl, c.sway(5), c.sway(3)),
        neck=c.three(c.held(-15, 25), c.sway(8), c.sway(4)),
    )  # fmt: skip


def _raise_arms(c: _Curves) -> _Body:
    def arm() -> _Arm:
        up = c.repeated((1.5, 5.0), 1.0)
        kind = c.rng.integers(3)
        side = up * c.rng.uniform(80, 170) if kind != 1 else c.flat(c.rng.uniform(0, 15))
        front = up * c.rng.uniform(80, 170) if kind == 1 else c.held(-5, 15)
        elbow = c.held(0, 20) if kind != 2 else np.maximum(0, 100 - 90 * up + c.sway(3))
        return c.arm(front, side + c.held(3, 12), c.held(-60, 20), elbow)

    one, other = arm(), arm()
    both = c.rng.random() < 0.65
    return c.upright(arms=(one, one if both else other), legs=c.standing_legs(c.rng.uniform(0, 16)))


def _lunge(c: _Curves) -> _Body:
    deep = c.rng.uniform(0.4, 1.0) * (0.35 + 0.65 * c.repeated((2.0, 5.0), 1.2))
    front = _Leg(deep * 80, c.held(-2, 8, 0.7), c.flat(0), deep * 85, c.flat())
    rear = _Leg(-12 - 10 * deep + c.sway(1), c.held(-2, 8, 0.7), c.flat(0), 10 + deep * 65, 10 + 45 * deep)
    left = c.rng.random() < 0.5
    return c.upright(
        legs=(front, rear) if left else (rear, front),
        pelvis=c.three(c.held(-3, 15), c.sway(2), c.sway(2)),
        support=np.array([1.0, 0.2]) if left else np.array([0.2, 1.0]),
    )


def _twist(c: _Curves) -> _Body:
    phase = 2 * np.pi * (c.t / c.rng.uniform(1.2, 4) + c.rng.uniform())
    turn = c.rng.uniform(15, 50) * np.sin(phase)
    one = c.arm(c.held(0, 80), c.held(20, 95), c.held(-20, 60), c.held(10, 110))
    return c.upright(
        arms=(one, one), back=c.three(c.held(-5, 12), turn, c.sway(3)),
        pelvis=c.three(c.held(-3, 5), 0.2 * turn, c.sway(1)),
    )  # fmt: skip


_MAKERS = {
    Exercise.STAND: _stand, Exercise.TALK: _talk, Exercise.SIT: _sit, Exercise.SQUAT: _squat,
    Exercise.ONE_LEG: _one_leg, Exercise.SIDE_BEND: _side_bend, Exercise.FORWARD_BEND: _forward_bend,
    Exercise.RAISE_ARMS: _raise_arms, Exercise.LUNGE: _lunge, Exercise.TWIST: _twist,
}  # fmt: skip


def _about(axis: int, deg: Array) -> Array:
    angles = np.zeros((*deg.shape, 3))
    angles[..., axis] = deg
    return rotation_xyz(angles)


def _local_rotations(body: _Body, apart_deg: float) -> dict[str, Array]:
    """bone -> (T, 3, 3), as `JointAnglePack.posed` takes them.

    apart_deg: angle between a leg at rest and the vertical.
    """
    pelvis = rotation_xyz(body.pelvis)
    local = {"root": pelvis}
    for bone in ("lowerback", "upperback", "thorax"):
        local[bone] = rotation_xyz(body.back / 3)
    for bone in ("lowerneck", "upperneck", "head"):
        local[bone] = rotation_xyz(body.neck / 3)
    flip = np.array([-1.0, 1.0, 1.0])
    mirror = flip[:, None] * flip
    own = _about(2, np.array(apart_deg))
    for side, same, arm, leg in (
        ("l", np.ones((3, 3)), body.arms[0], body.legs[0]),
        ("r", mirror, body.arms[1], body.legs[1]),
    ):
        root = pelvis * same  # mirrored, for a right limb
        limb = {
            "clavicle": _about(2, arm.shrug),
            "humerus": _about(0, -arm.forward) @ _about(2, arm.outward - 90) @ _about(0, arm.inward_turn),
            "radius": _about(1, -arm.elbow),
            "wrist": _about(0, arm.forearm_turn),
            "hand": _about(2, arm.wrist),
        }
        # The angles of the legs are relative to the vertical, not to the pelvis.
        heading = _about(1, np.degrees(np.arctan2(root[:, 0, 2], root[:, 2, 2])))
        thigh = heading @ _about(0, -leg.forward) @ _about(2, leg.outward) @ _about(1, leg.turnout)
        femur = thigh @ own.T
        limb["femur"] = np.swapaxes(root, 1, 2) @ femur
        limb["tibia"] = own @ _about(0, leg.knee) @ own.T
        tibia = femur @ limb["tibia"]
        knee_axis = (tibia @ own)[:, :, 0]  # the foot points in the direction of the knee
        facing = np.degrees(np.arctan2(-knee_axis[:, 2], knee_axis[:, 0]))
        limb["foot"] = np.swapaxes(tibia, 1, 2) @ _about(1, facing) @ _about(0, leg.foot)
        for bone, rotation in limb.items():
            local[side + bone] = rotation * same
    return local
