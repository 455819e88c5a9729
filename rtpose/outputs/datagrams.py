"""UDP for streams: sends at once or not at all, and never waits for a receiver."""

from __future__ import annotations

import errno
import socket

from rtpose.errors import ConfigError
from rtpose.outputs.send import StreamAddress, Warn

ETHERNET_BYTES = 1472
"""What a datagram holds that crosses an Ethernet in one piece."""
MAX_BYTES = 8192
"""No datagram is larger: every system sends that, and hardly any network loses pieces of it."""


class Datagrams:
    """A socket to one receiver. What goes wrong on the way is told once, and the stream goes on: receivers come and go.

    May be closed twice.
    """

    def __init__(self, address: StreamAddress, warn: Warn, default_port: int | None = None) -> None:
        """Errors: `ConfigError` for an address that cannot be, or a host that is not known."""
        host, port = address.host_and_port(default_port)
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except (OSError, UnicodeError) as error:  # a label of a name can also be empty or too long
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"'{address.text}': the host {host} is not known ({reason}): give its address") from None
        self._text = address.text
        self._warn = warn
        self._told = False
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self._socket.connect(where)
        except OSError as error:
            self._socket.close()
            raise ConfigError(f"'{address.text}' cannot be reached ({error.strerror or error})") from None

    def send(self, datagram: bytes) -> None:
        """Send it now; it is lost if the system has no room for it."""
        try:
            self._socket.send(datagram)
        except BlockingIOError:
            pass
        except OSError as error:
            if not self._told:
                self._told = True
                refused = error.errno in (errno.ECONNREFUSED, errno.ECONNRESET)
                problem = "nobody listens there" if refused else str(error.strerror or error)
                self._warn(f"{self._text}: {problem}; poses are sent all the same")

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()
