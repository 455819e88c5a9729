"""https: rtpose's own certificate, what clients make of it, and certificates of other people's."""

import os
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from secure_socket import first_message

from rtpose.errors import ConfigError, MissingExtraError, OutputError
from rtpose.server import limits, tls
from rtpose.server.server import PoseServer

MakeServer = Callable[..., PoseServer]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the certificate is kept."""
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path))
    return tmp_path / "tls"


def read(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / tls.CERTIFICATE).read_bytes())


def test_a_client_that_trusts_the_certificate_gets_page_and_socket(folder: Path, make_server: MakeServer) -> None:
    server = make_server(tls=tls.tls_context())
    assert server.url == f"https://127.0.0.1:{server.port}/"
    trusting = ssl.create_default_context(cafile=folder / tls.CERTIFICATE)
    assert trusting.check_hostname
    assert trusting.verify_mode is ssl.CERT_REQUIRED
    for name in ("127.0.0.1", "localhost"):
        with urllib.request.urlopen(f"https://{name}:{server.port}/", context=trusting, timeout=20) as response:
            assert len(response.read()) == int(response.headers["Content-Length"]) > 0
        assert first_message(f"wss://{name}:{server.port}/socket", trusting)["type"] == "hello"
    # Nobody else vouches for it, and nothing is said without TLS.
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(server.url, context=ssl.create_default_context(), timeout=20)
    with pytest.raises((OSError, urllib.error.URLError)):
        urllib.request.urlopen(server.url.replace("https", "http"), timeout=20)
    assert first_message(f"wss://127.0.0.1:{server.port}/socket", trusting)["type"] == "hello", "it goes on serving"


def test_records_that_arrive_together_are_all_read(folder: Path, make_server: MakeServer) -> None:
    server = make_server(tls=tls.tls_context())
    trusting = ssl.create_default_context(cafile=folder / tls.CERTIFICATE)
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(received, sent, server_hostname="localhost")
    padding = "".join(f"X-{k}: {'-' * 100}\r\n" for k in range(30))
    request = f"GET / HTTP/1.1\r\nHost: localhost:{server.port}\r\n{padding}\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:

        def exchange(step: Callable[[], object]) -> object:
            while True:
                with suppress(ssl.SSLWantReadError):
                    result = step()
                    sock.sendall(sent.read())
                    return result
                sock.sendall(sent.read())
                answer = sock.recv(65536)
                assert answer, "disconnected"
                received.write(answer)

        exchange(client.do_handshake)
        time.sleep(0.2)  # the handshake ends on the server's side, too
        for start in range(0, len(request), 200):
            client.write(request[start : start + 200])  # a record each, which wait in `sent`
        assert exchange(lambda: client.read(15)) == b"HTTP/1.1 200 OK"


@pytest.mark.slow
def test_silent_connections_before_the_handshake_are_few_and_end(
    folder: Path, make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REQUEST_TIMEOUT_S", 5.0)
    server = make_server(tls=tls.tls_context())
    socks = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(300)]
    trusting = ssl.create_default_context(cafile=folder / tls.CERTIFICATE)
    try:
        with urllib.request.urlopen(server.url, context=trusting, timeout=20) as response:
            assert response.status == 200
        assert server._door.strangers <= limits.MAX_STRANGERS_PER_ADDRESS
        # One that does the handshake late has no new time for its request.
        late = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        start_s = time.monotonic()
        time.sleep(3)
        with trusting.wrap_socket(late, server_hostname="127.0.0.1") as wrapped:
            with suppress(OSError):
                assert wrapped.recv(1) == b""
            assert 4.5 < time.monotonic() - start_s < 7.8  # 8 with a new time
        deadline_s = time.monotonic() + 30
        while server._door.strangers:
            assert time.monotonic() < deadline_s, "silent ones stay"
            time.sleep(0.05)
    finally:
        for sock in socks:
            sock.close()


def test_the_certificate_is_kept_and_is_for_this_machine_alone(folder: Path) -> None:
    file = tls.own_certificate()
    assert file.parent == folder
    first = file.read_bytes()
    assert tls.own_certificate().read_bytes() == first
    certificate = read(folder)
    assert {"localhost", "127.0.0.1", "::1"} <= tls.machine_names() <= tls.names_of(certificate)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc < timedelta(days=398)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert b"PRIVATE KEY" in first
    assert b"PRIVATE KEY" not in (folder / tls.CERTIFICATE).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == sorted([tls.CERTIFICATE, tls.CERTIFICATE_AND_KEY])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_nobody_else_may_read_the_key(folder: Path) -> None:
    before = os.umask(0)
    try:
        file = tls.own_certificate()
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600


def test_it_is_made_anew_before_it_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "VALID_FOR", tls.RENEWED_BEFORE - timedelta(days=1))
    tls.own_certificate()
    first = read(folder)
    monkeypatch.undo()
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(folder.parent))
    tls.own_certificate()
    second = read(folder)
    assert second.serial_number != first.serial_number
    assert second.not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)


def test_it_is_made_anew_for_a_new_address_and_keeps_the_old(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "machine_names", lambda: {"localhost", "192.0.2.7"})
    tls.own_certificate()
    monkeypatch.setattr(tls, "machine_names", lambda: {"localhost", "2001:db8::1", "laptop.local"})
    tls.own_certificate()
    both = read(folder)
    assert tls.names_of(both) == {"localhost", "192.0.2.7", "2001:db8::1", "laptop.local"}
    monkeypatch.setattr(tls, "machine_names", lambda: {"localhost", "192.0.2.7"})
    tls.own_certificate()
    assert read(folder).serial_number == both.serial_number, "back at the old address it stays"


def test_a_damaged_one_is_made_anew(folder: Path) -> None:
    folder.mkdir()
    (folder / tls.CERTIFICATE_AND_KEY).write_bytes(b"half a certifi")
    tls.tls_context()
    assert tls.machine_names() <= tls.names_of(read(folder))


def test_ones_own_certificate_and_key(folder: Path, tmp_path: Path) -> None:
    certificate, key = tls.make_certificate({"pose.example"})
    (tmp_path / "c.pem").write_bytes(certificate)
    (tmp_path / "k.pem").write_bytes(key)
    (tmp_path / "other.pem").write_bytes(tls.make_certificate({"pose.example"})[1])
    tls.tls_context(tmp_path / "c.pem", tmp_path / "k.pem")
    assert not folder.exists()
    for files in (
        (tmp_path / "c.pem", tmp_path / "other.pem"), (tmp_path / "c.pem", None), (tmp_path / "missing.pem", None),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match="not a certificate and unencrypted key"):
            tls.tls_context(*files)
    with pytest.raises(ConfigError, match="--tls-cert"):
        tls.tls_context(None, tmp_path / "k.pem")


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="RTPOSE_CACHE_DIR"):
        tls.own_certificate()


def test_without_the_library_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtraError, match=r"the extra 'tls': pip install .*\[tls\]"):
        tls.tls_context()
