"""One live source of what pages give to see."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from rtpose.capture.page_source import PageSource
from rtpose.errors import InputError
from rtpose.types import Frame, FrameSource, SourceInfo, SourceStats

JPEG = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()


class Clip:
    """Three frames, 10 ms apart."""

    def __init__(self) -> None:
        self.info = SourceInfo("clip", live=False, size=(8, 6), fps=100, frame_count=3)
        self.stats = SourceStats()
        self.status = "ok"
        self.closed = False
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at >= 3

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        if self.ended:
            return None
        self._at += 1
        return Frame(np.full((6, 8, 3), self._at, np.uint8), self._at - 1, 0, 0.01 * self._at)

    def close(self) -> None:
        self.closed = True


def read_all(source: PageSource, count: int) -> list[Frame]:
    frames: list[Frame] = []
    for _ in range(50):
        if len(frames) == count:
            break
        if (frame := source.read(0.05)) is not None:
            frames.append(frame)
    return frames


def test_a_video_comes_at_its_own_speed_and_the_camera_after_it() -> None:
    clip, done = Clip(), []

    def open_video(path: str) -> FrameSource:
        assert path == "a.mp4"
        return clip

    source = PageSource(open_video)
    assert source.status.startswith("waiting")
    begin_ns = time.monotonic_ns()
    source.play(Path("a.mp4"), "a.mp4", lambda: done.append(True))
    frames = read_all(source, 3)
    assert [int(f.image[0, 0, 0]) for f in frames] == [1, 2, 3]
    assert frames[2].t_ns - begin_ns >= 30e6, "faster than its own speed"
    assert source.status == "ok"
    assert source.read(0.01) is None
    assert (clip.closed, done) == (True, [True])
    assert source.status.startswith("waiting")
    source.put(JPEG, frames[-1].t_ns + 10**8)
    [picture] = read_all(source, 1)
    assert picture.image.shape == (48, 64, 3)
    assert picture.frame_id == frames[-1].frame_id + 1
    assert picture.pts_s > frames[-1].pts_s
    source.close()


def test_a_file_that_is_no_video_is_named_and_cleaned_up() -> None:
    def open_video(path: str) -> FrameSource:
        raise InputError(f"{path} is not a video")

    source, done = PageSource(open_video), []
    source.play(Path("/tmp/rtpose-x.video"), "cat.txt", lambda: done.append(True))
    assert source.read(0.01) is None
    assert source.status == "cat.txt is not a video"
    assert done == [True]
    source.close()


def test_a_video_is_left_at_once() -> None:
    clip = Clip()
    source = PageSource(lambda path: clip)
    source.play(Path("a"), "a")
    assert len(read_all(source, 1)) == 1
    source.stop_video()
    source.read(0.01)
    assert clip.closed
    source.close()
