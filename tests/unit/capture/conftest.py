"""Tiny videos, pictures and a loopback MJPEG server for the tests of capture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from rtpose.types import Frame, FrameSource

WriteVideo = Callable[..., Path]


def corners(width: int = 64, height: int = 48) -> np.ndarray:
    """(H, W, 3) RGB: red top left, green top right, blue bottom left, white bottom right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (220, 30, 30)
    image[: height // 2, width // 2 :] = (30, 220, 30)
    image[height // 2 :, : width // 2] = (30, 30, 220)
    image[height // 2 :, width // 2 :] = (220, 220, 220)
    return image


@pytest.fixture
def corner_picture() -> Callable[..., np.ndarray]:
    return corners


@pytest.fixture
def write_video(tmp_path: Path) -> WriteVideo:
    """write(name, images=..., codec=..., pix_fmt=..., pts_ms=..., ...) -> path of a small video."""

    def write(
        name: str,
        *,
        images: Sequence[np.ndarray] | None = None,
        count: int = 12,
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        fps: int = 25,
        pts_ms: Sequence[int] | None = None,
        sar: Fraction | None = None,
        sound: bool = False,
        options: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
    ) -> Path:
        if images is None:
            images = [corners()] * count
        path = tmp_path / name
        with av.open(str(path), "w", options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=fps)
            stream.height, stream.width = images[0].shape[:2]
            stream.pix_fmt = pix_fmt
            stream.options = options or {}
            if pts_ms is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            if sar is not None:
                stream.codec_context.sample_aspect_ratio = sar
            audio = container.add_stream("aac", rate=8000) if sound else None
            for i, image in enumerate(images):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
                if pts_ms is not None:
                    frame.pts, frame.time_base = pts_ms[i], Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
            if audio is not None:
                tone = av.AudioFrame.from_ndarray(np.zeros((1, 8000 * 3), np.float32), "fltp", "mono")
                tone.sample_rate = 8000
                container.mux(audio.encode(tone))
                container.mux(audio.encode())
        return path

    return write


@pytest.fixture
def read_all() -> Callable[[FrameSource], list[Frame]]:
    """All frames of a source that has an end; closes it."""

    def read(source: FrameSource) -> list[Frame]:
        frames = []
        while not source.ended:
            frame = source.read()
            if frame is not None:
                frames.append(frame)
        source.close()
        return frames

    return read


class MjpegServer:
    """multipart/x-mixed-replace on loopback. Frame n is a picture with the grey value `level(n)`."""

    def __init__(self, period_s: float = 0.01) -> None:
        self.sent = 0
        self.hang = threading.Event()
        """Once set, connections stay open and silent."""
        self.cut = threading.Event()
        """Once set, connections end."""
        self.style = "proper"
        """no first boundary, no part headers: as some cameras send."""
        self._period_s = period_s
        self._port = 0
        self._http: ThreadingHTTPServer | None = None
        self.start()

    @staticmethod
    def level(number: int) -> int:
        return 20 + number % 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/stream.mjpg"

    def start(self) -> None:
        self.cut.clear()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._serve(self)

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._http.daemon_threads = True
        self._port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.cut.set()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        try:
            while not self.cut.wait(self._period_s):
                if self.hang.is_set():
                    continue
                picture = np.full((48, 64, 3), self.level(self.sent), np.uint8)
                data = cv2.imencode(".jpg", picture)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                if self.style == "no part headers":
                    head = "--frame\r\n\r\n"
                elif self.style == "no first boundary" and self.sent == 0:
                    head = head.removeprefix("--frame\r\n")
                request.wfile.write(head.encode() + data + b"\r\n")
                self.sent += 1
        except OSError:
            pass  # the reader is gone


@pytest.fixture
def mjpeg_server() -> Iterator[MjpegServer]:
    server = MjpegServer()
    yield server
    server.stop()


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Wait until a condition holds; fails after 20 s."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline_s, "waited too long"
            time.sleep(0.005)

    return wait
