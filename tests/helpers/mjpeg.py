"""A camera on loopback: JPEG pictures one after the other over HTTP, at real time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class MjpegStream:
    """Serves pictures again and again, each at its time whatever the reader does. Starts at once."""

    def __init__(self, jpegs: Sequence[bytes], fps: float) -> None:
        self._jpegs = jpegs
        self._fps = fps
        self._port = 0
        self._cut = threading.Event()
        self._http: ThreadingHTTPServer | None = None
        self._started_s = time.monotonic()
        self.start()

    def show(self, jpegs: Sequence[bytes]) -> None:
        """Show other pictures from now on."""
        self._jpegs = jpegs

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/camera.mjpg"

    def start(self) -> None:
        """Begin, or begin again on the same port."""
        stream = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stream._serve(self)

            def log_message(self, *args: object) -> None:
                pass

        self._cut.clear()
        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Cut all connections and refuse new ones."""
        self._cut.set()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()  # waits for the connections' threads
            self._http = None

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        try:
            last = -1
            while not self._cut.is_set():
                now = int((time.monotonic() - self._started_s) * self._fps)
                if now == last:
                    self._cut.wait(0.2 / self._fps)
                    continue
                last = now
                jpegs = self._jpegs
                data = jpegs[now % len(jpegs)]
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                request.wfile.write(head.encode() + data + b"\r\n")
        except OSError:
            pass  # the reader is gone
