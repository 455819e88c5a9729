"""Streams for other programs: `open_streams(["vmc://127.0.0.1", "lsl://me"], warn)` gives sinks.

Kinds are looked up by name and imported when first used, so that none of them needs the others' libraries installed.
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
"""Streams that have room for one person."""
FORMS = "vmc://HOST:PORT, osc://HOST:PORT, udp://HOST:PORT or lsl://NAME"
FORGET_S = 1.0
"""Who was not seen for so long has left."""

Warn = Callable[[str], None]
"""Told what a person should know of a stream that goes on all the same."""


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """Where a stream goes, as it was written on the command line."""

    text: str
    """All of it, for messages."""
    kind: str
    target: str
    """HOST:PORT or a name."""
    person: int | None = None
    """`?person=ID`: the only person to send, where a stream has room for one."""
    source: int = 0
    """`?source=INDEX`: where a stream has room for one person, the camera or video that they are seen in."""

    @classmethod
    def parse(cls, text: str) -> StreamAddress:
        """Errors: `ConfigError` for an unknown kind or option."""
        kind, colon, rest = text.partition("://")
        if not colon or kind not in REGISTRY:
            raise ConfigError(f"'{text}' is no stream: give {FORMS}")
        target, _, query = rest.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if query and kind not in ONE_PERSON:
            raise ConfigError(f"'{text}': {kind} sends everybody, leave out '?{query}'")
        if set(options) - {"person", "source"} or (query and not options):
            raise ConfigError(f"'{text}': no stream knows '?{query}', write ?person=ID, ?source=INDEX or both with &")
        for name, value in options.items():
            if not value.isdecimal():
                raise ConfigError(f"'{text}': '{value}' is no {name}: give a number, as the page shows it")
        return cls(text, kind, unquote(target), **{name: int(value) for name, value in options.items()})

    def host_and_port(self, default_port: int | None = None) -> tuple[str, int]:
        """Of a target that has them. Errors: `ConfigError`."""
        try:
            parts = urlsplit(f"//{self.target}")
            host, port = parts.hostname, parts.port
        except ValueError:  # a port that is no number or too large, or half an IPv6 address
            raise ConfigError(f"'{self.text}': '{self.target}' is no HOST:PORT, with a port of 1 to 65535") from None
        port = default_port if port is None else port
        if not host or not port or parts.path or parts.username is not None:
            raise ConfigError(f"'{self.text}': write {self.kind}://HOST:PORT, as in {self.kind}://127.0.0.1:9000")
        return host, port


class ChosenPerson:
    """The one person of a stream that has room for one: the one with this id, or whoever is there for longest."""

    def __init__(self, address: StreamAddress) -> None:
        self._address = address
        self._seen: dict[int, tuple[float, float]] = {}
        """id -> when they came and when they were seen last, seconds."""

    def of(self, result: Result) -> Person3D | None:
        """None while the person is not seen; another takes over only after `FORGET_S`."""
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
    """The sink of an address.

    Errors: `ConfigError` for an address that cannot be, `MissingExtraError` if its library is not installed.
    """
    module_name, class_name = REGISTRY[address.kind].split(":")
    stream: Sink = getattr(import_module(module_name), class_name)(address, warn)
    return stream


@contextmanager
def open_streams(addresses: Sequence[str], warn: Warn, *, sources: int = 1) -> Iterator[list[list[Sink]]]:
    """For each source of a run its streams, closed at the end of the block at the latest.

    addresses: such as `udp://127.0.0.1:9000`. A stream of everybody gets all sources, each by a sink of its own; one of
    a single person gets the source that it names.
    Errors: as of `open_stream`; `ConfigError` for a source that there is not.
    """
    parsed = [StreamAddress.parse(text) for text in addresses]
    for address in parsed:
        if address.source >= sources:
            raise ConfigError(
                f"'{address.text}': there is no source {address.source}, they count from 0 to {sources - 1}"
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
