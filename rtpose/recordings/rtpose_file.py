"""`.rtpose`, format 1: a recording that grows frame by frame and may be cut off anywhere. numpy only.

Little-endian. MAGIC, then chunks to the end of the file: `u32 payload length, u32 crc32 of kind and payload, u8 kind,
payload`. A chunk whose length or checksum is wrong, and all that follows it, is not read.

- HEAD, the first: JSON with format, joint_names, parents, image_size [width, height], camera [fx, fy, cx, cy], and meta
  as in poses.npz.
- FRAMES: one frame or several, each `f64 timestamp_s, i64 frame_id, u16 persons, u16 joints` and its persons, each
  `i32 track_id, f32 bbox[4], f32 root[3]` and joint rows of f32 `x y z confidence u v score`.
- END, the last: JSON with meta, what is known only now. A file without it was cut off.
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

from rtpose.errors import InputError
from rtpose.recordings.npz import PosesFile, check_skeleton, load_poses
from rtpose.recordings.people_table import PosesTable, check_ids
from rtpose.skeleton import H36M17, Skeleton
from rtpose.types import Camera, Person3D

FORMAT = 1
MAGIC = b"RTPOSE1\n"
HEAD, FRAMES, END = 1, 2, 3
CHUNK_HEADER = struct.Struct("<IIB")
FRAME_HEADER = struct.Struct("<dqHH")


def _person_type(joints: int) -> np.dtype[Any]:
    row = [("pose", "<f4", 3), ("confidence", "<f4"), ("keypoint", "<f4", 3)]
    return np.dtype([("track_id", "<i4"), ("bbox", "<f4", 4), ("root", "<f4", 3), ("joints", row, joints)])


# Writing: what has to be appended, as bytes.


def head_chunk(
    *, skeleton: Skeleton = H36M17, image_size: tuple[int, int], camera: Camera, meta: Mapping[str, Any]
) -> bytes:
    """What comes after MAGIC."""
    head = {
        "format": FORMAT,
        "joint_names": skeleton.joints,
        "parents": skeleton.parents.tolist(),
        "image_size": image_size,
        "camera": camera.as_array().tolist(),
        "meta": meta,
    }
    return _chunk(HEAD, _json_bytes(head))


def frames_chunk(frames: Sequence[bytes]) -> bytes:
    """A chunk of frames that `encode_frame` made."""
    return _chunk(FRAMES, b"".join(frames))


def end_chunk(meta: Mapping[str, Any]) -> bytes:
    """What comes last. meta: what has changed since the head."""
    return _chunk(END, _json_bytes({"meta": meta}))


def encode_frame(frame_id: int, timestamp_s: float, persons: Sequence[Person3D], skeleton: Skeleton = H36M17) -> bytes:
    """One frame. Errors: `ValueError` for people without ids of their own."""
    check_ids(persons)
    joints = len(skeleton.joints)
    rows = np.empty(len(persons), _person_type(joints))
    for row, person in zip(rows, persons, strict=True):
        row["track_id"], row["bbox"], row["root"] = person.track_id, person.bbox, person.root_3d
        row["joints"]["pose"], row["joints"]["confidence"] = person.pose_3d, person.confidence
        row["joints"]["keypoint"] = person.keypoints_2d
    return FRAME_HEADER.pack(timestamp_s, frame_id, len(persons), joints) + rows.tobytes()


def save_recording(file: BinaryIO, poses: PosesFile) -> None:
    """Write a whole recording. Errors: `OSError` as the file gives it."""
    file.write(MAGIC)
    file.write(head_chunk(image_size=poses.image_size, camera=poses.camera, meta=poses.meta))
    for t, (frame_id, time_s) in enumerate(zip(poses.frame_ids.tolist(), poses.timestamps_s.tolist(), strict=True)):
        persons = [person_at(poses, t, column) for column in np.flatnonzero(poses.track_ids[t] >= 0).tolist()]
        file.write(frames_chunk([encode_frame(frame_id, time_s, persons)]))
    file.write(end_chunk({}))


def person_at(poses: PosesFile, t: int, column: int) -> Person3D:
    """Who is in a cell. The box, which a `PosesFile` lacks, is that around the 2D joints."""
    keypoints = poses.keypoints_2d[t, column]
    known = keypoints[np.isfinite(keypoints).all(-1), :2]
    nowhere = np.full(4, np.nan, np.float32)
    return Person3D(
        track_id=int(poses.track_ids[t, column]),
        bbox=np.concatenate([known.min(0), known.max(0)]) if len(known) else nowhere,
        keypoints_2d=keypoints,
        pose_3d=poses.poses_3d[t, column],
        root_3d=poses.root_3d[t, column],
        confidence=poses.confidence[t, column],
    )


def _chunk(kind: int, payload: bytes) -> bytes:
    return CHUNK_HEADER.pack(len(payload), zlib.crc32(payload, zlib.crc32(bytes([kind]))), kind) + payload


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, default=str).encode()


# Reading.


@dataclass(frozen=True, slots=True)
class Recording:
    """What could be read of a recording."""

    poses: PosesFile
    """`meta["frames"]` is the number of frames that are there, `meta["cut_off"]` is true where the end is missing."""
    complete: bool
    """Whether the end is there."""
    frames_end: int
    """Bytes from the beginning to the end of the last frame."""
    lost_bytes: int
    """Bytes that are damaged, or follow what is."""


def load_recording(path: Path) -> Recording:
    """Read all that is whole. Errors: `InputError` if there is no recording, or one without even its head."""
    try:
        with path.open("rb") as file:
            return _read(path, file)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: give a .rtpose that rtpose wrote") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def read_poses(path: Path) -> PosesFile:
    """A poses.npz or a recording, whatever the name's ending. Errors: `InputError`."""
    return load_recording(path).poses if is_recording(path) else load_poses(path)


def is_recording(path: Path) -> bool:
    """Whether a file begins as a recording; by its name where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return path.suffix.lower() == ".rtpose"


def _read(path: Path, file: BinaryIO) -> Recording:
    if file.read(len(MAGIC)) != MAGIC:
        raise InputError(f"{path} is not a recording of rtpose: it does not begin as one")
    total = file.seek(0, 2)
    file.seek(len(MAGIC))
    chunks = _chunks(file, total)
    kind, payload = next(chunks, (HEAD, b""))
    if kind != HEAD or not payload:
        raise InputError(f"{path} holds nothing that can be read: it was cut off or damaged before its first frame")
    image_size, camera, meta = _head(path, payload)
    frames_end = kept = file.tell()
    table = PosesTable()
    complete = False
    last_s = -math.inf
    for kind, payload in chunks:
        if kind == END:
            changed = _json_object(payload).get("meta")
            if isinstance(changed, dict):
                complete, kept = True, file.tell()
                meta.update(changed)
            break
        frames = _frames(payload, last_s) if kind == FRAMES else None
        if not frames:
            break
        for frame_id, time_s, persons in frames:
            table.append(frame_id, time_s, persons)
            last_s = time_s
        frames_end = kept = file.tell()
    meta["frames"] = len(table)
    if not complete:
        meta["cut_off"] = True
    poses = table.poses_file(image_size=image_size, camera=camera, meta=meta)
    return Recording(poses, complete, frames_end, lost_bytes=total - kept)


def _chunks(file: BinaryIO, total: int) -> Iterator[tuple[int, bytes]]:
    """(kind, payload) of each chunk up to the first that is not whole; the file is then at its end."""
    while len(header := file.read(CHUNK_HEADER.size)) == CHUNK_HEADER.size:
        length, checksum, kind = CHUNK_HEADER.unpack(header)
        if length > total - file.tell():
            return
        payload = file.read(length)
        if len(payload) != length or zlib.crc32(payload, zlib.crc32(bytes([kind]))) != checksum:
            return
        yield kind, payload


def _head(path: Path, payload: bytes) -> tuple[tuple[int, int], Camera, dict[str, Any]]:
    head = _json_object(payload)
    if head.get("format") != FORMAT:
        raise InputError(f"{path} is a recording of format {head.get('format')}, this rtpose reads {FORMAT}")
    try:
        check_skeleton(path, tuple(head["joint_names"]), np.array(head["parents"]))
        width, height = map(int, head["image_size"])
        camera = Camera(*map(float, head["camera"]))
        return (width, height), camera, dict(head["meta"])
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not a recording of rtpose: its head lacks something ({error!r})") from None


def _json_object(payload: bytes) -> dict[str, Any]:
    """Empty if it is none."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _frames(payload: bytes, last_s: float) -> list[tuple[int, float, list[Person3D]]] | None:
    """(frame id, time, people) of each frame; None if one is not what a recorder writes."""
    frames = []
    person = _person_type(len(H36M17.joints))
    offset = 0
    while offset < len(payload):
        if len(payload) - offset < FRAME_HEADER.size:
            return None
        time_s, frame_id, count, joints = FRAME_HEADER.unpack_from(payload, offset)
        offset += FRAME_HEADER.size
        if not last_s < time_s < math.inf or joints != len(H36M17.joints):
            return None
        if len(payload) - offset < count * person.itemsize:
            return None
        rows: NDArray[Any] = np.frombuffer(payload, person, count, offset)
        offset += rows.nbytes
        persons = [
            Person3D(
                track_id=int(row["track_id"]),
                bbox=row["bbox"],
                keypoints_2d=row["joints"]["keypoint"],
                pose_3d=row["joints"]["pose"],
                root_3d=row["root"],
                confidence=row["joints"]["confidence"],
            )
            for row in rows
        ]
        try:
            check_ids(persons)
        except ValueError:
            return None
        frames.append((frame_id, time_s, persons))
        last_s = time_s
    return frames
