"""A client of the socket, as a program of somebody else would be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
from websockets.sync.client import ClientConnection, connect

from rtpose.server.protocol import HEADER_FIELDS, KIND_POSES
from rtpose.server.read_messages import decode_poses

_KIND_BYTE = [name for name, _, _ in HEADER_FIELDS].index("kind")


class Viewer:
    """Reads what comes; `statuses` and `hello` keep the texts on the way to the next pose."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.hello: dict[str, Any] = {}
        self.statuses: list[str] = []

    def pose(self) -> dict[str, Any]:
        """The next pose message, decoded, with `arrival_ns` on this machine's monotonic clock."""
        deadline_s = time.monotonic() + 30
        while True:
            message = self.socket.recv(timeout=max(0.0, deadline_s - time.monotonic()))
            if isinstance(message, str):
                text = msgspec.json.decode(message)
                if text["type"] == "hello":
                    self.hello = text
                elif text["type"] == "status":
                    self.statuses.append(text["text"])
            elif message[_KIND_BYTE] == KIND_POSES:
                return {**decode_poses(message), "arrival_ns": time.monotonic_ns()}

    def poses(self, count: int) -> list[dict[str, Any]]:
        """The next `count` of them."""
        return [self.pose() for _ in range(count)]


@contextmanager
def looking_at(page: str) -> Iterator[Viewer]:
    """A viewer of the server whose page has this address."""
    address = urlsplit(page)
    with connect(f"ws://{address.netloc}/socket?{address.query}", close_timeout=2) as socket:
        yield Viewer(socket)
