"""The Open3D window on a virtual display, run by the real command. Screenshots are kept in test-artifacts/."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import Picture, write_clip
from command import rtpose, running, wait_until
from mjpeg import MjpegStream
from recording import Recording

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
SCREEN = (1300, 760)


@dataclass(frozen=True)
class Screen:
    """A virtual display whose pixels lie in a file."""

    file: Path

    def picture(self) -> Picture:
        """What is on it. The file is X's own dump format: a header of big-endian numbers, a colour map, BGRX rows."""
        data = self.file.read_bytes()
        header = struct.unpack(">25I", data[:100])
        start, width, height, row_bytes, colors = header[0], header[4], header[5], header[12], header[19]
        pixels = np.frombuffer(data, np.uint8, height * row_bytes, start + 12 * colors)
        return pixels.reshape(height, row_bytes // 4, 4)[:, :width, 2::-1]

    def sides(self) -> tuple[int, int]:
        """How many pixels are orange (right joints) and blue (left ones)."""
        red, _, blue = np.moveaxis(self.picture().astype(int), -1, 0)
        return int(((red - blue > 100) & (red > 150)).sum()), int(((blue - red > 100) & (blue > 150)).sum())

    def save(self, name: str) -> None:
        """Keep a screenshot to look at."""
        ARTIFACTS.mkdir(exist_ok=True)
        cv2.imwrite(str(ARTIFACTS / name), self.picture()[..., ::-1])


@pytest.fixture
def screen(
    open3d_and_display: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Screen]:
    """A display of its own."""
    folder = tmp_path_factory.mktemp("screen")
    size = f"{SCREEN[0]}x{SCREEN[1]}x24"
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", size, "-fbdir", str(folder), "-nolisten", "tcp"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        monkeypatch.setenv("DISPLAY", f":{server.stdout.readline().strip()}")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        yield Screen(folder / "Xvfb_screen0")
    finally:
        server.terminate()
        server.wait(60)
        server.stdout.close()


@pytest.mark.slow
def test_a_video_in_the_window(screen: Screen, sample_pictures: list[Picture], tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", sample_pictures[:90])
    with running("video", "clip.mp4", "--out", "poses.npz", "--viewer", "open3d", "--quiet", cwd=tmp_path) as command:
        wait_until(lambda: min(screen.sides()) > 300, "a person in the window")
        screen.save("open3d-video.png")
        assert command.finish() == 0, "".join(command.stderr)
        assert "90 frames" in "".join(command.stdout)
    assert Recording(tmp_path / "poses.npz").seen.mean() > 0.9
    assert max(screen.sides()) == 0, "the window went with the video"


@pytest.mark.slow
def test_a_camera_in_the_window(screen: Screen, camera: MjpegStream, tmp_path: Path) -> None:
    with running("webcam", "--camera", camera.url, "--viewer", "open3d", cwd=tmp_path) as command:
        wait_until(lambda: min(screen.sides()) > 300, "a person in the window")
        screen.save("open3d-webcam.png")
        assert command.end() == 0, "".join(command.stderr)
        assert "Traceback" not in "".join(command.stderr)
        assert "The page" not in "".join(command.stdout)


@pytest.mark.slow
def test_a_recording_in_the_window(screen: Screen, sample_poses: Path, tmp_path: Path) -> None:
    with running("view", sample_poses / "poses.npz", "--viewer", "open3d", cwd=tmp_path) as command:
        wait_until(lambda: min(screen.sides()) > 300, "a person in the window")
        first = screen.picture()
        wait_until(lambda: not np.array_equal(screen.picture(), first), "somebody who moves")
        screen.save("open3d-view.png")
        assert command.end() == 0, "".join(command.stderr)
        assert "Traceback" not in "".join(command.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_no_display(
    open3d_and_display: None, sample_poses: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    run = rtpose("view", sample_poses / "poses.npz", "--viewer", "open3d", cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr == "rtpose: there is no display for the Open3D window: run it on a desktop, or use the page\n"
