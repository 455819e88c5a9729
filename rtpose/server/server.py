"""One port for the page and the socket.

The server runs an event loop in a thread of its own. The pipeline hands it results and never waits: each kind
of message has one place in the inbox and one for each client, and the newest takes it.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import ipaddress
import logging
import re
import secrets
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, quote, urlsplit

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event, State

from rtpose.errors import ConfigError, InputError, ServerError
from rtpose.server.camera import CameraFeed, CameraPage
from rtpose.server.protocol import (
    CAMERA_TAKEN,
    MAX_CAMERA_MESSAGE_BYTES,
    MAX_CLIENT_MESSAGE_BYTES,
    Ack,
    Hello,
    Recording,
    Status,
    Taken,
    decode_client_message,
    encode_json,
    encode_picture,
    encode_poses,
    encode_poses_json,
)
from rtpose.stages import stage
from rtpose.types import Result

DEFAULT_PORT = 8765
MAX_CLIENTS = 256
MAX_IN_FLIGHT = 4
"""Poses on the way to a client that acknowledges them."""
ACK_TIMEOUT_S = 2.0
"""A client that has acknowledged and then falls silent (a hidden tab) gets one pose in this time."""
MAX_FRAMES_PER_S = 500
"""WebSocket frames from one client, pings and fragments among them."""
MAX_FRAGMENTS = 64
SEND_BUFFER_BYTES = 256 * 1024
"""Asked of the system for each connection: what lies there is already old when it arrives."""
RECEIVE_BYTES = 8 * 1024
MAX_UNSENT_BYTES = 4 * 1024 * 1024
STALL_TIMEOUT_S = 20.0
REQUEST_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
CAMERA_SILENCE_S = 5.0
"""A page that sends no picture for so long is the camera no more: a phone that left the network says no goodbye."""
CHUNK_BYTES = 64 * 1024

POLICY_VIOLATION = 1008

Kind = Literal["hello", "status", "recording", "pose", "picture"]
Slot = tuple[Kind, int]
"""A kind of message, and the source that it is of (0 for what is of no source)."""
Pack = Callable[[bool], bytes]
"""Makes the message, as a frame of the socket, when a client is ready for it. Its argument: as JSON."""

NOT_BUILT = (
    "<!doctype html><meta charset=utf-8><title>rtpose</title>"
    "<p>rtpose is running, but its page was not built into this installation. "
    "In a source checkout: <code>cd web && npm ci && npm run build</code>. "
    "The socket at <code>/socket</code> works without it.\n"
)

_log = logging.getLogger("rtpose.server")
# What strangers do to a connection is no news: nothing that the library says about it reaches stderr.
_quiet = logging.Logger("rtpose.server.websockets", level=logging.CRITICAL + 1)

_HOST_HEADER = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


class _Connection(ServerConnection, asyncio.BufferedProtocol):
    """A connection that looks after itself: counts, limits, deadlines, and what comes in.

    Messages are read where they arrive: with many clients, a queue and a task that waits on it cost more than all else.
    """

    client: _Client | None = None
    """Once the socket is open."""
    camera: CameraPage | None = None
    """While this page is the camera."""
    camera_spoke_s = 0.0
    """When it last sent a picture, on the loop's clock."""

    def __init__(self, all_connections: set[_Connection], max_connections: int, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._all_connections = all_connections
        self._max_connections = max_connections
        self._window_start_s = 0.0
        self._window_frames = 0
        self._parts: list[bytes] = []
        """Of a message that has not ended."""
        self._received = bytearray(RECEIVE_BYTES)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._all_connections.add(self)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        # Beyond the limit there is a polite answer (503) for some, and none for a flood.
        if len(self._all_connections) > 2 * self._max_connections:
            self.transport.abort()
        self._deadline = self.loop.call_later(REQUEST_TIMEOUT_S, self._abort_without_request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all_connections.discard(self)
        self._deadline.cancel()  # else it would keep everyone who comes and goes in memory until then
        super().connection_lost(exc)
        if self.client is not None:
            self.client.wake()

    def _abort_without_request(self) -> None:
        if self.request is None:
            self.transport.abort()

    def process_event(self, event: Event) -> None:
        if self.request is not None:
            now_s = self.loop.time()
            if now_s - self._window_start_s > 1.0:
                self._window_start_s, self._window_frames = now_s, 0
            self._window_frames += 1
            if self._window_frames > MAX_FRAMES_PER_S:
                self.end(POLICY_VIOLATION, "too many messages")
                return
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self._read(event)
        else:
            super().process_event(event)

    def _read(self, frame: Frame) -> None:
        # The limit of a message's size does not limit how many empty parts it has.
        foreign = Opcode.BINARY if self.camera is None else Opcode.TEXT
        if frame.opcode is foreign or len(self._parts) == MAX_FRAGMENTS:
            self.end(POLICY_VIOLATION, "only short text is understood")
            return
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        text, self._parts = b"".join(self._parts), []
        if self.camera is not None:
            self._read_picture(self.camera, text)
            return
        try:
            message = decode_client_message(text)
        except InputError:
            self.end(POLICY_VIOLATION, "this is not understood")
            return
        if self.client is None or self.state is not State.OPEN:
            return
        if isinstance(message, Ack):
            self.client.acknowledge(message.source, message.ack)
        else:
            self.client.on_record(message.record)

    def film(self, camera: CameraPage) -> None:
        """Take pictures from now on. They are longer than what other pages may say."""
        self.camera = camera
        self.camera_spoke_s = self.loop.time()
        for name in ("max_size", "max_message_size"):  # websockets until 15, and since
            setattr(self.protocol, name, MAX_CAMERA_MESSAGE_BYTES)
        self._say_taken(-1)

    def _read_picture(self, camera: CameraPage, message: bytes) -> None:
        if self.state is not State.OPEN:
            return
        try:
            counter = camera.receive(message, time.monotonic_ns())
        except InputError as error:
            self.end(POLICY_VIOLATION, str(error))
            return
        self.camera_spoke_s = self.loop.time()
        self._say_taken(counter)

    def _say_taken(self, counter: int) -> None:
        self.transport.write(_frame(encode_json(Taken(counter))))

    def get_buffer(self, sizehint: int) -> bytearray:
        # Else asyncio has 256 KiB mapped and unmapped for each acknowledgement, which takes longer than to read it.
        return self._received

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._received[:nbytes]))

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.state is State.OPEN:
            # Pongs are written without waiting: someone who only pings and never reads would fill the memory.
            if self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                self.transport.abort()
        elif self.client is not None:
            self.client.wake()

    def send_data(self) -> None:
        # In one piece, and nothing to somebody who has gone: asyncio would complain on stderr of every answer to a
        # flood of pings.
        parts = self.protocol.data_to_send()
        if self.transport.is_closing():
            return
        if data := b"".join(parts):
            self.transport.write(data)
        if b"" in parts:  # the library's word for the end
            if self.transport.can_write_eof():
                with suppress(OSError):
                    self.transport.write_eof()
            else:
                self.transport.close()

    def end(self, code: int, reason: str) -> None:
        """Send a close frame and listen no more."""
        if self.state is State.OPEN:
            self.protocol.fail(code, reason)
            self.send_data()
            self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)


class _Client:
    """One place for each kind of message; the newest takes it."""

    def __init__(
        self,
        connection: _Connection,
        as_json: bool,
        on_drawn: Callable[[int], None],
        on_record: Callable[[bool], None],
    ) -> None:
        self.as_json = as_json
        self.on_record = on_record
        self._connection = connection
        self._on_drawn = on_drawn
        # Replacing a waiting message keeps its place in the queue, so no kind starves another.
        self._waiting: dict[Slot, tuple[int, Pack]] = {}
        self._wake = asyncio.Event()
        self._acknowledges = False
        self._in_flight: dict[int, deque[int]] = {}
        """source -> frames that were sent and not acknowledged."""
        self._last_pose_s: dict[int, float] = {}

    def put(self, slot: Slot, frame_id: int, pack: Pack) -> None:
        """Let a message wait for `flush`."""
        if slot[0] == "picture" and self.as_json:
            return
        self._waiting[slot] = (frame_id, pack)

    def acknowledge(self, source: int, frame_id: int) -> None:
        """The client has drawn this frame, and with it all of its source that were sent before."""
        self._acknowledges = True
        in_flight = self._in_flight.get(source, ())
        if frame_id in in_flight:
            while self._in_flight[source].popleft() != frame_id:
                pass
        if self._waiting:
            self.flush()
        self._on_drawn(frame_id)

    def flush(self) -> None:
        """Send what may go out now; `attend` is left the rest."""
        self._send()
        if self._waiting or self._connection.transport.get_write_buffer_size():
            self._wake.set()

    def _send(self) -> None:
        """One message after another, as long as the system has taken all of the last."""
        transport = self._connection.transport
        while self._waiting and not transport.get_write_buffer_size() and self._connection.state is State.OPEN:
            taken = self._take(self._connection.loop.time())
            if taken is None:
                break
            try:
                frame = taken(self.as_json)
            except Exception:  # a bug, which must not be mistaken for a lost connection
                _log.exception("a message could not be sent")
                transport.abort()
                return
            transport.write(frame)

    def _take(self, now_s: float) -> Pack | None:
        for slot in self._waiting:
            kind, source = slot
            if kind in ("pose", "picture") and not self._may_show(source, now_s):
                continue
            frame_id, pack = self._waiting.pop(slot)
            if kind == "pose":
                self._in_flight.setdefault(source, deque(maxlen=MAX_IN_FLIGHT)).append(frame_id)
                self._last_pose_s[source] = now_s
            return pack
        return None

    def _may_show(self, source: int, now_s: float) -> bool:
        full = self._acknowledges and len(self._in_flight.get(source, ())) == MAX_IN_FLIGHT
        return not full or now_s - self._last_pose_s[source] >= ACK_TIMEOUT_S

    def wake(self) -> None:
        """The connection's state has changed."""
        self._wake.set()

    async def attend(self, stall_timeout_s: float) -> None:
        """Send what `flush` had to leave, as soon as that is possible. Ends with the connection."""
        while self._connection.state is State.OPEN:
            self._wake.clear()
            try:
                async with asyncio.timeout(stall_timeout_s):
                    await self._connection.drain()
            except (OSError, TimeoutError):  # gone, or it does not read: a close frame would not get through, either
                self._connection.transport.abort()
                return
            self._send()
            if self._connection.transport.get_write_buffer_size():
                continue
            # What waits although there is room waits for an acknowledgement, but not for ever.
            timeout_s = ACK_TIMEOUT_S / 4 if self._waiting else None
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()


class PoseServer:
    """The page, the socket and one recording, on one port.

    `publish`, `publish_picture`, `set_status` and `update_hello` may be called from any thread, also before
    `start` and after `close`; they never wait for a client.

    hello: what each client is told first; `server_ns` is set anew for each.
    host, port: where to listen; port 0 takes any free one, `url` tells which.
    token: asked of every client; made up if `host` is anything but this machine's loopback and none is given.
    recording: a poses.npz that is served as /recording.npz.
    on_drawn: told, in the server's thread, of each frame that a client says it has drawn.
    on_record: told, in the server's thread, when a client wants a recording begun (True) or ended.
    camera: takes the pictures of a page's camera; None: no page can be the camera.
    tls: for https, see `rtpose.server.tls`.
    """

    def __init__(
        self,
        *,
        hello: Hello,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        token: str | None = None,
        recording: Path | None = None,
        max_clients: int = MAX_CLIENTS,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        on_drawn: Callable[[int], None] = lambda frame_id: None,
        on_record: Callable[[bool], None] = lambda wanted: None,
        camera: CameraFeed | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Errors: `ConfigError` for a port that cannot be."""
        if not 0 <= port <= 65535:
            raise ConfigError(f"port {port} is not possible: give 1 to 65535, or 0 for any free one")
        # "localhost" may mean two addresses, and with port 0 they would get two ports.
        self._host = "127.0.0.1" if host == "localhost" else host
        self._loopback = _is_loopback(self._host)
        self.token = token or (None if self._loopback else secrets.token_urlsafe(16))
        self._port = port
        self._recording = recording
        self._max_clients = max_clients
        self._stall_timeout_s = stall_timeout_s
        self._on_drawn = on_drawn
        self._on_record = on_record
        self._feed = camera
        self._tls = tls

        self._lock = threading.Lock()
        """Guards what other threads touch: the inbox, the hello and the loop."""
        self._hello = hello
        self._inbox: dict[Slot, tuple[int, int, Pack]] = {}
        self._delivery_is_due = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

        # Only the loop's thread touches these; others may look at their length.
        self._stop: asyncio.Event
        self._latest: dict[Slot, tuple[int, int, Pack]] = {}
        self._clients: set[_Client] = set()
        self._connections: set[_Connection] = set()
        self._camera: CameraPage | None = None
        """The page that is the camera."""
        self.set_status("ok")

    # The pipeline's side, any thread.

    def start(self) -> None:
        """Listen. Returns when clients can connect. Errors: `ServerError` if the port cannot be had."""
        if self._thread is not None:
            raise RuntimeError("the server is already started")
        bound: Future[int] = Future()
        thread = threading.Thread(target=self._run, args=(bound,), name="rtpose-server", daemon=True)
        thread.start()
        try:
            self._port = bound.result()
        except BaseException:
            thread.join()
            raise
        self._thread = thread

    def close(self) -> None:
        """Say goodbye to the clients and free the port. May be called twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(self._stop.set)
        thread.join()

    @property
    def port(self) -> int:
        """The port that was asked for; once started, the real one."""
        return self._port

    @property
    def url(self) -> str:
        """Address of the page, with the token if one is asked."""
        host = _outside_address() if self._host in ("0.0.0.0", "::", "") else self._host
        host = f"[{host}]" if ":" in host else host
        query = f"?token={quote(self.token, safe='')}" if self.token else ""
        return f"{self._scheme}://{host}:{self._port}/{query}"

    @property
    def url_is_secure(self) -> bool:
        """Whether browsers give the page their camera: over https, or on their own computer."""
        return self._tls is not None or self._loopback

    @property
    def _scheme(self) -> str:
        return "http" if self._tls is None else "https"

    @property
    def client_count(self) -> int:
        """How many sockets are open."""
        return len(self._clients)

    @property
    def wants_pictures(self) -> bool:
        """Whether a client is there that can show one."""
        return any(not client.as_json for client in self._clients.copy())

    def publish(self, result: Result) -> None:
        """The newest poses, for every client that is ready for them."""
        packed: dict[bool, bytes] = {}

        def pack(as_json: bool) -> bytes:
            if as_json not in packed:  # once for all clients, and only if there is one
                encode = encode_poses_json if as_json else encode_poses
                with stage("send"):
                    packed[as_json] = _frame(encode(result, time.monotonic_ns()))
            return packed[as_json]

        self._post("pose", result, pack)

    def publish_picture(self, result: Result, jpeg: bytes) -> None:
        """The newest preview. jpeg: the picture of `result.frame`, at any size."""
        packed: list[bytes] = []

        def pack(as_json: bool) -> bytes:
            if not packed:
                packed.append(_frame(encode_picture(result, jpeg, time.monotonic_ns())))
            return packed[0]

        self._post("picture", result, pack)

    def set_status(self, text: str, ended: bool = False, failures: Sequence[str] = ()) -> None:
        """The state of the run: see `Status`."""
        frame = _frame(encode_json(Status(text=text, ended=ended, failures=list(failures))))
        self._post("status", None, lambda as_json: frame)

    def set_recording(self, file: str | None, text: str = "") -> None:
        """Whether the run is recorded: see `Recording`."""
        frame = _frame(encode_json(Recording(file, text)))
        self._post("recording", None, lambda as_json: frame)

    def update_hello(self, **changes: Any) -> None:
        """Change fields of the hello. Clients that are connected get it again."""
        with self._lock:
            self._hello = msgspec.structs.replace(self._hello, **changes)
        self._post("hello", None, self._pack_hello)

    def _pack_hello(self, as_json: bool) -> bytes:
        with self._lock:
            hello = self._hello
        return _frame(encode_json(msgspec.structs.replace(hello, server_ns=time.monotonic_ns())))

    def _post(self, kind: Kind, result: Result | None, pack: Pack) -> None:
        frame = None if result is None else result.frame
        with self._lock:
            slot = kind, frame.source if frame else 0
            self._inbox[slot] = (frame.frame_id, frame.t_ns, pack) if frame else (-1, 0, pack)
            if self._loop is not None and not self._delivery_is_due:
                self._delivery_is_due = True
                self._loop.call_soon_threadsafe(self._deliver)

    # The loop's side.

    def _run(self, bound: Future[int]) -> None:
        try:
            asyncio.run(self._main(bound))
        except Exception as error:
            if bound.done():
                raise
            bound.set_exception(error)

    async def _main(self, bound: Future[int]) -> None:
        self._stop = asyncio.Event()

        def make_connection(*args: Any, **kwargs: Any) -> _Connection:
            return _Connection(self._connections, self._max_clients, *args, **kwargs)

        try:
            server = await serve(
                self._handle,  # type: ignore[arg-type]  # every connection is a _Connection
                self._host,
                self._port,
                create_connection=make_connection,  # type: ignore[arg-type]  # called, never subclassed
                process_request=self._answer,  # type: ignore[arg-type]  # as above
                server_header=None,
                compression=None,
                max_size=MAX_CLIENT_MESSAGE_BYTES,
                # A message counts as sent when the system has all of it. (asyncio's TLS takes 0 for always full.)
                write_limit=(1, 0),
                # The request has a deadline of its own; its answer may be a long download.
                open_timeout=None,
                close_timeout=CLOSE_TIMEOUT_S,
                logger=_quiet,
                ssl=self._tls,
                ssl_handshake_timeout=REQUEST_TIMEOUT_S if self._tls else None,
            )
        except OSError as error:
            raise self._bind_error(error) from None
        with self._lock:
            self._loop = asyncio.get_running_loop()
        self._deliver()
        bound.set_result(server.sockets[0].getsockname()[1])
        await self._stop.wait()
        await self._shut_down(server)

    async def _shut_down(self, server: Server) -> None:
        server.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await server.wait_closed()
        except TimeoutError:
            for connection in self._connections.copy():
                connection.transport.abort()
            await server.wait_closed()

    def _bind_error(self, error: OSError) -> ServerError:
        if error.errno == errno.EADDRINUSE:
            return ServerError(f"port {self._port} is in use: choose another with --port, or --port 0 for any free one")
        if error.errno in (errno.EACCES, errno.EPERM):
            return ServerError(f"port {self._port} is not allowed: choose one above 1023 with --port")
        return ServerError(
            f"cannot listen on {self._host}:{self._port} ({error.strerror or error}): "
            "give an address of this machine, or 127.0.0.1"
        )

    def _deliver(self) -> None:
        with self._lock:
            inbox, self._inbox = self._inbox, {}
            self._delivery_is_due = False
        greeting: Slot = ("hello", 0)
        if greeting in inbox:  # other sources: their people are not those of the last ones
            self._latest = {slot: said for slot, said in self._latest.items() if slot[0] not in ("pose", "picture")}
        self._latest.update(inbox)
        for client in self._clients:
            if greeting in inbox:
                self._greet(client)
            for slot, (frame_id, _, pack) in inbox.items():
                client.put(slot, frame_id, pack)
            client.flush()

    def _greet(self, client: _Client) -> None:
        """The hello, and after it what a client has missed: for the page a hello is a fresh start."""
        client.put(("hello", 0), -1, self._pack_hello)
        for slot, (frame_id, _, pack) in self._latest.items():
            if slot[0] != "hello" and not (slot[0] == "picture" and self._picture_is_old(slot[1])):
                client.put(slot, frame_id, pack)

    async def _handle(self, connection: _Connection) -> None:
        if self._feed is not None and connection.request is not None and _path(connection.request) == "/camera":
            await self._film(connection, self._feed)
            return
        as_json = _query(connection.request).get("format") == "json"
        client = connection.client = _Client(connection, as_json, self._on_drawn, self._on_record)
        self._clients.add(client)  # who has read the hello is counted
        self._greet(client)
        client.flush()
        try:
            await client.attend(self._stall_timeout_s)
        finally:
            self._clients.discard(client)

    async def _film(self, connection: _Connection, feed: CameraFeed) -> None:
        """Let the page be the camera, until it leaves or falls silent."""
        if self._camera is not None:
            connection.end(CAMERA_TAKEN, f"the page at {self._camera.name} is the camera already")
            return
        address = str(connection.remote_address[0])
        self._camera = CameraPage(feed, "this computer" if _is_loopback(address) else address)
        connection.film(self._camera)
        try:
            while connection.state is State.OPEN:
                left_s = connection.camera_spoke_s + CAMERA_SILENCE_S - connection.loop.time()
                if left_s <= 0:
                    connection.end(POLICY_VIOLATION, "no picture has come for a while")
                    break
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await connection.wait_closed()
        finally:
            self._camera = None
            feed.end()

    def _picture_is_old(self, source: int) -> bool:
        """Pictures are made only while someone looks; the last one may be of long ago."""
        pose, picture = self._latest.get(("pose", source)), self._latest["picture", source]
        return pose is None or abs(pose[1] - picture[1]) > 1e9

    # Plain HTTP.

    async def _answer(self, connection: _Connection, request: Request) -> Response | None:
        """The page, the recording, or a refusal; None lets the socket open."""
        if len(self._connections) > self._max_clients:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many clients. Try again later.\n")
        if getattr(request, "method", "GET") != "GET":  # older websockets refuse it themselves
            return connection.respond(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is understood.\n")
        hosts = request.headers.get_all("Host")
        match = _HOST_HEADER.fullmatch(hosts[0]) if len(hosts) == 1 else None
        # A page of another site can make its own name mean 127.0.0.1; the Host header gives it away.
        if match is None or (
            self._loopback and match["name"].lower() not in {"localhost", "127.0.0.1", "[::1]", self._host}
        ):
            return connection.respond(
                HTTPStatus.FORBIDDEN, f"Open this page as {self._scheme}://127.0.0.1:{self._port}/\n"
            )
        if self.token is not None:
            given = _query(request).get("token")
            if given is None:
                return connection.respond(HTTPStatus.UNAUTHORIZED, "Add ?token=... as rtpose printed it.\n")
            if not hmac.compare_digest(given.encode(), self.token.encode()):
                return connection.respond(HTTPStatus.FORBIDDEN, "This is not the token of this server.\n")
        path = _path(request)
        if path == "/socket" or (path == "/camera" and self._feed is not None):
            origins = request.headers.get_all("Origin")
            if origins and [_netloc(origin) for origin in origins] != [hosts[0].lower()]:
                return connection.respond(HTTPStatus.FORBIDDEN, "The socket is for this server's own page.\n")
            return None
        if path == "/":
            await self._send_page(connection, hosts[0])
            return None
        if path == "/recording.npz" and self._recording is not None:
            return await self._send_recording(connection, self._recording)
        return connection.respond(HTTPStatus.NOT_FOUND, "There is nothing here.\n")

    async def _send_page(self, connection: _Connection, host: str) -> None:
        page = resources.files("rtpose.server").joinpath("static", "index.html")
        try:
            body = page.read_bytes()
        except OSError:
            body = NOT_BUILT.encode()
        policy = (
            "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
            "img-src 'self' blob: data:; font-src data:; worker-src blob:; "
            "base-uri 'none'; form-action 'none'; "
            f"frame-ancestors 'self'; connect-src 'self' blob: data: ws://{host} wss://{host}"
        )
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",  # the address may hold the token
        }
        chunks = (body[i : i + CHUNK_BYTES] for i in range(0, len(body), CHUNK_BYTES))
        await self._send(connection, headers, len(body), chunks)

    async def _send_recording(self, connection: _Connection, recording: Path) -> Response | None:
        try:
            file = recording.open("rb")
        except OSError:
            return connection.respond(HTTPStatus.NOT_FOUND, "The recording is gone.\n")
        with file:
            size = file.seek(0, 2)
            file.seek(0)
            chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
            await self._send(connection, {"Content-Type": "application/octet-stream"}, size, chunks)
        return None

    async def _send(self, connection: _Connection, headers: dict[str, str], size: int, chunks: Iterator[bytes]) -> None:
        """Answer 200 piece by piece, so that a long recording is never in memory as a whole, and close."""
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
        transport.pause_reading()  # nothing more is expected, and nothing more shall be parsed
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
        except (OSError, TimeoutError):  # gone, or it does not read
            pass
        transport.abort()
        await connection.wait_closed()


def _frame(message: str | bytes) -> bytes:
    """A message on the wire: the same bytes for every client, as there is no compression."""
    if isinstance(message, str):
        return Frame(Opcode.TEXT, message.encode()).serialize(mask=False)
    return Frame(Opcode.BINARY, message).serialize(mask=False)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, or empty for all addresses
        return False


def _outside_address() -> str:
    """The address under which other machines see this one, else loopback. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address kept for documentation
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address


def _path(request: Request) -> str:
    try:
        return urlsplit(request.path).path
    except ValueError:
        return ""


def _query(request: Request | None) -> dict[str, str]:
    """The query's last value of each name."""
    if request is None:
        return {}
    try:
        query = urlsplit(request.path).query
        return {name: values[-1] for name, values in parse_qs(query, max_num_fields=16).items()}
    except ValueError:
        return {}


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
