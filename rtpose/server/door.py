"""The door: TCP connections from acceptance until their request is allowed.

Until then a client is a stranger: it has sent neither a valid request nor the token. The number and the time of
strangers are limited, and the oldest from the busiest address makes room for the next, so that a crowd of them cannot
keep a page out.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rtpose.server import limits

if TYPE_CHECKING:
    from rtpose.server.connection import ClientConnection

_NO_MORE_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger("rtpose.server")


class Door:
    """Counts the connections of a server. Used in the loop's thread only."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        """tls: for https; None: plain."""
        self.tls = tls
        self.admitted: set[Visitor] = set()
        """Those whose request was allowed."""
        self._strangers: dict[str, dict[Visitor, None]] = {}
        """By address, the oldest first."""
        self._max_strangers = _max_strangers()
        self._reported_s = float("-inf")

    @property
    def strangers(self) -> int:
        """How many connections have not been admitted."""
        return sum(map(len, self._strangers.values()))

    def enter(self, visitor: Visitor) -> None:
        """A new connection. Another one may be closed for it."""
        mine = self._strangers.setdefault(visitor.address, {})
        mine[visitor] = None
        if len(mine) > min(limits.MAX_STRANGERS_PER_ADDRESS, self._max_strangers):
            next(iter(mine)).abort()
        elif self.strangers > self._max_strangers:
            busiest = max(self._strangers.values(), key=len)
            next(iter(busiest)).abort()

    def admit(self, visitor: Visitor) -> None:
        """Its request is allowed: it is no longer a stranger."""
        if self._forget(visitor):
            self.admitted.add(visitor)

    def leave(self, visitor: Visitor) -> None:
        """It has disconnected, or is about to."""
        self._forget(visitor)
        self.admitted.discard(visitor)

    def _forget(self, visitor: Visitor) -> bool:
        """Whether it was a stranger."""
        mine = self._strangers.get(visitor.address, {})
        if visitor not in mine:
            return False
        del mine[visitor]
        if not mine:
            del self._strangers[visitor.address]
        return True

    def close(self) -> None:
        """Disconnect all strangers."""
        for mine in list(self._strangers.values()):
            for visitor in list(mine):
                visitor.abort()

    def report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The loop's exception handler: at the limit of open files, one line a minute instead of tracebacks."""
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in _NO_MORE_FILES):
            loop.default_exception_handler(context)
        elif loop.time() - self._reported_s >= limits.REPORT_PAUSE_S:
            self._reported_s = loop.time()
            _log.warning("rtpose: new connections have to wait (%s): close pages, or raise `ulimit -n`", error.strerror)


class Visitor(asyncio.Protocol):
    """One TCP connection. Does the TLS handshake, if any, then hands over to the `ClientConnection`."""

    def __init__(self, door: Door, connection: ClientConnection) -> None:
        self.address = ""
        """Among whose strangers it is counted."""
        self._door = door
        self._connection = connection
        connection.visitor = self
        self._early = bytearray()
        """Received right after the TLS handshake."""
        self._gone = False
        self._transport: asyncio.Transport
        self._deadline: asyncio.TimerHandle
        self._handshake: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.address = network_of(transport.get_extra_info("peername"))
        self._deadline = self._connection.loop.call_later(limits.REQUEST_TIMEOUT_S, self.abort)
        self._door.enter(self)
        if self._door.tls is None:
            self._hand_over(transport)
        else:
            self._handshake = asyncio.create_task(self._start_tls(transport, self._door.tls))

    def data_received(self, data: bytes) -> None:
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.leave()

    async def _start_tls(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        tls: asyncio.Transport | None = None
        with suppress(OSError):  # including TLS errors: the client's fault
            tls = await self._connection.loop.start_tls(
                transport, self, context, server_side=True, ssl_handshake_timeout=limits.REQUEST_TIMEOUT_S,
                ssl_shutdown_timeout=limits.CLOSE_TIMEOUT_S,
            )  # fmt: skip
        if tls is None or self._gone or transport.is_closing():
            transport.abort()
            self.leave()
            return
        self._hand_over(tls)
        if self._early:
            self._connection.data_received(bytes(self._early))
            self._early.clear()

    def _hand_over(self, transport: asyncio.Transport) -> None:
        transport.set_protocol(self._connection)
        self._connection.connection_made(transport)

    def admit(self) -> None:
        """The request is allowed: the deadline is met."""
        self._deadline.cancel()
        self._door.admit(self)

    def leave(self) -> None:
        """The connection is lost."""
        self._gone = True
        self._deadline.cancel()  # otherwise the timer keeps closed connections in memory until it fires
        self._door.leave(self)

    def abort(self) -> None:
        """Disconnect, and make room at once."""
        self._door.leave(self)
        self._transport.abort()


def network_of(peer: Any) -> str:
    """Whose connection it is: an IPv4 address, or the /64 network of an IPv6 address, which belongs to one machine."""
    try:
        address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    except (TypeError, IndexError, ValueError):  # disconnected already
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _max_strangers() -> int:
    """Limit over all addresses: at most a quarter of the files that this process may open."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return limits.MAX_STRANGERS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limits.MAX_STRANGERS if soft == resource.RLIM_INFINITY else max(1, min(limits.MAX_STRANGERS, soft // 4))
