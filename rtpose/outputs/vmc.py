"""One person for avatars over the Virtual Motion Capture protocol (OSC, VRM's bones): https://protocol.vmc.info."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rtpose.geometry import standing_height, unity_from_viewer, viewer_from_camera
from rtpose.outputs.datagrams import Datagrams
from rtpose.outputs.osc import Message, bundle
from rtpose.outputs.send import ChosenPerson, StreamAddress, Warn
from rtpose.rotations import Float64, bone_rotations, quaternions
from rtpose.skeleton import H36M17
from rtpose.types import Person3D, Result, is_guess

DEFAULT_PORT = 39539
ANKLE_SHARE = 0.039
"""Height of the ankle above the floor as a share of the standing height (Drillis and Contini 1966)."""


@dataclass(frozen=True, slots=True)
class VmcBone:
    """A bone of VRM's humanoid."""

    name: str
    parent: str | None
    starts_at: str
    """The joint of h36m17 at its base."""
    ends_at: str
    """The joint of h36m17 at its end, by which `rotations` names it."""


VMC_BONES = (
    VmcBone("Hips", None, "root", "root"),
    VmcBone("Spine", "Hips", "root", "spine"),
    VmcBone("Chest", "Spine", "spine", "thorax"),
    VmcBone("Neck", "Chest", "thorax", "neck_base"),
    VmcBone("Head", "Neck", "neck_base", "head"),
    *(
        VmcBone(f"{side}{name}", f"{side}{parent}" if parent in ("Shoulder", "UpperArm", "UpperLeg") else parent,
             start if start == "thorax" else f"{side.lower()}_{start}", f"{side.lower()}_{end}")
        for side in ("Left", "Right")
        for name, parent, start, end in (
            ("Shoulder", "Chest", "thorax", "shoulder"),
            ("UpperArm", "Shoulder", "shoulder", "elbow"),
            ("LowerArm", "UpperArm", "elbow", "wrist"),
            ("UpperLeg", "Hips", "hip", "knee"),
            ("LowerLeg", "UpperLeg", "knee", "foot"),
        )
    ),
)  # fmt: skip
"""Bones whose rotation the joints determine, parents first. Hands, feet and face are left to the receiver."""
_STARTS = H36M17.indices(*(bone.starts_at for bone in VMC_BONES))
_ENDS = H36M17.indices(*(bone.ends_at for bone in VMC_BONES))
_FEET = H36M17.indices("left_foot", "right_foot")
ROOT_SHARE = 0.53
"""Height of the hips above the floor as a share of the standing height (Drillis and Contini 1966)."""
_PARENTS = [next((i for i, bone in enumerate(VMC_BONES) if bone.name == child.parent), -1) for child in VMC_BONES]


class VmcStream:
    """One bundle per result: state, time, root and the bones of one person.

    Unity's axes (left-handed: x right, y up, z forward), metres; quaternions x, y, z, w. A person who faces the camera
    faces z. The root stays at the origin: the point on the floor below the hips where the person is first seen,
    assuming that the lower foot stands on the floor. The hips move relative to it. Positions of bones are those of the
    joints, in their parents' axes; a receiver that keeps its avatar's bone lengths uses the rotations only.
    """

    def __init__(self, address: StreamAddress, warn: Warn) -> None:
        """Errors: `ConfigError` for an invalid address."""
        self._datagrams = Datagrams(address, warn, DEFAULT_PORT)
        self._choice = ChosenPerson(address)
        self._floor: tuple[int, Float64] | None = None
        """(the person's id, origin in the viewer's axes)."""

    def write(self, result: Result) -> None:
        """Send the person's bones, or only the state if the person is not seen."""
        person = self._choice.of(result)
        messages: list[Message] = [
            # Loaded, calibrated, normal mode, and whether tracking works.
            ("/VMC/Ext/OK", "iiii", (1, 3, 0, int(person is not None))),
            ("/VMC/Ext/T", "f", (result.frame.pts_s,)),
        ]
        if person is not None:
            messages.append(("/VMC/Ext/Root/Pos", "sfffffff", ("root", 0, 0, 0, 0, 0, 0, 1)))
            messages += self._bones(person)
        self._datagrams.send(bundle(messages))

    def close(self) -> None:
        """Free the socket."""
        self._datagrams.close()

    def _bones(self, person: Person3D) -> Iterator[Message]:
        seen = ~is_guess(person.confidence, person.keypoints_2d[:, 2])
        joints = viewer_from_camera(person.pose_3d + person.root_3d).astype(np.float64)
        if self._floor is None or self._floor[0] != person.track_id:
            root, feet = joints[H36M17.index_of["root"]], joints[[foot for foot in _FEET if seen[foot]], 1]
            height_m = float(standing_height(person.pose_3d, person.confidence))
            floor = feet.min() - ANKLE_SHARE * height_m if len(feet) else root[1] - ROOT_SHARE * height_m
            self._floor = person.track_id, np.array([root[0], floor, root[2]])
        # An extra row for the world, the parent of the hips.
        axes = np.concatenate([bone_rotations(joints)[_ENDS], np.eye(3)[None]])
        sure = seen[_STARTS] & seen[_ENDS]
        starts = np.concatenate([joints[_STARTS], self._floor[1][None]])
        into_parents = np.swapaxes(axes[_PARENTS], -1, -2)
        places = unity_from_viewer((into_parents @ (starts[:-1] - starts[_PARENTS])[..., None])[..., 0])
        # Mirroring a rotation keeps the component of its axis across the mirror and negates the others.
        turns = quaternions(into_parents @ axes[:-1]) * (1, -1, -1, 1)
        for bone, place, turn, sent in zip(VMC_BONES, places.tolist(), turns.tolist(), sure, strict=True):
            if sent:
                yield "/VMC/Ext/Bone/Pos", "sfffffff", (bone.name, *place, *turn)
