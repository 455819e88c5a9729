"""Several sources at once: one page, people kept apart, results as if each were alone."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import Picture, write_clip
from command import rtpose, running
from mjpeg import MjpegStream
from recording import Recording
from viewer import looking_at


@pytest.fixture(scope="module")
def mirrored_pictures(sample_pictures: list[Picture]) -> list[Picture]:
    """Another clip: the sample's second half in a mirror, half as large."""
    return [np.ascontiguousarray(picture[::2, ::-2]) for picture in sample_pictures[90:]]


@pytest.mark.slow
def test_videos_together_are_as_videos_alone(
    short_clip: Path, mirrored_pictures: list[Picture], tmp_path: Path
) -> None:
    other = write_clip(tmp_path / "other.mp4", mirrored_pictures[:30])
    for folder, options in (("alone", ()), ("together", ("--together",))):
        run = rtpose("video", short_clip, other, "--out", folder, *options, cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        assert len(re.findall(r"30 frames in .*1 person in 100%", run.stdout)) == 2
    seen: list[set[int]] = []
    for name in ("short.npz", "other.npz"):
        alone, together = (Recording(tmp_path / folder / name) for folder in ("alone", "together"))
        for key, array in alone.arrays.items():
            if key not in ("meta", "track_ids"):
                np.testing.assert_array_equal(together.arrays[key], array, err_msg=f"{key} of {name}")
        assert together.meta["source"].endswith(name.replace("npz", "mp4"))
        seen.append(set(together.arrays["track_ids"].ravel().tolist()))
    assert seen[0]
    assert seen[1]
    assert not seen[0] & seen[1], "the same id for two people"


@pytest.mark.slow
def test_one_camera_dies_and_the_other_goes_on(
    camera: MjpegStream, mirrored_pictures: list[Picture], tmp_path: Path
) -> None:
    second = MjpegStream([cv2.imencode(".jpg", p[..., ::-1])[1].tobytes() for p in mirrored_pictures], fps=30)
    try:
        with running(
            "webcam", "--no-browser", "--port", "0", "--camera", camera.url, "--camera", second.url,
            "--record", "poses.npz", cwd=tmp_path,
        ) as command:  # fmt: skip
            with looking_at(command.page()) as viewer:
                poses = viewer.poses(40)
                assert viewer.hello["sources"] == [
                    {"name": camera.url, "image_size": [640, 480]}, {"name": second.url, "image_size": [320, 240]},
                ]  # fmt: skip
                of = [[pose for pose in poses if pose["source"] == source] for source in (0, 1)]
                assert len(of[0]) + len(of[1]) == 40
                ids = [{person["track_id"] for pose in one for person in pose["persons"]} for one in of]
                assert ids[0]
                assert ids[1]
                assert not ids[0] & ids[1], "the same id for two people"
                for one, (width, height) in zip(of, ((640, 480), (320, 240)), strict=True):
                    assert [pose["frame_id"] for pose in one] == sorted({pose["frame_id"] for pose in one})
                    boxes = np.stack([person["bbox"] for pose in one for person in pose["persons"]])
                    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
                    assert ((centres > 0) & (centres < (width, height))).all()

                second.stop()
                command.wait_for("stream lost, retrying in")
                while not any("stream lost" in status for status in viewer.statuses):
                    viewer.pose()
                assert all(status == "ok" or status.startswith(second.url) for status in viewer.statuses)
                viewer.poses(5)
                assert {viewer.pose()["source"] for _ in range(10)} == {0}
                second.start()
                while viewer.pose()["source"] != 1:
                    pass
                assert viewer.statuses[-1] == "ok"
            if os.name == "posix":
                assert command.end(signal.SIGINT) == 0
                assert sorted(file.name for file in tmp_path.iterdir()) == ["poses-0.npz", "poses-1.npz"]
                for number, size in enumerate(([640, 480], [320, 240])):
                    recording = Recording(tmp_path / f"poses-{number}.npz")
                    assert recording.arrays["image_size"].tolist() == size
                    assert set(recording.arrays["track_ids"].ravel().tolist()) - {-1} >= ids[number]
    finally:
        second.stop()


def test_a_camera_given_twice_is_said(tmp_path: Path) -> None:
    run = rtpose("webcam", "--camera", "0", "--camera", "0", "--no-browser", cwd=tmp_path)
    assert run.returncode == 2
    assert "given twice" in run.stderr
