"""The real server on real sockets: what is sent, who is refused, and what bad clients cannot do."""

import asyncio
import errno
import gc
import http.client
import json
import logging
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from rtpose.errors import ConfigError, ServerError
from rtpose.server import http as http_module
from rtpose.server import limits
from rtpose.server import server as server_module
from rtpose.server.door import Door, network_of
from rtpose.server.protocol import HEADER, HEADER_FIELDS, KIND_PICTURE, Source
from rtpose.server.read_messages import decode_picture, decode_poses
from rtpose.server.server import PoseServer
from rtpose.types import Result

MakeServer = Callable[..., PoseServer]
MakeResult = Callable[..., Result]
WAIT_S = 20.0
FRAME_ID = [name for name, _, _ in HEADER_FIELDS].index("frame_id")


@contextmanager
def client(server: PoseServer, query: str = "", **options: object) -> Iterator[ClientConnection]:
    """A socket that has read hello and status."""
    with connect(f"ws://127.0.0.1:{server.port}/socket{query}", close_timeout=2, **options) as ws:
        assert json.loads(ws.recv(WAIT_S))["type"] == "hello"
        assert json.loads(ws.recv(WAIT_S))["type"] == "status"
        yield ws


def pose_id(message: str | bytes) -> int:
    assert isinstance(message, bytes)
    return int(decode_poses(message)["frame_id"])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def get(server: PoseServer, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        response.body = response.read()  # type: ignore[attr-defined]
        return response
    finally:
        connection.close()


def refused(server: PoseServer, path: str = "/socket", **options: object) -> int:
    with pytest.raises(InvalidStatus) as error, connect(f"ws://127.0.0.1:{server.port}{path}", **options):
        pass
    return error.value.response.status_code


def still_serves(server: PoseServer, make_result: MakeResult) -> None:
    server.publish(make_result(10**6))
    with client(server) as ws:
        while pose_id(ws.recv(WAIT_S)) != 10**6:
            pass


# What a client gets.


def test_first_hello_then_status_then_the_latest_pose(make_server: MakeServer, make_result: MakeResult) -> None:
    server = make_server()
    server.set_status("camera unplugged")
    server.publish(make_result(1))
    server.publish(make_result(2))
    before_ns = time.monotonic_ns()
    with connect(f"ws://127.0.0.1:{server.port}/socket") as ws:
        hello, status = json.loads(ws.recv(WAIT_S)), json.loads(ws.recv(WAIT_S))
        assert hello["type"] == "hello"
        assert before_ns < hello["server_ns"] < time.monotonic_ns()
        assert status == {"type": "status", "text": "camera unplugged", "ended": False, "failures": []}
        assert pose_id(ws.recv(WAIT_S)) == 2


def test_status_and_pictures_arrive(make_server: MakeServer, make_result: MakeResult) -> None:
    server = make_server()
    with client(server) as ws:
        assert server.wants_pictures
        server.publish_picture(make_result(5), b"jpeg")
        picture = decode_picture(ws.recv(WAIT_S))
        assert (picture["frame_id"], picture["jpeg"]) == (5, b"jpeg")
        server.set_status("the end", ended=True)
        assert json.loads(ws.recv(WAIT_S)) == {"type": "status", "text": "the end", "ended": True, "failures": []}


def test_a_changed_hello_is_a_fresh_start(make_server: MakeServer, make_result: MakeResult) -> None:
    server = make_server()
    server.publish(make_result(3))
    with client(server) as ws:
        assert pose_id(ws.recv(WAIT_S)) == 3
        server.update_hello(sources=[Source("test", [640, 480])])
        assert json.loads(ws.recv(WAIT_S))["sources"] == [{"name": "test", "image_size": [640, 480]}]
        assert json.loads(ws.recv(WAIT_S))["type"] == "status"
        server.publish(make_result(4))
        assert pose_id(ws.recv(WAIT_S)) == 4  # and not the last one of the old source
    with connect(f"ws://127.0.0.1:{server.port}/socket") as ws:
        assert json.loads(ws.recv(WAIT_S))["sources"] == [{"name": "test", "image_size": [640, 480]}]


def test_json_clients_get_text_and_no_pictures(make_server: MakeServer, make_result: MakeResult) -> None:
    server = make_server()
    with client(server, "?format=json") as ws:
        assert server.client_count == 1
        assert not server.wants_pictures
        server.publish_picture(make_result(1), b"jpeg")
        server.publish(make_result(2))
        message = json.loads(ws.recv(WAIT_S))
        assert (message["type"], message["frame_id"], len(message["persons"][0]["joints"])) == (
            "poses",
            2,
            17,
        )


def test_an_old_picture_is_not_shown_to_who_comes_later(make_server: MakeServer, make_result: MakeResult) -> None:
    server = make_server()
    server.publish_picture(make_result(1), b"old")
    server.publish(make_result(3 * 10**9))  # the fixture's frame id is its time in ns, too
    with client(server) as ws:
        assert pose_id(ws.recv(WAIT_S)) == 3 * 10**9
        server.set_status("marker")
        assert json.loads(ws.recv(WAIT_S))["text"] == "marker"
    server.publish_picture(make_result(3 * 10**9), b"fresh")
    with client(server) as ws:
        assert {HEADER.unpack_from(ws.recv(WAIT_S))[1] for _ in range(2)} == {1, KIND_PICTURE}


def test_encoded_once_for_all_and_only_if_somebody_looks(
    make_server: MakeServer, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    encode = server_module.encode_poses

    def counting(result: Result, send_ns: int) -> bytes:
        threads.append(threading.current_thread().name)
        return encode(result, send_ns)

    monkeypatch.setattr(server_module, "encode_poses", counting)
    server = make_server()
    server.publish(make_result(1))
    with connect(f"ws://127.0.0.1:{server.port}/socket?format=json") as ws:
        for _ in range(3):
            ws.recv(WAIT_S)
    assert threads == []
    with client(server) as a, client(server) as b:
        assert pose_id(a.recv(WAIT_S)) == pose_id(b.recv(WAIT_S)) == 1
        server.publish(make_result(2))
        assert pose_id(a.recv(WAIT_S)) == pose_id(b.recv(WAIT_S)) == 2
    assert threads == ["rtpose-server"] * 2


def test_thirty_clients_all_end_with_the_newest(make_server: MakeServer, make_result: MakeResult) -> None:
    server = make_server()
    last = 400
    seen: list[list[int]] = [[] for _ in range(30)]

    def look(ids: list[int], acknowledge: bool) -> None:
        with client(server) as ws:
            while not ids or ids[-1] != last:
                ids.append(pose_id(ws.recv(WAIT_S)))
                if acknowledge:
                    ws.send(json.dumps({"ack": ids[-1]}))

    threads = [threading.Thread(target=look, args=(ids, i % 2 == 0)) for i, ids in enumerate(seen)]
    for thread in threads:
        thread.start()
    wait_until(lambda: server.client_count == 30)
    for frame_id in range(1, last + 1):
        server.publish(make_result(frame_id))
        time.sleep(0.001)
    for thread in threads:
        thread.join(WAIT_S)
    for ids in seen:
        assert ids[-1] == last
        assert ids == sorted(set(ids)), "older after newer, or twice"


def test_who_acknowledges_has_few_poses_on_the_way(
    make_server: MakeServer, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ACK_TIMEOUT_S", 3600.0)
    server = make_server()
    with client(server) as ws:
        server.publish(make_result(1))
        assert pose_id(ws.recv(WAIT_S)) == 1
        ws.send('{"ack": 1}')
        ws.ping().wait(WAIT_S)  # the acknowledgement is known now
        sent = []
        for frame_id in range(2, 30):
            server.publish(make_result(frame_id))
            try:
                sent.append(pose_id(ws.recv(0.1 if len(sent) >= 4 else WAIT_S)))
            except TimeoutError:
                break
        assert sent == [2, 3, 4, 5]
        server.publish(make_result(50))
        server.set_status("states are not held back")
        assert json.loads(ws.recv(WAIT_S))["text"] == "states are not held back"
        ws.send('{"ack": 5}')
        assert pose_id(ws.recv(WAIT_S)) == 50, "what came meanwhile is dropped, but for the newest"


def test_each_source_has_a_place_of_its_own(
    make_server: MakeServer, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ACK_TIMEOUT_S", 3600.0)
    server = make_server()
    server.publish(make_result(7, source=0))
    server.publish(make_result(9, source=1))
    with client(server) as ws:
        first = [decode_poses(ws.recv(WAIT_S)) for _ in range(2)]
        assert {(pose["source"], pose["frame_id"]) for pose in first} == {(0, 7), (1, 9)}
        ws.send('{"ack": 7, "source": 0}')
        ws.ping().wait(WAIT_S)
        for frame_id in range(10, 13):
            server.publish(make_result(frame_id, source=1))
            assert pose_id(ws.recv(WAIT_S)) == frame_id
        server.publish(make_result(13, source=1))  # four of source 1 are on the way: it waits
        server.publish(make_result(8, source=0))
        assert decode_poses(ws.recv(WAIT_S))["source"] == 0
        ws.send('{"ack": 12, "source": 1}')
        assert pose_id(ws.recv(WAIT_S)) == 13


def test_a_page_asks_for_a_recording_and_is_told_of_it(make_server: MakeServer) -> None:
    asked: list[bool] = []
    server = make_server(on_record=asked.append)
    with client(server, f"?token={server.token}") as ws:
        ws.send('{"record": true}')
        wait_until(lambda: asked == [True])
        server.set_recording("session.rtpose")
        assert json.loads(ws.recv(WAIT_S)) == {"type": "recording", "file": "session.rtpose", "text": ""}
    with client(server) as later:
        assert json.loads(later.recv(WAIT_S))["file"] == "session.rtpose"


def test_on_this_machine_anyone_may_look_but_changes_need_the_token(make_server: MakeServer) -> None:
    asked: list[bool] = []
    server = make_server(on_record=asked.append)
    server.update_hello(can_record=True, takes_camera=True)
    assert server.url == f"http://127.0.0.1:{server.port}/?token={server.token}", "the page gets it without typing"
    assert get(server, "/").status == 200
    for query, allowed in (("", False), (f"?token={server.token}", True)):
        with connect(f"ws://127.0.0.1:{server.port}/socket{query}", close_timeout=2) as ws:
            server.update_hello(assumptions=[])
            for _ in range(2):  # at first, and after a change
                hello = json.loads(ws.recv(WAIT_S))
                assert (hello["can_record"], hello["takes_camera"]) == (allowed, allowed)
                assert json.loads(ws.recv(WAIT_S))["type"] == "status"
            ws.send('{"record": true}')
            if allowed:
                wait_until(lambda: asked == [True])
            else:
                with pytest.raises(ConnectionClosed, match="recording needs the token"):
                    ws.recv(WAIT_S)
                assert asked == []
    assert refused(server, "/socket?token=guessed") == 403


def test_private_asks_for_the_token_on_this_machine_too(make_server: MakeServer) -> None:
    server = make_server(private=True)
    assert server.token
    assert get(server, "/").status == 401
    assert refused(server) == 401
    with client(server, f"?token={server.token}"):
        pass


def test_a_recording_that_is_toggled_fast_is_switched_once_a_second(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RECORD_PAUSE_S", 0.5)
    asked: list[tuple[bool, float]] = []
    server = make_server(on_record=lambda wanted: asked.append((wanted, time.monotonic())))
    with client(server, f"?token={server.token}") as ws:
        for number in range(200):
            ws.send(json.dumps({"record": number % 2 == 0}))
        wait_until(lambda: len(asked) > 1)
        time.sleep(0.7)
    assert [wanted for wanted, _ in asked] == [True, False], "the first at once, then the newest"
    assert asked[1][1] - asked[0][1] >= 0.45


def test_who_falls_silent_gets_a_pose_now_and_then(
    make_server: MakeServer, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ACK_TIMEOUT_S", 0.05)
    server = make_server()
    with client(server) as ws:
        ws.send('{"ack": 0}')
        for frame_id in range(1, 9):
            server.publish(make_result(frame_id))
            assert pose_id(ws.recv(WAIT_S)) == frame_id


# Bad clients.


def raw_socket(server: PoseServer, receive_buffer: int | None = None) -> socket.socket:
    """A socket after the handshake, whose owner does as it likes."""
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(WAIT_S)
    sock.connect(("127.0.0.1", server.port))
    sock.sendall(
        f"GET /socket HTTP/1.1\r\nHost: localhost:{server.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    assert b" 101 " in head
    return sock


def close_code(sock: socket.socket) -> int | None:
    """What the server says at the end; None if it just hangs up."""
    data = b""
    with suppress(ConnectionError):
        while part := sock.recv(65536):
            data += part
    offset = 0
    while offset + 2 <= len(data):
        opcode, length = data[offset] & 15, data[offset + 1]
        offset += 2
        if length == 126:
            (length,) = struct.unpack_from(">H", data, offset)
            offset += 2
        if opcode == 8:
            return int(struct.unpack_from(">H", data, offset)[0])
        offset += length
    return None


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("rubbish", 1008), ("{}", 1008), ('{"ack": "1"}', 1008), ("[" * 4000, 1008), ("", 1008),
        (b'{"ack": 1}', 1008), ("x" * 4097, 1009), (b"x" * 100_000, 1009), (["[" * 100] * 50, 1009),
        ([""] * 80 + ["x"], 1008),
    ],
    ids=["text", "object", "type", "nested", "empty", "binary", "long", "long binary", "long parts",
         "empty parts"],
)  # fmt: skip
def test_rubbish_ends_only_its_own_connection(
    make_server: MakeServer,
    make_result: MakeResult,
    message: str,
    code: int,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server = make_server()
    with client(server) as good, client(server) as bad:
        with suppress(ConnectionClosed):  # it may end before all parts are sent
            bad.send(message)
        with pytest.raises(ConnectionClosed) as error:
            bad.recv(WAIT_S)
        assert error.value.rcvd is not None
        assert error.value.rcvd.code == code
        server.publish(make_result(1))
        assert pose_id(good.recv(WAIT_S)) == 1
    wait_until(lambda: server.client_count == 0)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "frame",
    [Frame(Opcode.TEXT, b'{"ack": 1}'), Frame(Opcode.PING, b"?"), Frame(Opcode.CONT, b"", fin=False)],
    ids=["acknowledgements", "pings", "empty parts"],
)
def test_too_many_messages(make_server: MakeServer, make_result: MakeResult, frame: Frame) -> None:
    server = make_server()
    with raw_socket(server) as sock:
        if frame.opcode is Opcode.CONT:
            sock.sendall(Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True))
        flood = frame.serialize(mask=True) * (limits.MAX_FRAMES_PER_S + 1)
        with suppress(ConnectionError):
            sock.sendall(flood)
        assert close_code(sock) == 1008
    still_serves(server, make_result)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 50, b"\xff" * 50, b"GET / HTTP/1.1\r\n\r\n",
        Frame(Opcode.TEXT, b"{}").serialize(mask=False),
        Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True), b"\x81\xff" + b"\xff" * 8, b"\x81",
    ],
    ids=["zeros", "ones", "http", "unmasked", "not utf-8", "huge", "cut"],
)  # fmt: skip
def test_rubbish_on_the_wire(
    make_server: MakeServer, make_result: MakeResult, data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    server = make_server()
    with raw_socket(server) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        close_code(sock)  # comes back: the server has hung up
    still_serves(server, make_result)
    assert capfd.readouterr().err == ""


def test_whoever_stops_reading_goes_on_with_the_newest(make_server: MakeServer, make_result: MakeResult) -> None:
    """Fed at once while it reads; what comes while it does not waits in one place, behind what is half sent."""
    server = make_server()
    pictures = {i: bytes([i % 251]) * 200_000 for i in range(1, 41)}
    with client(server, max_size=None, max_queue=1) as ws:
        server.publish(make_result(0))
        assert pose_id(ws.recv(WAIT_S)) == 0
        connection = next(iter(server._connections.copy()))
        for frame_id, picture in pictures.items():
            server.publish(make_result(frame_id))
            server.publish_picture(make_result(frame_id), picture)
            wait_until(lambda: not server._delivery_is_due)
        assert connection.transport.get_write_buffer_size() > 0, "it has read all the time"
        server.set_status("marker")
        poses, shown, states = [], [], []
        while not (poses and shown and states and poses[-1] == shown[-1] == 40):
            message = ws.recv(WAIT_S)
            if isinstance(message, str):
                states.append(json.loads(message)["text"])
            elif HEADER.unpack_from(message)[1] == KIND_PICTURE:
                picture = decode_picture(message)
                shown.append(picture["frame_id"])
                assert picture["jpeg"] == pictures[shown[-1]], "one message inside another"
            else:
                poses.append(pose_id(message))
        server.publish(make_result(41))
        assert pose_id(ws.recv(WAIT_S)) == 41
    assert states == ["marker"]
    for ids in (poses, shown):
        assert ids == sorted(set(ids)), "older after newer, or twice"
        assert len(ids) < 40, "nothing was left out"


def test_kinds_keep_their_order_behind_a_half_sent_message(make_server: MakeServer, make_result: MakeResult) -> None:
    server = make_server()
    with client(server, max_size=None, max_queue=1) as ws:
        connection = next(iter(server._connections.copy()))
        sent = 0
        while connection.transport.get_write_buffer_size() == 0:
            sent += 1
            server.publish_picture(make_result(sent), bytes(200_000))
            wait_until(lambda: not server._delivery_is_due)
        server.update_hello(sources=[Source("test", [640, 480])])
        server.publish(make_result(10**6))
        server.set_status("the end", ended=True)
        wait_until(lambda: not server._delivery_is_due)
        for _ in range(sent):
            assert HEADER.unpack_from(ws.recv(WAIT_S))[1] == KIND_PICTURE
        assert json.loads(ws.recv(WAIT_S))["sources"] == [{"name": "test", "image_size": [640, 480]}]
        assert json.loads(ws.recv(WAIT_S)) == {"type": "status", "text": "the end", "ended": True, "failures": []}
        assert pose_id(ws.recv(WAIT_S)) == 10**6


def test_the_last_pose_reaches_whoever_falls_silent(
    make_server: MakeServer, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No later frame and no acknowledgement comes to push it out."""
    monkeypatch.setattr(limits, "ACK_TIMEOUT_S", 0.2)
    server = make_server()
    with client(server) as ws:
        ws.send('{"ack": 0}')
        ws.ping().wait(WAIT_S)
        for frame_id in range(1, 11):
            server.publish(make_result(frame_id))
            wait_until(lambda: not server._delivery_is_due)
        seen = [1]
        while seen[-1] != 10:
            seen.append(pose_id(ws.recv(WAIT_S)))


def test_an_acknowledgement_in_parts_counts(make_server: MakeServer, make_result: MakeResult) -> None:
    drawn: list[int] = []
    server = make_server(on_drawn=drawn.append)
    with client(server) as ws:
        ws.send(['{"ac', 'k": ', "", "7}"])
        ws.send('{"ack": 8}')
        wait_until(lambda: len(drawn) == 2)
    assert drawn == [7, 8]


def test_whoever_says_goodbye_and_stays_is_let_go(make_server: MakeServer) -> None:
    server = make_server()
    with raw_socket(server) as sock:
        wait_until(lambda: server.client_count == 1)
        sock.sendall(Frame(Opcode.CLOSE, struct.pack(">H", 1000)).serialize(mask=True))
        wait_until(lambda: not server._connections)


def test_someone_who_never_reads_is_let_go_and_holds_up_nobody(
    make_server: MakeServer, make_result: MakeResult
) -> None:
    server = make_server(stall_timeout_s=1.0)
    picture = bytes(200_000)
    with raw_socket(server, receive_buffer=4096), client(server) as good:
        wait_until(lambda: server.client_count == 2)
        most_unsent = 0
        frame_id = 0
        deadline = time.monotonic() + WAIT_S
        while server.client_count == 2 and time.monotonic() < deadline:
            frame_id += 1
            server.publish(make_result(frame_id))
            server.publish_picture(make_result(frame_id), picture)
            while HEADER.unpack_from(good.recv(WAIT_S))[FRAME_ID] != frame_id:
                pass
            unsent = [c.transport.get_write_buffer_size() for c in server._connections.copy()]
            most_unsent = max(most_unsent, *unsent)
        assert server.client_count == 1, "it is still there"
        assert most_unsent < 2 * len(picture), "more than one message waits for someone who does not read"


def test_pings_without_reading_do_not_fill_the_memory(
    make_server: MakeServer, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_FRAMES_PER_S", 10**9)
    monkeypatch.setattr(limits, "MAX_UNSENT_BYTES", 50_000)
    server = make_server()
    with raw_socket(server, receive_buffer=4096) as sock:
        pings = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 100

        def flood() -> None:
            for _ in range(10_000):
                sock.sendall(pings)

        with pytest.raises(ConnectionError):
            flood()
    still_serves(server, make_result)


def test_a_slow_client_skips_frames_and_lags_little(make_server: MakeServer, make_result: MakeResult) -> None:
    server = make_server()
    last = 300
    with client(server) as slow, client(server) as quick:
        quick_ids: list[int] = []

        def look() -> None:
            while not quick_ids or quick_ids[-1] != last:
                quick_ids.append(pose_id(quick.recv(WAIT_S)))

        thread = threading.Thread(target=look)
        thread.start()
        slow.send('{"ack": 0}')
        slow.ping().wait(WAIT_S)
        for frame_id in range(1, last + 1):
            server.publish(make_result(frame_id))
            time.sleep(0.002)
        thread.join(WAIT_S)
        slow_ids = [pose_id(slow.recv(WAIT_S))]
        while slow_ids[-1] != last:
            slow.send(json.dumps({"ack": slow_ids[-1]}))
            slow_ids.append(pose_id(slow.recv(WAIT_S)))
    assert len(slow_ids) <= limits.MAX_IN_FLIGHT + 1
    assert len(quick_ids) > len(slow_ids)


def test_who_says_nothing_at_all_is_let_go(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REQUEST_TIMEOUT_S", 0.1)
    server = make_server()
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as sock:
        sock.sendall(b"GET / HT")
        with suppress(ConnectionError):
            assert sock.recv(100) == b""


def test_who_has_gone_is_not_kept(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REQUEST_TIMEOUT_S", 3600.0)
    server = make_server()
    with client(server):
        gone = weakref.ref(next(iter(server._connections)))

    def forgotten() -> bool:
        gc.collect()
        return gone() is None

    wait_until(forgotten)


def test_too_many_clients_get_503(make_server: MakeServer) -> None:
    server = make_server(max_clients=2)
    with client(server), client(server):
        assert refused(server) == 503
    wait_until(lambda: server.client_count == 0)
    with client(server):
        pass


def test_a_bug_is_reported_and_not_taken_for_a_lost_connection(
    make_server: MakeServer, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def broken(result: Result, send_ns: int) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(server_module, "encode_poses", broken)
    server = make_server()
    with client(server) as ws, caplog.at_level(logging.ERROR):
        server.publish(make_result(1))
        with pytest.raises(ConnectionClosed):
            ws.recv(WAIT_S)
    assert "ZeroDivisionError" in caplog.text


# Before the token.


def half_open(server: PoseServer, count: int) -> list[socket.socket]:
    """So many connections that never send a whole request; some are closed by the server."""
    socks = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S)
        sock.sendall(b"GET / HT")
        socks.append(sock)
    return socks


@pytest.mark.slow
def test_700_half_open_connections_keep_no_page_out(make_server: MakeServer, make_result: MakeResult) -> None:
    server = make_server(token="secret")
    socks = half_open(server, 450)
    try:
        assert server._door.strangers <= limits.MAX_STRANGERS_PER_ADDRESS
        assert get(server, "/?token=secret").status == 200
        socks += half_open(server, 250)
        with client(server, "?token=secret") as ws:
            server.publish(make_result(1))
            assert pose_id(ws.recv(WAIT_S)) == 1
            socks += half_open(server, 100)
            server.publish(make_result(2))
            assert pose_id(ws.recv(WAIT_S)) == 2, "an admitted client is no stranger"
        # Those closed for newer ones are gone once the loop's turn that accepted these has ended.
        wait_until(lambda: len(server._connections) <= limits.MAX_STRANGERS_PER_ADDRESS + 1)
    finally:
        for sock in socks:
            sock.close()
    wait_until(lambda: server._door.strangers == 0 and not server._connections)


def test_a_wrong_token_makes_nobody_a_client(make_server: MakeServer) -> None:
    server = make_server(token="secret", max_clients=1)
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as sock:
        sock.sendall(f"GET /?token=no HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 403")
        assert not server._door.admitted
        assert get(server, "/?token=secret").status == 200


class Stranger:
    """A connection for a `Door`, without a network."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True
        DOOR.leave(self)  # type: ignore[arg-type]


DOOR = Door(None)


def test_a_crowd_from_many_addresses_makes_room_for_one_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_STRANGERS", 10)
    monkeypatch.setitem(globals(), "DOOR", Door(None))
    crowd = [Stranger(f"10.0.0.{number % 3}") for number in range(40)]
    page = Stranger("192.168.0.9")
    for stranger in [*crowd[:20], page, *crowd[20:]]:
        DOOR.enter(stranger)  # type: ignore[arg-type]
    assert DOOR.strangers == 10
    assert not page.aborted
    assert [stranger.aborted for stranger in crowd] == [True] * 31 + [False] * 9


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        (("192.0.2.1", 5), "192.0.2.1"),
        (("::ffff:192.0.2.1", 5, 0, 0), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 5, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 5, 0, 2), "fe80::/64"),
        (None, ""),
    ],
)
def test_whose_connection_it_is(peer: object, network: str) -> None:
    assert network_of(peer) == network


def test_the_limit_of_open_files_is_one_line_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, loop = Door(None), asyncio.new_event_loop()
    loop.set_exception_handler(door.report)
    now_s = [1000.0]
    monkeypatch.setattr(loop, "time", lambda: now_s[0])
    for _ in range(500):
        error = OSError(errno.EMFILE, "Too many open files")
        loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": error})
        now_s[0] += 0.1
    assert len(caplog.records) == 1
    assert "Traceback" not in caplog.text
    now_s[0] += 60
    loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": error})
    assert len(caplog.records) == 2
    loop.call_exception_handler({"message": "a bug", "exception": ZeroDivisionError()})
    assert "a bug" in caplog.text, "bugs are still reported"
    loop.close()


# Plain HTTP.


def test_the_page(make_server: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = make_server()
    page = "<!doctype html>" + "x" * 1_000_000
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "index.html").write_text(page)
    monkeypatch.setattr(http_module.resources, "files", lambda package: tmp_path)
    response = get(server, "/")
    assert response.status == 200
    assert response.body.decode() == page  # type: ignore[attr-defined]
    headers = response.headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert f"ws://127.0.0.1:{server.port}" in headers["Content-Security-Policy"]


def test_a_page_that_was_not_built(make_server: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module.resources, "files", lambda package: tmp_path)
    response = get(make_server(), "/")
    assert response.status == 200
    assert b"npm run build" in response.body  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "path",
    ["/index.html", "/recording.npz", "/../server.py", "/..%2f..%2fetc/passwd", "/static/index.html", "//",
     "//[", "/recording.npz/", "/socket/"],
)  # fmt: skip
def test_there_is_nothing_else(make_server: MakeServer, path: str) -> None:
    assert get(make_server(), path).status == 404


def test_only_get(make_server: MakeServer) -> None:
    server = make_server()
    with suppress(http.client.RemoteDisconnected):  # that is how older websockets refuse it
        assert get(server, "/", "DELETE").status == 405
    assert get(server, "/socket").status == 426


def test_the_recording(make_server: MakeServer, make_result: MakeResult, tmp_path: Path) -> None:
    recording = tmp_path / "poses.npz"
    recording.write_bytes(bytes(range(256)) * 40_000)  # 10 MB: more than any buffer on the way
    server = make_server(files={"/recording.npz": recording})
    response = get(server, "/recording.npz")
    assert response.status == 200
    assert response.body == recording.read_bytes()  # type: ignore[attr-defined]
    recording.unlink()
    assert get(server, "/recording.npz").status == 404
    still_serves(server, make_result)


def test_a_download_that_nobody_reads_is_given_up(make_server: MakeServer, tmp_path: Path) -> None:
    recording = tmp_path / "poses.npz"
    recording.write_bytes(bytes(10_000_000))
    server = make_server(files={"/recording.npz": recording}, stall_timeout_s=0.2)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(b"GET /recording.npz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: len(server._connections) == 1)
        wait_until(lambda: len(server._connections) == 0)


# Who may come in.


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9999", "[::1]:80", "LOCALHOST:8765"])
def test_hosts_of_this_machine(make_server: MakeServer, host: str) -> None:
    assert get(make_server(), "/", Host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "localhost.evil.example", "127.0.0.1 x", ""])
def test_another_name_for_loopback_is_refused(make_server: MakeServer, host: str) -> None:
    server = make_server()
    assert get(server, "/", Host=host).status == 403
    assert get(server, "/socket", Host=host).status == 403


def test_the_socket_is_for_its_own_page(make_server: MakeServer) -> None:
    server = make_server()
    own = f"127.0.0.1:{server.port}"
    for origin in (
        "http://evil.example",
        "null",
        f"http://127.0.0.1:{server.port + 1}",
        f"http://localhost:{server.port}",
    ):
        assert refused(server, origin=origin) == 403, origin
    with client(server, origin=f"http://{own}"):
        pass


def test_the_token(make_server: MakeServer, tmp_path: Path) -> None:
    recording = tmp_path / "poses.npz"
    recording.write_bytes(b"npz")
    server = make_server(token="s3cret/&", files={"/recording.npz": recording})
    assert server.url == f"http://127.0.0.1:{server.port}/?token=s3cret%2F%26"
    for path in ("/", "/recording.npz", "/socket", "/nothing"):
        assert get(server, path).status == 401
        assert get(server, f"{path}?token=").status == 401
        assert get(server, f"{path}?token=wr%C3%B6ng").status == 403
    assert get(server, "/?token=s3cret%2F%26").status == 200
    assert get(server, "/recording.npz?token=s3cret%2F%26").status == 200
    assert refused(server) == 401
    assert refused(server, "/socket?token=wrong") == 403
    with client(server, "?token=s3cret%2F%26&format=json"):
        pass


def test_beyond_loopback_there_is_always_a_token(make_server: MakeServer) -> None:
    server = make_server(host="0.0.0.0", token="")
    assert server.token
    assert len(server.token) >= 16
    assert server.url.endswith(f":{server.port}/?token={server.token}")
    assert get(server, "/").status == 401
    assert get(server, f"/?token={server.token}", Host="my-laptop.local:8765").status == 200
    assert make_server().token is None


# Start and end.


def test_a_busy_port(make_server: MakeServer) -> None:
    first = make_server()
    with pytest.raises(ServerError, match=f"port {first.port} is in use: .*--port 0"):
        make_server(port=first.port)


def test_an_address_of_another_machine(make_server: MakeServer) -> None:
    with pytest.raises(ServerError, match=r"cannot listen on 192\.0\.2\.1"):
        make_server(host="192.0.2.1")
    with pytest.raises(ConfigError, match="port 70000"):
        make_server(port=70000)


def test_again_on_the_same_port(make_server: MakeServer, make_result: MakeResult) -> None:
    port = 0
    for _ in range(3):
        server = make_server(port=port)
        port = server.port
        with client(server) as ws:
            server.close()
            with pytest.raises(ConnectionClosed) as error:
                ws.recv(WAIT_S)
            assert error.value.rcvd is not None
            assert error.value.rcvd.code == 1001
        server.close()
        server.publish(make_result(1))  # too late, and no harm


def test_it_closes_beside_a_client_that_never_reads(make_server: MakeServer, make_result: MakeResult) -> None:
    server = make_server()
    with raw_socket(server, receive_buffer=4096):
        wait_until(lambda: server.client_count == 1)
        connection = next(iter(server._connections.copy()))
        while connection.transport.get_write_buffer_size() == 0:
            server.publish_picture(make_result(1), bytes(200_000))
            time.sleep(0.001)
        server.close()
    assert not [t for t in threading.enumerate() if t.name == "rtpose-server"]


def test_what_is_published_before_the_start_is_kept(make_server: MakeServer, make_result: MakeResult) -> None:
    class Early(PoseServer):
        def start(self) -> None:
            self.publish(make_result(4))
            super().start()

    server = Early(hello=make_server()._hello, port=0)
    server.start()
    try:
        with client(server) as ws:
            assert pose_id(ws.recv(WAIT_S)) == 4
    finally:
        server.close()


def test_the_server_never_loads_torch() -> None:
    code = "import sys, rtpose.server.server, rtpose.outputs.page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
