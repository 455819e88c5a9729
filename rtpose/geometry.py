"""Cameras, axes and scale. Every change of axes is a named function; matrices are named `to_from_from`.

Camera space: metres, x right, y down, z away from the camera (OpenCV). World space: metres, y up.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError
from rtpose.skeleton import H36M17
from rtpose.types import Camera, Float32

Points = TypeVar("Points", NDArray[np.float32], NDArray[np.float64])

DEFAULT_FOV_DEG = 60.0
"""Assumed field of view along the longer side of the picture."""
DEFAULT_HEIGHT_M = 1.70
"""Assumed height of a person."""
MIN_HEIGHT_M, MAX_HEIGHT_M = 0.3, 3.0

VIEWER_FROM_CAMERA: NDArray[np.float32] = np.diag([1.0, -1.0, -1.0]).astype(np.float32)
"""(3, 3): camera axes (x right, y down, z away) to the viewer's (x right, y up, z towards the viewer)."""


def viewer_from_camera(points: Points) -> Points:
    """(..., 3) camera axes -> the viewer's axes: x right, y up, z towards the viewer."""
    return points @ VIEWER_FROM_CAMERA.T.astype(points.dtype)


def camera_from_viewer(points: Float32) -> Float32:
    """Inverse of `viewer_from_camera`."""
    return points @ VIEWER_FROM_CAMERA


def unity_from_viewer(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) the viewer's axes -> Unity's, left-handed: y up, z towards the viewer, x to the left of the picture.

    x is mirrored: the right of the picture is the left of a person who faces the camera.
    """
    mirrored: NDArray[np.float64] = points * np.array([-1.0, 1.0, 1.0])
    return mirrored


def camera_from_fov(size: tuple[int, int], fov_deg: float = DEFAULT_FOV_DEG) -> Camera:
    """Pinhole camera with square pixels whose longer side spans `fov_deg` degrees.

    size: (width, height) px. Errors: `ConfigError` unless 1 <= fov_deg <= 170.
    """
    if not 1.0 <= fov_deg <= 170.0:
        raise ConfigError(f"a field of view of {fov_deg:g} degrees is invalid: give 1 to 170")
    width, height = size
    focal = 0.5 * max(width, height) / math.tan(math.radians(fov_deg) / 2)
    return Camera(fx=focal, fy=focal, cx=width / 2, cy=height / 2)


FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)


def fov_from_focal(size: tuple[int, int], focal_px: float) -> float:
    """Field of view in degrees across the longer side. size: (width, height) px. Inverse of `camera_from_fov`."""
    return math.degrees(2 * math.atan(0.5 * max(size) / focal_px))


def fov_from_35mm(size: tuple[int, int], focal_35mm: float) -> float:
    """Field of view in degrees across the longer side, by the focal length in mm that is equivalent on 35 mm film.

    Equivalent means: the same field of view along the diagonal (CIPA DCG-001), which for pictures of other shapes than
    film's 3:2 is not the same along the sides. size: (width, height) px.
    """
    return fov_from_focal(size, focal_35mm / FILM_DIAGONAL_MM * math.hypot(*size))


def rays_from_pixels(points: Float32, camera: Camera) -> Float32:
    """(..., 2) px -> (..., 3) directions with z = 1."""
    out = np.ones((*points.shape[:-1], 3), dtype=np.float32)
    out[..., 0] = (points[..., 0] - camera.cx) / camera.fx
    out[..., 1] = (points[..., 1] - camera.cy) / camera.fy
    return out


def pixels_from_camera(points: Float32, camera: Camera) -> Float32:
    """(..., 3) metres in camera space, z > 0 -> (..., 2) px."""
    z = points[..., 2:3]
    focal = np.array([camera.fx, camera.fy], dtype=np.float32)
    centre = np.array([camera.cx, camera.cy], dtype=np.float32)
    return points[..., :2] / z * focal + centre


def camera_from_virtual(direction: Float32) -> Float32:
    """Rotations that turn a camera looking along `direction` back into the real camera.

    Lifters are trained on people in the middle of the picture. A person at the edge is seen at another angle, so
    rays are rotated into a virtual camera that looks straight at the person, and the pose is rotated back.
    The rotation keeps the virtual x axis horizontal: pan about y, then tilt.

    direction: (..., 3), z > 0. Returns (..., 3, 3) with `camera = R @ virtual`; R @ [0, 0, 1] is `direction`
    at length 1.
    """
    forward = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    x, y, z = forward[..., 0], forward[..., 1], forward[..., 2]
    pan_length = np.hypot(x, z)
    right_x, right_z = z / pan_length, -x / pan_length
    out = np.empty((*forward.shape, 3), np.float32)
    out[..., 0, 0], out[..., 1, 0], out[..., 2, 0] = right_x, 0, right_z
    out[..., 0, 1], out[..., 1, 1], out[..., 2, 1] = y * right_z, pan_length, -y * right_x
    out[..., 2] = forward
    return out


# Share of the standing height that each bone spans in an average adult (segment lengths after Drillis and
# Contini 1966, in Winter, Biomechanics and Motor Control of Human Movement: ankle 0.039, knee 0.285, hip 0.530,
# shoulder 0.818, eyes and ears 0.936 of the height; upper arm 0.186, forearm 0.146, shoulder width 0.259).
# Only bones that a detector locates well are used: its hips are wider than a skeleton's.
# Individuals differ by a few percent: the embedded sample's body is 1.76 m tall and measures 1.71 m by these shares.
_HEIGHT_SHARES: dict[tuple[str, str], float] = {
    ("right_knee", "right_hip"): 0.245,
    ("right_foot", "right_knee"): 0.246,
    ("left_knee", "left_hip"): 0.245,
    ("left_foot", "left_knee"): 0.246,
    ("thorax", "root"): 0.288,
    ("head", "thorax"): 0.118,
    ("left_elbow", "left_shoulder"): 0.186,
    ("left_wrist", "left_elbow"): 0.146,
    ("right_elbow", "right_shoulder"): 0.186,
    ("right_wrist", "right_elbow"): 0.146,
}
_SHARE_CHILD = np.array(H36M17.indices(*(a for a, _ in _HEIGHT_SHARES)))
_SHARE_PARENT = np.array(H36M17.indices(*(b for _, b in _HEIGHT_SHARES)))
_SHARE = np.array(list(_HEIGHT_SHARES.values()), dtype=np.float32)


def checked_height(height_m: float) -> float:
    """The height itself. Errors: `ConfigError` for a height that no person has."""
    if not MIN_HEIGHT_M <= height_m <= MAX_HEIGHT_M:
        raise ConfigError(
            f"a height of {height_m:g} m is not possible: give {MIN_HEIGHT_M:.1f} to {MAX_HEIGHT_M:.1f} metres"
        )
    return height_m


def standing_height(poses: Float32, weights: Float32 | None = None) -> Float32:
    """Standing height estimated from the bone lengths of a pose, in the pose's unit.

    poses: (..., 17, 3) h36m17. weights: (..., 17) trust in each joint; a bone counts as much as its less trusted end,
    so that a person at a desk is measured by the visible half. Returns (...,).
    """
    lengths = np.linalg.norm(poses[..., _SHARE_CHILD, :] - poses[..., _SHARE_PARENT, :], axis=-1)
    if weights is None:
        weights = np.ones(poses.shape[:-1], dtype=np.float32)
    trust = np.minimum(weights[..., _SHARE_CHILD], weights[..., _SHARE_PARENT]) + np.float32(1e-3)
    height: Float32 = (trust * lengths).sum(-1) / (trust * _SHARE).sum(-1)
    return height
