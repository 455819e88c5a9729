"""`.rtpose`: bit for bit what was written, and of a damaged file all before the damage and nothing that is wrong."""

import io
import json
import struct
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from posed_bodies import LENGTHS, body_at, level_world

from rtpose.errors import InputError
from rtpose.recordings import load_recording
from rtpose.recordings.npz import read_npz, write_npz
from rtpose.recordings.people_table import PeopleTable
from rtpose.recordings.recording import SKELETON_OF, Recording, recording_meta
from rtpose.recordings.rtpose_file import (
    CHUNK_HEADER,
    MAGIC,
    encode_frame,
    end_chunk,
    frames_chunk,
    head_chunk,
    read_rtpose,
    write_rtpose,
)
from rtpose.skeleton import H36M17, RTPOSE28
from rtpose.types import Camera, Person3D

CAMERA = Camera(800, 810, 640, 360)
SIZE = (1280, 720)


def make_person(track_id: int, seed: int, nan: bool = False, joints: int = 28) -> Person3D:
    """Every other one with a body; in format 1, nobody."""
    rng = np.random.default_rng((track_id, seed))
    numbers = rng.normal(size=(joints, 7)).astype(np.float32)
    if nan:
        numbers[5] = np.nan
    body = None
    if track_id % 2 and joints == 28:
        body, numbers[:, :3], _ = body_at(seed / 30, track_id, (LENGTHS * (1 + track_id / 100)).astype(np.float32))
    return Person3D(
        track_id=track_id,
        bbox=rng.normal(size=4).astype(np.float32),
        keypoints_2d=numbers[:, 4:],
        pose_3d=numbers[:, :3],
        root_3d=rng.normal(size=3).astype(np.float32),
        confidence=numbers[:, 3],
        body=body,
    )


Frames = list[tuple[int, float, list[Person3D], "np.ndarray | None"]]


def make_frames(ids: list[set[int]], joints: int = 28) -> Frames:
    """The world is known from the third frame on."""
    return [
        (
            3 * t,
            5 + t / 30,
            [make_person(track_id, t, nan=t % 4 == 1, joints=joints) for track_id in who],
            level_world(1 + t / 10).astype(np.float32) if t > 1 and joints == 28 else None,
        )
        for t, who in enumerate(ids)
    ]


def bytes_of(frames: Frames, end: bool = True, version: int = 2) -> bytes:
    """One chunk for each frame."""
    head = head_chunk(image_size=SIZE, camera=CAMERA, meta=recording_meta({"fps": 30.0}), version=version)
    chunks = [frames_chunk([encode_frame(*frame, version=version)]) for frame in frames]
    return b"".join([MAGIC, head, *chunks, end_chunk({"drops": {"late": 2}, "frames": len(frames)}) if end else b""])


def poses_of(frames: Frames, version: int = 2, **meta: Any) -> Recording:
    table = PeopleTable(SKELETON_OF[version])
    for frame in frames:
        table.append(*frame)
    meta = {**recording_meta({"fps": 30.0}), "format": version, "frames": len(frames), **meta}
    return table.to_recording(image_size=SIZE, camera=CAMERA, meta=meta)


def assert_equal(got: Recording, expected: Recording) -> None:
    for field in fields(Recording):
        a, b = getattr(got, field.name), getattr(expected, field.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
            assert a.shape == b.shape, field.name
            assert a.tobytes() == b.tobytes(), field.name
        else:
            assert a == b, field.name


@pytest.mark.parametrize("version", [1, 2])
@given(st.lists(st.sets(st.integers(0, 5), max_size=3), min_size=1, max_size=15))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_npz_and_back_bit_by_bit(tmp_path: Path, version: int, ids: list[set[int]]) -> None:
    """frames -> .rtpose -> npz -> .rtpose -> npz: both npz are the same bytes, and hold what was seen."""
    recording, npz = tmp_path / "a.rtpose", tmp_path / "a.npz"
    frames = make_frames(ids, {1: 17, 2: 28}[version])
    recording.write_bytes(bytes_of(frames, version=version))
    read = read_rtpose(recording)
    assert (read.complete, read.lost_bytes) == (True, 0)
    assert_equal(read.recording, poses_of(frames, version, drops={"late": 2}))
    with npz.open("wb") as file:
        write_npz(file, read.recording)
    poses = read_npz(npz)
    with recording.open("wb") as file:
        write_rtpose(file, poses)
    again = read_rtpose(recording)
    assert (again.complete, again.lost_bytes) == (True, 0)
    assert_equal(again.recording, poses)
    copy = io.BytesIO()
    write_npz(copy, again.recording)
    assert copy.getvalue() == npz.read_bytes()


def test_the_bytes_are_those_of_the_format() -> None:
    """Written out by hand, as another program would read them."""
    person = make_person(7, 0)
    world = np.arange(16, dtype=np.float32).reshape(4, 4)
    data = bytes_of([(3, 5.5, [person], world)])
    assert data[:8] == b"RTPOSE1\n"
    chunks, at = [], 8
    while at < len(data):
        length, checksum, kind = struct.unpack_from("<IIB", data, at)
        payload = data[at + 9 : at + 9 + length]
        assert zlib.crc32(bytes([kind]) + payload) == checksum
        chunks.append((kind, payload))
        at += 9 + length
    assert [kind for kind, _ in chunks] == [1, 2, 3]
    head = json.loads(chunks[0][1])
    assert head["format"] == 2
    assert head["joint_names"] == list(RTPOSE28.joints)
    assert head["parents"] == RTPOSE28.parents.tolist()
    assert head["bone_names"][:2] == ["hips", "spine"]
    assert head["bone_parents"][:2] == [-1, 0]
    assert head["image_size"] == [1280, 720]
    assert head["camera"] == [800, 810, 640, 360]
    assert head["meta"]["fps"] == 30
    frame = chunks[1][1]
    assert struct.unpack_from("<dqHHHH", frame) == (5.5, 3, 1, 28, 19, 0)
    np.testing.assert_array_equal(np.frombuffer(frame, "<f4", 16, 24).reshape(4, 4), world)
    assert struct.unpack_from("<i7f", frame, 88) == (7, *person.bbox.tolist(), *person.root_3d.tolist())
    rows = np.frombuffer(frame, "<f4", 28 * 7, 120).reshape(28, 7)
    np.testing.assert_array_equal(rows, np.c_[person.pose_3d, person.confidence, person.keypoints_2d])
    assert person.body is not None
    bones = np.frombuffer(frame, "<f4", 19 * 5, 120 + 28 * 7 * 4).reshape(19, 5)
    np.testing.assert_array_equal(bones, np.c_[person.body.rotations, person.body.bone_lengths])
    np.testing.assert_array_equal(
        np.frombuffer(frame, "<f4", offset=120 + 28 * 7 * 4 + 19 * 5 * 4), person.body.contacts
    )
    assert json.loads(chunks[2][1]) == {"meta": {"drops": {"late": 2}, "frames": 1}}


FRAMES = make_frames([{1}, {1, 2}, set(), {2}, {2, 3, 4}, {3}])
WHOLE = bytes_of(FRAMES)
HEAD_END = len(MAGIC) + len(head_chunk(image_size=SIZE, camera=CAMERA, meta=recording_meta({"fps": 30.0})))
ENDS = [len(bytes_of(FRAMES[:count], end=False)) for count in range(len(FRAMES) + 1)]
"""Where the file's frames end, after 0, 1, … of them."""


def check_damaged(path: Path, data: bytes, sound_bytes: int) -> None:
    """All frames before the damage are there as they were, and no other."""
    path.write_bytes(data)
    if sound_bytes < HEAD_END:
        with pytest.raises(InputError):
            read_rtpose(path)
        return
    read = read_rtpose(path)
    kept = sum(end <= sound_bytes for end in ENDS) - 1
    assert not read.complete
    assert read.frames_end == ENDS[kept]
    assert read.lost_bytes == len(data) - ENDS[kept]
    assert_equal(read.recording, poses_of(FRAMES[:kept], cut_off=True))


@given(st.integers(0, len(WHOLE) - 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_cut_off_at_any_byte(tmp_path: Path, length: int) -> None:
    check_damaged(tmp_path / "cut.rtpose", WHOLE[:length], length)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
def test_any_byte_changed(tmp_path: Path, where: int, change: int) -> None:
    data = bytearray(WHOLE)
    data[where] ^= change
    check_damaged(tmp_path / "changed.rtpose", bytes(data), where)


@pytest.mark.parametrize("tail", [bytes(4096), b"\xff" * 100, b"RTPOSE1\n"])
def test_rubbish_at_the_end(tmp_path: Path, tail: bytes) -> None:
    """A file system may leave zeros where a power cut came."""
    path = tmp_path / "tail.rtpose"
    path.write_bytes(WHOLE[: ENDS[3]] + tail)
    read = read_rtpose(path)
    assert (len(read.recording.frame_ids), read.complete, read.lost_bytes) == (3, False, len(tail))
    path.write_bytes(WHOLE + tail)
    read = read_rtpose(path)
    assert (len(read.recording.frame_ids), read.complete, read.lost_bytes) == (6, True, len(tail))


def chunk(kind: int, payload: bytes) -> bytes:
    return CHUNK_HEADER.pack(len(payload), zlib.crc32(bytes([kind]) + payload), kind) + payload


SOUND = FRAMES[3][2][0]


@pytest.mark.parametrize(
    "payload",
    [
        encode_frame(99, 5.0, [SOUND]),  # no later than the last
        encode_frame(99, float("nan"), [SOUND]),
        encode_frame(99, float("inf"), [SOUND]),
        encode_frame(99, 9.0, [SOUND])[:-1],
        encode_frame(99, 9.0, [SOUND]) + b"\0",
        encode_frame(99, 9.0, [SOUND])[:88].replace(struct.pack("<HH", 28, 19), struct.pack("<HH", 17, 19)),
        encode_frame(99, 9.0, [SOUND])[:88].replace(struct.pack("<HH", 28, 19), struct.pack("<HH", 28, 18)),
        struct.pack("<dqHHHH", 9.0, 99, 65535, 28, 19, 0) + bytes(64),
        struct.pack("<dqHHHH", 9.0, 99, 1, 28, 19, 0) + bytes(64) + struct.pack("<i", -1) + bytes(1208),
        b"",
    ],
    ids=["time", "nan", "inf", "short", "long", "joints", "bones", "people", "id", "empty"],
)
def test_sound_checksums_of_what_no_recorder_writes(tmp_path: Path, payload: bytes) -> None:
    path = tmp_path / "odd.rtpose"
    path.write_bytes(WHOLE[: ENDS[2]] + chunk(2, payload) + WHOLE[ENDS[2] :])
    assert read_rtpose(path).recording.frame_ids.tolist() == [0, 3]


def changed_head(**changes: Any) -> bytes:
    head = json.loads(WHOLE[len(MAGIC) + CHUNK_HEADER.size : HEAD_END])
    return MAGIC + chunk(1, json.dumps({**head, **changes}).encode()) + WHOLE[HEAD_END:]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not a .rtpose recording"),
        (b"PK\x03\x04 something else", "is not a .rtpose recording"),
        (MAGIC, "before its first frame"),
        (MAGIC + chunk(2, encode_frame(0, 1.0, [SOUND])), "before its first frame"),
        (MAGIC + chunk(1, b"no json"), "format None"),
        (MAGIC + chunk(1, b"[]"), "format None"),
        (changed_head(format=3), "is a recording of format 3; this version of rtpose reads formats 1 and 2"),
        (changed_head(joint_names=["nose"]), "does not use the skeleton rtpose28"),
        (changed_head(joint_names=list(H36M17.joints)), "does not use the skeleton rtpose28"),
        (changed_head(bone_names=["tail"]), "bones that this version of rtpose does not know: tail"),
        (changed_head(camera=[1, 2]), "its head is incomplete"),
        (changed_head(meta=3), "its head is incomplete"),
        (changed_head(image_size="big"), "its head is incomplete"),
    ],
)
def test_no_recording(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "wrong.rtpose"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_rtpose(path)


def test_either_kind_is_read_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(WHOLE)
    assert len(load_recording(tmp_path / "a.npz").frame_ids) == 6
    with (tmp_path / "b.rtpose").open("wb") as file:
        write_npz(file, poses_of(FRAMES))
    assert_equal(load_recording(tmp_path / "b.rtpose"), poses_of(FRAMES))
    with pytest.raises(InputError, match=r"does not exist: give a \.rtpose"):
        load_recording(tmp_path / "c.rtpose")
    with pytest.raises(InputError, match=r"does not exist: give a poses\.npz"):
        load_recording(tmp_path / "c.npz")
    with pytest.raises(InputError, match=r"cannot be read|not a poses"):
        load_recording(tmp_path)
