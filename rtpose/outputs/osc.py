"""Joints over OSC (Open Sound Control), for music, light and art software."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rtpose.bones import BONE_NAMES
from rtpose.errors import MissingExtraError
from rtpose.outputs.datagrams import ETHERNET_BYTES, Datagrams
from rtpose.outputs.send import StreamAddress, Warn
from rtpose.skeleton import skeleton_of_person
from rtpose.types import Person3D, Result

try:
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder
except ModuleNotFoundError as error:
    raise MissingExtraError("osc", "a stream over OSC") from error

Message = tuple[str, str, Iterable[float | str]]
"""Address, type tags as in "sfff", arguments."""


class OscStream:
    """Some bundles for each person of a result, each small enough for one Ethernet packet. All begin with the frame:

        /rtpose/frame FRAME_ID SECONDS PERSONS           int, float, int
        /rtpose/person/ID/joint/NAME X Y Z CONFIDENCE    floats, once for each joint that is known
        /rtpose/person/ID/bone/NAME W X Y Z              floats, once for each bone: rotation relative to its parent

    With several sources, addresses of the second begin with /rtpose/source/1 instead of /rtpose, and so on. Metres in
    camera space: x right, y down, z away from the camera. Without people, the bundle holds only the frame message.
    """

    def __init__(self, address: StreamAddress, warn: Warn) -> None:
        """Errors: `ConfigError` for an invalid address."""
        self._datagrams = Datagrams(address, warn)

    def write(self, result: Result) -> None:
        """Send all people's joints."""
        # 32 bits, because few receivers support more: frame ids wrap around after two years at 30 frames a second.
        frame_id = result.frame.frame_id & 0x7FFFFFFF
        prefix = f"/rtpose/source/{result.frame.source}" if result.frame.source else "/rtpose"
        frame: Message = (f"{prefix}/frame", "ifi", (frame_id, result.frame.pts_s, len(result.persons)))
        for person in result.persons or (None,):
            messages = [*_joints(prefix, person), *_bones(prefix, person)] if person else []
            for datagram in bundles([frame], messages):
                self._datagrams.send(datagram)

    def close(self) -> None:
        """Free the socket."""
        self._datagrams.close()


def _joints(prefix: str, person: Person3D) -> Iterable[Message]:
    places = person.pose_3d + person.root_3d
    names = skeleton_of_person(len(places)).joints
    for name, place, confidence in zip(names, places.tolist(), person.confidence.tolist(), strict=True):
        if place[0] == place[0]:  # not NaN
            yield f"{prefix}/person/{person.track_id}/joint/{name}", "ffff", (*place, confidence)


def _bones(prefix: str, person: Person3D) -> Iterable[Message]:
    if person.body is not None:
        for name, rotation in zip(BONE_NAMES, person.body.rotations.tolist(), strict=True):
            yield f"{prefix}/person/{person.track_id}/bone/{name}", "ffff", rotation


def bundles(first: Sequence[Message], messages: Sequence[Message]) -> list[bytes]:
    """The messages in order, in the fewest datagrams that fit an Ethernet packet, each beginning with `first`."""
    packed: list[bytes] = []
    some: list[Message] = []
    for message in messages:
        if some and len(bundle([*first, *some, message])) > ETHERNET_BYTES:
            packed.append(bundle([*first, *some]))
            some = []
        some.append(message)
    return [*packed, bundle([*first, *some])]


def bundle(messages: Iterable[Message]) -> bytes:
    """A datagram with several messages, to be handled immediately."""
    builder = OscBundleBuilder(IMMEDIATELY)
    for address, tags, arguments in messages:
        message = OscMessageBuilder(address)
        for tag, argument in zip(tags, arguments, strict=True):
            message.add_arg(argument, tag)
        builder.add_content(message.build())
    return builder.build().dgram
