import dataclasses

import msgspec
import numpy as np
import pytest
import torch

from rtpose.assets import small_val_pack
from rtpose.errors import ConfigError, InputError
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.cameras import unit_poses
from rtpose.train.data.motion_pack import MotionPack, load_motion_pack
from rtpose.train.data.pack_clips import ClipBatch, PackClips, _at
from rtpose.train.data.pack_training import PackTrainingSet
from rtpose.train.data.settings import NoiseSettings
from rtpose.train.lifters.settings import TemporalSettings
from rtpose.train.lifters.temporal import Temporal

SETTINGS = TemporalSettings(clip_frames=8, width=8)


@pytest.fixture(scope="module")
def pack() -> MotionPack:
    return load_motion_pack(small_val_pack())


def _batch(pack: MotionPack, settings: TemporalSettings, size: int = 16, seed: int = 0) -> ClipBatch:
    return PackClips(pack, DepthCodec(), settings).batch(size, torch.Generator().manual_seed(seed))


def test_exact_clips_are_what_a_camera_sees_of_the_poses(pack: MotionPack) -> None:
    """Without noise the points are the poses' own projections, and their movement is that of the pack's frames."""
    exact = NoiseSettings(sigma=0, outlier_share=0, hip_width=(1, 1), shoulder_width=(1, 1))
    motions = _batch(pack, msgspec.structs.replace(SETTINGS, noise=exact))
    torch.testing.assert_close(motions.points, motions.exact_points, atol=1e-6, rtol=0)
    unit, _ = unit_poses(motions.poses.flatten(0, 1))
    seen = unit[..., :2] / (unit[..., 2:] + 10)
    expected, _ = DepthCodec().encode(seen)
    torch.testing.assert_close(motions.points.flatten(0, 1), expected, atol=1e-5, rtol=0)


def test_corrected_points_are_asked_for_where_the_noise_is(pack: MotionPack) -> None:
    noise = msgspec.structs.replace(SETTINGS.noise, clean_share=0.5)
    steady = msgspec.structs.replace(SETTINGS.time_noise, level=(1, 1))
    motions = _batch(pack, msgspec.structs.replace(SETTINGS, noise=noise, time_noise=steady), size=64)
    changed = (motions.points - motions.exact_points).abs().amax((1, 2)) > 1e-5
    assert changed.float().mean().item() == pytest.approx(0.5, abs=0.2)


def test_strides_are_strides_of_the_same_clip(pack: MotionPack) -> None:
    """A clip at stride 3 moves three times as far, on average, and never jumps to another motion."""
    steps = []
    for stride in (1, 3):
        motions = _batch(pack, msgspec.structs.replace(SETTINGS, strides=(stride,)), size=200)
        steps.append(motions.poses.diff(dim=1).norm(dim=-1).mean().item())
    assert 2.2 < steps[1] / steps[0] < 3.2
    numbered = dataclasses.replace(pack, poses_m=pack.poses_m[:30], starts=np.array([0, 15, 30]), clips=pack.clips[:2])
    starts = PackClips(numbered, DepthCodec(), msgspec.structs.replace(SETTINGS, strides=(2,)))._starts[0]
    assert starts.tolist() == [0, 15]  # 8 frames at stride 2 span 15


def test_frames_between_those_of_the_pack_lie_on_a_smooth_path() -> None:
    """Catmull-Rom splines: through every frame, exact on straight lines and parabolas away from the ends."""
    t = torch.arange(9.0)
    poses = torch.stack([t, t**2, torch.randn(9)], -1)[:, None]  # (9, 1, 3)
    rows = torch.arange(0, 8.5, 0.5)[None]
    between = _at(rows, poses)[0, :, 0]
    torch.testing.assert_close(between[::2], poses[:, 0])
    torch.testing.assert_close(between[3:-2, :2], torch.stack([rows[0], rows[0] ** 2], -1)[3:-2])


def test_a_pack_of_short_motions_is_reported(pack: MotionPack) -> None:
    short = dataclasses.replace(pack, poses_m=pack.poses_m[:20], starts=np.array([0, 10, 20]), clips=pack.clips[:2])
    with pytest.raises(InputError, match="no motion of 15 frames"):
        PackClips(short, DepthCodec(), msgspec.structs.replace(SETTINGS, strides=(1, 2)))


def test_a_given_trunk_stays_as_it_is(pack: MotionPack) -> None:
    method = Temporal(SETTINGS, PackTrainingSet(pack))
    before = {name: value.clone() for name, value in method.generator.trunk.state_dict().items()}
    method.step(1, torch.Generator().manual_seed(0))
    assert method.architecture["width"] == 512
    for name, value in method.generator.trunk.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"init_from": "svmac"}, "is not a baseline"),
        ({"init_from": "magic"}, "no lifter 'magic'"),
        ({"distance": 5.0}, "normalisation"),
        ({"noise": NoiseSettings(gap_share=0.1)}, "gap_share"),
    ],
)
def test_what_cannot_be_trained_is_reported(pack: MotionPack, change: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Temporal(msgspec.structs.replace(SETTINGS, **change), PackTrainingSet(pack))
