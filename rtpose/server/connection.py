"""One WebSocket connection: what it may send, and which messages it gets if it is too slow for all."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

from websockets.asyncio.server import ServerConnection
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import Event, State

from rtpose.errors import InputError
from rtpose.server import limits
from rtpose.server.camera import CameraPage
from rtpose.server.changes import Changes
from rtpose.server.door import Visitor
from rtpose.server.protocol import (
    MAX_CAMERA_MESSAGE_BYTES,
    Ack,
    Taken,
    decode_client_message,
    encode_json,
)
from rtpose.server.upload import Upload

NORMAL_CLOSURE, POLICY_VIOLATION = 1000, 1008

Kind = Literal["hello", "status", "recording", "pose", "picture"]
Slot = tuple[Kind, int]
"""A kind of message and its source (0 for messages that belong to no source)."""
Pack = Callable[[bool], bytes]
"""Encodes a message as a WebSocket frame when a client can take it. Its argument: whether as JSON."""

_log = logging.getLogger("rtpose.server")


def to_frame(message: str | bytes) -> bytes:
    """The message as a WebSocket frame: the same bytes for every client, as nothing is compressed."""
    if isinstance(message, str):
        return Frame(Opcode.TEXT, message.encode()).serialize(mask=False)
    return Frame(Opcode.BINARY, message).serialize(mask=False)


class ClientConnection(ServerConnection, asyncio.BufferedProtocol):
    """A connection that enforces its own limits and deadlines, and handles messages as they arrive.

    With many clients, a queue and a task to read it would cost more than everything else.
    """

    subscriber: Subscriber | None = None
    """Set once the socket is open."""
    camera: CameraPage | None = None
    """Set while this page is the camera."""
    upload: Upload | None = None
    """Set while this page uploads a video."""
    last_picture_s = 0.0
    """When the camera last sent a picture, or the page a part of its video, on the loop's clock."""

    visitor: Visitor
    """Set before anything is received."""

    def __init__(self, all_connections: set[ClientConnection], *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._all_connections = all_connections
        self._window_start_s = 0.0
        self._window_frames = 0
        self._chunks = 0
        """Parts of a video so far."""
        self._fragments: list[bytes] = []
        """Of the message being received."""
        self._received = memoryview(bytearray(limits.RECEIVE_BYTES))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._all_connections.add(self)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.SEND_BUFFER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all_connections.discard(self)
        self.visitor.leave()
        super().connection_lost(exc)
        if self.subscriber is not None:
            self.subscriber.wake()

    def process_event(self, event: Event) -> None:
        if self.request is not None:
            now_s = self.loop.time()
            if now_s - self._window_start_s > 1.0:
                self._window_start_s, self._window_frames = now_s, 0
            self._window_frames += 1
            if self._window_frames > limits.MAX_FRAMES_PER_S:
                self.end(POLICY_VIOLATION, "too many messages")
                return
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self._receive(event)
        else:
            super().process_event(event)

    def _receive(self, frame: Frame) -> None:
        # The size limit of a message does not limit its number of empty fragments.
        unexpected = Opcode.BINARY if self.camera is None and self.upload is None else Opcode.TEXT
        if frame.opcode is unexpected or len(self._fragments) == limits.MAX_FRAGMENTS:
            self.end(POLICY_VIOLATION, "only short text messages are accepted")
            return
        self._fragments.append(bytes(frame.data))
        if not frame.fin:
            return
        data, self._fragments = b"".join(self._fragments), []
        if self.camera is not None:
            self._receive_picture(self.camera, data)
            return
        if self.upload is not None:
            self._receive_video(self.upload, data)
            return
        try:
            message = decode_client_message(data)
        except InputError:
            self.end(POLICY_VIOLATION, "unknown message")
            return
        if self.subscriber is None or self.state is not State.OPEN:
            return
        if isinstance(message, Ack):
            self.subscriber.acknowledge(message.source, message.ack)
        elif self.subscriber.changes is None:
            self.end(POLICY_VIOLATION, "recording needs the token: open the address that rtpose printed")
        else:
            try:
                self.subscriber.changes.apply(message)
            except InputError as error:
                self.end(POLICY_VIOLATION, str(error))

    def accept_pictures(self, camera: CameraPage) -> None:
        """Receive pictures from now on. They may be longer than the messages of other pages."""
        self.camera = camera
        self._accept_binary(MAX_CAMERA_MESSAGE_BYTES)

    def accept_video(self, upload: Upload) -> None:
        """Receive a video from now on."""
        self.upload = upload
        self._accept_binary(limits.MAX_CHUNK_BYTES)

    def _accept_binary(self, most_bytes: int) -> None:
        self.last_picture_s = self.loop.time()
        for name in ("max_size", "max_message_size"):  # websockets up to 15, and later
            setattr(self.protocol, name, most_bytes)
        self._acknowledge_picture(-1)

    def _receive_video(self, upload: Upload, data: bytes) -> None:
        if self.state is not State.OPEN:
            return
        self.last_picture_s = self.loop.time()
        try:
            if upload.receive(data):
                self.end(NORMAL_CLOSURE, "")
                return
        except InputError as error:
            self.end(POLICY_VIOLATION, str(error))
            return
        self._acknowledge_picture(self._chunks)
        self._chunks += 1

    def _receive_picture(self, camera: CameraPage, message: bytes) -> None:
        if self.state is not State.OPEN:
            return
        try:
            counter = camera.receive(message, time.monotonic_ns())
        except InputError as error:
            self.end(POLICY_VIOLATION, str(error))
            return
        self.last_picture_s = self.loop.time()
        self._acknowledge_picture(counter)

    def _acknowledge_picture(self, counter: int) -> None:
        self.transport.write(to_frame(encode_json(Taken(counter))))

    async def wait_while_sending(self, silence: str) -> None:
        """Wait until the page has closed, or end it with the reason `silence` where it sends nothing for too long."""
        while self.state is State.OPEN:
            left_s = self.last_picture_s + limits.CAMERA_SILENCE_S - self.loop.time()
            if left_s <= 0:
                self.end(POLICY_VIOLATION, silence)
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self.wait_closed()

    def get_buffer(self, sizehint: int) -> memoryview:
        # asyncio's own buffer maps and unmaps 256 KiB for each acknowledgement, which takes longer than reading it.
        # A view, because asyncio's TLS reads each record into a slice of this, and a slice of a bytearray is a copy.
        return self._received

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._received[:nbytes]))

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.state is State.OPEN:
            # Pongs are written without waiting: a client that sends pings and never reads would fill the memory.
            if self.transport.get_write_buffer_size() > limits.MAX_UNSENT_BYTES:
                self.transport.abort()
        elif self.subscriber is not None:
            self.subscriber.wake()

    def send_data(self) -> None:
        # All parts in one write, and none to a closed connection: asyncio logs every write to one, and a flood of pings
        # would fill stderr.
        parts = self.protocol.data_to_send()
        if self.transport.is_closing():
            return
        if data := b"".join(parts):
            self.transport.write(data)
        if b"" in parts:  # websockets marks the end with an empty part
            if self.transport.can_write_eof():
                with suppress(OSError):
                    self.transport.write_eof()
            else:
                self.transport.close()

    def end(self, code: int, reason: str) -> None:
        """Send a close frame and ignore all further messages."""
        if self.state is State.OPEN:
            self.protocol.fail(code, reason)
            self.send_data()
            self.loop.call_later(limits.CLOSE_TIMEOUT_S, self.transport.abort)


class Subscriber:
    """A client that receives results: one slot for each kind of message, and the newest message wins.

    A slow client loses messages and delays no one else.
    """

    def __init__(
        self,
        connection: ClientConnection,
        as_json: bool,
        on_drawn: Callable[[int], None],
        changes: Changes | None,
    ) -> None:
        """on_drawn: called with the id of each frame that the client acknowledges. changes: what the client may change;
        None: it may only watch."""
        self.as_json = as_json
        self.changes = changes
        self._connection = connection
        self._on_drawn = on_drawn
        # Replacing a waiting message keeps its place in the queue, so no kind starves another.
        self._waiting: dict[Slot, tuple[int, Pack]] = {}
        self._wake = asyncio.Event()
        self._acknowledges = False
        self._in_flight: dict[int, deque[int]] = {}
        """source -> ids of frames that were sent but not acknowledged."""
        self._last_pose_s: dict[int, float] = {}

    def put(self, slot: Slot, frame_id: int, pack: Pack) -> None:
        """Store a message for the next `flush`."""
        if slot[0] == "picture" and self.as_json:
            return
        self._waiting[slot] = (frame_id, pack)

    def acknowledge(self, source: int, frame_id: int) -> None:
        """The client has drawn this frame, which acknowledges all earlier ones of the source as well."""
        self._acknowledges = True
        in_flight = self._in_flight.get(source, ())
        if frame_id in in_flight:
            while self._in_flight[source].popleft() != frame_id:
                pass
        if self._waiting:
            self.flush()
        self._on_drawn(frame_id)

    def flush(self) -> None:
        """Send what can be sent now, and leave the rest to `serve`."""
        self._send()
        if self._waiting or self._connection.transport.get_write_buffer_size():
            self._wake.set()

    def _send(self) -> None:
        """Send messages as long as the system accepts each of them completely."""
        transport = self._connection.transport
        while self._waiting and not transport.get_write_buffer_size() and self._connection.state is State.OPEN:
            pack = self._take(self._connection.loop.time())
            if pack is None:
                break
            try:
                frame = pack(self.as_json)
            except Exception:  # a bug, which must not look like a lost connection
                _log.exception("a message could not be sent")
                transport.abort()
                return
            transport.write(frame)

    def _take(self, now_s: float) -> Pack | None:
        for slot in self._waiting:
            kind, source = slot
            if kind in ("pose", "picture") and not self._may_send(source, now_s):
                continue
            frame_id, pack = self._waiting.pop(slot)
            if kind == "pose":
                self._in_flight.setdefault(source, deque(maxlen=limits.MAX_IN_FLIGHT)).append(frame_id)
                self._last_pose_s[source] = now_s
            return pack
        return None

    def _may_send(self, source: int, now_s: float) -> bool:
        full = self._acknowledges and len(self._in_flight.get(source, ())) == limits.MAX_IN_FLIGHT
        return not full or now_s - self._last_pose_s[source] >= limits.ACK_TIMEOUT_S

    def wake(self) -> None:
        """Let `serve` look at the connection's state."""
        self._wake.set()

    async def serve(self, stall_timeout_s: float) -> None:
        """Send what `flush` could not, as soon as possible. Returns when the connection ends."""
        while self._connection.state is State.OPEN:
            self._wake.clear()
            try:
                async with asyncio.timeout(stall_timeout_s):
                    await self._connection.drain()
            except (OSError, TimeoutError):  # closed, or not reading: a close frame would not get through either
                self._connection.transport.abort()
                return
            self._send()
            if self._connection.transport.get_write_buffer_size():
                continue
            # A message that waits although the connection is free is waiting for an acknowledgement, but not forever.
            timeout_s = limits.ACK_TIMEOUT_S / 4 if self._waiting else None
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
