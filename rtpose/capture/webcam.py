"""Cameras of this machine, through OpenCV."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.capture.live import PAUSES_S, ConnectionLost, LiveSource, MakePicture
from rtpose.errors import InputError
from rtpose.types import Image

SYSFS = Path("/sys/class/video4linux")
DEV = Path("/dev")
_PROBED = range(5)
_USUAL_SIZES = ((640, 480), (1280, 720), (1920, 1080))
opencv_log = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging  # it moved with OpenCV 5


def open_webcam(
    camera: int | str,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    reconnect: bool = True,
    pauses_s: Sequence[float] = PAUSES_S,
) -> LiveSource:
    """See `rtpose.capture.open_camera`. pauses_s: see `LiveSource`."""
    text = str(camera).removeprefix("camera:")
    device: int | str = int(text) if text.isdecimal() else text
    if match := re.fullmatch(r"/dev/video(\d+)", text):
        device = int(match[1])
    return LiveSource(
        f"camera {device}",
        lambda: CameraConnection(device, size, fps),
        lost="camera unplugged",
        reconnect=reconnect,
        pauses_s=pauses_s,
    )


class CameraConnection:
    """An open camera that has delivered its first frame, as a `Connection`."""

    def __init__(self, device: int | str, size: tuple[int, int] | None, fps: float | None) -> None:
        """device: number or device file. size: (width, height) px. Errors: `InputError`."""
        with ExitStack() as undo:
            undo.enter_context(quiet_opencv())
            capture = _open_capture(device)
            if capture is None:
                raise _no_picture(device)
            undo.callback(capture.release)
            if size is not None:
                # Most USB cameras deliver large pictures at full rate only as MJPEG.
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
                capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
                capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
            if fps is not None:
                capture.set(cv2.CAP_PROP_FPS, fps)
            # A camera in use by another program often opens but delivers nothing.
            if not capture.grab():
                capture.release()  # listing the cameras may have to open them
                raise _no_picture(device)
            rate = float(capture.get(cv2.CAP_PROP_FPS))
            self.fps: float | None = rate if 0 < rate < 1000 else None
            self._capture = capture
            self._undo = undo.pop_all()

    def grab(self) -> MakePicture | None:
        """See `Connection`."""
        try:
            if not self._capture.grab():
                raise ConnectionLost("no data")
            good, picture = self._capture.retrieve()
        except cv2.error as error:
            raise ConnectionLost(str(error)) from error
        return partial(_to_rgb, picture) if good and picture is not None else None

    def close(self) -> None:
        self._undo.close()


def list_webcams() -> dict[int, str]:
    """See `rtpose.capture.list_cameras`."""
    if platform.system() == "Linux":
        return dict(sorted(_linux_webcams()))
    found = {}
    with quiet_opencv():
        for index in _PROBED:
            capture = _open_capture(index)
            if capture is not None:
                capture.release()
                found[index] = f"camera {index}"
    return found


def camera_modes(number: int) -> list[tuple[int, int, float | None]]:
    """(width, height, fps) that a camera supports, of the common sizes; the rate is None if unknown.

    Opens the camera briefly. Errors: `InputError` if it delivers no picture.
    """
    with quiet_opencv():
        capture = _open_capture(number)
        if capture is None:
            raise _no_picture(number)
        try:
            if not capture.grab():
                capture.release()  # listing the cameras may have to open them
                raise _no_picture(number)
            modes = {}
            for width, height in _USUAL_SIZES:
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
                capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
                capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
                size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
                rate = float(capture.get(cv2.CAP_PROP_FPS))
                modes[size] = rate if 0 < rate < 1000 else None
        finally:
            capture.release()
    return [(width, height, rate) for (width, height), rate in sorted(modes.items())]


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV's warnings about cameras off the terminal: rtpose reports errors itself."""
    level = opencv_log.getLogLevel()
    opencv_log.setLogLevel(0)  # silent
    try:
        yield
    finally:
        opencv_log.setLogLevel(level)


def _apis() -> tuple[int, ...]:
    """OpenCV's camera APIs for this system, best first."""
    if platform.system() == "Linux":
        return (cv2.CAP_V4L2,)
    if platform.system() == "Darwin":
        return (cv2.CAP_AVFOUNDATION,)
    if platform.system() == "Windows":
        return (cv2.CAP_DSHOW, cv2.CAP_MSMF)  # MSMF takes many seconds to open some cameras
    return (cv2.CAP_ANY,)


def _open_capture(device: int | str) -> cv2.VideoCapture | None:
    for api in _apis():
        capture = cv2.VideoCapture(device, api)
        if capture.isOpened():
            return capture
        capture.release()
    return None


def _linux_webcams() -> Iterator[tuple[int, str]]:
    try:
        devices = list(SYSFS.iterdir())
    except OSError:  # never a camera, or a container without /sys: look at the device files
        devices = list(DEV.glob("video*"))
    for device in devices:
        if not (number := device.name.removeprefix("video")).isdecimal():
            continue
        # A camera has several nodes; those after the first deliver metadata, not pictures.
        if _text(device / "index") in ("0", ""):
            yield int(number), _text(device / "name") or f"camera {number}"


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _no_picture(device: int | str) -> InputError:
    """The reason why a camera cannot be used, with a list of the others."""
    cameras = list_webcams()
    path = DEV / f"video{device}" if isinstance(device, int) else Path(device)
    others = ", ".join(f"{number} ({name})" for number, name in cameras.items() if number != device)
    if platform.system() == "Linux" and path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return InputError(f"no permission to use camera {device} ({path}); add yourself to the group 'video'")
    if device in cameras or (isinstance(device, str) and path.exists()):
        instead = f", or use another one: {others}" if others else ""
        return InputError(f"camera {device} delivers no picture; close other programs that use it{instead}")
    if others:
        return InputError(f"no camera {device}; choose one of these: {others}")
    return InputError("no camera found; plug one in, or allow its use in the system's privacy settings")


def _to_rgb(picture: NDArray[np.uint8]) -> Image:
    """OpenCV's picture, BGR or grey -> (H, W, 3) RGB."""
    grey = picture.ndim == 2 or picture.shape[2] == 1
    image: Image = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB if grey else cv2.COLOR_BGR2RGB)
    return image
