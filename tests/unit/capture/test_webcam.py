from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtpose.capture import list_cameras, open_camera, webcam
from rtpose.errors import InputError

WaitFor = Callable[[Callable[[], bool]], None]


class Machine:
    """The cameras of a pretended machine: what is plugged in, what is in use, what was opened."""

    def __init__(self) -> None:
        self.plugged = {0, 2}
        self.busy: set[int | str] = set()
        self.damaged = threading.Event()
        self.grey = False
        self.open: list[FakeCapture] = []
        self.asked: dict[int, float] = {}


class FakeCapture:
    machine: Machine

    def __init__(self, device: int | str, api: int) -> None:
        self._device = device
        self._opened = device in self.machine.plugged
        if self._opened:
            self.machine.open.append(self)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._opened

    def grab(self) -> bool:
        time.sleep(0.002)
        return self._device in self.machine.plugged and self._device not in self.machine.busy

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        if self.machine.damaged.is_set():
            return False, None
        if self.machine.grey:
            return True, np.full((48, 64), 77, np.uint8)
        return True, np.full((48, 64, 3), (10, 20, 200), np.uint8)  # BGR: red

    def set(self, prop: int, value: float) -> bool:
        self.machine.asked[prop] = value
        return True

    def get(self, prop: int) -> float:
        return 30.0 if prop == cv2.CAP_PROP_FPS else 0.0

    def release(self) -> None:
        if self in self.machine.open:
            self.machine.open.remove(self)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    """A Linux machine with the cameras 0 and 2; 1 is the metadata node of camera 0."""
    machine = Machine()
    FakeCapture.machine = machine
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(webcam, "SYSFS", tmp_path / "sys")
    monkeypatch.setattr(webcam, "DEV", tmp_path / "dev")
    (tmp_path / "dev").mkdir()
    for number, name, index in ((0, "Front Cam", 0), (1, "Front Cam", 1), (2, "Desk Cam", 0)):
        node = tmp_path / "sys" / f"video{number}"
        node.mkdir(parents=True)
        (node / "name").write_text(f"{name}\n")
        (node / "index").write_text(f"{index}\n")
        (tmp_path / "dev" / f"video{number}").touch()
    yield machine
    assert machine.open == []


def test_frames(machine: Machine) -> None:
    level = webcam.opencv_log.getLogLevel()
    source = open_camera("camera:0", size=(1280, 720), fps=60)
    assert source.info.name == "camera 0"
    assert source.info.live
    assert source.info.size == (64, 48)
    assert source.info.fps == 30
    assert machine.asked[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert machine.asked[cv2.CAP_PROP_FRAME_HEIGHT] == 720
    assert machine.asked[cv2.CAP_PROP_FPS] == 60
    frame = source.read()
    assert frame is not None
    assert frame.image[0, 0].tolist() == [200, 20, 10]
    source.close()
    assert webcam.opencv_log.getLogLevel() == level


@pytest.mark.parametrize("camera", [2, "2", "camera:2", "/dev/video2"])
def test_ways_to_name_a_camera(camera: int | str, machine: Machine) -> None:
    source = open_camera(camera)
    assert source.info.name == "camera 2"
    source.close()


def test_grey_camera(machine: Machine) -> None:
    machine.grey = True
    source = open_camera(0)
    frame = source.read()
    assert frame is not None
    assert frame.image.shape == (48, 64, 3)
    assert frame.image[0, 0].tolist() == [77, 77, 77]
    source.close()


def test_unplugged_and_back(machine: Machine, wait_for: WaitFor) -> None:
    source = webcam.open_webcam(0, pauses_s=(0.01, 0.02))
    before = source.read()
    assert before is not None
    machine.plugged.remove(0)
    wait_for(lambda: source.status == "camera unplugged, retrying in 0.02 s")
    assert not source.ended
    while source.read(timeout_s=0) is not None:
        pass
    machine.plugged.add(0)
    after = source.read(timeout_s=20)
    assert after is not None
    assert after.pts_s > before.pts_s
    assert source.stats.reconnects == 1
    wait_for(lambda: source.status == "ok")
    source.close()


def test_damaged_pictures_are_no_loss_of_the_camera(machine: Machine, wait_for: WaitFor) -> None:
    source = open_camera(0)
    machine.damaged.set()
    wait_for(lambda: source.stats.dropped.get("damaged", 0) > 2)
    machine.damaged.clear()
    wait_for(lambda: source.read() is not None)
    assert source.stats.reconnects == 0
    source.close()


def test_errors_name_the_cameras(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    level = webcam.opencv_log.getLogLevel()
    assert list_cameras() == {0: "Front Cam", 2: "Desk Cam"}
    with pytest.raises(InputError, match=r"no camera 7; choose .*: 0 \(Front Cam\), 2 \(Desk Cam\)"):
        open_camera(7)
    machine.busy.add(0)
    with pytest.raises(InputError, match=r"camera 0 delivers no picture; close other.*or use.*2 \(Desk Cam\)"):
        open_camera(0)
    assert machine.open == []
    assert webcam.opencv_log.getLogLevel() == level
    machine.busy.clear()
    open_camera(0).close()  # a failed open is undone
    monkeypatch.setattr(os, "access", lambda *args: False)
    machine.plugged.clear()
    with pytest.raises(InputError, match=r"no permission .*group 'video'"):
        open_camera(0)


def test_no_camera_at_all(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.plugged.clear()
    for folder in ("SYSFS", "DEV"):
        monkeypatch.setattr(webcam, folder, tmp_path / "nothing")
    with pytest.raises(InputError, match="no camera found; plug one in"):
        open_camera()


@pytest.mark.parametrize("system", ["Darwin", "Windows", "FreeBSD"])
def test_other_systems_try_the_numbers(system: str, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    assert list_cameras() == {0: "camera 0", 2: "camera 2"}
    machine.busy.add(2)
    with pytest.raises(InputError, match=r"camera 2 delivers no picture.*0 \(camera 0\)"):
        open_camera(2)


def test_real_opencv_without_camera(capfd: pytest.CaptureFixture[str]) -> None:
    """The real library: one clear error and nothing else on the terminal."""
    with pytest.raises(InputError, match="camera"):
        open_camera(93)
    assert capfd.readouterr().err == ""


def test_modes_are_what_the_camera_makes_of_the_usual_sizes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """This one knows nothing above 1280x720, and has half the rate there."""

    def answer(self: FakeCapture, prop: int) -> float:
        wide = machine.asked[cv2.CAP_PROP_FRAME_WIDTH] > 640
        sizes = {
            cv2.CAP_PROP_FRAME_WIDTH: (640, 1280),
            cv2.CAP_PROP_FRAME_HEIGHT: (480, 720),
            cv2.CAP_PROP_FPS: (30, 15),
        }
        return sizes[prop][wide]

    monkeypatch.setattr(FakeCapture, "get", answer)
    assert webcam.camera_modes(0) == [(640, 480, 30.0), (1280, 720, 15.0)]
    machine.busy.add(0)
    with pytest.raises(InputError, match="delivers no picture; close other programs"):
        webcam.camera_modes(0)
    with pytest.raises(InputError, match="no camera 7"):
        webcam.camera_modes(7)
