"""One person for avatars over the Virtual Motion Capture protocol (OSC, VRM's bones): https://protocol.vmc.info."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rtpose.bones import BONE_NAMES, CONTACT_JOINTS, bone_offsets, bones_in_sight, rotations_from_wxyz
from rtpose.geometry import VIEWER_FROM_CAMERA, unity_from_viewer
from rtpose.outputs.datagrams import Datagrams
from rtpose.outputs.osc import Message, bundles
from rtpose.outputs.send import ChosenPerson, StreamAddress, Warn
from rtpose.rotations import Float64, quaternions
from rtpose.skeleton import RTPOSE28
from rtpose.types import BodyPose, Person3D, Result, is_guess

DEFAULT_PORT = 39539
VMC_NAMES = tuple(name[0].upper() + name[1:] for name in BONE_NAMES)
"""The bones' names as in Unity's humanoid."""
ROOT_SHARE = 0.53
"""Height of the hips above the floor as a share of the standing height (Drillis and Contini 1966)."""
_LEG_BONES = [BONE_NAMES.index(name) for name in ("leftUpperLeg", "leftLowerLeg")]
_LEG_SHARE = 0.491
"""Length of thigh and shank together as a share of the standing height (as above)."""
_SOLES = RTPOSE28.indices(*CONTACT_JOINTS)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the avatar's root is."""

    track_id: int
    levelled: bool
    """Whether the room is the recording's own, by `Result.world_from_camera`."""
    origin: Float64
    """(3,) metres, room with y up."""


class VmcStream:
    """Bundles for each result: state, time, root and the bones of one person that are in sight.

    Unity's axes (left-handed: x right, y up, z forward), metres; quaternions x, y, z, w. A person who faces the camera
    faces z. The root stays at the origin: the point on the floor below the hips where the person is first seen. Until
    `Result.world_from_camera` is known, the camera is assumed to be level and the lower foot to be on the floor then.
    The hips move relative to the root. Positions of bones are in their parents' axes; a receiver that keeps its
    avatar's bone lengths uses the rotations only.
    """

    def __init__(self, address: StreamAddress, warn: Warn) -> None:
        """Errors: `ConfigError` for an invalid address."""
        self._datagrams = Datagrams(address, warn, DEFAULT_PORT)
        self._choice = ChosenPerson(address)
        self._place: _Place | None = None

    def write(self, result: Result) -> None:
        """Send the person's bones, or only the state if the person is not seen, or has no body."""
        person = self._choice.of(result)
        body = None if person is None else person.body
        messages: list[Message] = [
            # Loaded, calibrated, normal mode, and whether tracking works.
            ("/VMC/Ext/OK", "iiii", (1, 3, 0, int(body is not None))),
            ("/VMC/Ext/T", "f", (result.frame.pts_s,)),
        ]
        if person is not None and body is not None:
            messages.append(("/VMC/Ext/Root/Pos", "sfffffff", ("root", 0, 0, 0, 0, 0, 0, 1)))
            messages += self._bones(person, body, result.world_from_camera)
        for datagram in bundles((), messages):
            self._datagrams.send(datagram)

    def close(self) -> None:
        """Free the socket."""
        self._datagrams.close()

    def _bones(self, person: Person3D, body: BodyPose, world_from_camera: Float64 | None) -> Iterator[Message]:
        seen = ~is_guess(person.confidence, person.keypoints_2d[:, 2])
        room = np.eye(4)
        room[:3, :3] = VIEWER_FROM_CAMERA
        if world_from_camera is not None:
            room = world_from_camera
        joints = (person.pose_3d + person.root_3d) @ room[:3, :3].T + room[:3, 3]
        root, levelled = joints[0], world_from_camera is not None
        if self._place is None or (self._place.track_id, self._place.levelled) != (person.track_id, levelled):
            soles = joints[[joint for joint in _SOLES if seen[joint]], 1]
            leg_m = float(body.bone_lengths[_LEG_BONES].sum())
            floor = soles.min() if len(soles) else root[1] - leg_m * ROOT_SHARE / _LEG_SHARE
            origin = np.array([root[0], 0 if levelled else floor, root[2]])
            self._place = _Place(person.track_id, levelled, origin)
        turned = rotations_from_wxyz(body.rotations)
        turned[0] = room[:3, :3] @ turned[0]
        places = bone_offsets(body.bone_lengths.astype(np.float64))
        places[0] = root - self._place.origin
        # Mirroring a rotation keeps the component of its axis across the mirror and negates the others.
        turns = quaternions(turned) * (1, -1, -1, 1)
        sent = bones_in_sight(seen)
        for row, name in enumerate(VMC_NAMES):
            if sent[row]:
                yield "/VMC/Ext/Bone/Pos", "sfffffff", (name, *unity_from_viewer(places[row]), *turns[row])
