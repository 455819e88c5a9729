"""2D joints for training: motions, seen by random cameras, made detector-like."""

from __future__ import annotations

import torch
from torch import Tensor

from rtpose.lift.codec import DepthCodec
from rtpose.skeleton import H36M17_AS_DETECTED
from rtpose.train.cameras import project, random_camera_rotations, unit_poses
from rtpose.train.motion_pack import MotionPack
from rtpose.train.noise import add_detector_noise, vary_body
from rtpose.train.settings import CameraSettings, NoiseSettings

_AS_DETECTED = torch.from_numpy(H36M17_AS_DETECTED)


def as_detected(poses: Tensor) -> Tensor:
    """(N, 17, 3) motion capture -> (N, 17, 3) the joints as a detector defines them (skeleton.py)."""
    return _AS_DETECTED @ poses


class Joints2D:
    """An endless source of network inputs. The 3D motions stay inside: batches are 2D only."""

    def __init__(self, pack: MotionPack, codec: DepthCodec, cameras: CameraSettings, noise: NoiseSettings) -> None:
        self._poses = torch.from_numpy(pack.poses_m)
        self.codec = codec
        self.cameras = cameras
        self.noise = noise

    def __len__(self) -> int:
        return len(self._poses)

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """(size, 2 J) normalised points of random frames and cameras; the same for the same generator state."""
        rows = torch.randint(len(self._poses), (size,), generator=generator)
        poses = as_detected(vary_body(self._poses[rows], self.noise, generator))
        unit, _ = unit_poses(poses)
        rotation = random_camera_rotations(size, self.cameras, generator)
        points = project(unit @ rotation.transpose(1, 2), self.codec.distance)
        network_input: Tensor = self.codec.encode(add_detector_noise(points, self.noise, generator))[0]
        return network_input
