"""mediapipe's own `Pose` in an environment of its own, for comparison. Used by the scripts beside this file.

mediapipe brings its own numpy and OpenCV, so it never shares an environment with rtpose. This file is both
ends: imported, it makes the environment and talks to the worker; run there, it is the worker.
"""

from __future__ import annotations

import json
import os
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
HEADER = struct.Struct("<II")
LANDMARKS = 33


def environment(python: Path | None) -> Path:
    """The Python that has mediapipe: `python` if given, else one made in the user's cache."""
    if python is not None:
        return python
    from rtpose.model_files import cache_dir

    folder = cache_dir() / "mediapipe-reference"
    own = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "complete").exists():
        if sys.version_info >= (3, 13):
            sys.exit(f"{REQUIREMENT} needs Python 3.9 to 3.12: name one that has it with --python")
        print(f"making an environment with {REQUIREMENT} in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([own, "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
        (folder / "complete").touch()
    return own


class Reference:
    """mediapipe's Pose, frame by frame, in another process."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [python, __file__, "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def landmarks(self, image: np.ndarray) -> np.ndarray | None:
        """(H, W, 3) RGB uint8 -> (33, 3) x px, y px, visibility; None if nobody is seen."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        height, width = image.shape[:2]
        self._process.stdin.write(HEADER.pack(width, height))
        self._process.stdin.write(np.ascontiguousarray(image).data)
        self._process.stdin.flush()
        answer = self._process.stdout.read(LANDMARKS * 3 * 4)
        if len(answer) != LANDMARKS * 3 * 4:
            sys.exit("mediapipe's process ended: is mediapipe 0.10.21 installed there?")
        values = np.frombuffer(answer, "<f4").reshape(LANDMARKS, 3)
        return None if np.isnan(values).any() else values * np.array([width, height, 1], np.float32)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@contextmanager
def reference(python: Path) -> Iterator[Reference]:
    """A `Reference` that is closed at the end."""
    worker = Reference(python)
    try:
        yield worker
    finally:
        worker.close()


def time_pose(python: Path, clip: Path, frames: int | None, out: Path) -> dict[str, float]:
    """Decode `clip` and run Pose with its defaults on every frame, in a fresh process.

    Writes the landmarks to `out`. Returns "frames", "start_s" (imports and networks), "decode_s", "pose_s",
    "total_s" (decode to npz, without the start).
    """
    command = [str(python), __file__, "time", str(clip), str(frames or 0), str(out)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _pose(**settings: Any) -> Any:
    import mediapipe

    return mediapipe.solutions.pose.Pose(model_complexity=1, static_image_mode=False, **settings)


def _row(result: Any) -> np.ndarray:
    """(33, 3) float32: x, y in 0..1 of the picture, visibility; NaN if nobody is seen."""
    if result.pose_landmarks is None:
        return np.full((LANDMARKS, 3), np.nan, np.float32)
    return np.array([(p.x, p.y, p.visibility) for p in result.pose_landmarks.landmark], np.float32)


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    with _pose(smooth_landmarks=False) as pose:
        while len(header := source.read(HEADER.size)) == HEADER.size:
            width, height = HEADER.unpack(header)
            image = np.frombuffer(source.read(width * height * 3), np.uint8).reshape(height, width, 3)
            sink.write(_row(pose.process(image)).tobytes())
            sink.flush()


def _time(clip: str, limit: int, out: str) -> dict[str, float]:
    start = time.perf_counter()
    import cv2

    with _pose() as pose:
        pose.process(np.zeros((256, 256, 3), np.uint8))  # loads the networks
        pose.reset()
        rows, decode_s, pose_s = [], 0.0, 0.0
        begin = time.perf_counter()
        video = cv2.VideoCapture(clip)
        while not limit or len(rows) < limit:
            t0 = time.perf_counter()
            good, image = video.read()
            if not good:
                break
            image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            t1 = time.perf_counter()
            rows.append(_row(pose.process(image)))
            decode_s += t1 - t0
            pose_s += time.perf_counter() - t1
        video.release()
        np.savez(out, landmarks=np.array(rows))
        total_s = time.perf_counter() - begin
    return {
        "frames": len(rows),
        "start_s": begin - start,
        "decode_s": decode_s,
        "pose_s": pose_s,
        "total_s": total_s,
    }


def _main(arguments: list[str]) -> None:
    if arguments[0] == "serve":
        # mediapipe and its libraries print to stdout at times: keep the real one for the answers.
        answers = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        _serve(sys.stdin.buffer, answers)
    elif arguments[0] == "time":
        print(json.dumps(_time(arguments[1], int(arguments[2]), arguments[3])))


if __name__ == "__main__":
    _main(sys.argv[1:])
