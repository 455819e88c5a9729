"""A VRM 1.0 avatar for tests, as other programs make them: its own proportions, bone names and bone axes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pygltflib import FLOAT, GLTF2, UNSIGNED_BYTE, UNSIGNED_SHORT

from rtpose.rotations import axes_along, quaternions

Array = NDArray[np.float64]
Place = tuple[float, float, float]


@dataclass(frozen=True)
class AvatarBone:
    """A bone of the avatar in its T-pose, metres, y up, facing +z, the floor at 0."""

    vrm: str
    """VRM's humanoid name."""
    parent: str
    at: Place
    towards: Place
    """The bone's end."""
    width: float = 0.06

    @property
    def name(self) -> str:
        """The node's name, which has nothing to do with VRM's."""
        return f"Rig_{self.vrm[0].upper()}{self.vrm[1:]}_b"


def _side(side: str, x: float) -> list[AvatarBone]:
    """x: 1 on the left, -1 on the right."""
    shoulder, elbow, wrist = ((x * out, 1.48, 0.0) for out in (0.17, 0.41, 0.61))
    hip, knee, ankle = ((x * 0.1, up, 0.0) for up in (0.98, 0.55, 0.07))
    ball, tip = (x * 0.1, 0.0, 0.2147), (x * 0.1, 0.0, 0.27)
    return [
        AvatarBone(f"{side}Shoulder", "upperChest", (x * 0.03, 1.48, 0), shoulder),
        AvatarBone(f"{side}UpperArm", f"{side}Shoulder", shoulder, elbow),
        AvatarBone(f"{side}LowerArm", f"{side}UpperArm", elbow, wrist),
        AvatarBone(f"{side}Hand", f"{side}LowerArm", wrist, (x * 0.7, 1.48, 0)),
        AvatarBone(f"{side}MiddleProximal", f"{side}Hand", (x * 0.7, 1.48, 0), (x * 0.78, 1.48, 0), 0.04),
        AvatarBone(f"{side}UpperLeg", "hips", hip, knee, 0.11),
        AvatarBone(f"{side}LowerLeg", f"{side}UpperLeg", knee, ankle, 0.09),
        AvatarBone(f"{side}Foot", f"{side}LowerLeg", ankle, ball, 0.07),
        AvatarBone(f"{side}Toes", f"{side}Foot", ball, tip, 0.05),
    ]


AVATAR = (
    AvatarBone("hips", "", (0, 1.05, 0), (0, 1.13, 0), 0.24),
    AvatarBone("spine", "hips", (0, 1.13, 0), (0, 1.27, 0), 0.2),
    AvatarBone("chest", "spine", (0, 1.27, 0), (0, 1.4, 0), 0.22),
    AvatarBone("upperChest", "chest", (0, 1.4, 0), (0, 1.52, 0), 0.24),
    AvatarBone("neck", "upperChest", (0, 1.52, 0), (0, 1.6, 0)),
    AvatarBone("head", "neck", (0, 1.6, 0), (0, 1.84, 0), 0.18),
    *_side("left", 1),
    *_side("right", -1),
)
"""Longer legs, shorter arms and more bones than rtpose's body has. Arms, legs and feet have its directions at rest."""
MARKS: dict[str, tuple[str, Place]] = {
    "Nose": ("head", (0, 1.6, 0.15)), "HeelL": ("leftFoot", (0.1, 0, -0.07)), "HeelR": ("rightFoot", (-0.1, 0, -0.07)),
}  # fmt: skip
"""Nodes that are no bones: name -> bone that they are fixed to, place at rest."""


def write_avatar(path: Path) -> None:
    """Write the avatar as a GLB with VRMC_vrm: a skin, and a box for each bone."""
    axes = [_axes_of(bone, number) for number, bone in enumerate(AVATAR)]
    number_of = {bone.vrm: number for number, bone in enumerate(AVATAR)}
    nodes: list[dict[str, Any]] = []
    for bone, turned in zip(AVATAR, axes, strict=True):
        world = _matrix(turned, bone.at)
        if bone.parent:
            parent = number_of[bone.parent]
            nodes[parent]["children"].append(len(nodes))
            world = np.linalg.inv(_matrix(axes[parent], AVATAR[parent].at)) @ world
        rotation = quaternions(world[:3, :3]).tolist()
        nodes.append({"name": bone.name, "translation": world[:3, 3].tolist(), "rotation": rotation, "children": []})
    for name, (owner, at) in MARKS.items():
        number = number_of[owner]
        nodes[number]["children"].append(len(nodes))
        nodes.append({"name": name, "translation": (axes[number].T @ np.subtract(at, AVATAR[number].at)).tolist()})
    nodes.append({"name": "Boxes", "mesh": 0, "skin": 0})

    corners, normals, triangles = _boxes()
    owners = np.zeros((len(corners), 4), np.uint8)
    owners[:, 0] = np.repeat(np.arange(len(AVATAR)), len(corners) // len(AVATAR))
    weights = np.tile(np.eye(1, 4, dtype=np.float32), (len(corners), 1))
    binds = np.stack([np.linalg.inv(_matrix(a, b.at)).T for a, b in zip(axes, AVATAR, strict=True)])
    views, accessors, binary = [], [], b""
    for values, component, kind in (
        (corners.astype(np.float32), FLOAT, "VEC3"),
        (normals.astype(np.float32), FLOAT, "VEC3"),
        (owners, UNSIGNED_BYTE, "VEC4"),
        (weights, FLOAT, "VEC4"),
        (triangles.astype(np.uint16), UNSIGNED_SHORT, "SCALAR"),
        (binds.astype(np.float32), FLOAT, "MAT4"),
    ):
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": values.nbytes})
        accessors.append({"bufferView": len(accessors), "componentType": component, "count": len(values), "type": kind})
        binary += values.tobytes() + b"\0" * (-values.nbytes % 4)
    accessors[0] |= {"min": corners.min(0).tolist(), "max": corners.max(0).tolist()}
    boxes = {
        "attributes": {"POSITION": 0, "NORMAL": 1, "JOINTS_0": 2, "WEIGHTS_0": 3}, "indices": 4, "material": 0
    }  # fmt: skip
    gltf = GLTF2.from_dict(
        {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0, len(nodes) - 1]}],
            "nodes": nodes,
            "meshes": [{"primitives": [boxes]}],
            "skins": [{"joints": list(range(len(AVATAR))), "inverseBindMatrices": 5}],
            "materials": [{"pbrMetallicRoughness": {"baseColorFactor": [0.2, 0.4, 0.8, 1], "metallicFactor": 0}}],
            "accessors": accessors,
            "bufferViews": views,
            "buffers": [{"byteLength": len(binary)}],
            "extensionsUsed": ["VRMC_vrm"],
            "extensions": {"VRMC_vrm": _humanoid()},
        }
    )
    gltf.set_binary_blob(binary)
    gltf.save_binary(str(path))


def _humanoid() -> dict[str, object]:
    meta = {"name": "Boxes", "authors": ["rtpose"], "licenseUrl": "https://vrm.dev/licenses/1.0/"}
    bones = {bone.vrm: {"node": number} for number, bone in enumerate(AVATAR)}
    return {"specVersion": "1.0", "meta": meta, "humanoid": {"humanBones": bones}}


def _axes_of(bone: AvatarBone, number: int) -> Array:
    """(3, 3) to world axes: y along the bone, as Blender has it, and each rolled differently."""
    along = np.subtract(bone.towards, bone.at)
    roll = np.array([np.sin(number + 1), np.cos(number + 1), np.cos(3 * number)])
    return axes_along(along, roll)[:, [2, 0, 1]]


def _matrix(turned: Array, at: Place) -> Array:
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = turned, at
    return out


def _boxes() -> tuple[Array, Array, NDArray[np.int64]]:
    """Corners and normals (N, 3), and triangles as (M,) indices: six faces for each bone, world axes."""
    corners, normals, triangles = [], [], []
    for bone in AVATAR:
        start, end = np.array(bone.at), np.array(bone.towards)
        axes = axes_along(end - start, np.array([0, 0.1, 1.0])).T
        half = np.array([0.48 * np.linalg.norm(end - start), bone.width / 2, bone.width / 2])
        for axis in range(3):
            for sign in (1.0, -1.0):
                u, v = (axis + 1) % 3, (axis + 2) % 3
                first = len(corners)
                for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                    at = sign * half[axis] * axes[axis] + a * half[u] * axes[u] + b * half[v] * axes[v]
                    corners.append((start + end) / 2 + at)
                    normals.append(sign * axes[axis])
                square = [0, 1, 2, 0, 2, 3] if sign > 0 else [0, 2, 1, 0, 3, 2]
                triangles += [first + k for k in square]
    return np.array(corners), np.array(normals), np.array(triangles)
