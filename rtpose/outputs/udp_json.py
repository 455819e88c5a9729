"""Results as JSON over UDP, for custom programs."""

from __future__ import annotations

import time
from dataclasses import replace

from rtpose.outputs.datagrams import MAX_BYTES, Datagrams
from rtpose.outputs.send import StreamAddress, Warn
from rtpose.server.protocol import encode_poses_json
from rtpose.types import Result


class UdpJsonStream:
    """One datagram per result, with the fields of the socket's `?format=json`, ended by a newline.

    A result larger than `MAX_BYTES` is split into several datagrams of the same frame, one per person.
    """

    def __init__(self, address: StreamAddress, warn: Warn) -> None:
        """Errors: `ConfigError` for an invalid address."""
        self._datagrams = Datagrams(address, warn)

    def write(self, result: Result) -> None:
        """Send the poses."""
        whole = _line(result)
        if len(whole) <= MAX_BYTES:
            self._datagrams.send(whole)
            return
        for person in result.persons:
            self._datagrams.send(_line(replace(result, persons=(person,))))

    def close(self) -> None:
        """Free the socket."""
        self._datagrams.close()


def _line(result: Result) -> bytes:
    return encode_poses_json(result, time.monotonic_ns()).encode() + b"\n"
