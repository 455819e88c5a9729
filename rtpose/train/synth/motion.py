"""Motions as joint angles (the AMC pack): forward kinematics in numpy.

World axes: metres, y up, left is +x for someone who faces +z.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError

METRES_PER_UNIT = 0.0564444
FPS = 30.0
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
class Motion:
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
    """Metres: thigh and shin of the person who moved."""
    rest_directions: dict[str, Array]
    """bone -> (3,) direction at rest."""
    rest_trunk: Array
    """(3,) from the middle of the hips to the middle of the shoulders at rest."""

    def __len__(self) -> int:
        return len(self.hips)

    def part(self, start: int, stop: int) -> Motion:
        """Frames start to stop - 1."""
        cut = slice(start, stop)
        rotations = {bone: r[cut] for bone, r in self.rotations.items()}
        return Motion(
            self.name, self.subject, self.text, rotations,
            self.hips[cut], self.lowest[cut], self.leg_length, self.rest_directions, self.rest_trunk,
        )  # fmt: skip

    def turned(self, yaw_deg: float) -> Motion:
        """The whole motion turned about the vertical axis (counter-clockwise from above)."""
        turn = rotation_xyz(np.array([0.0, yaw_deg, 0.0]))
        rotations = {bone: turn @ r for bone, r in self.rotations.items()}
        return Motion(
            self.name, self.subject, self.text, rotations,
            self.hips @ turn.T, self.lowest, self.leg_length, self.rest_directions, self.rest_trunk,
        )  # fmt: skip

    def heading_deg(self) -> Array:
        """(T,) degrees: where the hips face, 0 = +z, positive to the person's left (+x)."""
        forward = self.rotations["root"][:, :, 2]
        return np.degrees(np.arctan2(forward[:, 0], forward[:, 2]))


class JointAnglePack:
    """`cmu_amc30_*.npz`: clips of joint angles with the skeletons they belong to."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"no motion pack {path}: name the folder that holds {path.name}")
        with np.load(path, allow_pickle=False) as file:
            self._angles_cdeg: NDArray[np.int16] = file["angles_cdeg"]
            self._root_units: NDArray[np.float32] = file["root_units"]
            self._starts: NDArray[np.int32] = file["seg"]
            self.clips: list[dict[str, Any]] = json.loads(str(file["meta"]))
            self._channels: list[tuple[str, list[str]]] = json.loads(str(file["channels"]))
            self._skeletons: dict[str, Any] = json.loads(str(file["skeletons"]))

    def __len__(self) -> int:
        return len(self.clips)

    def find(self, clip: str, start: int = 0) -> int:
        """Index of the clip with this name and start; `InputError` if the pack has none."""
        for i, entry in enumerate(self.clips):
            if entry["clip"] == clip and entry["start"] == start:
                return i
        raise InputError(f"the motion pack has no clip {clip} that starts at {start}")

    def motion(self, index: int) -> Motion:
        """Clip `index` with its floor at 0."""
        entry = self.clips[index]
        skeleton = self._skeletons[entry["subject"]]
        frames = slice(self._starts[index], self._starts[index + 1])
        angles = self._angles_cdeg[frames].astype(np.float64) / 100.0
        root = self._root_units[frames].astype(np.float64) * METRES_PER_UNIT

        of_bone: dict[str, Array] = {}
        column = 0
        for bone, axes in self._channels:
            xyz = np.zeros((len(root), 3))
            for axis in axes:
                xyz[:, "xyz".index(axis[1])] = angles[:, column]
                column += 1
            of_bone[bone] = xyz

        rotations = {"root": rotation_xyz(of_bone["root"])}
        ends = {"root": root}
        rest_ends = {"root": np.zeros(3)}
        directions = {}
        for bone in skeleton["order"]:
            facts = skeleton["bones"][bone]
            parent = skeleton["parent"][bone]
            local = np.eye(3)
            if bone in of_bone:
                axes_of_bone = rotation_xyz(np.array(facts["axis_deg"]))
                local = axes_of_bone @ rotation_xyz(of_bone[bone]) @ axes_of_bone.T
            rotations[bone] = rotations[parent] @ local
            directions[bone] = np.array(facts["dir"])
            offset = directions[bone] * facts["len"] * METRES_PER_UNIT
            ends[bone] = ends[parent] + rotations[bone] @ offset
            rest_ends[bone] = rest_ends[parent] + offset

        lowest = np.min([ends[b][:, 1] for b in ("lfoot", "rfoot", "ltoes", "rtoes")], axis=0)
        floor = np.percentile(lowest, 5)
        hips = (ends["lhipjoint"] + ends["rhipjoint"]) / 2 - np.array([0.0, floor, 0.0])
        bones = skeleton["bones"]
        trunk = sum(rest_ends[s + "clavicle"] - rest_ends[s + "hipjoint"] for s in "lr") / 2
        leg = METRES_PER_UNIT * (bones["lfemur"]["len"] + bones["ltibia"]["len"])
        return Motion(
            f"{entry['clip']}+{entry['start']}", entry["subject"], entry["text"],
            rotations, hips, lowest - floor, leg, directions, np.asarray(trunk),
        )  # fmt: skip
