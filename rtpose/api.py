"""The Python API. `import rtpose` offers these names, and loads them on first use.

with rtpose.open_source("in.mp4") as frames, rtpose.open_estimator() as estimator:
    for frame in frames:
        for person in estimator(frame):
            print(frame.pts_s, person.track_id, person.joint("right_wrist"))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rtpose.config import make_settings
from rtpose.errors import ConfigError, InputError
from rtpose.recordings.recording import Recording
from rtpose.session import Session
from rtpose.types import Frame, FrameSource, Image, Person3D, SourceInfo, SourceStats


class Frames:
    """An open source: iterate over it, and close it or use it as a `with` block. Also a `FrameSource` for `Session`."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self.info: SourceInfo = source.info
        """Name, size (width, height), rate."""
        self.stats: SourceStats = source.stats
        """Delivered and dropped frames so far."""

    def __iter__(self) -> Iterator[Frame]:
        """Files: every frame. Live: the newest each time, until the source ends for good."""
        while not self._source.ended:
            frame = self._source.read()
            if frame is not None:
                yield frame

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """See `rtpose.types.FrameSource`."""
        return self._source.read(timeout_s)

    @property
    def ended(self) -> bool:
        """True once there will be no more frames."""
        return self._source.ended

    @property
    def status(self) -> str:
        """One short line: "ok", "camera unplugged, trying again in 2 s"."""
        return self._source.status

    def close(self) -> None:
        """Release the file or camera. May be called twice."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PoseEstimator:
    """Pictures -> people, one source at a time and in order: it remembers people between frames. Not thread-safe."""

    def __init__(self, session: Session) -> None:
        """Errors: `ConfigError` for a session with lookahead, which needs later pictures."""
        if session.settings.lookahead_s > 0:
            raise ConfigError("an estimator of single pictures cannot look ahead: use rtpose.Session, or lookahead_s=0")
        self._session = session
        self._estimator = session.estimators[0]
        self._smoother = session.make_smoother()
        self._body = session.make_body()
        self._frames = 0
        self._last_s = -np.inf
        self.assumptions: list[str] = session.assumptions
        """Height and camera that the metric scale depends on."""
        self.world_from_camera: NDArray[np.float64] | None = None
        """(4, 4) of the last picture: world space is metres, y up, the floor at 0. None until it is known, and without
        bodies."""

    def __call__(self, picture: Frame | Image, t_s: float | None = None) -> list[Person3D]:
        """The people in a picture, smoothed as in `rtpose video`.

        picture: a frame of `open_source`, or an array (H, W, 3) of uint8, RGB, upright. t_s: the time of an array in
        seconds; None: now. Poses are in metres, camera space (x right, y down, z away from the camera).
        Errors: `InputError` for an array with another shape or type, and for a time that does not increase (call
        `reset` before another source).
        """
        frame = picture if isinstance(picture, Frame) else self._frame_of(picture, t_s)
        if frame.pts_s <= self._last_s:
            raise InputError(
                f"time goes from {self._last_s:g} s to {frame.pts_s:g} s: call reset() before another source"
            )
        self._last_s = frame.pts_s
        camera = self._session.camera_of(frame.size)
        people = self._estimator.estimate(frame, camera)
        people = self._smoother.smooth(people, frame.pts_s)
        if self._body is not None:
            people, self.world_from_camera = self._body.fit(people, camera, frame.pts_s)
        return people

    def _frame_of(self, picture: Image, t_s: float | None) -> Frame:
        array = np.asarray(picture)
        if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
            raise InputError(f"a picture is an array (H, W, 3) of uint8, RGB: this one is {array.shape}, {array.dtype}")
        now_ns = time.monotonic_ns()
        self._frames += 1
        return Frame(array, self._frames - 1, now_ns, now_ns / 1e9 if t_s is None else float(t_s))

    def reset(self) -> None:
        """Forget all people, for another source or a jump in time."""
        self._estimator.reset()
        self._smoother.reset()
        if self._body is not None:
            self._body.reset()
        self.world_from_camera = None
        self._frames, self._last_s = 0, -np.inf

    def describe(self) -> dict[str, object]:
        """Names of the networks, and the sha256 of the weights."""
        return self._estimator.describe()

    def close(self) -> None:
        """Forget all people. May be called twice; the networks are freed with the object."""
        self.reset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_source(source: str | PathLike[str] | int, *, fps: float | None = None) -> Frames:
    """Open a video, a picture, a folder or pattern of pictures, a URL, or a camera by its number.

    fps: frames per second of pictures (default 30) and of files without times.
    Errors: `InputError`, with nothing left open.
    """
    from rtpose import capture

    if isinstance(source, int):
        return Frames(capture.open_camera(source))
    return Frames(capture.open_source(str(source), fps=fps))


def open_estimator(*, on_notice: Callable[[str], None] = lambda line: None, **settings: Any) -> PoseEstimator:
    """An estimator that is ready to run; missing network files are downloaded.

    settings: the fields of `rtpose.config.RunSettings`: persons=2, lifter="svmac", height_m=1.8, fov_deg=70, …
    on_notice: gets a line for each choice and each warning.
    Errors: `ConfigError` for an unknown or impossible setting, `ModelError`, `MissingExtraError`.
    """
    return PoseEstimator(Session(make_settings(**settings), on_notice=on_notice))


def load_recording(file: str | PathLike[str]) -> Recording:
    """Read a recording, .npz or .rtpose: arrays by name (`poses_3d`, `root_3d`, …), skeleton, camera and meta.

    Errors: `InputError` if it is missing, damaged or of another format.
    """
    from rtpose import recordings

    return recordings.load_recording(Path(file))
