"""`rtpose webcam --record`, killed or switched by the page; `recover`, `convert` and `view` of what it wrote."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.request
from pathlib import Path

import av
import bvhio_reader
import numpy as np
import pytest
from command import rtpose, running, wait_until
from mjpeg import MjpegStream
from recording import Recording
from viewer import looking_at

from rtpose.types import is_guess

WEBCAM = ("webcam", "--no-browser", "--port", "0", "--camera")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9 and Ctrl-C are tried on POSIX")
def test_killed_recovered_converted_and_seen(camera: MjpegStream, tmp_path: Path) -> None:
    files = ("--record", "session.rtpose", "--record-video", "session.mkv")
    with running(*WEBCAM, camera.url, *files, cwd=tmp_path) as command:
        with looking_at(command.page()) as viewer:
            last = viewer.poses(45)[-1]
            assert viewer.hello["can_record"] is True
        command.process.send_signal(signal.SIGKILL)
        command.process.wait()
    recovered = rtpose("recover", "session.rtpose", cwd=tmp_path)
    assert recovered.returncode == 0, recovered.stderr
    said = re.fullmatch(r"(\d+) frames \(.* s\) kept, \d+ bytes .* -> session-recovered.rtpose\n", recovered.stdout)
    assert said, recovered.stdout
    converted = rtpose("convert", "session-recovered.rtpose", "poses.npz", cwd=tmp_path)
    assert converted.returncode == 0, converted.stderr
    poses = Recording(tmp_path / "poses.npz")
    assert len(poses) == int(said[1])
    assert poses.meta["source"] == camera.url
    assert poses.meta["recovered"] is True
    # Of what a page had seen, at most a second is missing.
    assert poses.arrays["frame_ids"][-1] > last["frame_id"] - 30
    # The picture and the poses of a frame have one time.
    with av.open(str(tmp_path / "session.mkv")) as video:
        times_s = [float(frame.time) for frame in video.decode(video=0)]
    both = min(len(times_s), len(poses))
    assert both > 20
    np.testing.assert_allclose(times_s[:both], poses.arrays["timestamps_s"][:both], atol=0.0011)

    whole = rtpose("recover", "session-recovered.rtpose", cwd=tmp_path)
    assert (whole.returncode, "is complete" in whole.stdout) == (0, True)
    with running("view", "session.rtpose", "--no-browser", "--port", "0", cwd=tmp_path) as command:
        with urllib.request.urlopen(command.page() + "recording.npz") as response:
            (tmp_path / "served.npz").write_bytes(response.read())
        assert command.end(signal.SIGINT) == 0
    np.testing.assert_array_equal(Recording(tmp_path / "served.npz").arrays["poses_3d"], poses.arrays["poses_3d"])


@pytest.mark.slow
def test_switched_by_the_page(camera: MjpegStream, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    with running(*WEBCAM, camera.url, "--record-folder", "clips", cwd=tmp_path) as command:
        with looking_at(command.page()) as viewer:
            viewer.poses(5)
            viewer.socket.send(json.dumps({"record": True}))
            viewer.poses(20)
            (path,) = (tmp_path / "clips").glob("rtpose-*.rtpose")
            viewer.socket.send(json.dumps({"record": False}))
            command.wait_for(rf"{path.name}: \d+ frames")
            viewer.poses(20)
        wait_until(lambda: command.process.poll() is None, "the command to go on")
    assert [file.name for file in (tmp_path / "clips").iterdir()] == [path.name]
    assert rtpose("recover", path, cwd=tmp_path).stdout.endswith("nothing to recover\n")


@pytest.mark.slow
def test_the_samples_motion_in_a_program_for_animation(sample_poses: Path, tmp_path: Path) -> None:
    """The body is the recording's own: no joint that was seen is moved."""
    done = rtpose("convert", sample_poses / "poses.npz", "sample.bvh", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    arrays = Recording(sample_poses / "poses.npz").arrays
    got = bvhio_reader.positions(tmp_path / "sample.bvh", arrays["bone_lengths"][0])
    world = arrays["world_from_camera"][np.isfinite(arrays["world_from_camera"]).all((1, 2))][-1]
    estimated = (arrays["poses_3d"] + arrays["root_3d"][:, :, None])[:, 0] @ world[:3, :3].T + world[:3, 3]
    error_mm = np.linalg.norm(got - estimated, axis=-1) * 1000
    # Joints that are guesses keep their last place instead.
    error_mm = error_mm[~is_guess(arrays["confidence"][:, 0], arrays["keypoints_2d"][:, 0, :, 2])]
    assert error_mm.max() < 1
    soles = [list(arrays["joint_names"]).index(name) for name in ("left_heel", "left_toe", "right_heel", "right_toe")]
    assert abs(np.median(got[:, soles, 1].min(1))) < 0.15, "on the floor"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("convert", "missing.rtpose", "out.bvh"), "missing.rtpose does not exist"),
        (("convert", "text.rtpose", "out.bvh"), "is not a poses.npz, or it is damaged"),
        (("recover", "text.rtpose"), "is not a .rtpose recording"),
        ((*WEBCAM, "http://127.0.0.1:9/", "--record", "poses.txt"), "is written as .rtpose or .npz"),
        ((*WEBCAM, "http://127.0.0.1:9/", "--record", "text.rtpose"), "exists"),
        ((*WEBCAM, "http://127.0.0.1:9/", "--record-folder", "missing"), "there is no folder missing"),
        ((*WEBCAM, "http://127.0.0.1:9/", "--record-video", "out.gif"), "is written as .mp4"),
    ],
)
def test_said_in_one_line(tmp_path: Path, args: tuple[str, ...], message: str) -> None:
    (tmp_path / "text.rtpose").write_text("hello")
    done = rtpose(*args, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["text.rtpose"]
