"""Training on single frames of a motion pack, seen by random cameras, with detector noise."""

from __future__ import annotations

import torch
from torch import Tensor

from rtpose.pose.lift.codec import DepthCodec
from rtpose.skeleton import H36M17_AS_DETECTED
from rtpose.train.data.cameras import project, random_camera_rotations, unit_poses
from rtpose.train.data.motion_pack import MotionPack
from rtpose.train.data.noise import add_detector_noise, vary_body
from rtpose.train.data.readers.cmu import ACKNOWLEDGEMENT
from rtpose.train.data.settings import CameraSettings, NoiseSettings, SamplingSettings

_AS_DETECTED = torch.from_numpy(H36M17_AS_DETECTED)


def as_detected(poses: Tensor) -> Tensor:
    """Joints of motion capture (..., 17, D) -> joints as a detector defines them (`rtpose.skeleton`), same shape."""
    return _AS_DETECTED.to(poses.device) @ poses


class _Views:
    """Draws random frames seen by random cameras."""

    def __init__(self, poses: Tensor, codec: DepthCodec, cameras: CameraSettings, noise: NoiseSettings) -> None:
        self._poses = poses
        self._codec = codec
        self._cameras = cameras
        self._noise = noise

    def draw(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Network inputs (size, 2 J) and their true poses (size, J, 3) in the codec's units, so that z is the depth
        that a perfect lifter gives."""
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


class PackInputs:
    """An endless source of network inputs. Batches contain 2D joints only."""

    def __init__(self, pack: MotionPack, codec: DepthCodec, cameras: CameraSettings, noise: NoiseSettings) -> None:
        self._views = _Views(torch.as_tensor(pack.poses_m), codec, cameras, noise)

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """(size, 2 J) normalised points of random frames and cameras; depends only on the state of the generator."""
        return self._views.draw(size, generator)[0]


class PackLabelledInputs:
    """An endless source of network inputs with labels, for supervised methods."""

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
        """share: of the frames; the same frames for the same seed."""
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
        """Points (size, 2 J) and their true poses (size, J, 3), root-relative, in the codec's units."""
        return self._views.draw(size, generator)


class PackTrainingSet:
    """A motion pack as a training set (`rtpose.train.data.sets.TrainingSet`)."""

    acknowledgement = ACKNOWLEDGEMENT

    def __init__(self, pack: MotionPack) -> None:
        self.pack = pack
        self.name = pack.path.name
        self.subjects = pack.subjects
        self.size = f"{len(pack.clips)} clips, {len(pack.poses_m)} frames"

    def inputs(self, codec: DepthCodec, settings: SamplingSettings) -> PackInputs:
        """See `TrainingSet`."""
        return PackInputs(self.pack, codec, settings.cameras, settings.noise)

    def labelled(self, codec: DepthCodec, settings: SamplingSettings, *, share: float = 1.0) -> PackLabelledInputs:
        """See `TrainingSet`."""
        return PackLabelledInputs(self.pack, codec, settings.cameras, settings.noise, share=share, seed=settings.seed)
