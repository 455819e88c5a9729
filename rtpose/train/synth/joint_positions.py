"""Motions as joint positions (the packs that lifters learn from), converted to bone rotations, as a body needs.

Positions do not show how a straight limb is rotated about its own axis, nor where the head looks. So such a limb is
rotated as little as possible from its parent, and the head faces in the direction of the chest. World axes: as in
`motion`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.npz_files import read_arrays
from rtpose.train.clip_lists import check_clips
from rtpose.train.synth.motion import Array, JointAngleMotion

_UP = np.array([0.0, 1.0, 0.0])
_FOOT = np.array([0.0, -0.183, 0.983])
_REST: dict[str, Array] = {
    "femur": -_UP, "tibia": -_UP, "foot": _FOOT, "toes": np.array([0.0, 0.0, 1.0]),
    "thumb": np.array([0.707, 0.0, 0.707]), "clavicle": np.array([0.93, 0.35, -0.1]),
    "hipjoint": np.array([0.57, -0.75, 0.35]),
    **{bone: np.array([1.0, 0.0, 0.0]) for bone in ("humerus", "radius", "wrist", "hand", "fingers")},
}  # fmt: skip
"""Directions of the left bones at rest: those of the CMU skeletons, except that the legs are vertical."""
_MIDDLE = ("lowerback", "upperback", "thorax", "lowerneck", "upperneck", "head")
_REST_SPINE = np.array([0.0, 0.966, -0.26])
"""Direction from the middle of the hips to the joint "spine" at rest."""
_REST_CHEST = np.array([0.0, 1.0, 0.018])
"""Direction from "spine" to "thorax" at rest."""
_REST_TRUNK = np.array([0.0, 0.52, -0.078])
_SHAPED = 0.25
"""Sine of an angle: a joint bent at least this far fully determines its limb's rotation about the limb's own axis."""


_JOINTS = (
    "hip", "spine", "thorax", "neck_nose", "head",
    *(f"{side}{joint}" for side in "lr" for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")),
)  # fmt: skip
_ENDS = ("lfoot", "rfoot", "lhand", "rhand")


class JointPositionPack:
    """`cmu17_*.npz`: clips of joint positions, with the ends of feet and hands."""

    def __init__(self, path: Path) -> None:
        """Errors: `InputError` for a file that is missing, of another kind, or without the ends of feet and hands."""
        if not path.is_file():
            raise InputError(f"no motion pack {path}: name the folder that holds {path.name}")
        kind = "a pack of joint positions with feet and hands, such as cmu17_train.npz"
        file = read_arrays(path, ("joint_names", "extra_names", "joints", "extras", "root", "seg", "meta"), kind)
        try:
            names = [str(name) for name in file["joint_names"]]
            extras = [str(name) for name in file["extra_names"]]
            if missing := set(_JOINTS) - set(names):
                raise InputError(f"{path} lacks the joints {', '.join(sorted(missing))}: give another pack")
            self._names = (*names, *_ENDS)
            wanted = [extras.index(f"{side}{end}_end") for end in ("foot", "hand") for side in "lr"]
            self._positions: NDArray[np.int16] = np.concatenate([file["joints"], file["extras"][:, wanted]], axis=1)
            self._root_mm: NDArray[np.float32] = file["root"]
            self._starts: NDArray[np.int32] = file["seg"]
            self.clips = check_clips(path, self._starts, file["meta"], len(self._positions))
        except (ValueError, KeyError, TypeError, IndexError):
            raise InputError(f"{path} is not {kind}, or it is damaged") from None

    def motion(self, index: int, frames: slice = slice(None)) -> JointAngleMotion:
        """Clip `index`, or some of its frames."""
        clip = slice(self._starts[index], self._starts[index + 1])
        positions = self._positions[clip][frames].astype(np.float64) * 1e-4
        root = self._root_mm[clip][frames].astype(np.float64) * 1e-3
        at = dict(zip(self._names, np.moveaxis(positions, 1, 0), strict=True))
        rotations = rotations_of(at)
        flip = np.array([-1.0, 1.0, 1.0])
        directions = {
            f"{side}{bone}": direction * (1 if side == "l" else flip)
            for side in "lr"
            for bone, direction in _REST.items()
        } | dict.fromkeys(_MIDDLE, _UP)
        leg = np.mean([np.linalg.norm(at[f"{s}{a}"] - at[f"{s}{b}"], axis=1).mean() for s in "lr" for a, b in _LEG])
        feet = np.stack([at[name][:, 1] for name in ("lankle", "rankle", "lfoot", "rfoot")])
        lowest = root[:, 1] + feet.min(0) - _FOOT_M
        entry = self.clips[index]
        return JointAngleMotion(
            f"{entry['clip']}+{entry['start']}", str(entry["subject"]), str(entry["text"]),
            rotations, root + at["hip"], lowest, float(2 * leg), directions, _REST_TRUNK,
        )  # fmt: skip


_LEG = (("hip", "knee"), ("knee", "ankle"))
_FOOT_M = 0.02
"""Approximate height of the lowest of ankle and ball above the sole."""


def rotations_of(at: dict[str, Array]) -> dict[str, Array]:
    """Joint -> (T, 3) metres, converted to bone -> (T, 3, 3), world from the bone's rest axes."""
    pelvis = _frames(at["lhip"] - at["rhip"], at["spine"] - at["hip"], _REST_SPINE)
    chest = _frames(at["lshoulder"] - at["rshoulder"], at["thorax"] - at["spine"], _REST_CHEST)
    out = {"root": pelvis, "lhipjoint": pelvis, "rhipjoint": pelvis, "lclavicle": chest, "rclavicle": chest}
    out["lowerback"], out["upperback"], out["thorax"] = (
        _between(pelvis, chest, 0.33),
        _between(pelvis, chest, 0.67),
        chest,
    )
    neck = _swung(chest, _UP, at["neck_nose"] - at["thorax"])
    out["lowerneck"] = out["upperneck"] = neck
    out["head"] = _swung(neck, _UP, at["head"] - at["neck_nose"])
    for side, sign in (("l", 1.0), ("r", -1.0)):
        thigh, shin = at[f"{side}knee"] - at[f"{side}hip"], at[f"{side}ankle"] - at[f"{side}knee"]
        straight = _swung(pelvis, -_UP, thigh)
        femur = _twisted(straight, thigh, np.cross(thigh, shin), np.array([1.0, 0.0, 0.0]), _bend(thigh, shin))
        tibia = _swung(femur, -_UP, shin)
        foot = _swung(tibia, _FOOT, at[f"{side}foot"] - at[f"{side}ankle"])
        out |= {f"{side}femur": femur, f"{side}tibia": tibia, f"{side}foot": foot, f"{side}toes": foot}
        along = np.array([sign, 0.0, 0.0])
        upper, fore = at[f"{side}elbow"] - at[f"{side}shoulder"], at[f"{side}wrist"] - at[f"{side}elbow"]
        hanging = _swung(chest, along, upper)
        humerus = _twisted(hanging, upper, -sign * np.cross(upper, fore), _UP, _bend(upper, fore))
        radius = _swung(humerus, along, fore)
        hand = _swung(radius, along, at[f"{side}hand"] - at[f"{side}wrist"])
        out |= {f"{side}humerus": humerus, f"{side}radius": radius, f"{side}wrist": hand}
        out |= {f"{side}{bone}": hand for bone in ("hand", "fingers", "thumb")}
    return out


def _unit(vectors: Array) -> Array:
    out: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return out


def _frames(x: Array, y: Array, rest_y: Array) -> Array:
    """(T, 3, 3): takes +x to `x` (T, 3), and `rest_y` (3,), perpendicular to +x, as near to `y` (T, 3) as possible."""
    x = _unit(x)
    z = _unit(np.cross(x, y))
    seen = np.stack([x, np.cross(z, x), z], -1)
    rest_z = _unit(np.cross([1.0, 0.0, 0.0], rest_y))
    rest = np.stack([np.array([1.0, 0.0, 0.0]), np.cross(rest_z, [1.0, 0.0, 0.0]), rest_z], -1)
    return np.asarray(seen @ rest.T)


def _swung(parent: Array, rest: Array, seen: Array) -> Array:
    """(T, 3, 3): `parent`, followed by the smallest rotation that takes its `rest` (3,) to `seen` (T, 3)."""
    a, b = parent @ _unit(rest), _unit(seen)
    c = np.clip((a * b).sum(-1), -0.9999, 1.0)[:, None, None]
    v = np.cross(a, b)
    k = np.zeros((len(v), 3, 3))
    k[:, 0, 1], k[:, 0, 2], k[:, 1, 2] = -v[:, 2], v[:, 1], -v[:, 0]
    k -= np.swapaxes(k, 1, 2)
    return np.asarray((np.eye(3) + k + k @ k / (1 + c)) @ parent)


def _bend(a: Array, b: Array) -> Array:
    """(T,) 0..1: how well the bend between two bones determines its plane."""
    sine = np.linalg.norm(np.cross(_unit(a), _unit(b)), axis=-1)
    return np.asarray(np.clip(sine / _SHAPED, 0, 1) ** 2)


def _twisted(turn: Array, along: Array, axis: Array, rest_axis: Array, weight: Array) -> Array:
    """(T, 3, 3): `turn`, then rotated about `along` (T, 3) until `rest_axis` (3,) points to `axis` (T, 3).

    weight: (T,) 0..1, the share of that rotation.
    """
    along = _unit(along)
    now = turn @ rest_axis
    wanted = _unit(axis - (axis * along).sum(-1, keepdims=True) * along)
    angle = np.arctan2((np.cross(now, wanted) * along).sum(-1), (now * wanted).sum(-1)) * weight
    c, s = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    k = np.zeros((len(along), 3, 3))
    k[:, 0, 1], k[:, 0, 2], k[:, 1, 2] = -along[:, 2], along[:, 1], -along[:, 0]
    k -= np.swapaxes(k, 1, 2)
    return np.asarray((np.eye(3) + s * k + (1 - c) * k @ k) @ turn)


def _between(a: Array, b: Array, share: float) -> Array:
    """(T, 3, 3): the rotation at that share of the way from `a` to `b`, which must be near each other."""
    u, _, vt = np.linalg.svd((1 - share) * a + share * b)
    return np.asarray(u @ vt)
