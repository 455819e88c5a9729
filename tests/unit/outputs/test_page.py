"""What the sink hands to the server."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from rtpose.outputs import page as page_module
from rtpose.outputs.page import WebSocketSink, encode_preview
from rtpose.types import Result

MakeResult = Callable[..., Result]


class Listener:
    """Stands in for the server."""

    def __init__(self, wants_pictures: bool = True) -> None:
        self.wants_pictures = wants_pictures
        self.poses: list[int] = []
        self.pictures: list[int] = []

    def publish(self, result: Result) -> None:
        self.poses.append(result.frame.frame_id)

    def publish_picture(self, result: Result, jpeg: bytes) -> None:
        assert jpeg.startswith(b"\xff\xd8")
        self.pictures.append(result.frame.frame_id)


def write(listener: Listener, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch, **options: float) -> None:
    """Ten results, 40 ms apart or 5 ms earlier or later."""
    now_s = [1000.0]
    monkeypatch.setattr(page_module.time, "monotonic", lambda: now_s[0])
    sink = WebSocketSink(listener, **options)  # type: ignore[arg-type]
    for i, late_s in enumerate((0, 0.005, -0.005, 0, 0.003, -0.004, 0.005, 0, -0.005, 0.002)):
        now_s[0] = 1000 + 0.04 * i + late_s
        sink.write(make_result(i, (1,)))
    sink.close()


def test_every_pose_and_some_pictures(make_result: MakeResult, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    write(listener, make_result, monkeypatch, picture_fps=10)
    assert listener.poses == list(range(10))
    assert listener.pictures == [0, 2, 4, 7, 9]


def test_a_picture_of_every_frame_of_a_camera(make_result: MakeResult, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    write(listener, make_result, monkeypatch)
    assert listener.pictures == listener.poses
    write(listener, make_result, monkeypatch, picture_fps=25)
    assert listener.pictures == listener.poses


def test_no_pictures_without_eyes(make_result: MakeResult, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener(wants_pictures=False)
    write(listener, make_result, monkeypatch)
    assert (len(listener.poses), listener.pictures) == (10, [])
    listener = Listener()
    write(listener, make_result, monkeypatch, picture_fps=0)
    assert (len(listener.poses), listener.pictures) == (10, [])


@pytest.mark.parametrize(("size", "expected"), [((1920, 1080), (640, 360)), ((320, 241), (320, 241))])
def test_the_preview_is_small_and_keeps_its_colours(size: tuple[int, int], expected: tuple[int, int]) -> None:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[..., 0] = 200  # red, in RGB
    decoded = cv2.imdecode(np.frombuffer(encode_preview(image, 640), np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (expected[1], expected[0], 3)
    blue, green, red = decoded.mean(axis=(0, 1))
    assert red > 180
    assert max(blue, green) < 20
