"""Programs of somebody else that receive streams on loopback."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer

from rtpose.outputs.send import StreamAddress, Warn, open_stream
from rtpose.types import Sink

WAIT_S = 30.0
Message = tuple[Any, ...]
"""Address and arguments."""


def opened(text: str, warn: Warn) -> Sink:
    """The stream of an address as it is written on the command line."""
    return open_stream(StreamAddress.parse(text), warn)


class OscReceiver:
    """python-osc's own server. `bundles` are the messages of each datagram, in order."""

    def __init__(self) -> None:
        self.bundles: list[list[Message]] = []
        self.sizes: list[int] = []
        """Bytes of each datagram."""
        dispatcher = Dispatcher()
        dispatcher.set_default_handler(lambda address, *arguments: self._together.append((address, *arguments)))
        self._together: list[Message] = []
        receiver = self

        class Server(BlockingOSCUDPServer):
            def process_request(self, request: Any, client_address: Any) -> None:
                super().process_request(request, client_address)
                together, receiver._together = receiver._together, []
                receiver.sizes.append(len(request[0]))
                receiver.bundles.append(together)

        self.server = Server(("127.0.0.1", 0), dispatcher)
        self.port = self.server.server_address[1]

    def wait(self, count: int) -> list[list[Message]]:
        """At least so many bundles."""
        deadline_s = time.monotonic() + WAIT_S
        while len(self.bundles) < count:
            assert time.monotonic() < deadline_s, f"{len(self.bundles)} bundles instead of {count}"
            time.sleep(0.01)
        return self.bundles


@contextmanager
def osc_receiver() -> Iterator[OscReceiver]:
    """Listens for the length of the block."""
    receiver = OscReceiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


class UdpReceiver:
    """A plain socket."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(WAIT_S)
        self.port = self.socket.getsockname()[1]

    def line(self) -> dict[str, Any]:
        """The next datagram."""
        text = self.socket.recv(65536).decode()
        assert text.endswith("\n")
        assert text.count("\n") == 1
        message: dict[str, Any] = json.loads(text)
        return message


@contextmanager
def udp_receiver() -> Iterator[UdpReceiver]:
    """Listens for the length of the block."""
    receiver = UdpReceiver()
    with receiver.socket:
        yield receiver


class LslReceiver:
    """pylsl's inlet."""

    def __init__(self, name: str) -> None:
        import pylsl

        found = pylsl.resolve_byprop("name", name, 1, WAIT_S)
        assert found, f"no stream '{name}' on this machine"
        self.clock = pylsl.local_clock
        self._inlet = pylsl.StreamInlet(found[0])
        self.info = self._inlet.info
        self.pull_sample = self._inlet.pull_sample
        self._inlet.open_stream(WAIT_S)

    def close(self) -> None:
        self._inlet.close_stream()


@contextmanager
def lsl_receiver(name: str) -> Iterator[LslReceiver]:
    """Receives for the length of the block."""
    receiver = LslReceiver(name)
    try:
        yield receiver
    finally:
        receiver.close()
