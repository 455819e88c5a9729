"""The protocol and the server under whatever anybody may send."""

import logging
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from viewer import Viewer, looking_at

from rtpose.bones import BONES, CONTACT_JOINTS
from rtpose.errors import InputError
from rtpose.server import limits, protocol
from rtpose.server.protocol import (
    HEADER,
    decode_client_message,
    encode_picture,
    encode_poses,
    encode_poses_json,
)
from rtpose.server.read_messages import decode_picture, decode_poses
from rtpose.server.server import PoseServer
from rtpose.skeleton import H36M17
from rtpose.types import BodyPose, Camera, Frame, Person3D, Result

# The server draws random numbers for its pings in its own thread; hypothesis takes them for its own while it draws one.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module:Warning")
WAIT_S = 20.0
finite = st.floats(-1e6, 1e6, width=32)
ids = st.integers(-(2**31), 2**31 - 1)
times = st.integers(-(2**63), 2**63 - 1)


def rows(*shape: int) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float32, shape, elements=finite)


bodies = st.builds(
    BodyPose, rotations=rows(len(BONES), 4), bone_lengths=rows(len(BONES)), contacts=rows(len(CONTACT_JOINTS))
)
people = st.builds(
    Person3D, track_id=ids, bbox=rows(4), keypoints_2d=rows(28, 3), pose_3d=rows(28, 3), root_3d=rows(3),
    confidence=rows(28), body=st.none() | bodies,
)  # fmt: skip
frames = st.builds(
    Frame, st.just(np.zeros((1, 1, 3), np.uint8)), frame_id=times, t_ns=times, pts_s=st.just(0.0),
    source=st.integers(0, 2**16 - 1),
)  # fmt: skip
results = st.builds(
    Result, frame=frames, camera=st.just(Camera(1, 1, 0, 0)), persons=st.lists(people, max_size=3).map(tuple),
    t_done_ns=times, world_from_camera=st.none() | rows(4, 4),
)  # fmt: skip


def a_result(frame_id: int) -> Result:
    zeros = np.zeros((17, 3), np.float32)
    person = Person3D(1, np.zeros(4, np.float32), zeros, zeros, np.ones(3, np.float32), zeros[:, 0])
    frame = Frame(np.zeros((48, 64, 3), np.uint8), frame_id, t_ns=frame_id, pts_s=frame_id / 30)
    return Result(frame, Camera(1, 1, 0, 0), (person,), t_done_ns=frame_id)


# The protocol: bytes in, bytes out.


@given(results, times)
@settings(max_examples=50, deadline=None)
def test_poses_come_back_as_they_were_in_both_forms(result: Result, send_ns: int) -> None:
    found = decode_poses(encode_poses(result, send_ns))
    as_json = msgspec.json.decode(encode_poses_json(result, send_ns))
    for message in (found, as_json):
        said = [message[key] for key in ("source", "frame_id", "capture_ns", "estimate_ns", "send_ns")]
        assert said == [result.frame.source, result.frame.frame_id, result.frame.t_ns, result.t_done_ns, send_ns]
        for person, expected in zip(message["persons"], result.persons, strict=True):
            assert person["track_id"] == expected.track_id
            joints = np.array(person["joints"], np.float32)
            np.testing.assert_array_equal(joints, np.c_[expected.pose_3d, expected.confidence])
            np.testing.assert_array_equal(np.array(person["root"], np.float32), expected.root_3d)
            if expected.body is None:
                assert person["bones"] is person["contacts"] is None
            else:
                bones = np.c_[expected.body.rotations, expected.body.bone_lengths]
                np.testing.assert_array_equal(np.array(person["bones"], np.float32), bones)
                np.testing.assert_array_equal(np.array(person["contacts"], np.float32), expected.body.contacts)
        if result.world_from_camera is None:
            assert message["world_from_camera"] is None
        else:
            np.testing.assert_array_equal(message["world_from_camera"], result.world_from_camera)


@given(results, st.binary(max_size=50))
@settings(max_examples=30, deadline=None)
def test_pictures_come_back_as_they_were(result: Result, jpeg: bytes) -> None:
    found = decode_picture(encode_picture(result, jpeg, 5))
    assert found["jpeg"] == jpeg
    for person, expected in zip(found["persons"], result.persons, strict=True):
        np.testing.assert_array_equal(person["keypoints"], expected.keypoints_2d)


def understood_or_refused(data: bytes) -> None:
    for decode in (decode_poses, decode_picture):
        with suppress(InputError):
            found = decode(data)
            assert len(found["persons"]) == found["person_count"]
            assert all(len(p.get("joints", p.get("keypoints"))) == found["joint_count"] for p in found["persons"])


@given(st.binary(max_size=500))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    understood_or_refused(data)


@given(results, st.data())
@settings(max_examples=100, deadline=None)
def test_damaged_messages_are_read_or_refused(result: Result, data: st.DataObject) -> None:
    """Cut off, made longer, or some bytes of it changed: mostly in the header, where the counts are."""
    message = bytearray(encode_poses(result, 0) if data.draw(st.booleans()) else encode_picture(result, b"jpeg", 0))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, min(len(message), 2 * HEADER.size) - 1))
        message[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(message)))
    understood_or_refused(bytes(message[:end]) + data.draw(st.binary(max_size=20)))


words = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["ack", "record", "source"]) | st.text(), inner),
    max_leaves=10,
)


@given(words | st.binary() | st.text())
@settings(max_examples=300, deadline=None)
def test_a_client_is_understood_or_refused(word: object) -> None:
    if not isinstance(word, str | bytes):
        try:
            word = msgspec.json.encode(word)
        except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError):
            assume(False)
    try:
        message = decode_client_message(word)
    except InputError:
        return
    if isinstance(message, protocol.Ack):
        assert type(message.ack) is int
        assert type(message.source) is int
    else:
        assert type(message.record) is bool


@pytest.mark.parametrize("text", ["[" * 4000, '{"ack":' * 600, '{"ack":1' + "0" * 3000 + "}", '{"record":1}', "\ud800"])
def test_spiteful_words_are_refused(text: str) -> None:
    with suppress(InputError):
        message = decode_client_message(text)
        assert isinstance(message, protocol.Ack)


# The server, on real sockets. One of its clients looks on all the time.


class Watch:
    """A server, a good client, and everything that is logged."""

    def __init__(self, server: PoseServer, viewer: Viewer, caplog: list[logging.LogRecord]) -> None:
        self.server = server
        self.logged = caplog
        self._viewer = viewer
        self._frame_id = 0

    def unharmed(self) -> None:
        """The good client gets the next pose, and nothing was logged."""
        self._frame_id += 1
        self.server.publish(a_result(self._frame_id))
        assert self._viewer.pose()["frame_id"] == self._frame_id
        self._viewer.socket.send(f'{{"ack":{self._frame_id}}}')
        assert self.logged == []


@contextmanager
def watching() -> Iterator[Watch]:
    """For the length of the block; at its end all others must be gone."""
    hello = protocol.hello(
        server_version="1", skeleton=H36M17, sources=[("test", (64, 48))], live=True, estimator="none", assumptions=[],
        server_ns=0,
    )  # fmt: skip
    server = PoseServer(hello=hello, port=0)
    logged: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = logged.append  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in ("asyncio", "rtpose.server", "websockets")]
    server.start()
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with looking_at(server.url) as viewer:
            yield Watch(server, viewer, logged)
            deadline_s = time.monotonic() + WAIT_S
            while len(server._connections) > 1:
                assert time.monotonic() < deadline_s, "some who had gone are still counted"
                time.sleep(0.01)
        assert logged == []
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        server.close()


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    with watching() as one:
        yield one


def handshake(server: PoseServer) -> bytes:
    return (
        f"GET /socket HTTP/1.1\r\nHost: localhost:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def connected(server: PoseServer) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


@st.composite
def raw_frames(draw: st.DrawFn) -> bytes:
    """A frame of any kind, with any flag, masked or not, whose length may be a lie."""
    payload = draw(st.binary(max_size=200) | st.sampled_from([b'{"ack":1}', b'{"record":true}', b"", b"\x03\xe8"]))
    opcode = draw(st.integers(0, 15) | st.sampled_from([0, 1, 1, 1, 2, 8, 9, 10]))
    first = opcode | (0x80 if draw(st.booleans()) else 0) | draw(st.sampled_from([0, 0, 0, 0x10, 0x20, 0x40]))
    told = draw(st.just(len(payload)) | st.integers(0, 2**63))
    masked = draw(st.sampled_from([0x80, 0x80, 0x80, 0]))
    if told < 126:
        length = bytes([masked | told])
    elif told < 2**16:
        length = bytes([masked | 126]) + struct.pack(">H", told)
    else:
        length = bytes([masked | 127]) + struct.pack(">Q", told)
    return bytes([first]) + length + (bytes(4) if masked else b"") + payload


@given(
    st.booleans(),
    st.lists(raw_frames() | st.binary(max_size=100), max_size=8),
    st.lists(st.integers(1, 300), max_size=4),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_harms_nobody_else(watch: Watch, greeted: bool, said: list[bytes], pieces: list[int]) -> None:
    """After a handshake or instead of it, in pieces of any size; some leave without a word, some wait for an answer."""
    data = b"".join(said)
    with connected(watch.server) as sock, suppress(ConnectionError):
        if greeted:
            sock.sendall(handshake(watch.server))
        for piece in pieces:
            sock.sendall(data[:piece])
            data = data[piece:]
        sock.sendall(data)
        watch.unharmed()
        if len(said) % 2:
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
    watch.unharmed()


@given(st.lists(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_of_a_request_harms_nobody_else(watch: Watch, lines: list[bytes]) -> None:
    with connected(watch.server) as sock, suppress(ConnectionError):
        sock.sendall(b"GET /socket HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    watch.unharmed()


def answer_to(server: PoseServer, request: bytes) -> bytes:
    answer = b""
    with connected(server) as sock, suppress(ConnectionError):
        sock.sendall(request)
        while part := sock.recv(65536):
            answer += part
    return answer


@given(
    st.text(st.characters(codec="utf-8"), max_size=60)
    | st.from_regex(r"(\.\.?/|%2e|/|~|static|\\|%00){1,9}[a-z.?]{0,9}")
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_of_the_network_names_a_file(watch: Watch, path: str) -> None:
    """Whatever is asked for, the answer is the page or a refusal."""
    page = answer_to(watch.server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").partition(b"\r\n\r\n")[2]
    assert page.startswith(b"<!doctype html>")
    head, _, body = answer_to(
        watch.server, f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("utf-8", "replace")
    ).partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 200"):
        assert body == page
    else:
        assert not head or head.split(b" ")[1] in {b"400", b"403", b"404", b"426"}, head
    watch.unharmed()


def test_slow_handshakes_hold_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty who send their request a byte at a time, and never its end."""
    monkeypatch.setattr(limits, "REQUEST_TIMEOUT_S", 0.5)
    with watching() as watch, ExitStack() as stack:
        request = handshake(watch.server)[:-4]
        slow = [stack.enter_context(connected(watch.server)) for _ in range(40)]
        for number in range(30):
            for sock in slow:
                with suppress(OSError):
                    sock.sendall(request[number : number + 1])
            watch.unharmed()
        for sock in slow:  # all are let go, whatever they still say
            with suppress(ConnectionError):
                assert sock.recv(100) == b""


def test_floods_from_several_sides_at_once() -> None:
    """Whoever floods is thrown out and comes again; the good client misses nothing that is published slowly."""
    stop = threading.Event()

    def flood(server: PoseServer, data: bytes) -> None:
        while not stop.is_set():
            with suppress(OSError), connected(server) as sock:
                sock.sendall(handshake(server))
                for _ in range(100):
                    sock.sendall(data)

    fragments = b"\x01\x80" + bytes(4) + (b"\x00\x80" + bytes(4)) * 200
    pings = (b"\x89\xfd" + bytes(4 + 125)) * 100
    acks = (b"\x81\x89" + bytes(4) + b'{"ack":1}') * 100
    with watching() as watch:
        kinds: list[bytes] = [fragments, pings, acks, bytes(4000)]
        threads = [threading.Thread(target=flood, args=(watch.server, data)) for data in kinds]
        for thread in threads:
            thread.start()
        try:
            for _ in range(30):
                watch.unharmed()
                time.sleep(0.01)
        finally:
            stop.set()
            for thread in threads:
                thread.join(WAIT_S)
