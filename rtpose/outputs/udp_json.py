"""Results as JSON over UDP, for programs of one's own."""

from __future__ import annotations

import time
from dataclasses import replace

from rtpose.outputs.datagrams import MAX_BYTES, Datagrams
from rtpose.outputs.send import StreamAddress, Warn
from rtpose.server.protocol import encode_poses_json
from rtpose.types import Result


class UdpJsonStream:
    """One datagram for each result, with the fields of the socket's `?format=json`, ended by a newline.

    A result of so many people that it would be larger than `MAX_BYTES` goes in several datagrams of the same frame, one
    person in each.
    """

    def __init__(self, address: StreamAddress, warn: Warn) -> None:
        """Errors: `ConfigError` for an address that cannot be."""
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
