"""UDP for streams: sends immediately or drops, and never waits for a receiver."""

from __future__ import annotations

import errno
import socket

from rtpose.errors import ConfigError
from rtpose.outputs.send import StreamAddress, Warn

ETHERNET_BYTES = 1472
"""Largest datagram that crosses an Ethernet unfragmented."""
MAX_BYTES = 8192
"""Largest datagram sent: every system accepts this size, and few networks lose fragments of it."""


class Datagrams:
    """A socket to one receiver. The first error is reported to `warn`; sending continues, as receivers come and go.

    May be closed twice.
    """

    def __init__(self, address: StreamAddress, warn: Warn, default_port: int | None = None) -> None:
        """Errors: `ConfigError` for an invalid address or an unknown host."""
        host, port = address.host_and_port(default_port)
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except (OSError, UnicodeError) as error:  # a part of the name may also be empty or too long
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"'{address.text}': unknown host {host} ({reason}): give its address") from None
        self._text = address.text
        self._warn = warn
        self._warned = False
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self._socket.connect(where)
        except OSError as error:
            self._socket.close()
            raise ConfigError(f"'{address.text}' cannot be reached ({error.strerror or error})") from None

    def send(self, datagram: bytes) -> None:
        """Send now; the datagram is dropped if the system's buffer is full."""
        try:
            self._socket.send(datagram)
        except BlockingIOError:
            pass
        except OSError as error:
            if not self._warned:
                self._warned = True
                refused = error.errno in (errno.ECONNREFUSED, errno.ECONNRESET)
                problem = "no receiver detected" if refused else str(error.strerror or error)
                self._warn(f"{self._text}: {problem}; still sending")

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()
