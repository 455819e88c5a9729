"""Clients that behave like pages, in a process of their own: `python -m rtpose.bench.clients PAGES SILENT RUDE`.

The first line of stdin is the page's address, which may hold a token. Pages acknowledge every pose at once; silent
clients never read. Rude ones send garbage, or a picture that repeats its scans as the camera, and reconnect after they
were disconnected; each also has `HALF_OPEN` connections that never send a whole request. Prints "ready" when all are
connected, runs until stdin ends, then prints a `Received` as JSON. It does little work itself, because it runs beside
the program that is measured.
"""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import SplitResult, urlsplit

import msgspec
import numpy as np

from rtpose.child_processes import PYTHON
from rtpose.server.protocol import CAMERA, HEADER, HEADER_FIELDS, KIND_CAMERA, KIND_POSES, PROTOCOL_VERSION

_NAMES = [name for name, _, _ in HEADER_FIELDS]
_KIND, _FRAME_ID, _ESTIMATE_NS = (_NAMES.index(name) for name in ("kind", "frame_id", "estimate_ns"))
_TEXT, _BINARY, _PING, _PONG = 1, 2, 9, 10
RUDE_PAUSE_S = 1.0
"""A disconnected client reconnects after this time."""
RUDE_STAY_S = 5.0
"""A client that is not disconnected leaves by itself after this time."""
HALF_OPEN = 10
"""Connections without a whole request, for each rude client."""
_FRAME_HEADER = b"\xff\xc0\0\x0b\x08\x07\xd0\x07\xd0\x01\x01\x11\0"
_PICTURE = b"\xff\xd8" + _FRAME_HEADER + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" * 400 + b"\xff\xd9"
"""A JPEG of 2000x2000 pixels that repeats its scan."""


class Received(msgspec.Struct, frozen=True):
    """Received by the pages, from "ready" on."""

    seconds: float
    poses: list[int]
    """Of each page."""
    last_frames: list[int]
    """The id of the last frame that each page received."""
    lags_ms: tuple[float, float, float] | None
    """From a finished estimate to its arrival at a page: median, 99th percentile, longest. None if none arrived."""
    lost: int
    """Pages that were disconnected."""
    thrown_out: int
    """How often a rude or silent client was disconnected."""


class Clients:
    """The process, seen from the other side."""

    seen: Received | None = None
    """Once the block of `clients` has ended."""

    def __init__(self, url: str, pages: int, silent: int, rude: int) -> None:
        numbers = map(str, (pages, silent, rude))
        self._process = subprocess.Popen(
            [*PYTHON, "-m", "rtpose.bench.clients", *numbers],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(url, file=self._process.stdin, flush=True)
        if not self._process.stdout.readline():
            self.kill()
            raise RuntimeError(f"{pages + silent + rude} clients could not connect to {url}")

    def close(self) -> None:
        """Stop the clients and return what they received. Errors: `RuntimeError` if they ended before."""
        said, _ = self._process.communicate("")
        if self._process.returncode:
            raise RuntimeError(f"the clients ended early (exit code {self._process.returncode})")
        self.seen = msgspec.json.decode(said, type=Received)

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def clients(url: str, pages: int, *, silent: int = 0, rude: int = 0) -> Iterator[Clients]:
    """Run clients for the length of the block. url: of the page.

    Errors: `RuntimeError` if they cannot connect, or end before the block does.
    """
    process = Clients(url, pages, silent, rude)
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    process.close()


class _Client(asyncio.Protocol):
    """A connection that opens the socket."""

    def __init__(self, parts: SplitResult, path: str = "/socket") -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()
        self.transport: asyncio.Transport
        self._parts, self._path = parts, path
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        query = f"?{self._parts.query}" if self._parts.query else ""
        transport.write(
            f"GET {self._path}{query} HTTP/1.1\r\nHost: {self._parts.netloc}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self.opened.done():
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            self._received = rest
            if not head.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionError(head.split(b"\r\n")[0].decode(errors="replace")))
                return
            self.opened.set_result(None)
        if self.opened.exception() is None:
            self._read()

    def _read(self) -> None:
        self._received.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("refused"))
        self.gone.set_result(None)


class _Page(_Client):
    """Acknowledges every pose at once."""

    def __init__(self, parts: SplitResult, lags_ns: array[int]) -> None:
        super().__init__(parts)
        self.poses = 0
        self.last_frame = -1
        self.ready_ns: int | None = None
        """Only poses estimated after this time are counted."""
        self._lags_ns = lags_ns

    def _read(self) -> None:
        data, start = self._received, 0
        while len(data) >= start + 2:
            opcode, length, body = data[start] & 15, data[start + 1], start + 2
            if length >= 126:
                wide = 2 if length == 126 else 8
                if len(data) < body + wide:
                    break
                length, body = int.from_bytes(data[body : body + wide], "big"), body + wide
            if len(data) < body + length:
                break
            if opcode == _BINARY and data[body + 1] == KIND_POSES:  # the kind follows the version, a byte each
                self._pose(HEADER.unpack_from(data, body))
            elif opcode == _PING:
                self.transport.write(_frame(_PONG, bytes(data[body : body + length])))
            start = body + length
        del data[:start]

    def _pose(self, header: tuple[int, ...]) -> None:
        self.transport.write(_frame(_TEXT, b'{"ack":%d}' % header[_FRAME_ID]))
        if self.ready_ns is not None and header[_ESTIMATE_NS] > self.ready_ns:
            self.poses += 1
            self.last_frame = header[_FRAME_ID]
            self._lags_ns.append(time.monotonic_ns() - header[_ESTIMATE_NS])


def _frame(opcode: int, payload: bytes, fin: bool = True, masked: bool = True) -> bytes:
    """Of a client, with a mask of zeros."""
    size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack(">H", len(payload))
    mask = bytes([size[0] | 0x80]) + size[1:] + bytes(4) if masked else size
    return bytes([opcode | (0x80 if fin else 0)]) + mask + payload


def _rubbish(dice: random.Random) -> bytes:
    """Invalid messages."""
    noise = dice.randbytes(dice.randrange(1, 2000))
    return dice.choice((
        noise,
        _frame(_TEXT, noise),
        _frame(_BINARY, noise),
        _frame(_TEXT, noise, masked=False),
        _frame(_TEXT, b'{"ack":' + b"[" * 1500),
        _frame(_TEXT, b'{"ack":"%d"}' % dice.getrandbits(64)),
        _frame(_TEXT, b"", fin=False) + _frame(0, b"", fin=False) * 200,
        _frame(_PING, b"?" * 125) * 2000,
        _frame(_TEXT, b'{"ack":1}') * 2000,
        (_frame(_TEXT, b'{"record":true}') + _frame(_TEXT, b'{"record":false}')) * 300,
        b"\x81\xff" + bytes([0, 0, 1, 0, 0, 0, 0, 0]),  # a text of a terabyte
        b"\x81\xfe\x0f\xff",  # and one that never comes
    ))  # fmt: skip


class _Crowd:
    """All clients of one process."""

    def __init__(self, url: str) -> None:
        self.parts = urlsplit(url)
        self.lags_ns = array("q")
        self.pages: list[_Page] = []
        self.takes_camera = "token=" in url
        """Rude clients that have the token try to be the camera, too."""
        self.thrown_out = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(self, pages: int, silent: int, rude: int) -> None:
        """All of them. Errors: `OSError`."""
        for _ in range(pages):
            page = _Page(self.parts, self.lags_ns)
            await self._open(page)
            self.pages.append(page)
        for number in range(rude * HALF_OPEN):
            self._tasks.append(asyncio.create_task(self._stay_half_open(random.Random(number))))
        for number in range(silent + rude):
            there: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            dice = random.Random(number)
            stay = self._be_silent(there) if number < silent else self._be_rude(there, dice)
            self._tasks.append(asyncio.create_task(stay))
            await there

    async def _open(self, client: _Client, receive_bytes: int | None = None) -> None:
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        try:
            sock.setblocking(False)
            if receive_bytes is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            await loop.sock_connect(sock, (self.parts.hostname, self.parts.port))
        except OSError:
            sock.close()
            raise
        await loop.create_connection(lambda: client, sock=sock)
        await client.opened

    async def _be_silent(self, there: asyncio.Future[None]) -> None:
        while True:
            client = _Client(self.parts)
            with suppress(OSError):
                await self._open(client, receive_bytes=4096)
                client.transport.pause_reading()
            if not there.done():
                there.set_result(None)
            # A paused transport does not see the end of its connection; it sees that nothing can be sent any more.
            while not client.gone.done():
                await asyncio.sleep(RUDE_PAUSE_S)
                client.transport.write(_frame(_PONG, b""))
            self.thrown_out += 1

    async def _be_rude(self, there: asyncio.Future[None], dice: random.Random) -> None:
        while True:
            as_camera = self.takes_camera and there.done() and dice.random() < 0.2
            client = _Client(self.parts, "/camera" if as_camera else "/socket")
            with suppress(OSError):
                await self._open(client)
                if not there.done():
                    there.set_result(None)
                picture = CAMERA.pack(PROTOCOL_VERSION, KIND_CAMERA, 0, 1, 0.0, 0.0) + _PICTURE
                client.transport.write(_frame(_BINARY, picture) if as_camera else _rubbish(dice))
                await asyncio.wait({client.gone}, timeout=RUDE_STAY_S)
                self.thrown_out += client.gone.done()
                client.transport.abort()
            await asyncio.sleep(RUDE_PAUSE_S * dice.uniform(0.5, 1.5))

    async def _stay_half_open(self, dice: random.Random) -> None:
        """Connect, send nothing or part of a request, and come back once the server has closed the connection."""
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(self.parts.hostname, self.parts.port)
                try:
                    writer.write(dice.choice((b"", b"GET /socket HTTP/1.1\r\nHost: ", b"\x16\x03\x01\x02\0\x01")))
                    await reader.read()
                    self.thrown_out += 1
                finally:
                    writer.transport.abort()
            await asyncio.sleep(RUDE_PAUSE_S * dice.uniform(0.5, 1.5))

    def start(self) -> None:
        """Count from now on."""
        now_ns = time.monotonic_ns()
        for page in self.pages:
            page.ready_ns = now_ns

    def seen(self, seconds: float) -> Received:
        """So far."""
        lags_ms = np.array(self.lags_ns, np.float64) / 1e6
        median, p99 = np.percentile(lags_ms, [50, 99]).tolist() if lags_ms.size else (0, 0)
        return Received(
            seconds=seconds, poses=[page.poses for page in self.pages],
            last_frames=[page.last_frame for page in self.pages],
            lags_ms=(median, p99, float(lags_ms.max())) if lags_ms.size else None,
            lost=sum(page.gone.done() for page in self.pages), thrown_out=self.thrown_out,
        )  # fmt: skip


async def _main(url: str, pages: int, silent: int, rude: int) -> None:
    crowd = _Crowd(url)
    await crowd.connect(pages, silent, rude)
    crowd.start()
    start = time.monotonic()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(msgspec.json.encode(crowd.seen(time.monotonic() - start)).decode())


if __name__ == "__main__":
    # Ctrl-C on a terminal reaches the whole group; the parent process stops this one and reads its results.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_main(sys.stdin.readline().strip(), *map(int, sys.argv[1:4])))
