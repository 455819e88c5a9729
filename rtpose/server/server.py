"""The server of the page and the socket, on one port.

It runs an event loop in its own thread. The pipeline hands it results and never waits: each kind of message has
one slot in the inbox and one for each client, and the newest message wins.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.server import Server, serve

from rtpose.errors import ConfigError, InputError
from rtpose.server import limits
from rtpose.server.camera import CameraFeed, CameraPage
from rtpose.server.changes import Changes
from rtpose.server.connection import POLICY_VIOLATION, ClientConnection, Kind, Pack, Slot, Subscriber, to_frame
from rtpose.server.door import Door, Visitor
from rtpose.server.http import HttpSite, bind_error, is_loopback, requested_path, requested_query
from rtpose.server.protocol import (
    CAMERA_TAKEN,
    MAX_CLIENT_MESSAGE_BYTES,
    Hello,
    LiveSettings,
    RecordingState,
    RunStatus,
    encode_json,
    encode_picture,
    encode_poses,
    encode_poses_json,
)
from rtpose.server.recording_switch import RecordingSwitch
from rtpose.server.upload import Upload, VideoFeed
from rtpose.stages import stage
from rtpose.types import Result

DEFAULT_PORT = 8765

# Errors that clients cause on their connections are not logged: nothing from the websockets library reaches stderr.
_quiet = logging.Logger("rtpose.server.websockets", level=logging.CRITICAL + 1)


class PoseServer:
    """The page, the socket and one recording, on one port.

    `publish`, `publish_picture`, `set_status` and `update_hello` may be called from any thread, also before
    `start` and after `close`; they never wait for a client.

    hello: the first message to each client; `server_ns` is updated for each.
    host, port: where to listen; port 0 takes any free one, see `url`.
    token: required from every client. If none is given, one is generated for hosts that are not this machine's
        loopback, with `private`, and where pages can record or be the camera. On the loopback it is then needed only
        for these: other users of the machine may watch, but not change anything.
    private: whether the token is needed to see anything on the loopback, too.
    files: what is served besides the page: path of the address -> file.
    on_drawn: called in the server's thread for each frame that a client has drawn.
    on_record: called in the server's thread when a client asks to start (True) or stop a recording; at most once a
        second, the newest request wins. None: nothing is recorded.
    on_settings: called in the server's thread when a client asks for other settings; None: they cannot be changed.
    camera: receives the pictures of a page's camera; None: no page can be the camera.
    video: shows the videos that pages upload or name; None: none are taken. sample: the built-in clip.
    tls: for https, see `rtpose.server.tls`.
    """

    def __init__(
        self,
        *,
        hello: Hello,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        token: str | None = None,
        private: bool = False,
        files: Mapping[str, Path] | None = None,
        max_clients: int = limits.MAX_CLIENTS,
        stall_timeout_s: float = limits.STALL_TIMEOUT_S,
        on_drawn: Callable[[int], None] = lambda frame_id: None,
        on_record: Callable[[bool], None] | None = None,
        on_settings: Callable[[LiveSettings], None] | None = None,
        camera: CameraFeed | None = None,
        video: VideoFeed | None = None,
        sample: Path | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Errors: `ConfigError` for an invalid port."""
        if not 0 <= port <= 65535:
            raise ConfigError(f"port {port} is invalid: give 1 to 65535, or 0 for any free one")
        self._site = HttpSite(
            host=host,
            port=port,
            secure=tls is not None,
            token=token,
            private=private,
            takes_changes=hello.can_record or any(part is not None for part in (on_record, on_settings, camera, video)),
            files=files or {},
            takes_camera=camera is not None,
            takes_video=video is not None,
            is_full=lambda: len(self._door.admitted) >= max_clients,
            stall_timeout_s=stall_timeout_s,
        )
        self._door = Door(tls)
        self._stall_timeout_s = stall_timeout_s
        self._on_drawn = on_drawn
        recordings = RecordingSwitch(on_record or (lambda wanted: None))
        self._changes = Changes(recordings.request, on_settings, video, sample, self._site.loopback)
        self._uploading = False
        self._feed = camera
        self._tls = tls

        self._lock = threading.Lock()
        """Guards what other threads use: the inbox, the hello and the loop."""
        self._hello = hello
        self._inbox: dict[Slot, tuple[int, int, Pack]] = {}
        self._delivery_is_due = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

        # Used by the loop's thread only; other threads may read their length.
        self._stop: asyncio.Event
        self._latest: dict[Slot, tuple[int, int, Pack]] = {}
        self._subscribers: set[Subscriber] = set()
        self._connections: set[ClientConnection] = set()
        self._camera: CameraPage | None = None
        """The page that is the camera."""
        self.set_status("ok")

    # The pipeline's side, any thread.

    def start(self) -> None:
        """Listen. Returns when clients can connect. Errors: `ServerError` if the port is not available."""
        if self._thread is not None:
            raise RuntimeError("the server is already started")
        bound: Future[int] = Future()
        thread = threading.Thread(target=self._run, args=(bound,), name="rtpose-server", daemon=True)
        thread.start()
        try:
            self._site.port = bound.result()
        except BaseException:
            thread.join()
            raise
        self._thread = thread

    def close(self) -> None:
        """Disconnect the clients and free the port. May be called twice."""
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
        """The requested port; once started, the real one."""
        return self._site.port

    @property
    def token(self) -> str | None:
        """The token that clients need, if any."""
        return self._site.token

    @property
    def url(self) -> str:
        """Address of the page, including the token if there is one."""
        return self._site.url

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self._site.loopback

    @property
    def url_is_secure(self) -> bool:
        """Whether browsers allow the page to use their camera: over https, or on this computer."""
        return self._tls is not None or self._site.loopback

    @property
    def client_count(self) -> int:
        """Number of open sockets."""
        return len(self._subscribers)

    @property
    def wants_pictures(self) -> bool:
        """Whether any client can show pictures."""
        return any(not client.as_json for client in self._subscribers.copy())

    def publish(self, result: Result) -> None:
        """Send poses to every client that is ready for them."""
        packed: dict[bool, bytes] = {}

        def pack(as_json: bool) -> bytes:
            if as_json not in packed:  # once for all clients, and not at all without any
                encode = encode_poses_json if as_json else encode_poses
                with stage("send"):
                    packed[as_json] = to_frame(encode(result, time.monotonic_ns()))
            return packed[as_json]

        self._post("pose", result, pack)

    def publish_picture(self, result: Result, jpeg: bytes) -> None:
        """Send a preview. jpeg: the picture of `result.frame`, at any size."""
        packed: list[bytes] = []

        def pack(as_json: bool) -> bytes:
            if not packed:
                packed.append(to_frame(encode_picture(result, jpeg, time.monotonic_ns())))
            return packed[0]

        self._post("picture", result, pack)

    def set_status(self, text: str, ended: bool = False, failures: Sequence[str] = ()) -> None:
        """Send the state of the run: see `RunStatus`."""
        frame = to_frame(encode_json(RunStatus(text=text, ended=ended, failures=list(failures))))
        self._post("status", None, lambda as_json: frame)

    def set_recording(self, file: str | None, text: str = "", written: Path | None = None) -> None:
        """Send the state of the recording: see `RecordingState`. written: what pages with the token may fetch."""
        if written is not None:
            self._site.recorded = written
        frame = to_frame(encode_json(RecordingState(file, text)))
        self._post("recording", None, lambda as_json: frame)

    def update_hello(self, **changes: Any) -> None:
        """Change fields of the hello and send it again to connected clients."""
        with self._lock:
            self._hello = msgspec.structs.replace(self._hello, **changes)
        self._post("hello", None, self._pack_hello)

    def _pack_hello(self, as_json: bool) -> bytes:
        with self._lock:
            hello = self._hello
        return to_frame(encode_json(msgspec.structs.replace(hello, server_ns=time.monotonic_ns())))

    def _pack_hello_to_look(self, as_json: bool) -> bytes:
        """The hello of clients that may not change anything."""
        with self._lock:
            hello = self._hello
        now_ns = time.monotonic_ns()
        nothing = {"can_record": False, "takes_camera": False, "takes_video": False, "settings": None}
        looking = msgspec.structs.replace(hello, server_ns=now_ns, **nothing)
        return to_frame(encode_json(looking))

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

        asyncio.get_running_loop().set_exception_handler(self._door.report)

        def make_connection(*args: Any, **kwargs: Any) -> Visitor:
            return Visitor(self._door, ClientConnection(self._connections, *args, **kwargs))

        try:
            server = await serve(
                self._handle,  # type: ignore[arg-type]  # every connection is a ClientConnection
                self._site.host,
                self._site.port,
                create_connection=make_connection,  # type: ignore[arg-type]  # called, never subclassed
                process_request=self._site.answer,  # type: ignore[arg-type]  # as above
                server_header=None,
                compression=None,
                max_size=MAX_CLIENT_MESSAGE_BYTES,
                # A message counts as sent when the system has all of it. (For asyncio's TLS, 0 would mean always full.)
                write_limit=(1, 0),
                # The request has its own deadline; the response may be a long download.
                open_timeout=None,
                close_timeout=limits.CLOSE_TIMEOUT_S,
                logger=_quiet,
            )
        except OSError as error:
            raise bind_error(error, self._site.host, self._site.port) from None
        with self._lock:
            self._loop = asyncio.get_running_loop()
        self._deliver()
        bound.set_result(server.sockets[0].getsockname()[1])
        await self._stop.wait()
        await self._shut_down(server)

    async def _shut_down(self, server: Server) -> None:
        server.close()
        self._door.close()
        try:
            async with asyncio.timeout(limits.CLOSE_TIMEOUT_S):
                await server.wait_closed()
        except TimeoutError:
            for connection in self._connections.copy():
                connection.transport.abort()
            await server.wait_closed()

    def _deliver(self) -> None:
        with self._lock:
            inbox, self._inbox = self._inbox, {}
            self._delivery_is_due = False
        hello_slot: Slot = ("hello", 0)
        if hello_slot in inbox:  # new sources: drop the poses of the previous ones
            self._latest = {
                slot: message for slot, message in self._latest.items() if slot[0] not in ("pose", "picture")
            }
        self._latest.update(inbox)
        for subscriber in self._subscribers:
            if hello_slot in inbox:
                self._greet(subscriber)
            for slot, (frame_id, _, pack) in inbox.items():
                if slot != hello_slot:
                    subscriber.put(slot, frame_id, pack)
            subscriber.flush()

    def _greet(self, subscriber: Subscriber) -> None:
        """Send the hello, then the latest messages: a hello makes the page start afresh."""
        pack_hello = self._pack_hello_to_look if subscriber.changes is None else self._pack_hello
        subscriber.put(("hello", 0), -1, pack_hello)
        for slot, (frame_id, _, pack) in self._latest.items():
            if slot[0] != "hello" and not (slot[0] == "picture" and self._picture_is_old(slot[1])):
                subscriber.put(slot, frame_id, pack)

    async def _handle(self, connection: ClientConnection) -> None:
        path = requested_path(connection.request)
        if self._feed is not None and path == "/camera":
            await self._receive_camera(connection, self._feed)
            return
        if self._changes.video is not None and path == "/upload":
            await self._receive_video(connection, self._changes.video)
            return
        as_json = requested_query(connection.request).get("format") == "json"
        changes = self._changes if self._site.may_change(connection.request) else None
        subscriber = connection.subscriber = Subscriber(connection, as_json, self._on_drawn, changes)
        self._subscribers.add(subscriber)  # before the hello: a client that has read it is counted
        self._greet(subscriber)
        subscriber.flush()
        try:
            await subscriber.serve(self._stall_timeout_s)
        finally:
            self._subscribers.discard(subscriber)

    async def _receive_camera(self, connection: ClientConnection, feed: CameraFeed) -> None:
        """Let the page be the camera until it disconnects or stops sending."""
        if self._camera is not None:
            connection.end(CAMERA_TAKEN, f"the page at {self._camera.name} is already the camera")
            return
        address = str(connection.remote_address[0])
        self._camera = CameraPage(feed, "this computer" if is_loopback(address) else address)
        connection.accept_pictures(self._camera)
        try:
            await connection.wait_while_sending("no picture received")
        finally:
            self._camera = None
            feed.end()

    async def _receive_video(self, connection: ClientConnection, feed: VideoFeed) -> None:
        """Let the page upload a video; one at a time."""
        if self._uploading:
            connection.end(CAMERA_TAKEN, "another page is uploading a video")
            return
        query = requested_query(connection.request)
        try:
            upload = Upload(feed, query.get("size", ""), query.get("name", ""))
        except (InputError, OSError) as error:
            connection.end(POLICY_VIOLATION, str(error))
            return
        self._uploading = True
        connection.accept_video(upload)
        try:
            await connection.wait_while_sending("the upload stopped")
        finally:
            self._uploading = False
            upload.abort()

    def _picture_is_old(self, source: int) -> bool:
        """Pictures are made only while a client shows them; the latest may be old."""
        pose, picture = self._latest.get(("pose", source)), self._latest["picture", source]
        return pose is None or abs(pose[1] - picture[1]) > 1e9
