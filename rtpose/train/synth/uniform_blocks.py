"""The shaders' uniform blocks as bytes, in the layout std140 (`shaders/blocks.glsl`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError
from rtpose.train.synth.surfaces import PlacedSurface
from rtpose.train.synth.view import Light, PlacedCamera
from rtpose.types import Float32

MAX_OCCLUDERS = 32
MAX_BONES = 32
BONES_BYTES, LOOK_BYTES = 1536, 256
"""Multiples of 256 bytes, where every driver allows a block to begin."""
SCENE_BYTES = 4 * (16 + 16 + 6 * 4 + 4 * MAX_OCCLUDERS)


def bones_bytes(matrices: Float32) -> bytes:
    """(B, 3, 4) -> the shader's rows."""
    if len(matrices) > MAX_BONES:
        raise ConfigError(f"{len(matrices)} bones: the renderer takes {MAX_BONES}")
    return np.ascontiguousarray(matrices, "f4").tobytes()


def scene_bytes(
    view: PlacedCamera,
    light: Light,
    direction: NDArray[np.float64],
    shadow: NDArray[np.float64],
    occluders: Float32,
) -> bytes:
    out = np.zeros((8 + 6 + MAX_OCCLUDERS, 4), "f4")
    out[0:4], out[4:8] = view.clip_from_world().T, shadow.T  # OpenGL stores columns
    count = min(len(occluders), MAX_OCCLUDERS)
    out[8, :3], out[9, :3] = view.eye, direction
    out[10, :3] = np.asarray(light.colour) * light.power
    out[11, :3], out[12, :3] = np.asarray(light.sky) * light.ambient, np.asarray(light.ground) * light.ambient
    out[13, :3] = light.softness, light.exposure, count
    out[14 : 14 + count] = occluders[:count]
    return out.tobytes()


def look_bytes(thing: PlacedSurface) -> bytes:
    material = thing.material or thing.mesh.material
    out = np.zeros((8, 4), "f4")
    out[0], out[1] = (*material.colour, material.scale), (*material.second, material.gloss)
    out[2, :2] = material.folds_m, material.grain
    out[3, :3] = thing.stretch
    out[4:, :3] = thing.mesh.material.anchors
    return out.tobytes()


def shadow_matrix(direction: NDArray[np.float64], focus: NDArray[np.float64], reach_m: float) -> NDArray[np.float64]:
    """(4, 4) world -> the light's clip space: a box of 2 `reach_m` around `focus`."""
    side = np.cross([0.0, 1.0, 0.0], direction)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(direction, side), -direction])
    out = np.eye(4)
    out[:3, :3] = axes / np.array([[reach_m], [reach_m], [2 * reach_m]])
    out[:3, 3] = -out[:3, :3] @ focus
    return out
