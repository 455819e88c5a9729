"""`rtpose webcam` on a camera at real time: a stream on loopback that waits for nobody."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import Picture
from command import Running, running, wait_until
from mjpeg import MjpegStream
from recording import Recording
from viewer import looking_at

WEBCAM = ("webcam", "--no-browser", "--port", "0", "--camera")


def small_jpeg(picture: Picture) -> bytes:
    """Half the size: cheap to decode, and just as much work to estimate."""
    return bytes(cv2.imencode(".jpg", picture[::2, ::2, ::-1])[1])


@pytest.fixture
def fast_camera(sample_pictures: list[Picture]) -> Iterator[MjpegStream]:
    """A camera with several times as many frames as one thread of an estimator manages."""
    stream = MjpegStream([small_jpeg(picture) for picture in sample_pictures], fps=240)
    yield stream
    stream.stop()


def said(command: Running) -> str:
    return "".join([*command.stdout, *command.stderr])


@pytest.mark.slow
def test_camera_dies_and_comes_back(camera: MjpegStream, tmp_path: Path) -> None:
    with running(*WEBCAM, camera.url, "--record", "poses.npz", cwd=tmp_path) as command:
        with looking_at(command.page()) as viewer:
            before = viewer.poses(30)
            assert viewer.hello["sources"][0]["name"] == camera.url
            assert viewer.hello["live"] is True
            assert viewer.hello["sources"][0]["image_size"] == [640, 480]
            ids = [pose["frame_id"] for pose in before]
            assert ids == sorted(set(ids))
            assert all(pose["persons"] for pose in before[1:])
            for pose in before:
                assert pose["capture_ns"] <= pose["estimate_ns"] <= pose["send_ns"] <= pose["arrival_ns"]
                for person in pose["persons"]:
                    assert np.isfinite(person["joints"]).all()

            camera.stop()
            command.wait_for("stream lost, retrying in")
            camera.start()
            after = viewer.poses(60)  # what was on its way, then what came after the gap
            assert any("stream lost" in status for status in viewer.statuses)
            assert viewer.statuses[-1] == "ok"
            assert after[-1]["frame_id"] > before[-1]["frame_id"]
            assert after[-1]["persons"]

        assert command.process.poll() is None
        if os.name == "posix":
            assert command.end(signal.SIGINT) == 0
            assert re.search(r"\d+ frames in .* -> poses.npz", said(command))
            assert "Traceback" not in said(command)
            assert said(command).count("The page:") == 1
            recording = Recording(tmp_path / "poses.npz")
            assert len(recording) >= 90
            assert recording.seen.mean() > 0.9
            seconds = recording.arrays["timestamps_s"]
            assert 0 <= seconds[0] < 1
            assert np.diff(seconds).max() > 0.4, "the gap is in the times: they are the clock's"
            assert [file.name for file in tmp_path.iterdir()] == ["poses.npz"]


@pytest.mark.slow
def test_the_newest_frame_wins(fast_camera: MjpegStream, sample_pictures: list[Picture], tmp_path: Path) -> None:
    """The camera sends several times what the estimator manages: frames are dropped, and none waits."""
    (tmp_path / "slow.yaml").write_text("threads: 1\n")
    with running(*WEBCAM, fast_camera.url, "--config", "slow.yaml", cwd=tmp_path) as command:
        with looking_at(command.page()) as viewer:
            poses = viewer.poses(150)
            # What the camera sees now is what the viewer gets soon, not after a queue of older frames.
            fast_camera.show([small_jpeg(np.zeros_like(sample_pictures[0]))])
            gone_ns = time.monotonic_ns()
            while (pose := viewer.pose())["persons"]:
                poses.append(pose)
            assert pose["arrival_ns"] - gone_ns < 2e9
        if os.name == "posix":
            assert command.end(signal.SIGTERM) == 0
            dropped = re.search(r"(\d+) dropped", said(command))
            assert dropped, said(command)
            assert int(dropped[1]) > len(poses)
    steps = np.diff([pose["frame_id"] for pose in poses])
    assert (steps > 0).all()
    assert np.median(steps) >= 2, "frames have to be left out"
    latency_s = np.array([pose["arrival_ns"] - pose["capture_ns"] for pose in poses]) / 1e9
    assert (latency_s > 0).all(), "the clock is the machine's"
    # A queue would grow by more than half a second in each second of this test.
    assert np.median(latency_s[-50:]) < 1


@pytest.mark.slow
def test_a_slow_viewer_gets_the_newest_pose(camera: MjpegStream, tmp_path: Path) -> None:
    with running(*WEBCAM, camera.url, cwd=tmp_path) as command:
        page = command.page()
        with looking_at(page) as slow, looking_at(page) as quick:
            # The slow one says what it has drawn, as the page does, and then nothing for a while.
            drawn = slow.pose()["frame_id"]
            slow.socket.send(f'{{"ack": {drawn}}}')
            meanwhile = quick.poses(60)
            held_up = []
            while not held_up or held_up[-1]["frame_id"] < meanwhile[-1]["frame_id"]:
                held_up.append(slow.pose())
                slow.socket.send(f'{{"ack": {held_up[-1]["frame_id"]}}}')
            assert len(held_up) < len(meanwhile) / 2, "most were never sent"
        wait_until(lambda: command.process.poll() is None, "the command to go on")
