"""Joints over OSC (Open Sound Control), for music, light and art software."""

from __future__ import annotations

from collections.abc import Iterable

from rtpose.errors import MissingExtraError
from rtpose.outputs.datagrams import Datagrams
from rtpose.outputs.send import StreamAddress, Warn
from rtpose.skeleton import H36M17
from rtpose.types import Person3D, Result

try:
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder
except ModuleNotFoundError as error:
    raise MissingExtraError("osc", "a stream over OSC") from error

Message = tuple[str, str, Iterable[float | str]]
"""Address, type tags as in "sfff", arguments."""


class OscStream:
    """One bundle per person of a result, small enough for one Ethernet packet:

        /rtpose/frame FRAME_ID SECONDS PERSONS           int, float, int
        /rtpose/person/ID/joint/NAME X Y Z CONFIDENCE    floats, once for each joint

    With several sources, addresses of the second begin with /rtpose/source/1 instead of /rtpose, and so on. Metres in
    camera space: x right, y down, z away from the camera. If nobody is seen, the bundle holds the frame message only.
    """

    def __init__(self, address: StreamAddress, warn: Warn) -> None:
        """Errors: `ConfigError` for an invalid address."""
        self._datagrams = Datagrams(address, warn)

    def write(self, result: Result) -> None:
        """Send everybody's joints."""
        # 32 bits, because few receivers support more: frame ids wrap around after two years at 30 frames a second.
        frame_id = result.frame.frame_id & 0x7FFFFFFF
        prefix = f"/rtpose/source/{result.frame.source}" if result.frame.source else "/rtpose"
        frame: Message = (f"{prefix}/frame", "ifi", (frame_id, result.frame.pts_s, len(result.persons)))
        for person in result.persons or (None,):
            self._datagrams.send(bundle([frame, *(_joints(prefix, person) if person else ())]))

    def close(self) -> None:
        """Free the socket."""
        self._datagrams.close()


def _joints(prefix: str, person: Person3D) -> Iterable[Message]:
    places = (person.pose_3d + person.root_3d).tolist()
    for name, place, confidence in zip(H36M17.joints, places, person.confidence.tolist(), strict=True):
        yield f"{prefix}/person/{person.track_id}/joint/{name}", "ffff", (*place, confidence)


def bundle(messages: Iterable[Message]) -> bytes:
    """A datagram with several messages, to be handled immediately."""
    builder = OscBundleBuilder(IMMEDIATELY)
    for address, tags, arguments in messages:
        message = OscMessageBuilder(address)
        for tag, argument in zip(tags, arguments, strict=True):
            message.add_arg(argument, tag)
        builder.add_content(message.build())
    return builder.build().dgram
