from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from proxies import no_web, straight

from rtpose.networks.fetch_http import fetch_http

CONTENT = bytes(range(256)) * 1000


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/none.zip":
            self.send_error(404, "Not Found")
            return
        self.send_response(200)
        if self.path != "/unsaid.zip":
            self.send_header("Content-Length", "many" if self.path == "/odd.zip" else str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // (2 if self.path == "/half.zip" else 1)])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _straight(monkeypatch: pytest.MonkeyPatch) -> None:
    straight(monkeypatch)


@pytest.fixture
def server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("name", "total"), [("file.zip", len(CONTENT)), ("unsaid.zip", 0)])
def test_the_file_comes_whole_and_tells_how_far_it_is(server: str, tmp_path: Path, name: str, total: int) -> None:
    seen: list[tuple[int, int]] = []
    path = fetch_http(f"{server}/{name}", tmp_path, lambda *args: seen.append(args))
    assert path == tmp_path / name
    assert path.read_bytes() == CONTENT
    assert len(seen) > 1
    assert seen[-1] == (len(CONTENT), total)


@pytest.mark.parametrize(
    ("name", "words"), [("none.zip", "404 Not Found"), ("half.zip", "128000 of 256000 bytes"), ("odd.zip", "many")]
)
def test_what_does_not_come(server: str, tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(OSError, match=words):
        fetch_http(f"{server}/{name}", tmp_path)


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="refused"):
        fetch_http("http://127.0.0.1:9/file.zip", tmp_path)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http:/proxy:8080"])
def test_a_proxy_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    no_web(monkeypatch)
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(OSError, match=r"refused|no authority"):
        fetch_http("https://127.0.0.1:9/file.zip", tmp_path)
