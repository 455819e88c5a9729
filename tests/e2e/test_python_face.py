"""The Python face, as the README shows it, on the built-in sample."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rtpose
from rtpose.assets import SampleTruth, sample_clip
from rtpose.config import RunSettings
from rtpose.errors import ConfigError, InputError
from rtpose.recordings.rtpose_file import write_rtpose

LINES = """
import rtpose
with rtpose.open_source("in.mp4") as frames, rtpose.open_estimator() as estimator:
    for frame in frames:
        for person in estimator(frame):          # also estimator(rgb_array, t_s=...)
            print(frame.pts_s, person.track_id, person.joint("right_wrist"))   # (3,) metres, camera space
recording = rtpose.load_recording("poses.npz")   # .npz or .rtpose; arrays by name, skeleton, camera
"""


@pytest.mark.slow
def test_the_lines_of_the_readme(sample_poses: Path, tmp_path: Path) -> None:
    shutil.copy(sample_clip(), tmp_path / "in.mp4")
    shutil.copy(sample_poses / "poses.npz", tmp_path / "poses.npz")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", LINES], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    recording = rtpose.load_recording(tmp_path / "poses.npz")
    wrist = recording.joint_names.index("right_wrist")
    lines = run.stdout.splitlines()
    assert len(lines) == int((recording.track_ids >= 0).sum())
    places = recording.poses_3d[:, 0, wrist] + recording.root_3d[:, 0]
    apart_m: list[float] = []
    for line, t_s, place in zip(lines, recording.timestamps_s, places, strict=True):
        time_text, track_id, numbers = line.split(maxsplit=2)
        assert float(time_text) == pytest.approx(t_s)
        assert track_id == "0"
        apart_m.append(np.linalg.norm(np.array(numbers.strip("[]").split(), float) - place))
    # A recording has the lengths that bones settle at, from its first frame on.
    assert max(apart_m) < 0.05
    assert np.median(apart_m) < 0.01


def test_arrays_give_what_frames_give() -> None:
    truth = SampleTruth.load()
    with rtpose.open_source(sample_clip()) as frames, rtpose.open_estimator(height_m=truth.height_m) as estimator:
        assert frames.info.size == (640, 480)
        some = [frame for frame, _ in zip(frames, range(5), strict=False)]
        by_frames = [estimator(frame) for frame in some]
        with pytest.raises(InputError, match=r"call reset\(\)"):
            estimator(some[0])
        estimator.reset()
        by_arrays = [estimator(frame.image, t_s=frame.pts_s) for frame in some]
    for a, b in zip(by_frames, by_arrays, strict=True):
        (one,), (other,) = a, b
        # A decoder's own picture is cut out of before it is RGB: not the same bytes.
        np.testing.assert_allclose(one.joint("right_wrist"), other.joint("right_wrist"), atol=0.05)


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ConfigError, match="persons: 0 is not allowed"):
        rtpose.open_estimator(persons=0)
    with pytest.raises(ConfigError, match="there is no setting 'person'"):
        rtpose.open_estimator(person=1)
    with pytest.raises(InputError, match=r"nothing\.mp4"):
        rtpose.open_source("nothing.mp4")
    with rtpose.open_estimator() as estimator:
        with pytest.raises(InputError, match=r"\(480, 640\), uint8"):
            estimator(np.zeros((480, 640), np.uint8))
        with pytest.raises(InputError, match="float64"):
            estimator(np.zeros((480, 640, 3)))
        assert estimator(np.zeros((48, 64, 3), np.uint8)) == []
        estimator.reset()
        with rtpose.open_source(sample_clip()) as frames:
            (person,) = estimator(next(iter(frames)))
        with pytest.raises(ConfigError, match="no joint tail"):
            person.joint("tail")


@pytest.mark.slow
def test_a_session_records(tmp_path: Path, sample_poses: Path) -> None:
    """As `rtpose video` does, to the byte of every array."""
    notices: list[str] = []
    session = rtpose.Session(RunSettings(), on_notice=notices.append)
    with rtpose.open_source(sample_clip()) as frames:
        summary = session.record(frames, tmp_path / "poses.npz")
    assert notices == []
    with np.load(sample_poses / "poses.npz") as theirs, np.load(tmp_path / "poses.npz") as ours:
        assert summary.frames == len(ours["frame_ids"])
        for key in theirs.files:
            np.testing.assert_array_equal(ours[key], theirs[key])
    recording = rtpose.load_recording(tmp_path / "poses.npz")
    with (tmp_path / "poses.rtpose").open("wb") as file:
        write_rtpose(file, recording)
    same = rtpose.load_recording(tmp_path / "poses.rtpose")
    np.testing.assert_array_equal(same.poses_3d, recording.poses_3d)
    assert same.camera == recording.camera
