"""Motions as joint angles (the AMC pack): forward kinematics in numpy.

World axes: metres, y up, left is +x for a person who faces +z.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.npz_files import read_arrays
from rtpose.train.clip_lists import check_clips

METRES_PER_UNIT = 0.0564444
PACK_FPS = 30.0
Array = NDArray[np.float64]


def rotation_xyz(angles_deg: Array) -> Array:
    """(..., 3) degrees about x, y, z -> (..., 3, 3) = Rz Ry Rx."""
    c, s = np.cos(np.radians(angles_deg)), np.sin(np.radians(angles_deg))
    cx, cy, cz = c[..., 0], c[..., 1], c[..., 2]
    sx, sy, sz = s[..., 0], s[..., 1], s[..., 2]
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


@dataclass(frozen=True)
class JointAngleMotion:
    """One clip: a global rotation for each bone and frame."""

    name: str
    subject: str
    text: str
    rotations: dict[str, Array]
    """bone -> (T, 3, 3), world from the bone's rest axes; "root" included."""
    hips: Array
    """(T, 3) metres: middle of the hip joints."""
    lowest: Array
    """(T,) metres: lowest end of foot or toes, floor near 0."""
    leg_length: float
    """Metres: thigh and shin of the recorded person."""
    rest_directions: dict[str, Array]
    """bone -> (3,) direction at rest."""
    rest_trunk: Array
    """(3,) from the middle of the hips to the middle of the shoulders at rest."""

    def __len__(self) -> int:
        return len(self.hips)

    def part(self, start: int, stop: int) -> JointAngleMotion:
        """Frames start to stop - 1."""
        cut = slice(start, stop)
        rotations = {bone: r[cut] for bone, r in self.rotations.items()}
        return JointAngleMotion(
            self.name, self.subject, self.text, rotations,
            self.hips[cut], self.lowest[cut], self.leg_length, self.rest_directions, self.rest_trunk,
        )  # fmt: skip

    def turned(self, yaw_deg: float) -> JointAngleMotion:
        """The whole motion turned about the vertical axis (counter-clockwise from above)."""
        turn = rotation_xyz(np.array([0.0, yaw_deg, 0.0]))
        rotations = {bone: turn @ r for bone, r in self.rotations.items()}
        return JointAngleMotion(
            self.name, self.subject, self.text, rotations,
            self.hips @ turn.T, self.lowest, self.leg_length, self.rest_directions, self.rest_trunk,
        )  # fmt: skip

    def bent(self, turns: dict[str, Array]) -> JointAngleMotion:
        """The same motion with joints bent further.

        turns: bone -> (3, 3), in the rest axes of its parent bone; child bones follow. Keys of `LIMBS`.
        """
        rotations = dict(self.rotations)
        for bone, turn in turns.items():
            parent = rotations[HANGS_FROM[bone]]
            moved = parent @ turn @ np.swapaxes(parent, -1, -2)
            for other in LIMBS[bone]:
                rotations[other] = moved @ rotations[other]
        return replace(self, rotations=rotations)

    def with_limb_of(self, other: JointAngleMotion, bone: str) -> JointAngleMotion:
        """The limb that begins with `bone` (a key of `LIMBS`) moves, relative to its parent, as in `other`."""
        rotations, directions = dict(self.rotations), dict(self.rest_directions)
        parent = HANGS_FROM[bone]
        carry = rotations[parent] @ np.swapaxes(other.rotations[parent], -1, -2)
        for part in LIMBS[bone]:
            rotations[part] = carry @ other.rotations[part]
            directions[part] = other.rest_directions[part]
        return replace(self, rotations=rotations, rest_directions=directions)

    def mirrored(self) -> JointAngleMotion:
        """The mirror image: left and right are swapped."""
        flip = np.array([-1.0, 1.0, 1.0])
        both = flip[:, None] * flip
        return replace(
            self,
            rotations={_twin(bone): r * both for bone, r in self.rotations.items()},
            hips=self.hips * flip,
            rest_directions={_twin(bone): d * flip for bone, d in self.rest_directions.items()},
            rest_trunk=self.rest_trunk * flip,
        )

    def heading_deg(self) -> Array:
        """(T,) degrees: the direction that the hips face. 0 is +z; positive is to the person's left (+x)."""
        forward = self.rotations["root"][:, :, 2]
        return np.degrees(np.arctan2(forward[:, 0], forward[:, 2]))


def _twin(bone: str) -> str:
    """The same bone on the other side; for a bone in the middle, itself."""
    rest = bone[1:]
    if bone[0] in "lr" and f"l{rest}" in _SIDED:
        return ("r" if bone[0] == "l" else "l") + rest
    return bone


_SIDED = {
    f"l{bone}"
    for bone in (
        "hipjoint", "femur", "tibia", "foot", "toes",
        "clavicle", "humerus", "radius", "wrist", "hand", "fingers", "thumb",
    )
}  # fmt: skip

_HANDS = {
    side: (f"{side}wrist", f"{side}hand", f"{side}fingers", f"{side}thumb") for side in ("l", "r")
}  # fmt: skip
LIMBS: dict[str, tuple[str, ...]] = {
    "lowerneck": ("lowerneck", "upperneck", "head"),
    **{f"{s}humerus": (f"{s}humerus", f"{s}radius", *_HANDS[s]) for s in "lr"},
    **{f"{s}radius": (f"{s}radius", *_HANDS[s]) for s in "lr"},
    **{f"{s}femur": (f"{s}femur", f"{s}tibia", f"{s}foot", f"{s}toes") for s in "lr"},
    **{f"{s}tibia": (f"{s}tibia", f"{s}foot", f"{s}toes") for s in "lr"},
}
"""bone -> itself and its descendants."""
LIMBS["upperback"] = (
    "upperback", "thorax", *LIMBS["lowerneck"], "lclavicle", *LIMBS["lhumerus"], "rclavicle", *LIMBS["rhumerus"],
)  # fmt: skip
HANGS_FROM = {
    "lowerneck": "thorax", "upperback": "lowerback",
    "lhumerus": "lclavicle", "lradius": "lhumerus", "lfemur": "lhipjoint", "ltibia": "lfemur",
    "rhumerus": "rclavicle", "rradius": "rhumerus", "rfemur": "rhipjoint", "rtibia": "rfemur",
}  # fmt: skip


class JointAnglePack:
    """`cmu_amc30_*.npz`: clips of joint angles with the skeletons they belong to."""

    def __init__(self, path: Path) -> None:
        """Errors: `InputError` for a file that is missing or of another kind."""
        if not path.is_file():
            raise InputError(f"no motion pack {path}: name the folder that holds {path.name}")
        keys = ("angles_cdeg", "root_units", "seg", "meta", "channels", "skeletons")
        kind = "a pack of joint angles, which `rtpose data prepare cmu --angles` makes"
        file = read_arrays(path, keys, kind)
        try:
            self._angles_cdeg: NDArray[np.int16] = file["angles_cdeg"]
            self._root_units: NDArray[np.float32] = file["root_units"]
            self._starts: NDArray[np.int32] = file["seg"]
            self.clips = check_clips(path, self._starts, file["meta"], len(self._angles_cdeg))
            self._channels: list[tuple[str, list[str]]] = json.loads(str(file["channels"]))
            self._skeletons: dict[str, Any] = json.loads(str(file["skeletons"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(f"{path} is not {kind}, or it is damaged") from None
        self._floors: dict[int, float] = {}
        self._axes_of: dict[str, dict[str, Array]] = {}

    def __len__(self) -> int:
        return len(self.clips)

    def find(self, clip: str, start: int = 0) -> int:
        """Index of the clip with this name and start; `InputError` if the pack has none."""
        for i, entry in enumerate(self.clips):
            if entry["clip"] == clip and entry["start"] == start:
                return i
        raise InputError(f"the motion pack has no clip {clip} that starts at {start}")

    def motion(self, index: int, frames: slice = slice(None)) -> JointAngleMotion:
        """Clip `index`, or some of its frames, with the whole clip's floor at 0."""
        motion = self._moved(index, frames)
        if index not in self._floors:
            whole = motion if frames == slice(None) else self._moved(index, slice(None))
            self._floors[index] = float(np.percentile(whole.lowest, 5))
        floor = self._floors[index]
        return replace(motion, hips=motion.hips - np.array([0.0, floor, 0.0]), lowest=motion.lowest - floor)

    def _axes(self, subject: str) -> dict[str, Array]:
        """bone -> (3, 3): the axes about which its angles turn."""
        if subject not in self._axes_of:
            bones = self._skeletons[subject]["bones"]
            self._axes_of[subject] = {b: rotation_xyz(np.array(facts["axis_deg"])) for b, facts in bones.items()}
        return self._axes_of[subject]

    def _moved(self, index: int, frames: slice) -> JointAngleMotion:
        """The motion with its recorded heights."""
        entry = self.clips[index]
        clip = slice(self._starts[index], self._starts[index + 1])
        angles = self._angles_cdeg[clip][frames].astype(np.float64) / 100.0
        root = self._root_units[clip][frames].astype(np.float64) * METRES_PER_UNIT

        xyz = np.zeros((len(self._channels), len(root), 3))
        column = 0
        for k, (_, axes) in enumerate(self._channels):
            for axis in axes:
                xyz[k, :, "xyz".index(axis[1])] = angles[:, column]
                column += 1
        turns = rotation_xyz(xyz)
        of_bone = {bone: turns[k] for k, (bone, _) in enumerate(self._channels)}

        local = {"root": of_bone["root"]}
        for bone, own in self._axes(entry["subject"]).items():
            if bone in of_bone:
                local[bone] = own @ of_bone[bone] @ own.T
        return self.posed(entry["subject"], local, root, f"{entry['clip']}+{entry['start']}", entry["text"])

    def posed(self, subject: str, local: dict[str, Array], root: Array, name: str, text: str) -> JointAngleMotion:
        """A motion of the skeleton of `subject`. The floor is not moved to 0.

        local: bone -> (T, 3, 3), its rotation relative to its parent, in the axes of the body at rest (left +x, y up,
        front +z; arms to the sides); bones that are missing follow their parents. root: (T, 3) metres, position of
        "root".
        """
        skeleton = self._skeletons[subject]
        rotations = {"root": local["root"]}
        ends = {"root": root}
        rest_ends = {"root": np.zeros(3)}
        directions = {}
        for bone in skeleton["order"]:
            facts = skeleton["bones"][bone]
            parent = skeleton["parent"][bone]
            rotations[bone] = rotations[parent] @ local[bone] if bone in local else rotations[parent]
            directions[bone] = np.array(facts["dir"])
            offset = directions[bone] * facts["len"] * METRES_PER_UNIT
            ends[bone] = ends[parent] + rotations[bone] @ offset
            rest_ends[bone] = rest_ends[parent] + offset

        lowest = np.min([ends[b][:, 1] for b in ("lfoot", "rfoot", "ltoes", "rtoes")], axis=0)
        hips = (ends["lhipjoint"] + ends["rhipjoint"]) / 2
        bones = skeleton["bones"]
        trunk = sum(rest_ends[s + "clavicle"] - rest_ends[s + "hipjoint"] for s in "lr") / 2
        leg = METRES_PER_UNIT * (bones["lfemur"]["len"] + bones["ltibia"]["len"])
        return JointAngleMotion(
            name, subject, text, rotations, hips, lowest, leg, directions, np.asarray(trunk),
        )  # fmt: skip

    def ends(self, motion: JointAngleMotion) -> dict[str, Array]:
        """bone -> (T, 3) metres: the far end of each bone of the skeleton of `motion.subject`, relative to "root"."""
        skeleton = self._skeletons[motion.subject]
        ends: dict[str, Array] = {"root": np.zeros((len(motion), 3))}
        for bone in skeleton["order"]:
            facts = skeleton["bones"][bone]
            offset = np.array(facts["dir"]) * facts["len"] * METRES_PER_UNIT
            ends[bone] = ends[skeleton["parent"][bone]] + motion.rotations[bone] @ offset
        return ends

    @property
    def subjects(self) -> list[str]:
        """All subjects in the pack, sorted."""
        return sorted({str(clip["subject"]) for clip in self.clips})
