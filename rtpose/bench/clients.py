"""Programs that look on like pages: `python -m rtpose.bench.clients URL COUNT`, in a process of their own.

Says "ready" when all are connected, then acknowledges every pose at once, until stdin ends; then prints how many poses
a second each has received, as a JSON list.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from rtpose.server.protocol import HEADER, HEADER_FIELDS, KIND_POSES

_KIND, _FRAME_ID = (
    next(i for i, field in enumerate(HEADER_FIELDS) if field[0] == name) for name in ("kind", "frame_id")
)


class Clients:
    """The process, seen from the other side."""

    def __init__(self, url: str, count: int) -> None:
        self.poses_per_s: list[float] = []
        """Of each client, once `close` was called."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rtpose.bench.clients", url, str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            self._process.wait()
            raise RuntimeError(f"{count} clients could not connect to {url}")

    def close(self) -> None:
        """End it and take its counts."""
        said, _ = self._process.communicate("")
        self.poses_per_s = json.loads(said)


@contextmanager
def clients(url: str, count: int) -> Iterator[Clients]:
    """`count` clients for the length of the block. url: of the page."""
    process = Clients(url, count)
    try:
        yield process
    finally:
        process.close()


async def _look_on(connection: ClientConnection) -> int:
    """Poses received until the connection ends."""
    received = 0
    try:
        async for message in connection:
            if isinstance(message, bytes):
                header = HEADER.unpack_from(message)
                if header[_KIND] == KIND_POSES:
                    received += 1
                    await connection.send(f'{{"ack":{header[_FRAME_ID]}}}')
    except ConnectionClosed:
        pass
    return received


async def _main(url: str, count: int) -> None:
    parts = urlsplit(url)
    address = urlunsplit(("ws", parts.netloc, "/socket", parts.query, ""))
    connections = [await connect(address, compression=None) for _ in range(count)]
    tasks = [asyncio.create_task(_look_on(connection)) for connection in connections]
    print("ready", flush=True)
    start = time.monotonic()
    await asyncio.to_thread(sys.stdin.read)
    seconds = time.monotonic() - start
    await asyncio.gather(*(connection.close() for connection in connections))
    print(json.dumps([received / seconds for received in await asyncio.gather(*tasks)]))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
