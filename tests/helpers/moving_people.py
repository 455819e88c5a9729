"""People out of the embedded motions in front of a camera that does not exist, and a page that shows them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose import __version__
from rtpose.assets import small_pack
from rtpose.geometry import camera_from_fov, pixels_from_camera, viewer_from_camera
from rtpose.server import protocol
from rtpose.server.server import PoseServer
from rtpose.skeleton import H36M17
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.types import Float32, Frame, Person3D, Result

FPS = 30
SIZE = (640, 360)
CAMERA = camera_from_fov(SIZE)
CAMERA_HEIGHT_M = 1.3
CLIPS = ("05_02", "05_04", "61_15", "05_12")
"""Dances: they move and stay where they are."""
GUESSED, UNKNOWN = H36M17.index_of["left_wrist"], H36M17.index_of["right_wrist"]


@cache
def motion(clip: str) -> Float32:
    """(T, 17, 3) m, camera axes, of somebody who dances around the point on the floor below (0, 0)."""
    pack = load_motion_pack(small_pack())
    number = next(i for i, c in enumerate(pack.clips) if c["clip"] == clip)
    rows = slice(pack.starts[number], pack.starts[number] + pack.clips[number]["n"])
    world = pack.poses_m[rows] + pack.roots_m[rows, None]
    world[..., [0, 2]] -= pack.roots_m[rows][:, [0, 2]].mean(0)
    world[..., 1] -= np.percentile(world[..., 1], 1) + CAMERA_HEIGHT_M
    return np.asarray(viewer_from_camera(world), np.float32)  # its own inverse


def people_at(
    number: int, count: int = 1, source: int = 0, *, guess: bool = False, first_id: int = 1
) -> tuple[Person3D, ...]:
    """Frame `number` of `count` people side by side, 3.6 m away. guess: the first one's left wrist is a guess, the
    right one unknown."""
    people = []
    for i in range(count):
        moves = motion(CLIPS[(i + source) % len(CLIPS)])
        joints = moves[number % len(moves)] + np.float32([(i - (count - 1) / 2) * 1.3, 0, 3.6])
        confidence = np.full(17, 0.9, np.float32)
        if guess and i == 0:
            confidence[GUESSED], confidence[UNKNOWN] = 0.3, 0.05
        pixels = pixels_from_camera(joints, CAMERA)
        box = np.concatenate([pixels.min(0), pixels.max(0)]).astype(np.float32)
        keypoints = np.concatenate([pixels, confidence[:, None]], 1).astype(np.float32)
        people.append(Person3D(first_id + i, box, keypoints, joints - joints[:1], joints[0], confidence))
    return tuple(people)


def result_at(
    number: int, count: int = 1, source: int = 0, *, pose: int | None = None, at_ns: int | None = None, **options: Any
) -> Result:
    """Frame `number` as a result whose estimate took 20 ms and ended at `at_ns`, or just now. pose: of the motion, if
    not `number`."""
    now_ns = time.monotonic_ns() if at_ns is None else at_ns
    frame = Frame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8), number, now_ns - 20_000_000, number / FPS, source)
    people = people_at(number if pose is None else pose, count, source, **options)
    return Result(frame, CAMERA, people, now_ns)


def picture(source: int = 0) -> bytes:
    """A JPEG of SIZE: a room of one colour."""
    room: NDArray[np.uint8] = np.full((SIZE[1], SIZE[0], 3), (120, 140 + 40 * (source % 2), 150), np.uint8)
    cv2.rectangle(room, (0, 250), SIZE, (70, 90, 110), -1)
    return cv2.imencode(".jpg", room)[1].tobytes()


class Feed:
    """A server, and a thread that sends it people until it is stopped; slowly, for drawing is work."""

    def __init__(self, sources: Sequence[str] = ("room.mp4",), *, people: int = 1, fps: float = 12, **options: Any):
        """options: of `PoseServer`; can_record: of the hello."""
        self.people = people
        self.paused = False
        self.number = 0
        self._sent = 0
        self.guess = False
        self._sources, self._fps = sources, fps
        self._hello = protocol.hello(
            server_version=__version__, skeleton=H36M17, sources=[(name, SIZE) for name in sources], live=True,
            estimator="synthetic", assumptions=["height 1.70 m, assumed"], server_ns=0,
            can_record=options.pop("can_record", False),
        )  # fmt: skip
        self.server = PoseServer(hello=self._hello, **{"port": 0, **options})
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="people")

    @property
    def url(self) -> str:
        return self.server.url

    def send(self, *, with_picture: bool = False, at_ns: int | None = None) -> None:
        """Frame `number` of the motion, of each source; every third with a picture. at_ns: see `result_at`."""
        self._sent += 1
        for k in range(len(self._sources)):
            result = result_at(self._sent, self.people, k, pose=self.number, guess=self.guess, at_ns=at_ns)
            if with_picture or self._sent % 3 == 0:
                self.server.publish_picture(result, picture(k))
            self.server.publish(result)

    def _run(self) -> None:
        begin_s = time.monotonic()
        sent = 0
        while not self._stop.wait(max(0.0, begin_s + sent / self._fps - time.monotonic())):
            sent += 1
            if not self.paused:
                self.send()
                self.number += 1

    def start(self) -> None:
        self.server.start()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.server.close()


@contextmanager
def feeding(*args: Any, **options: Any) -> Iterator[Feed]:
    """A `Feed` that runs."""
    feed = Feed(*args, **options)
    feed.start()
    try:
        yield feed
    finally:
        feed.stop()
