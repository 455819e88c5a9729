"""A constant rate out of times that vary."""

from dataclasses import replace

import numpy as np
import pytest

from rtpose.errors import InputError
from rtpose.recordings.export.motion import PersonMotion, at_constant_rate, motion_of, nominal_fps
from rtpose.recordings.recording import Recording


def motion(times_s: list[float], x: list[float]) -> PersonMotion:
    points = np.zeros((len(times_s), 1, 3))
    points[:, 0, 0] = x
    points[np.isnan(x)] = np.nan
    return PersonMotion(1, np.array(times_s), points)


def resampled(times_s: list[float], x: list[float], fps: float) -> tuple[list[float], list[float]]:
    got = at_constant_rate(motion(times_s, x), fps)
    return got.times_s.tolist(), got.points[:, 0, 0].tolist()


def test_on_a_line_between_the_frames_around() -> None:
    times, x = resampled([1.0, 1.05, 1.2], [0, 5, 20], fps=10)
    assert times == pytest.approx([1.0, 1.1, 1.2])
    assert x == pytest.approx([0, 10, 20])


def test_a_constant_rate_stays_as_it_is() -> None:
    times_s = (7 + np.arange(300) * 1001 / 30000).tolist()
    x = np.random.default_rng(0).normal(size=300).tolist()
    times, got = resampled(times_s, x, fps=30000 / 1001)
    np.testing.assert_allclose(times, times_s)
    np.testing.assert_array_equal(got, x)


def test_nothing_is_made_up_between_unknown_or_distant_frames() -> None:
    _, x = resampled([0, 0.1, 0.2, 0.3], [0, 1, np.nan, 3], fps=20)
    np.testing.assert_allclose(x, [0, 0.5, 1, np.nan, np.nan, np.nan, 3])
    _, x = resampled([0, 0.1, 0.9, 1.0], [0, 1, 9, 10], fps=10)
    np.testing.assert_allclose(x, [0, 1, *[np.nan] * 7, 9, 10])


def test_a_low_rate_is_no_gap() -> None:
    _, x = resampled([0, 0.5, 1.2], [0, 5, 12], fps=2)
    assert x == pytest.approx([0, 5, 10])


def test_one_frame() -> None:
    assert resampled([3.0], [7.0], fps=30) == ([3.0], [7.0])


def test_rates(poses: Recording) -> None:
    assert nominal_fps(replace(poses, meta={"fps": 25})) == 25
    varying = np.array([0, 0.05, 0.1, 0.4])
    assert nominal_fps(replace(poses, meta={"fps": None}, timestamps_s=varying)) == pytest.approx(20)
    assert nominal_fps(replace(poses, meta={}, timestamps_s=varying[:1])) == 30


def test_a_person_is_found_in_whatever_column(poses: Recording, points: np.ndarray) -> None:
    swapped = poses.track_ids.copy()
    swapped[30:] = swapped[30:, ::-1]
    got = motion_of(replace(poses, track_ids=swapped), 12).points
    np.testing.assert_array_equal(got[:30], points[:30, 1])
    np.testing.assert_array_equal(got[60:], points[60:, 0])
    assert np.isnan(got[40:60]).all()
    assert np.isfinite(motion_of(poses, 12).points[10]).all()
    level = np.diag([1.0, -1, -1, 1])
    level[:3, 3] = 1, 2, 3
    np.testing.assert_allclose(motion_of(poses, 3).in_room(level)[:20], points[:20, 0] * [1, -1, -1] + [1, 2, 3])


def test_times_that_no_recording_can_mean_are_refused() -> None:
    with pytest.raises(InputError, match=r"3 frames in 37,600 s, .* its times jump"):
        resampled([0, 0.1, 37_600], [0, 1, 2], 30)
    hour = np.arange(0, 3600, 1 / 30)
    assert len(resampled(hour.tolist(), np.zeros_like(hour).tolist(), 30)[0]) == len(hour)


def test_a_rate_that_no_camera_has_is_not_believed(poses: Recording) -> None:
    assert nominal_fps(replace(poses, meta={**poses.meta, "fps": 1e6})) == pytest.approx(30)
