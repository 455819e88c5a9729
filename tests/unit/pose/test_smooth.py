import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.config import OneEuroSettings
from rtpose.pose.smooth import MAX_GAP_S, NoSmoother, OneEuroFilter, OneEuroSmoother
from rtpose.types import Person3D


def person(pose: np.ndarray, track_id: int = 0, root: tuple[float, float, float] = (0, 0, 3)) -> Person3D:
    return Person3D(
        track_id, np.zeros(4, np.float32), np.zeros((17, 3), np.float32), pose.astype(np.float32),
        np.array(root, np.float32), np.ones(17, np.float32),
    )  # fmt: skip


def run(poses: np.ndarray, fps: float, settings: OneEuroSettings | None = None) -> np.ndarray:
    smoother = OneEuroSmoother(settings)
    return np.stack([smoother.smooth([person(p)], i / fps)[0].pose_3d for i, p in enumerate(poses)])


def test_jitter_of_a_still_joint_becomes_smaller() -> None:
    noise = np.random.default_rng(0).normal(scale=0.01, size=(300, 17, 3))
    assert run(noise, 30)[30:].std() < 0.5 * noise[30:].std()


def test_a_fast_joint_is_followed() -> None:
    """A wrist that swings 0.5 m at 1 Hz (3 m/s at most) lags by less than 5 cm."""
    t = np.arange(120) / 30
    poses = np.zeros((120, 17, 3))
    poses[:, 13, 0] = 0.5 * np.sin(2 * math.pi * t)
    lag = np.abs(run(poses, 30)[:, 13, 0] - poses[:, 13, 0])[30:]
    assert lag.max() < 0.08
    assert np.median(lag) < 0.05


@given(st.sampled_from([10.0, 15.0, 60.0, 120.0]))
def test_real_time_counts_not_frames(fps: float) -> None:
    """A step is followed to the same share after the same time at any frame rate (within the sampling)."""
    settings = OneEuroSettings(beta_per_m=0)
    step = np.ones((int(fps * 0.5) + 1, 17, 3))
    step[0] = 0
    reached = run(step, fps, settings)[-1, 0, 0]
    assert reached == pytest.approx(1 - math.exp(-2 * math.pi * 1.5 * 0.5), abs=0.06)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.001, 0.4))
def test_a_place_that_does_not_change_is_kept(x: float, y: float, dt_s: float) -> None:
    point = np.array([[x, y, 1]], np.float32)
    smooth = OneEuroFilter(1.0, 1.0, 1.0)
    for _ in range(3):
        out = smooth(point, dt_s)
    np.testing.assert_allclose(out, point, atol=1e-6)


def test_an_unknown_joint_stays_unknown_and_starts_anew() -> None:
    poses = np.ones((4, 17, 3))
    poses[1:3, 5] = np.nan
    poses[3] = 2
    out = run(poses, 30)
    assert np.isnan(out[1:3, 5]).all()
    assert (out[3, 5] == 2).all()
    assert np.isfinite(np.delete(out, 5, axis=1)).all()
    assert (out[3, 0] < 2).all()


def test_people_do_not_mix_and_a_gap_starts_anew() -> None:
    zeros, ones = np.zeros((17, 3)), np.ones((17, 3))
    smoother = OneEuroSmoother()
    smoother.smooth([person(zeros, 0), person(ones, 1)], 0.0)
    a, b = smoother.smooth([person(zeros, 0), person(ones, 1)], 0.03)
    assert (a.pose_3d == 0).all()
    assert (b.pose_3d == 1).all()
    (after,) = smoother.smooth([person(ones, 0)], 0.03 + 1.1 * MAX_GAP_S)
    assert (after.pose_3d == 1).all()
    (back_in_time,) = smoother.smooth([person(zeros, 0)], 0.0)
    assert (back_in_time.pose_3d == 0).all()


def test_only_3d_is_smoothed_and_off_is_off() -> None:
    first, second = person(np.zeros((17, 3))), person(np.ones((17, 3)))
    second = replace(second, keypoints_2d=np.full((17, 3), 7, np.float32))
    smoother = OneEuroSmoother()
    smoother.smooth([first], 0.0)
    (out,) = smoother.smooth([second], 0.03)
    assert 0 < out.pose_3d[0, 0] < 1
    assert (out.keypoints_2d == 7).all()
    assert NoSmoother().smooth([second], 0.1)[0] is second


def test_the_root_alone_can_be_smoothed() -> None:
    first, second = person(np.zeros((17, 3))), person(np.ones((17, 3)))
    first, second = replace(first, root_3d=np.zeros(3, np.float32)), replace(second, root_3d=np.ones(3, np.float32))
    smoother = OneEuroSmoother(joints=False)
    smoother.smooth([first], 0.0)
    (out,) = smoother.smooth([second], 0.03)
    assert out.pose_3d is second.pose_3d
    assert 0 < out.root_3d[0] < 1
