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

from rtpose.bones import BONE_NAMES, joints_of_bones
from rtpose.errors import InputError
from rtpose.server import protocol, read_messages
from rtpose.skeleton import H36M17, RTPOSE28, Skeleton
from rtpose.types import BodyPose, Camera, Frame, Person3D, Result


def make_result(frame_id: int = 7, people: int = 2, *, bodies: bool = True) -> Result:
    rng = np.random.default_rng(frame_id)

    def random(*shape: int) -> np.ndarray:
        return rng.random(shape, dtype=np.float32)

    frame = Frame(np.zeros((4, 6, 3), np.uint8), frame_id=frame_id, t_ns=10 + frame_id, pts_s=frame_id / 30)
    body = BodyPose(random(len(BONE_NAMES), 4), random(len(BONE_NAMES)), random(4)) if bodies else None
    persons = tuple(
        Person3D(i + 1, random(4), random(28, 3), random(28, 3), random(3), random(28), body) for i in range(people)
    )
    world = random(4, 4) if bodies else None
    return Result(frame, Camera(1, 1, 0, 0), persons, t_done_ns=20 + frame_id, world_from_camera=world)


@pytest.mark.parametrize("people", [0, 1, 3])
@pytest.mark.parametrize("bodies", [True, False])
def test_poses_round_trip(people: int, bodies: bool) -> None:
    result = make_result(people=people, bodies=bodies)
    back = read_messages.decode_poses(protocol.encode_poses(result, send_ns=99))
    assert (back["frame_id"], back["capture_ns"], back["estimate_ns"], back["send_ns"]) == (7, 17, 27, 99)
    assert [p["track_id"] for p in back["persons"]] == [p.track_id for p in result.persons]
    if bodies:
        np.testing.assert_array_equal(back["world_from_camera"], result.world_from_camera)
    else:
        assert back["world_from_camera"] is None
    for sent, got in zip(result.persons, back["persons"], strict=True):
        np.testing.assert_array_equal(got["bbox"], sent.bbox)
        np.testing.assert_array_equal(got["root"], sent.root_3d)
        np.testing.assert_array_equal(got["joints"], np.c_[sent.pose_3d, sent.confidence])
        if sent.body is None:
            assert got["bones"] is got["contacts"] is None
        else:
            np.testing.assert_array_equal(got["bones"], np.c_[sent.body.rotations, sent.body.bone_lengths])
            np.testing.assert_array_equal(got["contacts"], sent.body.contacts)


@pytest.mark.parametrize("people", [0, 2])
def test_picture_round_trip(people: int) -> None:
    result = make_result(people=people)
    back = read_messages.decode_picture(protocol.encode_picture(result, b"\xff\xd8jpeg", send_ns=5))
    assert (back["frame_id"], back["jpeg"]) == (7, b"\xff\xd8jpeg")
    assert [p["track_id"] for p in back["persons"]] == [p.track_id for p in result.persons]
    for sent, got in zip(result.persons, back["persons"], strict=True):
        np.testing.assert_array_equal(got["keypoints"], sent.keypoints_2d)


def test_json_says_the_same_as_bytes() -> None:
    result = make_result()
    text = msgspec.json.decode(protocol.encode_poses_json(result, send_ns=99))
    data = read_messages.decode_poses(protocol.encode_poses(result, send_ns=99))
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
        read_messages.decode_poses(data)


@given(st.binary(max_size=400).map(lambda b: bytes([protocol.PROTOCOL_VERSION, protocol.KIND_PICTURE]) + b))
def test_decode_picture_takes_anything(data: bytes) -> None:
    with suppress(InputError):
        read_messages.decode_picture(data)


@given(st.data())
def test_a_damaged_message_is_refused_or_read(data: st.DataObject) -> None:
    message = bytearray(protocol.encode_poses(make_result(), send_ns=1))
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(message)))
    with suppress(InputError):
        read_messages.decode_poses(bytes(message[:cut]))


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


def test_a_client_can_pose_the_bones_with_the_hello_alone() -> None:
    """Forward kinematics as a client would write it from the documentation of the messages."""
    hello = protocol.hello(
        server_version="1", skeleton=RTPOSE28, sources=[("x", (6, 4))], live=True, estimator="e", assumptions=[],
        server_ns=0,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    turns, _ = np.linalg.qr(rng.normal(size=(len(hello.bones), 3, 3)))
    turns *= np.linalg.det(turns)[:, None, None]
    lengths = rng.uniform(0.1, 0.5, len(hello.bones))
    bases, turned = np.zeros((len(hello.bones), 3)), turns.copy()
    for bone, parent in enumerate(hello.bone_parents):
        if parent >= 0:
            bases[bone] = bases[parent] + turned[parent] @ np.array(hello.bone_bases[bone]) * lengths[parent]
            turned[bone] = turned[parent] @ turns[bone]
    joints = [
        bases[bone] + turned[bone] @ np.array(place) * lengths[bone]
        for bone, place in zip(hello.joint_bones, hello.joint_places, strict=True)
    ]
    np.testing.assert_allclose(joints, joints_of_bones(turns, lengths), atol=1e-12)


@pytest.mark.parametrize("skeleton", [H36M17, RTPOSE28])
def test_hello_names_every_joint(skeleton: Skeleton) -> None:
    hello = protocol.hello(
        server_version="1", skeleton=skeleton, sources=[("x", (6, 4))], live=True, estimator="e",
        assumptions=["a"], server_ns=3,
    )  # fmt: skip
    back = msgspec.json.decode(protocol.encode_json(hello), type=protocol.Hello)
    assert back == hello
    assert back.joints == list(skeleton.joints)
    assert len(back.parents) == len(back.colors) == len(back.joint_bones) == len(back.joint_places) == len(back.joints)
    assert len(back.bone_parents) == len(back.bone_rests) == len(back.bone_bases) == len(back.bones)


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
