"""The socket's binary messages read back: for clients in Python, and for tests. See `protocol` for their layout."""

from __future__ import annotations

from typing import Any

import numpy as np

from rtpose.bones import CONTACT_JOINTS
from rtpose.errors import InputError
from rtpose.server.protocol import (
    BONE_COLUMNS,
    HEADER,
    HEADER_FIELDS,
    KIND_PICTURE,
    KIND_POSES,
    PICTURE_COLUMNS,
    POSE_COLUMNS,
    PROTOCOL_VERSION,
    WORLD_FLOATS,
)


def decode_poses(data: bytes) -> dict[str, Any]:
    """A KIND_POSES message.

    Returns the header's fields, `world_from_camera` (4, 4) or None, and `persons` with `track_id`, `bbox` (4,), `root`
    (3,), `joints` (J, 4), and `bones` (B, 5) and `contacts` (4,), None without a body.
    Errors: `InputError` for anything else.
    """
    header = _decode_header(data, KIND_POSES)
    person = np.dtype(
        [
            ("track_id", "<i4"),
            ("bbox", "<f4", (4,)),
            ("root", "<f4", (3,)),
            ("joints", "<f4", (header["joint_count"], len(POSE_COLUMNS))),
            ("bones", "<f4", (header["bone_count"], len(BONE_COLUMNS))),
            ("contacts", "<f4", (len(CONTACT_JOINTS),)),
        ]
    )
    start = HEADER.size + 4 * WORLD_FLOATS
    if len(data) != start + header["person_count"] * person.itemsize:
        raise InputError(f"a pose message of {len(data)} bytes does not hold {header['person_count']} persons")
    world = np.frombuffer(data, "<f4", WORLD_FLOATS, HEADER.size).reshape(4, 4)
    rows = np.frombuffer(data, person, header["person_count"], start)
    persons: list[dict[str, Any]] = [{name: row[name] for name in person.names or ()} for row in rows]
    for fields in persons:
        fields["track_id"] = int(fields["track_id"])
        if not np.isfinite(fields["bones"]).all():
            fields["bones"] = fields["contacts"] = None
    return {**header, "world_from_camera": world if np.isfinite(world).all() else None, "persons": persons}


def decode_picture(data: bytes) -> dict[str, Any]:
    """A KIND_PICTURE message.

    Returns the header's fields, `persons` with `track_id` and `keypoints` (J, 3), and `jpeg` bytes.
    Errors: `InputError` for anything else.
    """
    header = _decode_header(data, KIND_PICTURE)
    person = np.dtype([("track_id", "<i4"), ("keypoints", "<f4", (header["joint_count"], len(PICTURE_COLUMNS)))])
    jpeg_offset = HEADER.size + header["person_count"] * person.itemsize
    if len(data) < jpeg_offset:
        raise InputError(f"a picture message of {len(data)} bytes lacks some of its {header['person_count']} persons")
    persons = [
        {"track_id": int(row["track_id"]), "keypoints": row["keypoints"]}
        for row in np.frombuffer(data[HEADER.size : jpeg_offset], dtype=person)
    ]
    return {**header, "persons": persons, "jpeg": data[jpeg_offset:]}


def _decode_header(data: bytes, kind: int) -> dict[str, Any]:
    if len(data) < HEADER.size:
        raise InputError(f"a message of {len(data)} bytes is shorter than its header")
    header = dict(zip((name for name, _, _ in HEADER_FIELDS), HEADER.unpack_from(data), strict=True))
    if header["version"] != PROTOCOL_VERSION or header["kind"] != kind:
        raise InputError(
            f"expected a message of version {PROTOCOL_VERSION} and kind {kind}, "
            f"got version {header['version']} and kind {header['kind']}"
        )
    return header
