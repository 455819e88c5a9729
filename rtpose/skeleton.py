"""Skeletons as named data, and how one is derived from another. Joints are looked up by name, never by number.

`rtpose28` is the skeleton of all 3D output; its first 17 joints are `h36m17`. Detectors have their own skeletons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError


@dataclass(frozen=True)
class Skeleton:
    """Named joints in a fixed order.

    joints: names in order.
    parent_of: joint -> parent; joints without an entry have none (roots, face points).
    extra_edges: drawn, but not part of the tree.
    """

    name: str
    joints: tuple[str, ...]
    parent_of: Mapping[str, str]
    extra_edges: tuple[tuple[str, str], ...] = ()

    @cached_property
    def index_of(self) -> dict[str, int]:
        """Joint name -> position."""
        return {joint: i for i, joint in enumerate(self.joints)}

    def indices(self, *names: str) -> list[int]:
        """Positions of the named joints. Errors: `ConfigError` for a name that the skeleton does not have."""
        missing = [n for n in names if n not in self.index_of]
        if missing:
            raise ConfigError(f"skeleton {self.name} has no joint {', '.join(missing)}")
        return [self.index_of[n] for n in names]

    @cached_property
    def parents(self) -> NDArray[np.int16]:
        """(J,) int16: index of each joint's parent, -1 where it has none."""
        return np.array(
            [self.index_of[self.parent_of[j]] if j in self.parent_of else -1 for j in self.joints],
            dtype=np.int16,
        )

    @cached_property
    def bones(self) -> tuple[tuple[str, str], ...]:
        """(child, parent) for every joint that has a parent, in joint order."""
        return tuple((j, self.parent_of[j]) for j in self.joints if j in self.parent_of)

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Lines to draw: bones and extra edges, as index pairs."""
        return tuple((self.index_of[a], self.index_of[b]) for a, b in (*self.bones, *self.extra_edges))

    @cached_property
    def twins(self) -> NDArray[np.intp]:
        """(J,) index of each joint's left/right twin, itself for joints in the middle."""
        return np.array([self.index_of[twin_name(j)] for j in self.joints], dtype=np.intp)

    @cached_property
    def twin_bones(self) -> tuple[tuple[tuple[str, str], tuple[str, str]], ...]:
        """((child, parent) on the left, the same on the right): bones that should be equally long."""
        return tuple(
            ((child, parent), (twin_name(child), twin_name(parent)))
            for child, parent in self.bones
            if side_of(child) == "left"
        )

    @cached_property
    def colors(self) -> tuple[str, ...]:
        """Hex colour of each joint, by its side."""
        return tuple(SIDE_COLORS[side_of(j)] for j in self.joints)


SIDE_COLORS = {"left": "#2f9bff", "right": "#ff7a3d", "middle": "#d5d9e2"}


def side_of(joint: str) -> str:
    """ "left", "right" (of the person) or "middle"."""
    for side in ("left", "right"):
        if joint.startswith(side + "_") or joint.endswith("_" + side):
            return side
    return "middle"


def twin_name(joint: str) -> str:
    """The same joint on the other side; the joint itself if it is in the middle."""
    side = side_of(joint)
    if side == "middle":
        return joint
    other = {"left": "right", "right": "left"}[side]
    return joint.replace(side, other)


H36M17 = Skeleton(
    name="h36m17",
    joints=(
        "root", "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot",
        "spine", "thorax", "neck_base", "head",
        "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
    ),
    parent_of={
        "right_hip": "root", "right_knee": "right_hip", "right_foot": "right_knee",
        "left_hip": "root", "left_knee": "left_hip", "left_foot": "left_knee",
        "spine": "root", "thorax": "spine", "neck_base": "thorax", "head": "neck_base",
        "left_shoulder": "thorax", "left_elbow": "left_shoulder", "left_wrist": "left_elbow",
        "right_shoulder": "thorax", "right_elbow": "right_shoulder", "right_wrist": "right_elbow",
    },
)  # fmt: skip

RTPOSE28 = Skeleton(
    name="rtpose28",
    joints=(
        *H36M17.joints,
        "nose", "left_ear", "right_ear", "left_heel", "left_toe", "right_heel", "right_toe",
        "left_index", "left_pinky", "right_index", "right_pinky",
    ),
    parent_of={
        **H36M17.parent_of,
        "nose": "head", "left_ear": "head", "right_ear": "head",
        "left_heel": "left_foot", "left_toe": "left_foot", "right_heel": "right_foot", "right_toe": "right_foot",
        "left_index": "left_wrist", "left_pinky": "left_wrist",
        "right_index": "right_wrist", "right_pinky": "right_wrist",
    },
)  # fmt: skip
"""`h36m17` with the ends of head, feet and hands. Index and pinky are the knuckles of these fingers."""


def skeleton_of_person(joint_count: int) -> Skeleton:
    """The skeleton of a `Person3D` by its number of joints: people of old recordings have `h36m17`."""
    return H36M17 if joint_count == len(H36M17.joints) else RTPOSE28


def as_rtpose28(joints: NDArray[np.float32], missing: float = np.nan) -> NDArray[np.float32]:
    """(..., 17 or 28, N) numbers of joints -> (..., 28, N): those that `h36m17` lacks are `missing`."""
    lacking = len(RTPOSE28.joints) - joints.shape[-2]
    if lacking == 0:
        return joints
    shape = (*joints.shape[:-2], lacking, joints.shape[-1])
    return np.concatenate([joints, np.full(shape, missing, joints.dtype)], axis=-2)


def keypoints_as_rtpose28(keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., 17 or 28, 3) x, y, score -> (..., 28, 3): those that `h36m17` lacks are NaN with a score of 0."""
    out = as_rtpose28(keypoints)
    out[..., keypoints.shape[-2] :, 2] = 0
    return out


BLAZEPOSE33 = Skeleton(
    name="blazepose33",
    joints=(
        "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
        "left_ear", "right_ear", "mouth_left", "mouth_right",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
        "left_heel", "right_heel", "left_foot_index", "right_foot_index",
    ),
    parent_of={
        "left_elbow": "left_shoulder", "left_wrist": "left_elbow", "left_index": "left_wrist",
        "right_elbow": "right_shoulder", "right_wrist": "right_elbow", "right_index": "right_wrist",
        "left_shoulder": "left_hip", "right_shoulder": "right_hip",
        "left_knee": "left_hip", "left_ankle": "left_knee", "left_heel": "left_ankle", "left_foot_index": "left_heel",
        "right_knee": "right_hip", "right_ankle": "right_knee", "right_heel": "right_ankle",
        "right_foot_index": "right_heel",
    },
    extra_edges=(("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
)  # fmt: skip

COCO17 = Skeleton(
    name="coco17",
    joints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
        "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
        "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    parent_of={
        "left_elbow": "left_shoulder", "left_wrist": "left_elbow",
        "right_elbow": "right_shoulder", "right_wrist": "right_elbow",
        "left_shoulder": "left_hip", "right_shoulder": "right_hip",
        "left_knee": "left_hip", "left_ankle": "left_knee", "right_knee": "right_hip", "right_ankle": "right_knee",
        "left_eye": "nose", "right_eye": "nose", "left_ear": "left_eye", "right_ear": "right_eye",
    },
    extra_edges=(("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
)  # fmt: skip

SKELETONS = {s.name: s for s in (H36M17, RTPOSE28, BLAZEPOSE33, COCO17)}

LIMB_JOINTS = tuple(
    f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "foot") for side in ("left", "right")
)
"""The twelve joints of `h36m17` that all detectors and motion capture share."""

# Each joint of h36m17 as a weighted mean of detected joints, which blazepose33 and coco17 both have.
# The joints on the midline are chosen so that BOTH a detector and motion capture can provide them: "thorax" is the
# middle of the shoulders, "head" the middle of the ears, "neck_base" and "spine" are half-way points. Lifters are
# trained on the same definitions (`H36M17_AS_DETECTED`).
_H36M17_FROM_DETECTED: dict[str, dict[str, float]] = {
    "root": {"left_hip": 0.5, "right_hip": 0.5},
    "right_hip": {"right_hip": 1.0},
    "right_knee": {"right_knee": 1.0},
    "right_foot": {"right_ankle": 1.0},
    "left_hip": {"left_hip": 1.0},
    "left_knee": {"left_knee": 1.0},
    "left_foot": {"left_ankle": 1.0},
    "spine": {"left_hip": 0.25, "right_hip": 0.25, "left_shoulder": 0.25, "right_shoulder": 0.25},
    "thorax": {"left_shoulder": 0.5, "right_shoulder": 0.5},
    "neck_base": {"left_shoulder": 0.25, "right_shoulder": 0.25, "left_ear": 0.25, "right_ear": 0.25},
    "head": {"left_ear": 0.5, "right_ear": 0.5},
    "left_shoulder": {"left_shoulder": 1.0},
    "left_elbow": {"left_elbow": 1.0},
    "left_wrist": {"left_wrist": 1.0},
    "right_shoulder": {"right_shoulder": 1.0},
    "right_elbow": {"right_elbow": 1.0},
    "right_wrist": {"right_wrist": 1.0},
}

# The same definitions from the h36m17 of motion capture (rtpose data packs), in which "neck_base" is the top of the
# neck and "head" the end of the head bone, about 10 cm above it, so the middle of the ears is half-way between.
_AS_DETECTED_FROM_MOCAP: dict[str, dict[str, float]] = {
    "root": {"left_hip": 0.5, "right_hip": 0.5},
    "spine": {"left_hip": 0.25, "right_hip": 0.25, "left_shoulder": 0.25, "right_shoulder": 0.25},
    "thorax": {"left_shoulder": 0.5, "right_shoulder": 0.5},
    "neck_base": {"left_shoulder": 0.25, "right_shoulder": 0.25, "neck_base": 0.25, "head": 0.25},
    "head": {"neck_base": 0.5, "head": 0.5},
    **{joint: {joint: 1.0} for joint in LIMB_JOINTS},
}


def _mixing_matrix(
    target: Skeleton, source: Skeleton, recipe: Mapping[str, Mapping[str, float]]
) -> NDArray[np.float32]:
    """(target J, source J) float32 whose rows sum to 1."""
    matrix = np.zeros((len(target.joints), len(source.joints)), dtype=np.float32)
    for joint in target.joints:
        for part, weight in recipe[joint].items():
            matrix[target.index_of[joint], source.index_of[part]] = weight
    return matrix


H36M17_FROM_BLAZEPOSE33 = _mixing_matrix(H36M17, BLAZEPOSE33, _H36M17_FROM_DETECTED)
"""(17, 33) float32: positions of h36m17 = this @ positions of blazepose33."""

H36M17_FROM_COCO17 = _mixing_matrix(H36M17, COCO17, _H36M17_FROM_DETECTED)
"""(17, 17) float32: positions of h36m17 = this @ positions of coco17."""

H36M17_AS_DETECTED = _mixing_matrix(H36M17, H36M17, _AS_DETECTED_FROM_MOCAP)
"""(17, 17) float32: detector-like joints = this @ motion capture's joints. Limb joints stay as they are."""


def _with_sources(matrix: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The matrix (J, K), and the joints that each row is made of, the first again and again where there are fewer."""
    rows = [np.flatnonzero(row) for row in matrix]
    most = max(map(len, rows))
    return matrix, np.array([[*row, *[row[0]] * (most - len(row))] for row in rows])


_FROM: dict[str, tuple[NDArray[np.float32], NDArray[np.intp]]] = {
    BLAZEPOSE33.name: _with_sources(H36M17_FROM_BLAZEPOSE33),
    COCO17.name: _with_sources(H36M17_FROM_COCO17),
    H36M17.name: _with_sources(np.eye(len(H36M17.joints), dtype=np.float32)),
}


def h36m17_from(skeleton: Skeleton, keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
    """A detector's joints as `h36m17`.

    keypoints: (..., J, 3) x, y, score in `skeleton`. Returns (..., 17, 3); the score of a derived joint is
    the lowest of its source joints. Errors: `ConfigError` if there is no rule for `skeleton`.
    """
    if skeleton.name not in _FROM:
        raise ConfigError(f"cannot derive h36m17 from {skeleton.name}: known skeletons are {', '.join(sorted(_FROM))}")
    matrix, sources = _FROM[skeleton.name]
    out = np.empty((*keypoints.shape[:-2], len(H36M17.joints), 3), dtype=np.float32)
    out[..., :2] = matrix @ keypoints[..., :2]
    out[..., 2] = keypoints[..., 2][..., sources].min(-1)
    return out
