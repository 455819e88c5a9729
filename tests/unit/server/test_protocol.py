"""The messages: round trips, and anything else is refused as one kind of error."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.errors import InputError
from rtpose.server import protocol
from rtpose.skeleton import H36M17
from rtpose.types import Camera, Frame, Person3D, Result


def make_result(frame_id: int = 7, people: int = 2) -> Result:
    rng = np.random.default_rng(frame_id)

    def random(*shape: int) -> np.ndarray:
        return rng.random(shape, dtype=np.float32)

    frame = Frame(np.zeros((4, 6, 3), np.uint8), frame_id=frame_id, t_ns=10 + frame_id, pts_s=frame_id / 30)
    persons = tuple(
        Person3D(i + 1, random(4), random(17, 3), random(17, 3), random(3), random(17)) for i in range(people)
    )
    return Result(frame, Camera(1, 1, 0, 0), persons, t_done_ns=20 + frame_id)


@pytest.mark.parametrize("people", [0, 1, 3])
def test_poses_round_trip(people: int) -> None:
    result = make_result(people=people)
    back = protocol.decode_poses(protocol.encode_poses(result, send_ns=99))
    assert (back["frame_id"], back["capture_ns"], back["estimate_ns"], back["send_ns"]) == (7, 17, 27, 99)
    assert [p["track_id"] for p in back["persons"]] == [p.track_id for p in result.persons]
    for sent, got in zip(result.persons, back["persons"], strict=True):
        np.testing.assert_array_equal(got["bbox"], sent.bbox)
        np.testing.assert_array_equal(got["root"], sent.root_3d)
        np.testing.assert_array_equal(got["joints"][:, :3], sent.pose_3d)
        np.testing.assert_array_equal(got["joints"][:, 3], sent.confidence)


@pytest.mark.parametrize("people", [0, 2])
def test_picture_round_trip(people: int) -> None:
    result = make_result(people=people)
    back = protocol.decode_picture(protocol.encode_picture(result, b"\xff\xd8jpeg", send_ns=5))
    assert (back["frame_id"], back["jpeg"]) == (7, b"\xff\xd8jpeg")
    assert [p["track_id"] for p in back["persons"]] == [p.track_id for p in result.persons]
    for sent, got in zip(result.persons, back["persons"], strict=True):
        np.testing.assert_array_equal(got["keypoints"], sent.keypoints_2d)


def test_json_says_the_same_as_bytes() -> None:
    result = make_result()
    text = msgspec.json.decode(protocol.encode_poses_json(result, send_ns=99))
    data = protocol.decode_poses(protocol.encode_poses(result, send_ns=99))
    for key in ("frame_id", "capture_ns", "estimate_ns", "send_ns", "version"):
        assert text[key] == data[key]
    for a, b in zip(text["persons"], data["persons"], strict=True):
        assert a["track_id"] == b["track_id"]
        np.testing.assert_array_equal(np.float32(a["joints"]), b["joints"])


@given(
    st.binary(max_size=200)
    | st.binary(max_size=400).map(lambda b: bytes([protocol.PROTOCOL_VERSION, protocol.KIND_POSES]) + b)
)
def test_decode_poses_takes_anything(data: bytes) -> None:
    with suppress(InputError):
        protocol.decode_poses(data)


@given(st.binary(max_size=400).map(lambda b: bytes([protocol.PROTOCOL_VERSION, protocol.KIND_PICTURE]) + b))
def test_decode_picture_takes_anything(data: bytes) -> None:
    with suppress(InputError):
        protocol.decode_picture(data)


@given(st.data())
def test_a_damaged_message_is_refused_or_read(data: st.DataObject) -> None:
    message = bytearray(protocol.encode_poses(make_result(), send_ns=1))
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(message)))
    with suppress(InputError):
        protocol.decode_poses(bytes(message[:cut]))


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_rubbish_of_a_client_is_an_input_error(message: str | bytes) -> None:
    with suppress(InputError):
        said = protocol.decode_client_message(message)
        assert isinstance(said.ack, int) if isinstance(said, protocol.Ack) else isinstance(said.record, bool)


@pytest.mark.parametrize(
    "message",
    ["", "null", "[]", "{}", '{"ack": "7"}', '{"ack": 1.5}', '{"ack": null}', '{"ack": 1', "\ud800",
     '{"x":' + "[" * 4000],
)  # fmt: skip
def test_what_is_no_acknowledgement(message: str) -> None:
    with pytest.raises(InputError):
        protocol.decode_client_message(message)


def test_an_acknowledgement() -> None:
    assert protocol.decode_client_message('{"ack": 12, "more": [1]}') == protocol.Ack(12, source=0)
    assert protocol.decode_client_message('{"ack": 12, "source": 3}') == protocol.Ack(12, source=3)


def test_a_wish_to_record() -> None:
    assert protocol.decode_client_message(b'{"record": true}') == protocol.Record(True)
    with pytest.raises(InputError):
        protocol.decode_client_message('{"record": "session.rtpose"}')


def test_hello_names_every_joint() -> None:
    hello = protocol.hello(
        server_version="1", skeleton=H36M17, sources=[("x", (6, 4))], live=True, estimator="e",
        assumptions=["a"], server_ns=3,
    )  # fmt: skip
    back = msgspec.json.decode(protocol.encode_json(hello), type=protocol.Hello)
    assert back == hello
    assert len(back.joints) == len(back.parents) == len(back.colors) == 17


def test_typescript_is_in_step() -> None:
    generated = Path(__file__).parents[3] / "web" / "src" / "net" / "protocol.generated.ts"
    if not generated.is_file():
        pytest.skip("the page's sources are not here")
    out = subprocess.run(
        [sys.executable, "-W", "error", "-m", "rtpose.server.typescript"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout == generated.read_text(encoding="utf-8"), "run `python -m rtpose.server.typescript`"
