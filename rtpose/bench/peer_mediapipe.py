"""mediapipe's own `Pose` in a separate environment, for comparison.

mediapipe has its own numpy and OpenCV, so it never shares an environment with rtpose. This file is both
ends: imported, it makes the environment and talks to the worker; run there (no rtpose is needed), it is the worker.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

REQUIREMENT = "mediapipe==0.10.21"
COMPLEXITIES = {"mediapipe": 1, "mediapipe-heavy": 2}
"""Name of the peer -> its `model_complexity`: 1 runs the network `full`, 2 `heavy`."""
HEADER = struct.Struct("<II")
LANDMARKS = 33
COLUMNS = 6
"""Of a landmark: x, y, visibility in the picture, and x, y, z in metres."""


def environment(python: Path | None) -> Path:
    """The Python that has mediapipe: `python` if given, else one made in the user's cache.

    Errors: `ConfigError` if this Python cannot make one.
    """
    if python is not None:
        return python
    from rtpose.errors import ConfigError
    from rtpose.networks.model_files import cache_dir

    folder = cache_dir() / "mediapipe-reference"
    own = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "complete").exists():
        if sys.version_info >= (3, 13):
            raise ConfigError(f"{REQUIREMENT} needs Python 3.9 to 3.12: give one with --peer mediapipe=/path/to/python")
        print(f"rtpose: making an environment with {REQUIREMENT} in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        done = subprocess.run([own, "-m", "pip", "install", "--quiet", REQUIREMENT], stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise ConfigError(f"{REQUIREMENT} cannot be installed in {folder} ({reason}): check the network")
        (folder / "complete").touch()
    return own


def add_heavy_network(python: Path) -> None:
    """Put the network of complexity 2 where mediapipe looks for it: the package lacks it and downloads it.

    Errors: `ConfigError` if that environment has no mediapipe; those of `rtpose models pull`.
    """
    from rtpose.errors import ConfigError
    from rtpose.networks.downloads import ensure

    where = "import mediapipe.modules.pose_landmark as m; print(list(m.__path__)[0])"
    done = subprocess.run([python, "-I", "-c", where], capture_output=True, text=True)
    if done.returncode != 0:
        raise ConfigError(f"{python} has no mediapipe: install {REQUIREMENT} there")
    name = "pose_landmark_heavy.tflite"
    target = Path(done.stdout.strip().splitlines()[-1]) / name
    if not target.exists():
        shutil.copy(ensure(name), target)


class Reference:
    """mediapipe's Pose, complexity 1, frame by frame, in another process."""

    def __init__(self, python: Path, *, smooth: bool = False) -> None:
        """smooth: mediapipe's own filter over time, which is on by default there."""
        self._process = subprocess.Popen(
            [python, "-I", __file__, "serve", "smooth" if smooth else "plain"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def landmarks(self, image: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
        """(H, W, 3) RGB uint8 -> (33, 3) x px, y px, visibility, and (33, 3) its own 3D, metres, camera axes, relative
        to the middle of the hips; None if nobody is seen."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        height, width = image.shape[:2]
        self._process.stdin.write(HEADER.pack(width, height))
        self._process.stdin.write(np.ascontiguousarray(image).data)
        self._process.stdin.flush()
        size = LANDMARKS * COLUMNS * 4
        answer = self._process.stdout.read(size)
        if len(answer) != size:
            sys.exit("mediapipe's process ended: is mediapipe 0.10.21 installed there?")
        values = np.frombuffer(answer, "<f4").reshape(LANDMARKS, COLUMNS)
        if np.isnan(values).any():
            return None
        return values[:, :3] * np.array([width, height, 1], np.float32), values[:, 3:]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@contextmanager
def reference(python: Path, *, smooth: bool = False) -> Iterator[Reference]:
    """A `Reference` that is closed at the end."""
    worker = Reference(python, smooth=smooth)
    try:
        yield worker
    finally:
        worker.close()


# The worker's side.


def _pose(complexity: int = 1, **settings: Any) -> Any:
    import mediapipe

    return mediapipe.solutions.pose.Pose(model_complexity=complexity, static_image_mode=False, **settings)


def _row(result: Any) -> np.ndarray[Any, Any]:
    """(33, 3) float32: x, y in 0..1 of the picture, visibility; NaN if nobody is seen."""
    if result.pose_landmarks is None:
        return np.full((LANDMARKS, 3), np.nan, np.float32)
    return np.array([(p.x, p.y, p.visibility) for p in result.pose_landmarks.landmark], np.float32)


def _row_with_3d(result: Any) -> np.ndarray[Any, Any]:
    """(33, 6) float32: as `_row`, and metres, x right, y down, z away."""
    world = np.full((LANDMARKS, 3), np.nan, np.float32)
    if result.pose_world_landmarks is not None:
        world = np.array([(p.x, p.y, p.z) for p in result.pose_world_landmarks.landmark], np.float32)
    return np.concatenate([_row(result), world], axis=1)


def _serve(source: BinaryIO, sink: BinaryIO, smooth: bool) -> None:
    with _pose(smooth_landmarks=smooth) as pose:
        while len(header := source.read(HEADER.size)) == HEADER.size:
            width, height = HEADER.unpack(header)
            image = np.frombuffer(source.read(width * height * 3), np.uint8).reshape(height, width, 3)
            sink.write(_row_with_3d(pose.process(image)).tobytes())
            sink.flush()


def _bench(source: BinaryIO, sink: BinaryIO, complexity: int) -> None:
    """See `rtpose.bench.worker`: the same orders, the same answers."""

    def answer(message: dict[str, Any]) -> None:
        sink.write(json.dumps(message).encode() + b"\n")
        sink.flush()

    with _pose(complexity) as pose:
        pose.process(np.zeros((256, 256, 3), np.uint8))  # loads the networks
        answer({"ready": True})
        for line in source:
            pose.reset()
            answer(_run_order(pose, json.loads(line)))


def _run_order(pose: Any, order: dict[str, Any]) -> dict[str, Any]:
    """From the file to an npz with `landmarks` (T, 33, 3), as in `_row`, and `image_size`.

    Decodes with OpenCV, which comes with mediapipe and is at least as fast for it as PyAV.
    """
    import cv2

    rows: list[np.ndarray[Any, Any]] = []
    decode_s: list[float] = []
    pose_s: list[float] = []
    size = (0, 0)
    begin = time.perf_counter()
    video = cv2.VideoCapture(order["clip"])
    while order["frames"] is None or len(rows) < order["frames"]:
        t0 = time.perf_counter()
        good, image = video.read()
        if not good:
            break
        size = (image.shape[1], image.shape[0])
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        t1 = time.perf_counter()
        rows.append(_row(pose.process(image)))
        decode_s.append(t1 - t0)
        pose_s.append(time.perf_counter() - t1)
    video.release()
    if order["out"]:
        np.savez(order["out"], landmarks=np.array(rows), image_size=size)
    return {
        "frames": len(rows),
        "wall_s": time.perf_counter() - begin,
        "between_s": [a + b for a, b in zip(decode_s, pose_s)][1:],  # noqa: B905  # Python 3.9 has no strict
        "stages_s": {"decode": decode_s, "pose": pose_s},
        "people": sum(not np.isnan(row).any() for row in rows) / max(len(rows), 1),
    }


def _main(task: str, choice: str) -> None:
    # mediapipe and its libraries print to stdout at times: keep the real one for the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if task == "serve":
        _serve(sys.stdin.buffer, answers, choice == "smooth")
    else:
        _bench(sys.stdin.buffer, answers, COMPLEXITIES[choice])


if __name__ == "__main__":
    _main(*sys.argv[1:])
