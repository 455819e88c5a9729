"""HTTP requests: who may connect, the page, and the recording."""

from __future__ import annotations

import asyncio
import errno
import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from websockets.http11 import Request, Response

from rtpose.errors import ServerError
from rtpose.server import limits
from rtpose.server.connection import ClientConnection

NOT_BUILT = (
    "<!doctype html><meta charset=utf-8><title>rtpose</title>"
    "<p>rtpose is running, but its page was not built into this installation. "
    "In a source checkout: <code>cd web && npm ci && npm run build</code>. "
    "The socket at <code>/socket</code> works without it.\n"
)

_HOST_HEADER = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


class HttpSite:
    """The addresses of a server: checks every request and answers it, or lets the socket open."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        secure: bool,
        token: str | None,
        private: bool,
        takes_changes: bool,
        files: Mapping[str, Path],
        takes_camera: bool,
        takes_video: bool,
        is_full: Callable[[], bool],
        stall_timeout_s: float,
    ) -> None:
        """host, port, token, private, files: see `PoseServer`. secure: https. takes_changes: whether pages may
        change anything. is_full: whether to refuse more clients."""
        # "localhost" may resolve to two addresses, and with port 0 they would get two ports.
        self.host = "127.0.0.1" if host == "localhost" else host
        self.port = port
        """The requested port; the server sets the real one once it listens."""
        self.loopback = is_loopback(self.host)
        self._private = bool(token) or private or not self.loopback
        """Whether the token is needed to see anything."""
        self.token = token or (secrets.token_urlsafe(16) if self._private or takes_changes else None)
        self._scheme = "https" if secure else "http"
        self._files = dict(files)
        self.recorded: Path | None = None
        """The newest recording; for clients that may change something."""
        self._feeds = {path for path, taken in (("/camera", takes_camera), ("/upload", takes_video)) if taken}
        self._is_full = is_full
        self._stall_timeout_s = stall_timeout_s

    @property
    def url(self) -> str:
        """Address of the page, including the token if there is one."""
        host = _outside_address() if self.host in ("0.0.0.0", "::", "") else self.host
        host = f"[{host}]" if ":" in host else host
        query = f"?token={quote(self.token, safe='')}" if self.token else ""
        return f"{self._scheme}://{host}:{self.port}/{query}"

    async def answer(self, connection: ClientConnection, request: Request) -> Response | None:
        """The page, the recording, or a refusal; None lets the socket open."""
        if self._is_full():
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many clients. Try again later.\n")
        if getattr(request, "method", "GET") != "GET":  # older versions of websockets refuse it themselves
            return connection.respond(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is supported.\n")
        hosts = request.headers.get_all("Host")
        if not self._is_own_name(hosts):
            return connection.respond(
                HTTPStatus.FORBIDDEN, f"Open this page as {self._scheme}://127.0.0.1:{self.port}/\n"
            )
        path = requested_path(request)
        if not self.may_change(request):
            if "token" in requested_query(request):
                return connection.respond(HTTPStatus.FORBIDDEN, "This is not the token of this server.\n")
            if self._private or path in ("/camera", "/upload", "/recorded"):
                return connection.respond(HTTPStatus.UNAUTHORIZED, "Add ?token=... as rtpose printed it.\n")
        connection.visitor.admit()
        if path == "/socket" or path in self._feeds:
            origins = request.headers.get_all("Origin")
            if origins and [_netloc(origin) for origin in origins] != [hosts[0].lower()]:
                return connection.respond(HTTPStatus.FORBIDDEN, "The socket is for this server's own page.\n")
            return None
        if path == "/":
            await self._send_page(connection, hosts[0])
            return None
        if path == "/recorded" and self.recorded is not None:
            return await self._send_file(connection, self.recorded)
        if path in self._files:
            return await self._send_file(connection, self._files[path])
        return connection.respond(HTTPStatus.NOT_FOUND, "Not found.\n")

    def may_change(self, request: Request | None) -> bool:
        """Whether a client may record and be the camera: with the token, or if this server has none."""
        if self.token is None:
            return True
        given = requested_query(request).get("token", "")
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _is_own_name(self, hosts: list[str]) -> bool:
        """Another site can make its own name resolve to 127.0.0.1; the Host header reveals it."""
        match = _HOST_HEADER.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if match is None:
            return False
        return not self.loopback or match["name"].lower() in {"localhost", "127.0.0.1", "[::1]", self.host}

    async def _send_page(self, connection: ClientConnection, host: str) -> None:
        page = resources.files("rtpose.server").joinpath("static", "index.html")
        try:
            body = page.read_bytes()
        except OSError:
            body = NOT_BUILT.encode()
        policy = (
            "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
            "img-src 'self' blob: data:; media-src blob:; font-src data:; worker-src blob:; "
            "base-uri 'none'; form-action 'none'; "
            f"frame-ancestors 'self'; connect-src 'self' blob: data: ws://{host} wss://{host}"
        )
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",  # the address may contain the token
        }
        chunks = (body[i : i + limits.CHUNK_BYTES] for i in range(0, len(body), limits.CHUNK_BYTES))
        await self._send(connection, headers, len(body), chunks)

    async def _send_file(self, connection: ClientConnection, path: Path) -> Response | None:
        try:
            file = path.open("rb")
        except OSError:
            return connection.respond(HTTPStatus.NOT_FOUND, "The file no longer exists.\n")
        with file:
            size = file.seek(0, 2)
            file.seek(0)
            chunks = iter(lambda: file.read(limits.CHUNK_BYTES), b"")
            await self._send(connection, {"Content-Type": "application/octet-stream"}, size, chunks)
        return None

    async def _send(
        self, connection: ClientConnection, headers: dict[str, str], size: int, chunks: Iterator[bytes]
    ) -> None:
        """Answer 200 in chunks, so that a long recording is never completely in memory, and close."""
        head = {
            "Date": formatdate(usegmt=True),
            "Connection": "close",
            "Content-Length": str(size),
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            **headers,
        }
        transport = connection.transport
        transport.pause_reading()  # nothing more is expected, so nothing more is parsed
        lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        transport.write("\r\n".join(lines).encode("ascii"))
        try:
            for chunk in chunks:
                transport.write(chunk)
                async with asyncio.timeout(self._stall_timeout_s):
                    await connection.drain()
                if transport.is_closing():
                    break
            else:
                if transport.can_write_eof():
                    transport.write_eof()
                else:  # TLS has no half-closed connections
                    transport.close()
                transport.resume_reading()
                async with asyncio.timeout(self._stall_timeout_s):
                    await connection.wait_closed()
        except (OSError, TimeoutError):  # the client has closed, or does not read
            pass
        transport.abort()
        await connection.wait_closed()


def bind_error(error: OSError, host: str, port: int) -> ServerError:
    """The message for a user whose server cannot listen."""
    if error.errno == errno.EADDRINUSE:
        return ServerError(f"port {port} is in use: choose another with --port, or --port 0 for any free one")
    if error.errno in (errno.EACCES, errno.EPERM):
        return ServerError(f"port {port} is not allowed: choose one above 1023 with --port")
    return ServerError(
        f"cannot listen on {host}:{port} ({error.strerror or error}): give an address of this machine, or 127.0.0.1"
    )


def is_loopback(host: str) -> bool:
    """Whether `host` is an address of this machine's loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, or empty for all addresses
        return False


def requested_path(request: Request | None) -> str:
    """The requested path; empty if the request is malformed."""
    if request is None:
        return ""
    try:
        return urlsplit(request.path).path
    except ValueError:
        return ""


def requested_query(request: Request | None) -> dict[str, str]:
    """The last value of each name in the query; empty if the request is malformed."""
    if request is None:
        return {}
    try:
        query = urlsplit(request.path).query
        return {name: values[-1] for name, values in parse_qs(query, max_num_fields=16).items()}
    except ValueError:
        return {}


def _outside_address() -> str:
    """The address at which other machines reach this one, or loopback. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address reserved for documentation
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
