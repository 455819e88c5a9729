"""What trainings are fed: motions, seen by random cameras, made detector-like."""

from __future__ import annotations

import torch
from torch import Tensor

from rtpose.pose.lift.codec import DepthCodec
from rtpose.skeleton import H36M17_AS_DETECTED
from rtpose.train.data.cameras import project, random_camera_rotations, unit_poses
from rtpose.train.data.motion_pack import MotionPack
from rtpose.train.data.noise import add_detector_noise, vary_body
from rtpose.train.settings import CameraSettings, NoiseSettings, TrainSettings

_AS_DETECTED = torch.from_numpy(H36M17_AS_DETECTED)


def as_detected(poses: Tensor) -> Tensor:
    """(N, 17, 3) motion capture -> (N, 17, 3) the joints as a detector defines them (skeleton.py)."""
    return _AS_DETECTED.to(poses.device) @ poses


class _Views:
    """Random frames seen by random cameras."""

    def __init__(self, poses: Tensor, codec: DepthCodec, cameras: CameraSettings, noise: NoiseSettings) -> None:
        self._poses = poses
        self._codec = codec
        self._cameras = cameras
        self._noise = noise

    def draw(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Network inputs (size, 2 J), and the poses (size, J, 3) that they show, in the codec's units: depth in them
        is what a perfect lifter says."""
        rows = torch.randint(len(self._poses), (size,), generator=generator)
        poses = as_detected(vary_body(self._poses[rows], self._noise, generator))
        unit, _ = unit_poses(poses)
        rotation = random_camera_rotations(size, self._cameras, generator)
        seen = unit @ rotation.transpose(1, 2)
        exact = project(seen, self._codec.distance)
        network_input, scale = self._codec.encode(
            add_detector_noise(exact, self._noise, generator, unit=1 / self._codec.distance)
        )
        return network_input, seen * scale[:, None, None]


class Joints2D:
    """An endless source of network inputs. The 3D motions stay inside: batches are 2D only."""

    def __init__(self, pack: MotionPack, codec: DepthCodec, cameras: CameraSettings, noise: NoiseSettings) -> None:
        self._views = _Views(torch.as_tensor(pack.poses_m), codec, cameras, noise)

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """(size, 2 J) normalised points of random frames and cameras; the same for the same generator state."""
        return self._views.draw(size, generator)[0]


class LabelledJoints:
    """Network inputs with their depths, for the methods that are told them."""

    def __init__(
        self,
        pack: MotionPack,
        codec: DepthCodec,
        cameras: CameraSettings,
        noise: NoiseSettings,
        *,
        share: float = 1.0,
        seed: int = 0,
    ) -> None:
        """share: of the frames, the same ones for the same seed."""
        poses = torch.as_tensor(pack.poses_m)
        if share < 1:
            order = torch.randperm(len(poses), generator=torch.Generator().manual_seed(seed), device="cpu")
            poses = poses[order[: max(1, round(share * len(poses)))]]
        self._views = _Views(poses, codec, cameras, noise)

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (size, 2 J) and depths (size, J)."""
        points, poses = self.poses(size, generator)
        return points, poses[..., 2]

    def poses(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (size, 2 J) and the poses (size, J, 3) that they show, root-relative, in the codec's units."""
        return self._views.draw(size, generator)


class MotionTraining:
    """A motion pack as `rtpose.train.data.protocols.TrainingData`."""

    acknowledgement = (
        "The data used in this project was obtained from mocap.cs.cmu.edu. "
        "The database was created with funding from NSF EIA-0196217."
    )

    def __init__(self, pack: MotionPack) -> None:
        self.pack = pack
        self.name = pack.path.name
        self.subjects = pack.subjects
        self.size = f"{len(pack.clips)} clips, {len(pack.poses_m)} frames"

    def inputs(self, codec: DepthCodec, settings: TrainSettings) -> Joints2D:
        """See `TrainingData`."""
        return Joints2D(self.pack, codec, settings.cameras, settings.noise)

    def labelled(self, codec: DepthCodec, settings: TrainSettings, *, share: float = 1.0) -> LabelledJoints:
        """See `TrainingData`."""
        return LabelledJoints(self.pack, codec, settings.cameras, settings.noise, share=share, seed=settings.seed)
