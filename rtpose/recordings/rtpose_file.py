"""`.rtpose`, format 2: a recording that grows frame by frame and may be cut off anywhere. numpy only.

Little-endian. MAGIC, then chunks to the end of the file: `u32 payload length, u32 crc32 of kind and payload, u8 kind,
payload`. Reading stops at the first chunk whose length or checksum is wrong.

- HEAD, the first: JSON with format, joint_names, parents, bone_names, bone_parents, image_size [width, height], camera
  [fx, fy, cx, cy], and meta as in poses.npz.
- FRAMES: one frame or several, each `f64 timestamp_s, i64 frame_id, u16 persons, u16 joints, u16 bones, u16 0,
  f32 world_from_camera[16]` by rows and its persons, each `i32 track_id, f32 bbox[4], f32 root[3]`, joint rows of f32
  `x y z confidence u v score`, bone rows of f32 `w x y z length` and `f32 contacts[4]`. Lengths: at that moment.
- END, the last: JSON with meta, the entries that changed since HEAD. A file without it was cut off.

Format 1, which is still read, has no bones: its frames have nothing between `joints` and their persons, its persons
nothing after their joints.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_NAMES, BONE_PARENTS, CONTACT_JOINTS
from rtpose.errors import InputError
from rtpose.recordings.people_table import PeopleTable, check_ids
from rtpose.recordings.recording import (
    FORMAT,
    SKELETON_OF,
    Recording,
    check_format,
    check_names,
    check_numbers,
    checked_meta,
    format_of,
)
from rtpose.types import BodyPose, Camera, Person3D

MAX_TIME_S = 1e12
MOST_BYTES = 2**29
MAGIC = b"RTPOSE1\n"
HEAD, FRAMES, END = 1, 2, 3
CHUNK_HEADER = struct.Struct("<IIB")
FRAME_HEADERS = {1: struct.Struct("<dqHH"), 2: struct.Struct("<dqHHHH16f")}
"""By format."""
_NO_WORLD = (math.nan,) * 16


def _person_type(version: int) -> np.dtype[Any]:
    row = [("pose", "<f4", 3), ("confidence", "<f4"), ("keypoint", "<f4", 3)]
    joints = len(SKELETON_OF[version].joints)
    fields: list[Any] = [("track_id", "<i4"), ("bbox", "<f4", 4), ("root", "<f4", 3), ("joints", row, joints)]
    if version > 1:
        bone = [("rotation", "<f4", 4), ("length", "<f4")]
        fields += [("bones", bone, len(BONE_NAMES)), ("contacts", "<f4", len(CONTACT_JOINTS))]
    return np.dtype(fields)


# Writing: each function returns bytes to append.


def head_chunk(*, image_size: tuple[int, int], camera: Camera, meta: Mapping[str, Any], version: int = FORMAT) -> bytes:
    """The HEAD chunk, which follows MAGIC."""
    skeleton = SKELETON_OF[version]
    bones = {"bone_names": BONE_NAMES, "bone_parents": BONE_PARENTS.tolist()} if version > 1 else {}
    head = {
        "format": version,
        "joint_names": skeleton.joints,
        "parents": skeleton.parents.tolist(),
        **bones,
        "image_size": image_size,
        "camera": camera.as_array().tolist(),
        "meta": {**meta, "format": version},
    }
    return _chunk(HEAD, _json_bytes(head))


def frames_chunk(frames: Sequence[bytes]) -> bytes:
    """A FRAMES chunk. frames: from `encode_frame`."""
    return _chunk(FRAMES, b"".join(frames))


def end_chunk(meta: Mapping[str, Any]) -> bytes:
    """The END chunk. meta: the entries that changed since HEAD."""
    return _chunk(END, _json_bytes({"meta": meta}))


def encode_frame(
    frame_id: int,
    timestamp_s: float,
    persons: Sequence[Person3D],
    world_from_camera: NDArray[np.floating[Any]] | None = None,
    *,
    version: int = FORMAT,
) -> bytes:
    """One frame of a FRAMES chunk. Errors: `ValueError` if two people share an id."""
    check_ids(persons)
    rows = np.empty(len(persons), _person_type(version))
    for row, person in zip(rows, persons, strict=True):
        row["track_id"], row["bbox"], row["root"] = person.track_id, person.bbox, person.root_3d
        row["joints"]["pose"], row["joints"]["confidence"] = person.pose_3d, person.confidence
        row["joints"]["keypoint"] = person.keypoints_2d
        if version > 1:
            body = person.body
            row["bones"]["rotation"] = np.nan if body is None else body.rotations
            row["bones"]["length"] = np.nan if body is None else body.bone_lengths
            row["contacts"] = np.nan if body is None else body.contacts
    counts: list[float] = [len(persons), len(SKELETON_OF[version].joints)]
    if version > 1:
        world = _NO_WORLD if world_from_camera is None else world_from_camera.ravel().tolist()
        counts += [len(BONE_NAMES), 0, *world]
    return FRAME_HEADERS[version].pack(timestamp_s, frame_id, *counts) + rows.tobytes()


def write_rtpose(file: BinaryIO, recording: Recording) -> None:
    """Write a whole recording, one of `h36m17` as format 1. Errors: `OSError` from the file."""
    version = format_of(recording)
    file.write(MAGIC)
    file.write(
        head_chunk(image_size=recording.image_size, camera=recording.camera, meta=recording.meta, version=version)
    )
    frames = zip(recording.frame_ids.tolist(), recording.timestamps_s.tolist(), strict=True)
    for t, (frame_id, time_s) in enumerate(frames):
        frame = encode_frame(frame_id, time_s, recording.people(t), recording.world_of(t), version=version)
        file.write(frames_chunk([frame]))
    file.write(end_chunk({}))


def _chunk(kind: int, payload: bytes) -> bytes:
    return CHUNK_HEADER.pack(len(payload), zlib.crc32(payload, zlib.crc32(bytes([kind]))), kind) + payload


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, default=str).encode()


# Reading.


@dataclass(frozen=True, slots=True)
class RtposeFile:
    """The readable part of a `.rtpose` file."""

    recording: Recording
    """`meta["frames"]` is the number of frames read; `meta["cut_off"]` is true if the END chunk is missing."""
    complete: bool
    """Whether the END chunk was read."""
    frames_end: int
    """Bytes from the beginning of the file to the end of the last readable frame."""
    lost_bytes: int
    """Bytes that are damaged or come after a damaged chunk."""


def read_rtpose(path: Path) -> RtposeFile:
    """Read all chunks up to the first damaged one. Errors: `InputError` if there is no file or no readable HEAD."""
    try:
        with path.open("rb") as file:
            return _read(path, file)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: give a .rtpose that rtpose wrote") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def is_rtpose(path: Path) -> bool:
    """Whether the file starts with MAGIC. If it cannot be read, its name decides."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return path.suffix.lower() == ".rtpose"


def _read(path: Path, file: BinaryIO) -> RtposeFile:
    if file.read(len(MAGIC)) != MAGIC:
        raise InputError(f"{path} is not a .rtpose recording")
    total = file.seek(0, 2)
    file.seek(len(MAGIC))
    chunks = _chunks(file, total)
    kind, payload = next(chunks, (HEAD, b""))
    if kind != HEAD or not payload:
        raise InputError(f"{path} has nothing to read: it was cut off or damaged before its first frame")
    version, image_size, camera, meta = _head(path, payload)
    frames_end = kept = file.tell()
    table = PeopleTable(SKELETON_OF[version])
    complete = False
    last_s, most = -math.inf, 0
    for kind, payload in chunks:
        if kind == END:
            changed = _json_object(payload).get("meta")
            if isinstance(changed, dict):
                complete, kept = True, file.tell()
                meta = checked_meta(path, {**meta, **changed})
            break
        frames = _frames(payload, last_s, version) if kind == FRAMES else None
        if not frames:
            break
        for frame_id, time_s, persons, world in frames:
            table.append(frame_id, time_s, persons, world)
            last_s, most = time_s, max(most, len(persons))
        frames_end = kept = file.tell()
    check_numbers(path, image_size, camera, len(table))
    needed = len(table) * most * _person_type(FORMAT).itemsize
    if needed > max(MOST_BYTES, 50 * total):
        raise InputError(
            f"{path} is damaged or not a recording: {len(table)} frames with up to {most} people at once would need "
            f"{needed / 2**20:,.0f} MB"
        )
    meta["frames"] = len(table)
    if not complete:
        meta["cut_off"] = True
    recording = table.to_recording(image_size=image_size, camera=camera, meta=meta)
    return RtposeFile(recording, complete, frames_end, lost_bytes=total - kept)


def _chunks(file: BinaryIO, total: int) -> Iterator[tuple[int, bytes]]:
    """(kind, payload) of each chunk, up to the first damaged one."""
    while len(header := file.read(CHUNK_HEADER.size)) == CHUNK_HEADER.size:
        length, checksum, kind = CHUNK_HEADER.unpack(header)
        if length > total - file.tell():
            return
        payload = file.read(length)
        if len(payload) != length or zlib.crc32(payload, zlib.crc32(bytes([kind]))) != checksum:
            return
        yield kind, payload


def _head(path: Path, payload: bytes) -> tuple[int, tuple[int, int], Camera, dict[str, Any]]:
    """Format, picture size, camera, meta."""
    head = _json_object(payload)
    version: Any = head.get("format")
    check_format(path, version)
    try:
        check_names(path, version, head)
        width, height = map(int, head["image_size"])
        camera = Camera(*map(float, head["camera"]))
        check_numbers(path, (width, height), camera, frames=0)
        return version, (width, height), camera, checked_meta(path, dict(head["meta"]))
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{path} is not a .rtpose recording: its head is incomplete ({error!r})") from None


def _json_object(payload: bytes) -> dict[str, Any]:
    """The object; empty if the payload is not a JSON object."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


_Frame = tuple[int, float, list[Person3D], "NDArray[np.float32] | None"]


def _frames(payload: bytes, last_s: float, version: int) -> list[_Frame] | None:
    """(frame id, time, people, world_from_camera) of each frame; None if any of them is malformed."""
    frames: list[_Frame] = []
    header, person = FRAME_HEADERS[version], _person_type(version)
    counts = [len(SKELETON_OF[version].joints), *([len(BONE_NAMES)] if version > 1 else [])]
    offset = 0
    while offset < len(payload):
        if len(payload) - offset < header.size:
            return None
        time_s, frame_id, count, *rest = header.unpack_from(payload, offset)
        offset += header.size
        if not max(last_s, -MAX_TIME_S) < time_s < MAX_TIME_S or rest[: len(counts)] != counts:
            return None
        if len(payload) - offset < count * person.itemsize:
            return None
        rows: NDArray[Any] = np.frombuffer(payload, person, count, offset)
        offset += rows.nbytes
        persons = [_person(row) for row in rows]
        try:
            check_ids(persons)
        except ValueError:
            return None
        world = np.array(rest[3:], np.float32).reshape(4, 4) if version > 1 else None
        frames.append((frame_id, time_s, persons, world))
        last_s = time_s
    return frames


def _person(row: Any) -> Person3D:
    body = None
    if "bones" in row.dtype.names and np.isfinite(row["bones"]["rotation"]).all():
        body = BodyPose(row["bones"]["rotation"], row["bones"]["length"], row["contacts"])
    return Person3D(
        track_id=int(row["track_id"]),
        bbox=row["bbox"],
        keypoints_2d=row["joints"]["keypoint"],
        pose_3d=row["joints"]["pose"],
        root_3d=row["root"],
        confidence=row["joints"]["confidence"],
        body=body,
    )
