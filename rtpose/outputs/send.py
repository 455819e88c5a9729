"""Streams to other programs: `open_streams(["vmc://127.0.0.1", "lsl://me"], warn)` gives sinks.

A kind of stream is imported on first use, so that none needs the libraries of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from urllib.parse import parse_qsl, unquote, urlsplit

from rtpose.errors import ConfigError
from rtpose.types import Person3D, Result, Sink

REGISTRY: dict[str, str] = {
    "vmc": "rtpose.outputs.vmc:VmcStream",
    "osc": "rtpose.outputs.osc:OscStream",
    "udp": "rtpose.outputs.udp_json:UdpJsonStream",
    "lsl": "rtpose.outputs.lsl:LslStream",
}
ONE_PERSON = ("vmc", "lsl")
"""Streams of a single person."""
FORMS = "vmc://HOST:PORT, osc://HOST:PORT, udp://HOST:PORT or lsl://NAME"
FORGET_S = 1.0
"""A person who was not seen for this long has left."""

Warn = Callable[[str], None]
"""Called with a message for the user about a problem that does not end the stream."""


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """The destination of a stream, as given on the command line."""

    text: str
    """The whole address, for messages."""
    kind: str
    target: str
    """HOST:PORT or a name."""
    person: int | None = None
    """`?person=ID`: whom to send, for a stream of a single person."""
    source: int = 0
    """`?source=INDEX`: the camera or video of that person, for a stream of a single person."""

    @classmethod
    def parse(cls, text: str) -> StreamAddress:
        """Errors: `ConfigError` for an unknown kind or option."""
        kind, colon, rest = text.partition("://")
        if not colon or kind not in REGISTRY:
            raise ConfigError(f"'{text}' is not a stream: give {FORMS}")
        target, _, query = rest.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if query and kind not in ONE_PERSON:
            raise ConfigError(f"'{text}': {kind} sends all people: leave out '?{query}'")
        if set(options) - {"person", "source"} or (query and not options):
            raise ConfigError(f"'{text}': unknown option '?{query}': use ?person=ID, ?source=INDEX or both with &")
        for name, value in options.items():
            if not value.isdecimal():
                raise ConfigError(f"'{text}': '{value}' is not a {name}: give a number, as shown on the page")
        return cls(text, kind, unquote(target), **{name: int(value) for name, value in options.items()})

    def host_and_port(self, default_port: int | None = None) -> tuple[str, int]:
        """Host and port of the target. Errors: `ConfigError` if it has none."""
        try:
            parts = urlsplit(f"//{self.target}")
            host, port = parts.hostname, parts.port
        except ValueError:  # a port that is not a number or too large, or an incomplete IPv6 address
            raise ConfigError(f"'{self.text}': '{self.target}' is not HOST:PORT with a port from 1 to 65535") from None
        port = default_port if port is None else port
        if not host or not port or parts.path or parts.username is not None:
            raise ConfigError(f"'{self.text}': write {self.kind}://HOST:PORT, as in {self.kind}://127.0.0.1:9000")
        return host, port


class ChosenPerson:
    """Chooses the person of a single-person stream: the one with the given id, or whoever has been present longest."""

    def __init__(self, address: StreamAddress) -> None:
        self._address = address
        self._seen: dict[int, tuple[float, float]] = {}
        """id -> when the person came and was last seen, seconds."""

    def of(self, result: Result) -> Person3D | None:
        """The chosen person; None while not seen. Another one takes over only after `FORGET_S`."""
        now_s = result.frame.pts_s
        for person in result.persons:
            came_s, _ = self._seen.get(person.track_id, (now_s, now_s))
            self._seen[person.track_id] = (came_s, now_s)
        self._seen = {i: times for i, times in self._seen.items() if now_s - times[1] <= FORGET_S}
        wanted = self._address.person
        if wanted is None and self._seen:
            wanted = min(self._seen, key=lambda track_id: self._seen[track_id][0])
        return next((person for person in result.persons if person.track_id == wanted), None)


def open_stream(address: StreamAddress, warn: Warn) -> Sink:
    """The sink for an address.

    Errors: `ConfigError` for an invalid address, `MissingExtraError` if its library is not installed.
    """
    module_name, class_name = REGISTRY[address.kind].split(":")
    stream: Sink = getattr(import_module(module_name), class_name)(address, warn)
    return stream


@contextmanager
def open_streams(addresses: Sequence[str], warn: Warn, *, sources: int = 1) -> Iterator[list[list[Sink]]]:
    """The streams of each source of a run; they are closed at the end of the block.

    addresses: such as `udp://127.0.0.1:9000`. A stream of all people gets all sources, each through its own sink; a
    stream of a single person gets the source that its address names.
    Errors: as `open_stream`; `ConfigError` for a source that does not exist.
    """
    parsed = [StreamAddress.parse(text) for text in addresses]
    for address in parsed:
        if address.source >= sources:
            raise ConfigError(
                f"'{address.text}': there is no source {address.source}: sources are numbered from 0 to {sources - 1}"
            )
    with ExitStack() as stack:
        yield [
            [
                stack.enter_context(closing(open_stream(address, warn)))
                for address in parsed
                if address.kind not in ONE_PERSON or address.source == number
            ]
            for number in range(sources)
        ]
