import math

import msgspec
import pytest
import torch

from rtpose.skeleton import H36M17
from rtpose.train.data.noise import add_detector_noise, add_noise_in_time, vary_body
from rtpose.train.data.pack_training import as_detected
from rtpose.train.data.settings import NoiseSettings, TimeNoiseSettings

NONE = NoiseSettings(sigma=0, outlier_share=0, hip_width=(1, 1), shoulder_width=(1, 1))


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_no_noise_is_no_change() -> None:
    poses = torch.randn(3, 17, 3)
    torch.testing.assert_close(vary_body(poses, NONE, _generator()), poses)
    points = poses[..., :2]
    assert torch.equal(add_detector_noise(points, NONE, _generator(), unit=0.1), points)


def test_hips_move_apart_on_their_own_line() -> None:
    poses = torch.randn(3, 17, 3)
    wide = vary_body(poses, NoiseSettings(hip_width=(2, 2), shoulder_width=(1, 1)), _generator())
    left, right = H36M17.indices("left_hip", "right_hip")
    torch.testing.assert_close(wide[:, left] - wide[:, right], 2 * (poses[:, left] - poses[:, right]))
    others = [j for j in range(17) if j not in (left, right)]
    torch.testing.assert_close(wide[:, others], poses[:, others])


def test_noise_has_the_size_that_was_asked_and_derived_joints_follow() -> None:
    points = as_detected(torch.randn(1, 17, 3))[..., :2].repeat(4000, 1, 1)
    noisy = add_detector_noise(points, NoiseSettings(sigma=0.02, outlier_share=0), _generator(), unit=0.1)
    extent = (points[0].amax(0) - points[0].amin(0)).max()
    difference = noisy - points
    wrist = H36M17.index_of["left_wrist"]
    assert difference[:, wrist].std().item() == pytest.approx(0.02 * extent.item(), rel=0.05)
    i = H36M17.index_of
    torch.testing.assert_close(
        difference[:, i["root"]], (difference[:, i["left_hip"]] + difference[:, i["right_hip"]]) / 2
    )
    # What a detector's joints would be derived from the noisy ones is what the noisy set holds.
    shoulders = (noisy[:, i["left_shoulder"]] + noisy[:, i["right_shoulder"]]) / 2
    torch.testing.assert_close(noisy[:, i["thorax"]], shoulders, atol=1e-5, rtol=0)
    torch.testing.assert_close(noisy[:, i["neck_base"]], (shoulders + noisy[:, i["head"]]) / 2, atol=1e-5, rtol=0)


def test_outliers_are_few_and_far() -> None:
    points = torch.randn(1, 17, 2).repeat(3000, 1, 1)
    settings = NoiseSettings(sigma=0, outlier_share=0.1, outlier_sigma=1.0)
    moved = (add_detector_noise(points, settings, _generator(), unit=0.1) - points)[
        :, H36M17.index_of["left_foot"]
    ].norm(dim=-1)
    assert (moved > 0).float().mean().item() == pytest.approx(0.1, abs=0.02)


def test_pixels_are_those_of_human36m() -> None:
    points = torch.zeros(1, 17, 2).repeat(5000, 1, 1)
    pixels = NoiseSettings(sigma=0, outlier_share=0, sigma_px=10.3)
    moved = add_detector_noise(points, pixels, _generator(), unit=0.1)[:, H36M17.index_of["left_knee"]]
    assert moved.std().item() == pytest.approx(0.1 * 0.1, rel=0.05)  # a tenth of a mean joint distance


def test_gaps_move_whole_limbs_and_nothing_else() -> None:
    torch.manual_seed(0)
    points = torch.randn(2000, 17, 2)
    settings = NoiseSettings(sigma=0, outlier_share=0, gap_share=0.1)
    moved = (add_detector_noise(points, settings, _generator(), unit=0.1) - points).norm(dim=-1) > 1e-6
    i = H36M17.index_of
    for joint in ("root", "spine", "thorax", "head", "left_hip", "right_shoulder"):
        assert not moved[:, i[joint]].any(), joint
    assert torch.equal(moved[:, i["left_elbow"]], moved[:, i["left_wrist"]])
    assert moved[:, i["left_wrist"]].float().mean().item() == pytest.approx(0.1, abs=0.02)
    # A leg alone or both: 1 - 0.9 * 0.9.
    assert moved[:, i["right_knee"]].float().mean().item() == pytest.approx(0.19, abs=0.03)
    both = (moved[:, i["right_foot"]] & moved[:, i["left_foot"]]).float().mean().item()
    assert both == pytest.approx(0.1 + 0.9 * 0.01, abs=0.02)


def test_some_people_are_seen_without_noise() -> None:
    points = torch.randn(1, 17, 2).repeat(4000, 1, 1)
    noisy = add_detector_noise(points, NoiseSettings(clean_share=0.25), _generator(), unit=0.1)
    still = (noisy == points).all(dim=2).all(dim=1)
    assert still.float().mean().item() == pytest.approx(0.25, abs=0.03)


STEADY = TimeNoiseSettings(jitter_share=(0.25, 0.25), correlation_s=(0.2, 0.2), outlier_s=0.2, level=(1, 1))
FRAME_S = torch.tensor([0.1])


def _difference_in_time(settings: NoiseSettings, in_time: TimeNoiseSettings, count: int = 400) -> torch.Tensor:
    """(count, 30, 2) noise of a wrist over 30 frames of 0.1 s."""
    torch.manual_seed(0)
    points = as_detected(torch.randn(1, 17, 3))[:, None, :, :2].repeat(count, 30, 1, 1)
    noisy = add_noise_in_time(points, settings, in_time, FRAME_S.expand(count), _generator(), unit=0.1)
    extent = (points[0, 0].amax(0) - points[0, 0].amin(0)).max()
    return (noisy - points)[:, :, H36M17.index_of["left_wrist"]] / extent


def test_noise_in_time_looks_in_each_frame_as_it_does_in_single_ones() -> None:
    noise = _difference_in_time(NoiseSettings(sigma=0.02, outlier_share=0), STEADY)
    for frame in (0, 1, 15, 29):
        assert noise[:, frame].std().item() == pytest.approx(0.02, rel=0.08)
        assert abs(noise[:, frame].mean().item()) < 0.003


def test_the_slow_part_of_the_noise_correlates_as_asked() -> None:
    """At lag k frames of 0.1 s: 0.75 exp(-k / 2), for a correlation time of 0.2 s and a quarter of jitter."""
    noise = _difference_in_time(NoiseSettings(sigma=0.02, outlier_share=0), STEADY, 2000)
    for lag in (1, 2, 4):
        correlation = (noise[:, :-lag] * noise[:, lag:]).mean() / noise.var()
        assert correlation.item() == pytest.approx(0.75 * math.exp(-lag / 2), abs=0.03)


def test_outliers_in_time_are_as_many_and_last() -> None:
    settings = NoiseSettings(sigma=0, outlier_share=0.1, outlier_sigma=1.0)
    out = _difference_in_time(settings, STEADY, 2000).norm(dim=-1) > 0
    assert out[:, 0].float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert out[:, 20].float().mean().item() == pytest.approx(0.1, abs=0.02)
    # Half the frames (0.1 s of 0.2 s) draw anew: it stays with 0.5, or is drawn again with 0.5 * 0.1.
    stays = (out[:, 10] & out[:, 11]).float().mean() / out[:, 10].float().mean()
    assert stays.item() == pytest.approx(0.55, abs=0.07)


def test_exact_clips_have_no_noise_and_level_scales_it() -> None:
    settings = NoiseSettings(sigma=0.02, outlier_share=0)
    twice = _difference_in_time(settings, msgspec.structs.replace(STEADY, level=(2, 2)))
    torch.testing.assert_close(twice, 2 * _difference_in_time(settings, STEADY), rtol=0, atol=1e-4)
    some = _difference_in_time(msgspec.structs.replace(settings, clean_share=0.5), STEADY)
    exact = (some == 0).all(dim=(1, 2))
    assert exact.float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert (some[~exact].std(dim=(1, 2)) > 0.005).all()


def test_a_clip_has_one_body() -> None:
    poses = torch.randn(4, 1, 17, 3).repeat(1, 5, 1, 1)
    varied = vary_body(poses, NoiseSettings(hip_width=(1, 2), shoulder_width=(0.5, 1)), _generator())
    torch.testing.assert_close(varied, varied[:, :1].repeat(1, 5, 1, 1))
    hip = H36M17.index_of["left_hip"]
    assert len({round(v, 4) for v in (varied - poses)[:, 0, hip, 0].tolist()}) == 4


def test_noise_on_all_joints_leaves_none_to_follow() -> None:
    settings = msgspec.structs.replace(NONE, sigma_px=10, on_all_joints=True)
    noise = add_detector_noise(torch.zeros(4000, 17, 2), settings, _generator(), unit=103.0)
    covariance = torch.cov(noise[..., 0].T)
    torch.testing.assert_close(covariance, 100 * torch.eye(17), atol=8, rtol=0)
