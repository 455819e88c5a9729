"""GLB (glTF 2.0): people as animated, skinned stick figures, in metres, y up, at the recording's own times.

The file of one person is a VRM animation as well (extension VRMC_vrm_animation, the content of a `.vrma`), which says
which node is which bone of VRM's humanoid.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose import __version__
from rtpose.bones import BONE_NAMES, BONE_PARENTS, BONES
from rtpose.errors import OutputError
from rtpose.recordings.export.body_motion import BodyMotion, body_motion_of
from rtpose.recordings.export.motion import room_of
from rtpose.recordings.recording import Recording
from rtpose.rotations import perpendicular
from rtpose.skeleton import SIDE_COLORS

MAX_BYTES = 2**32 - 1
"""The header counts bytes in 32 bits."""
THICKNESS = 0.12
"""Thickness of a bone's figure as a share of its length."""
_FLOAT, _UINT16, _UINT8 = 5126, 5123, 5121
_TYPES = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_VERTICES, _INDICES = 34962, 34963


def write(path: Path, recording: Recording, ids: Sequence[int]) -> str:
    """Write the bones, a skin and a figure of each person. An absent person is scaled to 0.

    Times begin at 0 with the first frame of the recording.
    """
    document = _Document()
    times = document.add((recording.timestamps_s - recording.timestamps_s[0]).astype(np.float32), with_range=True)
    room = room_of(recording)
    for track_id in ids:
        nodes = _add_person(document, body_motion_of(recording, track_id, room), track_id, times)
        if len(ids) == 1:
            document.json["extensionsUsed"] = ["VRMC_vrm_animation"]
            humanoid = {"humanBones": {name: {"node": node} for name, node in zip(BONE_NAMES, nodes, strict=True)}}
            document.json["extensions"] = {"VRMC_vrm_animation": {"specVersion": "1.0", "humanoid": humanoid}}
    path.write_bytes(document.packed())
    return ""


class _Document:
    """The JSON part of a glTF file and its binary buffer."""

    def __init__(self) -> None:
        self._binary = bytearray()
        self.channels: list[dict[str, Any]] = []
        self.samplers: list[dict[str, Any]] = []
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": f"rtpose {__version__}"},
            "scene": 0,
            "scenes": [{"nodes": []}],
            "nodes": [],
            "meshes": [],
            "skins": [],
            "materials": [{"doubleSided": True, "pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 0.8}}],
            "animations": [{"name": "recording", "channels": self.channels, "samplers": self.samplers}],
            "accessors": [],
            "bufferViews": [],
        }

    def add(self, values: NDArray[Any], *, target: int | None = None, with_range: bool = False) -> int:
        """Append an accessor with one element per row and return its index. target: of the buffer view, for meshes."""
        self._binary.extend(b"\0" * (-len(self._binary) % 4))
        data = np.ascontiguousarray(values).tobytes()
        view = {"buffer": 0, "byteOffset": len(self._binary), "byteLength": len(data)}
        self._binary.extend(data)
        self.json["bufferViews"].append(view if target is None else {**view, "target": target})
        accessor: dict[str, Any] = {
            "bufferView": len(self.json["bufferViews"]) - 1,
            "componentType": {"f4": _FLOAT, "u2": _UINT16, "u1": _UINT8}[values.dtype.str[1:]],
            "count": len(values),
            "type": _TYPES[values.shape[1:]],
        }
        if with_range:
            for name, limit in (("min", values.min(0)), ("max", values.max(0))):
                accessor[name] = np.atleast_1d(limit).tolist()
        self.json["accessors"].append(accessor)
        return len(self.json["accessors"]) - 1

    def add_node(self, **fields: Any) -> int:
        """Append a node and return its index."""
        self.json["nodes"].append(fields)
        return len(self.json["nodes"]) - 1

    def animate(self, node: int, path: str, times: int, values: NDArray[Any], interpolation: str = "LINEAR") -> None:
        """Add a channel that moves `node`. values: one row per time."""
        output = self.add(values.astype(np.float32))
        self.samplers.append({"input": times, "output": output, "interpolation": interpolation})
        self.channels.append({"sampler": len(self.samplers) - 1, "target": {"node": node, "path": path}})

    def packed(self) -> bytes:
        """The whole file."""
        self._binary.extend(b"\0" * (-len(self._binary) % 4))
        self.json["buffers"] = [{"byteLength": len(self._binary)}]
        text = json.dumps(self.json, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + len(self._binary)
        if total > MAX_BYTES:
            raise OutputError(
                f"GLB holds at most 4 GiB, this recording needs {total / 2**30:.1f} GiB: choose one with --person"
            )
        return b"".join(
            [
                struct.pack("<4sII", b"glTF", 2, total),
                struct.pack("<I4s", len(text), b"JSON"), text,
                struct.pack("<I4s", len(self._binary), b"BIN\0"), bytes(self._binary),
            ]
        )  # fmt: skip


def _add_person(document: _Document, body: BodyMotion, track_id: int, times: int) -> list[int]:
    """Returns the nodes of the bones."""
    person = document.add_node(name=f"person {track_id}", children=[])
    rest = body.rest_bases()
    nodes: list[int] = []
    for bone, above in enumerate(BONE_PARENTS.tolist()):
        offset = rest[bone] - (rest[above] if above >= 0 else 0)
        nodes.append(document.add_node(name=BONE_NAMES[bone], translation=offset.tolist()))
        document.json["nodes"][person if above < 0 else nodes[above]].setdefault("children", []).append(nodes[bone])
    document.animate(nodes[0], "translation", times, body.root)
    for bone, node in enumerate(nodes):
        document.animate(node, "rotation", times, body.rotations[:, bone])
    if not body.known.all():
        document.animate(person, "scale", times, np.repeat(body.known[:, None], 3, axis=1), "STEP")
    figure = document.add_node(
        name=f"figure {track_id}", mesh=len(document.json["meshes"]), skin=len(document.json["skins"])
    )
    document.json["scenes"][0]["nodes"] += [person, figure]
    inverse_bind = np.tile(np.eye(4), (len(nodes), 1, 1))
    inverse_bind[:, 3, :3] = -rest  # glTF stores matrices in column-major order
    document.json["skins"].append(
        {"joints": nodes, "skeleton": nodes[0], "inverseBindMatrices": document.add(inverse_bind.astype(np.float32))}
    )
    document.json["meshes"].append({"name": f"figure {track_id}", "primitives": [_figure(document, body)]})
    return nodes


def _figure(document: _Document, body: BodyMotion) -> dict[str, Any]:
    """An octahedron for each bone, bound to its node."""
    corners, node_of, colors = [], [], []
    for number, (bone, base, length) in enumerate(zip(BONES, body.rest_bases(), body.lengths.tolist(), strict=True)):
        along = np.array(bone.rest, np.float64)
        start = base - 0.5 * length * along if bone.parent is None else base  # the hips' base is in their middle
        side, front = perpendicular(along), np.cross(along, perpendicular(along))
        around = [side, front, -side, -front]
        waist = start + 0.2 * length * along
        ring = [waist + 0.5 * THICKNESS * length * direction for direction in around]
        corners += [start, *ring, start + length * along]
        node_of += [number] * 6
        colors += [_linear_rgb(_color(bone.name))] * 6
    one = np.array([[tip, 1 + k, 1 + (k + 1) % 4][:: 1 if tip else -1] for tip in (0, 5) for k in range(4)])
    triangles = np.concatenate([one.ravel() + 6 * bone for bone in range(len(corners) // 6)])
    bones = np.zeros((len(corners), 4), np.uint8)
    bones[:, 0] = node_of
    weights = np.zeros((len(corners), 4), np.float32)
    weights[:, 0] = 1
    return {
        "attributes": {
            "POSITION": document.add(np.array(corners, np.float32), target=_VERTICES, with_range=True),
            "COLOR_0": document.add(np.array(colors, np.float32), target=_VERTICES),
            "JOINTS_0": document.add(bones, target=_VERTICES),
            "WEIGHTS_0": document.add(weights, target=_VERTICES),
        },
        "indices": document.add(triangles.astype(np.uint16), target=_INDICES),
        "material": 0,
    }


def _color(bone: str) -> str:
    return next((color for side, color in SIDE_COLORS.items() if bone.startswith(side)), SIDE_COLORS["middle"])


def _linear_rgb(color: str) -> list[float]:
    """Linear RGB for glTF from a hex colour in sRGB."""
    return [(int(color[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)]
