"""A picture whose size changes in the middle: 2D joints stay in the pixels of the first one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rtpose.recordings import load_recording
from rtpose.recordings.npz_recorder import NpzRecorder
from rtpose.recordings.rtpose_recorder import RtposeRecorder
from rtpose.types import Result, Sink


@pytest.mark.parametrize("make", [NpzRecorder, RtposeRecorder])
def test_joints_are_in_the_pixels_that_the_file_states(
    make: Callable[..., Sink], make_result: Callable[..., Result], tmp_path: Path
) -> None:
    path = tmp_path / ("a.npz" if make is NpzRecorder else "a.rtpose")
    recorder = make(path, overwrite=False)
    results = [make_result(0, [1], (200, 100)), make_result(1, [1], (400, 200)), make_result(2, [1], (100, 200))]
    for result in results:
        recorder.write(result)
    recorder.close()
    recording = load_recording(path)
    assert recording.image_size == (200, 100)
    first, double, tall = (result.persons[0].keypoints_2d for result in results)
    np.testing.assert_array_equal(recording.keypoints_2d[0, 0], first)
    np.testing.assert_allclose(recording.keypoints_2d[1, 0], double * [0.5, 0.5, 1])
    np.testing.assert_allclose(recording.keypoints_2d[2, 0], tall * [0.5, 0.5, 1] + [75, 0, 0], rtol=1e-6)
