"""Results over UDP to a real socket, and what a receiver that is not there does."""

import os
import socket
from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from receivers import opened, udp_receiver

from rtpose.outputs.datagrams import MAX_BYTES, Datagrams
from rtpose.outputs.send import StreamAddress
from rtpose.server.protocol import encode_poses_json
from rtpose.types import Result

MakeResult = Callable[..., Result]


def test_a_line_is_what_a_json_client_of_the_socket_gets(make_result: MakeResult) -> None:
    result = make_result(7, (1, 2))
    with udp_receiver() as receiver:
        stream = opened(f"udp://localhost:{receiver.port}", pytest.fail)
        stream.write(result)
        stream.write(make_result(8))
        line = receiver.line()
        expected = msgspec.json.decode(encode_poses_json(result, line["send_ns"]))
        assert line == expected
        assert (line["frame_id"], [p["track_id"] for p in line["persons"]]) == (7, [1, 2])
        joints = np.array(line["persons"][1]["joints"], np.float32)
        np.testing.assert_array_equal(joints[:, :3], result.persons[1].pose_3d)
        assert receiver.line()["persons"] == []
        stream.close()


def test_a_crowd_goes_in_several_datagrams(make_result: MakeResult) -> None:
    with udp_receiver() as receiver:
        stream = opened(f"udp://127.0.0.1:{receiver.port}", pytest.fail)
        crowd = make_result(7, tuple(range(20)))
        assert len(encode_poses_json(crowd, 0)) > MAX_BYTES
        stream.write(crowd)
        lines = [receiver.line() for _ in range(20)]
        stream.close()
    assert {line["frame_id"] for line in lines} == {7}
    assert sorted(person["track_id"] for line in lines for person in line["persons"]) == list(range(20))


def test_a_receiver_that_is_not_there_is_told_once_and_may_come(make_result: MakeResult) -> None:
    with udp_receiver() as receiver:
        port = receiver.port
    told: list[str] = []
    stream = opened(f"udp://127.0.0.1:{port}", told.append)
    for frame_id in range(5):
        stream.write(make_result(frame_id))
    if os.name == "posix":  # elsewhere a refusal is not told to who sends
        assert told == [f"udp://127.0.0.1:{port}: no receiver detected; still sending"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.bind(("127.0.0.1", port))
        late.settimeout(10)
        for frame_id in (10, 11, 12):  # one may be lost to the last refusal
            stream.write(make_result(frame_id))
        assert msgspec.json.decode(late.recv(65536))["frame_id"] in (10, 11)
    stream.close()
    assert len(told) <= 1


def test_what_the_system_refuses_is_told_once() -> None:
    told: list[str] = []
    datagrams = Datagrams(StreamAddress.parse("udp://127.0.0.1:9"), told.append)
    for _ in range(3):
        datagrams.send(bytes(100_000))
    datagrams.close()
    (line,) = told
    assert line.startswith("udp://127.0.0.1:9: ")
    assert line.endswith("; still sending")


def test_a_full_buffer_loses_the_datagram_and_waits_for_nobody(make_result: MakeResult) -> None:
    """The socket never blocks: what the system does not take at once is dropped."""
    told: list[str] = []
    datagrams = Datagrams(StreamAddress.parse("udp://127.0.0.1:9"), told.append)
    ours = datagrams._socket
    assert ours.gettimeout() == 0

    class Full:
        def send(self, datagram: bytes) -> int:
            raise BlockingIOError

    datagrams._socket = Full()  # type: ignore[assignment]
    datagrams.send(b"x")
    ours.close()
    assert told == []


def test_several_sources_are_told_apart(make_result: MakeResult) -> None:
    with udp_receiver() as receiver:
        stream = opened(f"udp://127.0.0.1:{receiver.port}", pytest.fail)
        result = make_result(1, (1,))
        stream.write(replace(result, frame=replace(result.frame, source=3)))
        assert receiver.line()["source"] == 3
        stream.close()
