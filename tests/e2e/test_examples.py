"""Every example runs. What is not installed here (rerun, ROS 2) or not there (a window) is stood in for."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import cv2
import numpy as np
import pytest
from command import running

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(name: str, *args: str | Path) -> None:
    runpy.run_path(str(EXAMPLES / name), run_name="example")["main"](*map(str, args))


@pytest.mark.slow
def test_joints_table(short_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        import pandas as pd
    except ModuleNotFoundError:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail("pandas, of the extra dev, is not installed")
        pytest.skip("pandas, of the extra dev, is not installed")
    run_example("joints_table.py", short_clip, tmp_path / "joints.csv", tmp_path / "wrists.png")
    table = pd.read_csv(tmp_path / "joints.csv")
    assert list(table.columns) == ["t_s", "person", "joint", "x_m", "y_m", "z_m"]
    assert len(table) == 30 * 4
    assert table["z_m"].between(2, 6).all()
    picture = cv2.imread(str(tmp_path / "wrists.png"))
    assert picture is not None
    assert picture.std() > 5


def test_webcam_window(short_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(cv2, "imshow", lambda title, picture: shown.append(picture.copy()))
    monkeypatch.setattr(cv2, "waitKey", lambda ms: 27 if len(shown) == 5 else -1)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: shown.append(None))
    run_example("webcam_window.py", short_clip)
    *pictures, end = shown
    assert end is None
    assert len(pictures) == 5
    green = np.array([80, 220, 80])
    assert all((np.abs(picture.astype(int) - green).max(axis=2) < 10).sum() > 500 for picture in pictures)


@pytest.mark.parametrize("client", ["socket_client.py", "socket_client.mjs"])
@pytest.mark.slow
def test_socket_clients(client: str, tmp_path: Path) -> None:
    command = [sys.executable]
    if client.endswith(".mjs"):
        node = shutil.which("node")
        if node is None:
            pytest.fail("node, which the page is built with, is not there")
        options = ["--experimental-websocket"] if subprocess.check_output([node, "-v"])[1:3] < b"22" else []
        command = [node, *options]
    with running("demo", "--port", "0", "--no-browser", "--loop", cwd=tmp_path) as demo:
        address = demo.page().split("://")[1].strip("/")
        done = subprocess.run(
            [*command, str(EXAMPLES / client), f"ws://{address}/socket?format=json", "5"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [list(map(float, line.split())) for line in done.stdout.splitlines()]
    assert len(rows) >= 4
    frames = [row[0] for row in rows]
    assert frames == sorted(frames) or min(frames) < 5  # the clip may begin again
    assert all(2 < z < 6 for *_, z in rows)


def test_rerun_recording(sample_poses: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rerun = MagicMock()
    monkeypatch.setitem(sys.modules, "rerun", rerun)
    run_example("rerun_recording.py", sample_poses / "poses.npz", tmp_path / "out.rrd")
    rerun.init.assert_called_once_with("rtpose", spawn=False)
    rerun.save.assert_called_once_with(str(tmp_path / "out.rrd"))
    with np.load(sample_poses / "poses.npz") as poses:
        assert rerun.set_time.call_count == len(poses["timestamps_s"])
        first = rerun.Points3D.call_args_list[0].args[0]
        np.testing.assert_allclose(first, poses["poses_3d"][0, 0] + poses["root_3d"][0, 0])
    names = {call.args[0] for call in rerun.log.call_args_list}
    assert {"people/0/joints", "people/0/bones"} <= names


@pytest.mark.slow
def test_ros2_publisher(short_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "rclpy",
        "geometry_msgs",
        "geometry_msgs.msg",
        "tf2_ros",
        "visualization_msgs",
        "visualization_msgs.msg",
    ):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    sys.modules["geometry_msgs.msg"].Point.side_effect = lambda x, y, z: (x, y, z)
    sys.modules["visualization_msgs.msg"].MarkerArray.side_effect = lambda markers: markers
    sys.modules["visualization_msgs.msg"].Marker.side_effect = MagicMock
    run_example("ros2_publisher.py", short_clip)
    node = sys.modules["rclpy"].create_node.return_value
    published = [call.args[0] for call in node.create_publisher.return_value.publish.call_args_list]
    assert len(published) == 30
    assert all(len(markers) == 1 for markers in published)
    assert published[0][0].header.frame_id == "camera"
    assert sys.modules["tf2_ros"].TransformBroadcaster.return_value.sendTransform.call_count == 30
    sys.modules["rclpy"].shutdown.assert_called_once_with()
