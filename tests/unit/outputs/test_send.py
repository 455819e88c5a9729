"""Addresses of streams, and whom a stream of one person shows."""

from collections.abc import Callable

import pytest
from receivers import opened

from rtpose.errors import ConfigError
from rtpose.outputs.send import REGISTRY, ChosenPerson, StreamAddress, open_streams
from rtpose.types import Result

MakeResult = Callable[..., Result]


@pytest.mark.parametrize(
    ("text", "kind", "target", "person", "source"),
    [
        ("udp://127.0.0.1:9000", "udp", "127.0.0.1:9000", None, 0),
        ("vmc://studio.local", "vmc", "studio.local", None, 0),
        ("vmc://127.0.0.1:39540?person=7", "vmc", "127.0.0.1:39540", 7, 0),
        ("lsl://My%20stream?source=1&person=2", "lsl", "My stream", 2, 1),
        ("lsl://My stream", "lsl", "My stream", None, 0),
    ],
)
def test_addresses(text: str, kind: str, target: str, person: int | None, source: int) -> None:
    assert StreamAddress.parse(text) == StreamAddress(text, kind, target, person, source)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("127.0.0.1:9000", "is not a stream: give vmc://"),
        ("http://127.0.0.1:9000", "is not a stream"),
        ("", "is not a stream"),
        ("udp://127.0.0.1", "write udp://HOST:PORT"),
        ("udp://:9000", "write udp://HOST:PORT"),
        ("osc://127.0.0.1:0", "write osc://HOST:PORT"),
        ("udp://127.0.0.1:9000/path", "write udp://HOST:PORT"),
        ("udp://me@127.0.0.1:9000", "write udp://HOST:PORT"),
        ("vmc://127.0.0.1:99999", "not HOST:PORT"),
        ("vmc://127.0.0.1:avatar", "not HOST:PORT"),
        ("vmc://[::1", "not HOST:PORT"),
        ("vmc://127.0.0.1?person=Ann", "'Ann' is not a person: give a number"),
        ("vmc://127.0.0.1?person=-1", "'-1' is not a person"),
        ("vmc://127.0.0.1?person=", "'' is not a person"),
        ("vmc://127.0.0.1?who=1", "unknown option '\\?who=1'"),
        ("lsl://me?person", "'' is not a person"),
        ("osc://127.0.0.1:9000?person=1", "osc sends all people"),
        ("udp://no.such.host.invalid:9000", "unknown host no.such.host.invalid"),
        (f"udp://{'a' * 300}.invalid:9000", "unknown host"),
        ("lsl://", "without quotes"),
        ("lsl://it's", "without quotes"),
        ("lsl://a\nb", "without quotes"),
    ],
)
def test_what_is_no_address_is_one_line(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as error:
        opened(text, print)
    assert "\n" not in str(error.value).replace(text, "")


def test_a_wrong_address_opens_none_of_them() -> None:
    with pytest.raises(ConfigError), open_streams(["udp://127.0.0.1:9", "nothing"], print):
        pytest.fail("it was opened")


def test_every_kind_can_be_opened_and_closed_twice() -> None:
    addresses = [f"{kind}://{'rtpose-test' if kind == 'lsl' else '127.0.0.1:9'}" for kind in REGISTRY]
    with open_streams(addresses, print) as (streams,):
        assert [type(stream).__module__ for stream in streams] == [place.split(":")[0] for place in REGISTRY.values()]
        for stream in streams:
            stream.close()


def chosen(address: str, results: list[Result]) -> list[int | None]:
    choice = ChosenPerson(StreamAddress.parse(address))
    people = [choice.of(result) for result in results]
    return [person.track_id if person else None for person in people]


def test_whoever_is_there_for_longest_is_shown(make_result: MakeResult) -> None:
    results = [
        make_result(0, (5, 3), pts_s=0.0),
        make_result(1, (3, 5), pts_s=0.1),
        make_result(2, (3,), pts_s=0.2),  # 5 is hidden: nobody takes over at once
        make_result(3, (3, 5), pts_s=0.9),
        make_result(4, (3,), pts_s=1.8),
        make_result(5, (3,), pts_s=2.0),  # 5 has gone for more than a second
        make_result(6, (5, 3), pts_s=2.1),  # and comes as somebody new
        make_result(7, (), pts_s=2.2),
    ]
    assert chosen("vmc://h", results) == [5, 5, None, 5, None, 3, 3, None]


def test_one_person_by_id(make_result: MakeResult) -> None:
    results = [make_result(i, people, pts_s=i) for i, people in enumerate([(5, 3), (5,), (3,), (3, 5)])]
    assert chosen("vmc://h?person=3", results) == [3, None, 3, 3]


def test_of_several_sources_each_has_its_streams() -> None:
    addresses = ["udp://127.0.0.1:9", "vmc://127.0.0.1?source=1", "vmc://127.0.0.1"]
    with open_streams(addresses, print, sources=2) as of_each:
        kinds = [[type(stream).__name__ for stream in streams] for streams in of_each]
        assert kinds == [["UdpJsonStream", "VmcStream"], ["UdpJsonStream", "VmcStream"]]
        assert len({id(stream) for streams in of_each for stream in streams}) == 4
    with open_streams(addresses[1:2], print, sources=2) as of_each:
        assert list(map(len, of_each)) == [0, 1]
    with (
        pytest.raises(ConfigError, match="there is no source 1: sources are numbered from 0 to 0"),
        open_streams(addresses, print),
    ):
        pytest.fail("it was opened")
