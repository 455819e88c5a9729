"""Evaluation on motion packs: every pose, seen by a fixed list of cameras."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.cameras import EVALUATION_CAMERAS_DEG, camera_from_world, project, unit_poses
from rtpose.train.data.input_kind import InputKind
from rtpose.train.data.motion_pack import MotionPack
from rtpose.train.data.noise import add_detector_noise, add_noise_in_time, vary_body
from rtpose.train.data.pack_training import as_detected
from rtpose.train.data.sets import Clip, View, clip_runs


class PackEvaluationSet:
    """A motion pack seen by `EVALUATION_CAMERAS_DEG`, one view per camera. See `EvaluationSet`."""

    joints_2d = "gt"
    exclusions = "none"

    def __init__(self, pack: MotionPack) -> None:
        self.pack = pack
        self.name = pack.path.name
        self.subjects = pack.subjects
        self.size = f"{len(pack.clips)} clips, {len(pack.poses_m)} frames"
        self.clips = [Clip(str(c["subject"]), str(c["text"]), float(c["fps"])) for c in pack.clips]

    def __len__(self) -> int:
        return len(EVALUATION_CAMERAS_DEG) * len(self.pack.poses_m)

    def views(
        self, codec: DepthCodec, kind: InputKind, generator: torch.Generator, *, every: int = 1
    ) -> Iterator[View]:
        """See `EvaluationSet`."""
        mocap = torch.from_numpy(self.pack.poses_m[::every])
        clip = self.pack.clip_of_frame()[::every]
        runs = [(rows, self.clips[c].fps / every) for rows, c in clip_runs(clip)]
        unit, size_m = unit_poses(as_detected(mocap))
        for azimuth, elevation in EVALUATION_CAMERAS_DEG:
            angles = torch.deg2rad(torch.tensor([azimuth, elevation, 0.0]))
            rotation = camera_from_world(angles[0:1], angles[1:2], angles[2:3])
            yield View(
                points=_points(mocap, size_m, rotation, codec, kind, runs, generator),
                truth_mm=unit @ rotation.transpose(1, 2) * (1000 * size_m[:, None, None]),
                camera_from_view=torch.eye(3)[None],
                clip=clip,
            )


def _points(
    mocap: Tensor,
    size_m: Tensor,
    rotation: Tensor,
    codec: DepthCodec,
    kind: InputKind,
    clips: list[tuple[slice, float]],
    generator: torch.Generator,
) -> Tensor:
    """2D joints (N, J, 2) of one camera, for this kind of input. clips: rows and frame rate of each."""
    unit = 1 / codec.distance

    def seen(motion: Tensor, size: Tensor) -> Tensor:
        body = as_detected(motion) / size[:, None, None]
        return project((body - body[:, :1]) @ rotation.transpose(1, 2), codec.distance)

    if kind.in_time is None:
        return add_detector_noise(seen(vary_body(mocap, kind.noise, generator), size_m), kind.noise, generator, unit)
    noisy = []
    for rows, fps in clips:
        points = seen(vary_body(mocap[None, rows], kind.noise, generator)[0], size_m[rows])
        frame_s = torch.tensor([1 / fps], dtype=torch.float32)
        noisy.append(add_noise_in_time(points[None], kind.noise, kind.in_time, frame_s, generator, unit)[0])
    return torch.cat(noisy)
