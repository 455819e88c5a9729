"""How a scene is seen: the camera in it and the light on it. World axes: metres, y up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.train.synth.surfaces import Colour
from rtpose.types import Camera

NEAR_M, FAR_M = 0.1, 60.0


@dataclass(frozen=True)
class PlacedCamera:
    """A camera in the world. `camera = camera_from_world @ world + shift` in OpenCV axes."""

    camera: Camera
    size: tuple[int, int]
    """(width, height) px."""
    camera_from_world: NDArray[np.float64]
    """(3, 3)."""
    shift: NDArray[np.float64]
    """(3,) metres."""

    @staticmethod
    def looking(
        camera: Camera,
        size: tuple[int, int],
        eye: NDArray[np.float64],
        target: NDArray[np.float64],
        roll_deg: float = 0.0,
    ) -> PlacedCamera:
        """A camera at `eye` that looks at `target`, level unless rolled."""
        forward = (target - eye) / np.linalg.norm(target - eye)
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        c, s = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
        rotation = np.stack([c * right + s * down, -s * right + c * down, forward])
        return PlacedCamera(camera, size, rotation, -rotation @ eye)

    @property
    def eye(self) -> NDArray[np.float64]:
        """(3,) metres, where the camera is."""
        out: NDArray[np.float64] = -self.camera_from_world.T @ self.shift
        return out

    def to_camera(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 3) world -> camera space."""
        out: NDArray[np.float64] = points @ self.camera_from_world.T + self.shift
        return out

    def clip_from_world(self) -> NDArray[np.float64]:
        """(4, 4) for OpenGL."""
        width, height = self.size
        cam = self.camera
        a, b = (FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
        projection = np.array(
            [
                [2 * cam.fx / width, 0.0, 2 * cam.cx / width - 1.0, 0.0],
                [0.0, -2 * cam.fy / height, 1.0 - 2 * cam.cy / height, 0.0],
                [0.0, 0.0, a, b],
                [0.0, 0.0, 1.0, 0.0],
            ]
        )
        world = np.eye(4)
        world[:3, :3], world[:3, 3] = self.camera_from_world, self.shift
        out: NDArray[np.float64] = projection @ world
        return out


@dataclass(frozen=True)
class Light:
    """One shadow-casting light from far away, and light from everywhere."""

    direction: tuple[float, float, float]
    """Towards the light."""
    colour: Colour = (1.0, 0.95, 0.86)
    power: float = 1.7
    sky: Colour = (0.62, 0.68, 0.78)
    ground: Colour = (0.42, 0.36, 0.30)
    ambient: float = 0.8
    softness: float = 2.5
    """Radius of the shadows' edge in 1/2048 of the lit region (about 3 mm each)."""
    exposure: float = 1.0
