"""The normalisation of `cascaded`, shared by training and inference. It needs numpy and OpenCV.

A square around the person is cropped. The network outputs 2.5D joints in voxels (x and y in the heatmap, z in depth
channels, relative to the root), and a pose in metres relative to the root, in the axes of the crop's view: those of a
camera at the same position that looks at the centre of the square and is rolled like the square. The paper uses the
real camera's axes. But a person's appearance depends on the viewing direction, and a crop does not show where in the
picture it was. In the crop's own axes, the result depends on the crop alone, and turning the crop turns the result.

The pose has the person's true size, as far as a crop shows it (Eq. 9 is in millimetres). If a height is given,
`decode_pose` scales the pose to it, as the lifters do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ModelError
from rtpose.geometry import camera_from_virtual, rays_from_pixels, standing_height
from rtpose.pose.detect.roi import Roi, cut_out
from rtpose.types import Camera, Float32, Image, Picture

ROOT = 0
"""Index of the root joint in h36m17."""
NEAREST_M = 0.05
"""Joints are at least this far from the camera."""
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)
"""ImageNet's, because the trunk may have been trained on it first."""


@dataclass(frozen=True)
class CropCodec:
    """The network's sizes; the defaults are the paper's."""

    input_px: int = 256
    heatmap_px: int = 64
    depth_channels: int = 64
    depth_range_m: float = 2.0
    """Depth that the channels span, half of it in front of the root. Not in the paper; its baseline uses 2 m."""
    margin: float = 1.25
    """The square's side divided by the longer side of the person's box."""

    def roi(self, box_px: Float32) -> Roi:
        """The square around a person's box (4,) x0, y0, x1, y1."""
        x0, y0, x1, y1 = (float(v) for v in box_px)
        return Roi((x0 + x1) / 2, (y0 + y1) / 2, self.margin * max(x1 - x0, y1 - y0, 1.0))

    def crop(self, picture: Picture, roi: Roi) -> Image:
        """The square of a picture as (S, S, 3) uint8; black outside the picture."""
        out = np.empty((self.input_px, self.input_px, 3), np.uint8)
        cut_out(picture, roi.picture_from_crop(self.input_px), out, border=cv2.BORDER_CONSTANT)
        return out

    def encode(self, crops: NDArray[np.uint8]) -> Float32:
        """(N, S, S, 3) uint8 RGB -> the network's input (N, 3, S, S)."""
        normalised = (crops.astype(np.float32) / np.float32(255) - _MEAN) / _STD
        return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2), np.float32)

    def encode_joints(self, joints_px: Float32, roi: Roi) -> Float32:
        """(J, 2) picture pixels -> (J, 2) heatmap pixels."""
        forward = cv2.invertAffineTransform(roi.picture_from_crop(self.input_px))
        crop = joints_px @ forward[:, :2].T + forward[:, 2]
        # A heatmap pixel covers several pixels of the crop. Both have their origin at the centre of the first pixel.
        joints: Float32 = ((crop + 0.5) * (self.heatmap_px / self.input_px) - 0.5).astype(np.float32)
        return joints

    def decode_joints(self, heatmap: Float32, roi: Roi) -> Float32:
        """Inverse of `encode_joints`."""
        crop = (heatmap + 0.5) * (self.input_px / self.heatmap_px) - 0.5
        matrix = roi.picture_from_crop(self.input_px)
        joints: Float32 = (crop @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        return joints

    def encode_pose(self, joints_m: Float32, roi: Roi, camera: Camera) -> Float32:
        """(J, 3) camera space -> (J, 3) metres relative to the root, in the axes of the crop's view."""
        pose: Float32 = (joints_m - joints_m[ROOT]) @ _camera_from_view(roi, camera)  # rows: the transposed rotation
        return pose

    def encode_depth(self, depth_m: Float32) -> Float32:
        """Depth relative to the root, metres -> depth channels, with 0 at the centre of the first. Not clipped to the
        range."""
        channels: Float32 = (depth_m / self.depth_range_m + 0.5) * np.float32(self.depth_channels) - np.float32(0.5)
        return channels

    def decode_pose(self, pose: Float32, roi: Roi, camera: Camera, height_m: float | None = None) -> Float32:
        """The network's pose (J, 3) -> (J, 3) metres, camera axes, relative to the root.

        height_m: the person's standing height, to which the pose is scaled; None keeps the network's own size.
        """
        if height_m is not None:
            pose = pose * np.float32(height_m / max(float(standing_height(pose)), 1e-6))
        turned: Float32 = (pose - pose[ROOT]) @ _camera_from_view(roi, camera).T
        return turned

    def place(self, pose_m: Float32, joints_px: Float32, weights: Float32, camera: Camera) -> Float32:
        """(3,) metres, camera space: the root's position at which the pose (J, 3) projects best onto joints_px (J, 2).

        This assumes that the pose has the person's true size, so that the focal length gives the distance. Each joint
        gives two linear equations in the root's position (x_root - u z_root = u z - x), weighted by `weights` (J,).
        """
        rays = rays_from_pixels(joints_px, camera).astype(np.float64)
        rows, right = [], []
        for axis in (0, 1):
            row = np.zeros((len(rays), 3))
            row[:, axis], row[:, 2] = 1.0, -rays[:, axis]
            rows.append(row)
            right.append(rays[:, axis] * pose_m[:, 2] - pose_m[:, axis])
        trust = np.sqrt(np.tile(np.maximum(weights, 1e-3), 2))[:, None]
        root = np.linalg.lstsq(np.concatenate(rows) * trust, np.concatenate(right) * trust[:, 0], rcond=None)[0]
        nearest = NEAREST_M - float(pose_m[:, 2].min())
        if root[2] < nearest:  # joints that all coincide do not determine the distance
            root = np.array([*(rays[ROOT, :2] * nearest), nearest])
        placed: Float32 = root.astype(np.float32)
        return placed

    def facts(self) -> dict[str, object]:
        """The codec as a network file's metadata describes it."""
        return {"codec": "crop", **asdict(self), "mean": _MEAN.tolist(), "std": _STD.tolist()}


def _camera_from_view(roi: Roi, camera: Camera) -> Float32:
    """(3, 3): axes of the crop's view -> camera axes."""
    direction = rays_from_pixels(np.array([[roi.cx, roi.cy]], np.float32), camera)
    c, s = np.cos(roi.angle_rad), np.sin(roi.angle_rad)
    upright_from_turned = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)
    rotation: Float32 = camera_from_virtual(direction)[0] @ upright_from_turned
    return rotation


def crop_codec_from_facts(facts: Any) -> CropCodec:
    """The codec that a network file names. Errors: `ModelError` for one that this version does not know."""
    if isinstance(facts, dict) and facts.get("codec") == "crop":
        try:
            codec = CropCodec(**{k: v for k, v in facts.items() if k not in ("codec", "mean", "std")})
        except TypeError:
            codec = None
        if codec is not None and codec.facts() == facts:
            return codec
    raise ModelError(f"the network's normalisation is {facts}, this rtpose knows the codec 'crop': update rtpose")
