from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rtpose.capture import open_source, streams
from rtpose.capture.live import LiveSource
from rtpose.capture.streams import open_url, without_password
from rtpose.errors import InputError
from rtpose.types import Frame, FrameSource

WaitFor = Callable[[Callable[[], bool]], None]


def level(frame: Frame | None) -> int:
    assert frame is not None
    return round(float(np.median(frame.image)))


@pytest.fixture
def open_live() -> Iterator[Callable[[str], LiveSource]]:
    """Opens streams with short pauses; closes them."""
    opened: list[FrameSource] = []

    def open_it(url: str) -> LiveSource:
        source = open_url(url, pauses_s=(0.05, 0.1))
        opened.append(source)
        assert isinstance(source, LiveSource)
        return source

    yield open_it
    for source in opened:
        source.close()


def test_slow_consumer_gets_the_newest_frame(
    mjpeg_server, open_live: Callable[[str], LiveSource], wait_for: WaitFor
) -> None:
    source = open_live(mjpeg_server.url)
    assert source.info.live
    assert source.info.size == (64, 48)
    assert source.info.frame_count is None
    last_id, last_s = -1, -1.0
    for _ in range(3):
        sent = mjpeg_server.sent
        wait_for(lambda sent=sent: mjpeg_server.sent > sent + 20)  # the consumer sleeps for 20 frames
        frame = source.read()
        assert frame is not None
        # A queue would now give the frame after the last one read, 20 behind.
        assert (level(frame) - mjpeg_server.level(sent)) % 200 > 5
        assert frame.frame_id > last_id
        assert frame.pts_s > last_s
        last_id, last_s = frame.frame_id, frame.pts_s
    assert source.stats.delivered == 3
    assert source.stats.dropped["consumer busy"] == last_id + 1 - 3
    assert source.status == "ok"


def test_server_dies_and_comes_back(mjpeg_server, open_live: Callable[[str], LiveSource], wait_for: WaitFor) -> None:
    source = open_live(mjpeg_server.url)
    before = source.read()
    assert before is not None
    mjpeg_server.stop()
    wait_for(lambda: "stream lost, retrying in 0.1 s" in source.status)
    assert not source.ended
    while source.read(timeout_s=0.01) is not None:  # what came before the end
        pass
    mjpeg_server.start()
    after = source.read(timeout_s=20)
    assert after is not None
    assert after.frame_id > before.frame_id
    assert after.pts_s > before.pts_s
    assert source.stats.reconnects == 1
    wait_for(lambda: source.status == "ok")


def test_silent_server(
    mjpeg_server,
    open_live: Callable[[str], LiveSource],
    wait_for: WaitFor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "_READ_TIMEOUT_S", 0.3)
    source = open_live(mjpeg_server.url)
    mjpeg_server.hang.set()
    wait_for(lambda: source.status.startswith("stream lost"))
    mjpeg_server.hang.clear()
    wait_for(lambda: source.stats.reconnects == 1)


def test_close_does_not_wait_for_a_hanging_server(mjpeg_server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_READ_TIMEOUT_S", 4)
    source = open_url(mjpeg_server.url)
    assert isinstance(source, LiveSource)
    mjpeg_server.hang.set()
    start_s = time.monotonic()
    source.close()
    assert time.monotonic() - start_s < 3.5  # shorter than the time limit of the connection
    assert source.ended
    source._thread.join(20)
    assert not source._thread.is_alive()


def test_without_reconnect(mjpeg_server, wait_for: WaitFor) -> None:
    source = open_source(mjpeg_server.url, reconnect=False)
    mjpeg_server.stop()

    def drained() -> bool:
        source.read(timeout_s=0.01)
        return source.ended

    wait_for(drained)
    assert source.status == "stream lost"
    source.close()


def test_nobody_answers(mjpeg_server) -> None:
    mjpeg_server.stop()
    for _ in range(2):
        with pytest.raises(InputError, match=r"cannot open 'http.*refused.*check the address"):
            open_source(mjpeg_server.url)
    mjpeg_server.start()
    source = open_source(mjpeg_server.url)  # after a failed open
    assert source.read() is not None
    source.close()


def test_server_that_accepts_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_OPEN_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(InputError, match="no answer in time"):
            open_source(url)


def test_unknown_protocol() -> None:
    with pytest.raises(InputError, match="cannot open 'gopherx://host/a'"):
        open_source("gopherx://host/a")


@pytest.mark.parametrize("style", ["no first boundary", "no part headers"])
def test_pictures_without_the_boundaries_of_http(mjpeg_server: Any, style: str) -> None:
    mjpeg_server.style = style
    source = open_url(mjpeg_server.url)
    try:
        assert source.info.live
        frames = [source.read(5.0) for _ in range(5)]
        assert all(frame is not None and frame.size == (64, 48) for frame in frames)
    finally:
        source.close()


@pytest.fixture
def web_folder(tmp_path: Path) -> Iterator[str]:
    """The URL of tmp_path on a web server."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_recording_on_a_web_server_gives_every_frame(
    web_folder: str, write_video: Callable[..., Path], read_all: Callable[[FrameSource], list[Frame]]
) -> None:
    write_video("clip.mp4", count=40, container_options={"movflags": "faststart"})
    source = open_source(f"{web_folder}/clip.mp4")
    assert not source.info.live
    frames = read_all(source)
    assert [f.frame_id for f in frames] == list(range(40))
    assert source.stats.dropped == {}


@pytest.mark.parametrize(("name", "codec"), [("rec.h264", "libx264"), ("rec.ts", "libx264"), ("rec.gif", "gif")])
def test_recording_without_a_duration_ends(
    web_folder: str, write_video: Callable[..., Path], read_all: Callable[[FrameSource], list[Frame]],
    name: str, codec: str,
) -> None:  # fmt: skip
    write_video(name, count=20, codec=codec, pix_fmt="rgb8" if codec == "gif" else "yuv420p", options={})
    source = open_source(f"{web_folder}/{name}")
    assert not source.info.live
    assert len(read_all(source)) == 20
    assert source.stats.dropped == {}


def test_recording_from_a_server_that_hangs(
    write_video: Callable[..., Path],
    read_all: Callable[[FrameSource], list[Frame]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "_READ_TIMEOUT_S", 0.3)
    base = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    path = write_video(
        "clip.mp4",
        images=[np.roll(base, i, axis=1) for i in range(60)],
        container_options={"movflags": "faststart"},
    )
    data = path.read_bytes()
    with av.open(str(path)) as container:
        half = next(p.pos for i, p in enumerate(container.demux(video=0)) if i == 30)
    assert half is not None
    done = threading.Event()

    class HalfServer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:half])
            done.wait(20)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), HalfServer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            source = open_source(f"http://127.0.0.1:{server.server_address[1]}/clip.mp4")
            frames = read_all(source)
        finally:
            done.set()
            server.shutdown()
            thread.join()
    assert len(frames) == 30
    assert source.stats.dropped == {"missing": pytest.approx(30, abs=1)}


def test_an_index_at_the_end_behind_a_server_without_ranges(write_video: Callable[..., Path]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (8, 480, 640, 3), np.uint8)
    data = write_video("clip.mp4", images=list(noise)).read_bytes()
    assert len(data) > 1 << 20, "more than the reader keeps"

    class WholeServer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):  # the reader has seen enough
                self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), WholeServer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            with pytest.raises(InputError, match=r"its index is at its end.*download it first"):
                open_source(f"http://127.0.0.1:{server.server_address[1]}/clip.mp4")
        finally:
            server.shutdown()
            thread.join()


def test_pages_that_are_no_video(web_folder: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>hello</html>")
    with pytest.raises(InputError, match="not a video"):
        open_source(f"{web_folder}/page.html")
    with pytest.raises(InputError, match="404"):
        open_source(f"{web_folder}/nothing.mp4")


def test_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = threading.Event()

    def send() -> None:
        with av.open(f"udp://127.0.0.1:{port}?pkt_size=1316", "w", format="mpegts") as container:
            stream = container.add_stream("mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", 5
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), "rgb24")
            while not done.wait(0.01):
                container.mux(stream.encode(picture))
                picture.pts = None

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with closing(open_source(f"udp://127.0.0.1:{port}")) as source:
            assert source.info.live
            assert source.info.size == (64, 48)
            assert level(source.read(timeout_s=10)) == pytest.approx(90, abs=4)
    finally:
        done.set()
        sender.join()


def test_passwords_are_not_shown() -> None:
    assert without_password("rtsp://me:secret@cam:554/live?x=1") == "rtsp://me:***@cam:554/live?x=1"
    assert without_password("http://cam/v.cgi?user=me&pwd=a%26b&x=1#t") == "http://cam/v.cgi?user=me&pwd=***&x=1#t"
    assert without_password("http://cam/v.cgi?loginpass=1&PASSWORD=x") == "http://cam/v.cgi?loginpass=1&PASSWORD=***"
    assert without_password("rtsp://me@cam/live") == "rtsp://me@cam/live"
    assert without_password("rtsp://me:secret@cam/cam[/hall].mjpg") == "rtsp://me:***@cam/cam[/hall].mjpg"
    assert without_password("http://host:80/a@b:c") == "http://host:80/a@b:c"
    with pytest.raises(InputError) as caught:
        open_source("http://me:secret@127.0.0.1:9/")
    assert "secret" not in str(caught.value)
