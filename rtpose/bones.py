"""The body's bones: names and parents as VRM names them, rest pose, and the joints that follow from their rotations.

A bone's own axes are those of glTF and VRM 1.0 at rest: x to the person's left, y up, z forwards. At rest all bones
have the same axes and the person stands in a T, so that every rotation is the identity. The rotation of `hips` is
relative to camera space: somebody who stands upright and faces the camera has `diag(1, -1, -1)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.rotations import quaternions
from rtpose.skeleton import RTPOSE28

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bone:
    """One bone. Its length runs from its base along `rest` to its end, where its children start unless they say."""

    name: str
    """VRM's humanoid name."""
    parent: str | None
    rest: tuple[float, float, float]
    """Unit vector from base to end at rest, in body axes. Of the hips: from the right hip joint to the left."""


_FOOT = (0.0, -0.31, 0.9507)
"""From the ankle to the tip of the big toe of somebody who stands."""
_NECK = (0.0, 0.9902, 0.1393)
"""From the middle of the shoulders to the middle of the ears of somebody who looks straight ahead."""


def _limb(side: str) -> tuple[Bone, ...]:
    out = 1.0 if side == "left" else -1.0
    return (
        Bone(f"{side}Shoulder", "chest", (out, 0, 0)),
        Bone(f"{side}UpperArm", f"{side}Shoulder", (out, 0, 0)),
        Bone(f"{side}LowerArm", f"{side}UpperArm", (out, 0, 0)),
        Bone(f"{side}Hand", f"{side}LowerArm", (out, 0, 0)),
        Bone(f"{side}UpperLeg", "hips", (0, -1, 0)),
        Bone(f"{side}LowerLeg", f"{side}UpperLeg", (0, -1, 0)),
        Bone(f"{side}Foot", f"{side}LowerLeg", _FOOT),
    )


BONES: tuple[Bone, ...] = (
    Bone("hips", None, (1, 0, 0)),
    Bone("spine", "hips", (0, 1, 0)),
    Bone("chest", "spine", (0, 1, 0)),
    Bone("neck", "chest", _NECK),
    Bone("head", "neck", _NECK),
    *_limb("left"),
    *_limb("right"),
)
BONE_NAMES = tuple(bone.name for bone in BONES)
BONE_INDEX = {name: number for number, name in enumerate(BONE_NAMES)}
BONE_PARENTS = np.array([-1 if b.parent is None else BONE_INDEX[b.parent] for b in BONES], dtype=np.int16)
"""(B,) -1 for the hips. Parents come before their children."""
CONTACT_JOINTS = ("left_heel", "left_toe", "right_heel", "right_toe")
"""The order of `BodyPose.contacts`."""

# joint -> (bone whose frame it is fixed in, place in that frame in lengths of that bone, from the bone's base).
# "spine", "thorax", "neck_base" and "head" are the ends of bones; so the lengths between joints are constant. Places of
# the others are medians over what the lifter `fusion` makes of people in real clips: its joints are the detector's,
# whose knuckles and toes lie nearer to wrist and ankle than those of a body model (scripts/make_body_shapes.py).
_ATTACHED: dict[str, tuple[str, tuple[float, float, float]]] = {
    "root": ("hips", (0, 0, 0)),
    "left_hip": ("hips", (0.5, 0, 0)),
    "right_hip": ("hips", (-0.5, 0, 0)),
    "spine": ("spine", (0, 1, 0)),
    "thorax": ("chest", (0, 1, 0)),
    "neck_base": ("neck", _NECK),
    "head": ("head", _NECK),
    "nose": ("head", (0, 0.96, 1.144)),
    "left_ear": ("head", (0.72, *_NECK[1:])),
    "right_ear": ("head", (-0.72, *_NECK[1:])),
    **{
        f"{side}_{joint}": (f"{side}{bone}", place)
        for side, out in (("left", 1.0), ("right", -1.0))
        for joint, bone, place in (
            ("shoulder", "Shoulder", (out, 0, 0)),
            ("elbow", "UpperArm", (out, 0, 0)),
            ("wrist", "LowerArm", (out, 0, 0)),
            ("index", "Hand", (1.05 * out, 0, 0.45)),
            ("pinky", "Hand", (0.95 * out, 0, -0.45)),
            ("knee", "UpperLeg", (0, -1, 0)),
            ("foot", "LowerLeg", (0, -1, 0)),
            ("toe", "Foot", _FOOT),
            ("heel", "Foot", (0, -0.31, -0.33)),
        )
    },
}
JOINT_BONES = np.array([BONE_INDEX[_ATTACHED[j][0]] for j in RTPOSE28.joints], dtype=np.intp)
"""(28,) the bone that each joint of rtpose28 is fixed to."""
JOINT_PLACES = np.array([_ATTACHED[j][1] for j in RTPOSE28.joints], dtype=np.float64)
"""(28, 3) where, in lengths of that bone, in its frame, from its base."""


def _bone_places() -> Float64:
    places = np.zeros((len(BONES), 3))
    for number, bone in enumerate(BONES):
        if bone.parent is None or bone.name == "spine":
            continue  # the hips' base is the root, and the spine starts there
        if bone.name.endswith("UpperLeg"):
            places[number, 0] = 0.5 if bone.name.startswith("left") else -0.5
        else:
            places[number] = BONES[BONE_INDEX[bone.parent]].rest
    return places


_ABOVE = np.maximum(BONE_PARENTS, 0).astype(np.intp)
_BONE_PLACES = _bone_places()
"""(B, 3) each bone's base in the frame of its parent, in the parent's lengths."""


def bone_offsets(lengths: Float64) -> Float64:
    """(…, B, 3) metres: each bone's base in the frame of its parent. lengths: (…, B) metres."""
    offsets: Float64 = _BONE_PLACES * np.asarray(lengths, dtype=np.float64)[..., _ABOVE, None]
    return offsets


def pose_bones(rotations: Float64, lengths: Float64) -> tuple[Float64, Float64]:
    """Forward kinematics: bases (…, B, 3) metres relative to the root, and rotations (…, B, 3, 3) to camera axes.

    rotations: (…, B, 3, 3), each relative to its parent; lengths: (…, B) metres.
    """
    offsets = bone_offsets(lengths)
    bases, turned = np.zeros((*rotations.shape[:-2], 3)), np.array(rotations, dtype=np.float64)
    for number, above in enumerate(BONE_PARENTS):
        if above >= 0:
            bases[..., number, :] = bases[..., above, :] + np.einsum(
                "...ij,...j->...i", turned[..., above, :, :], offsets[..., number, :]
            )
            turned[..., number, :, :] = turned[..., above, :, :] @ rotations[..., number, :, :]
    return bases, turned


def joints_of_bones(rotations: Float64, lengths: Float64) -> Float64:
    """The joints of rtpose28 that follow: (…, 28, 3) metres, camera axes, relative to the root.

    rotations: (…, B, 3, 3), each relative to its parent; lengths: (…, B) metres.
    """
    bases, turned = pose_bones(rotations, lengths)
    places = JOINT_PLACES * np.asarray(lengths)[..., JOINT_BONES, None]
    joints: Float64 = bases[..., JOINT_BONES, :] + np.einsum("...ij,...j->...i", turned[..., JOINT_BONES, :, :], places)
    return joints


def bones_in_sight(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(..., 28) joints that are seen -> (..., B) bones whose rotations place such a joint: theirs or of one below."""
    out = np.zeros((*seen.shape[:-1], len(BONES)), dtype=bool)
    for number in reversed(range(len(BONES))):  # children before their parents
        out[..., number] |= seen[..., np.equal(JOINT_BONES, number)].any(-1)
        if BONE_PARENTS[number] >= 0:
            out[..., BONE_PARENTS[number]] |= out[..., number]
    return out


def rotations_from_wxyz(wxyz: NDArray[np.floating[Any]]) -> Float64:
    """(..., 4) quaternions w x y z of any length, as bodies store them -> (..., 3, 3) rotation matrices."""
    q = np.asarray(wxyz, np.float64)
    w, x, y, z = np.moveaxis(q / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return np.stack(rows, axis=-1).reshape(*q.shape[:-1], 3, 3)


def wxyz_from_rotations(rotations: Float64) -> Float64:
    """(..., 3, 3) rotation matrices -> (..., 4) unit quaternions w x y z with w >= 0."""
    return np.roll(quaternions(rotations), 1, axis=-1)
