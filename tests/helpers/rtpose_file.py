"""An .rtpose recording, written from its description alone."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from rtpose.bones import BONE_NAMES, BONE_PARENTS
from rtpose.skeleton import H36M17, RTPOSE28
from rtpose.types import Result

MAGIC = b"RTPOSE1\n"
HEAD, FRAMES, END = 1, 2, 3


def chunk(kind: int, payload: bytes) -> bytes:
    """Its length, its checksum, its kind, itself."""
    return struct.pack("<IIB", len(payload), zlib.crc32(bytes([kind]) + payload), kind) + payload


def rtpose_file(results: Sequence[Result], *, per_chunk: int = 15, ended: bool = True) -> bytes:
    """The whole file: format 2 of people with 28 joints, format 1 of people with 17."""
    first = results[0]
    joints = next(len(person.pose_3d) for result in results for person in result.persons)
    skeleton, bones = H36M17, {}
    if joints == 28:
        skeleton, bones = RTPOSE28, {"bone_names": list(BONE_NAMES), "bone_parents": BONE_PARENTS.tolist()}
    head = {
        "format": 2 if bones else 1, **bones,
        "joint_names": list(skeleton.joints), "parents": skeleton.parents.tolist(),
        "image_size": list(first.frame.size), "camera": first.camera.as_array().tolist(),
        "meta": {"estimator": "synthetic", "assumptions": ["height 1.70 m, assumed"]},
    }  # fmt: skip
    parts = [MAGIC, chunk(HEAD, json.dumps(head).encode())]
    for start in range(0, len(results), per_chunk):
        parts.append(chunk(FRAMES, b"".join(_frame(result, joints) for result in results[start : start + per_chunk])))
    if ended:
        parts.append(chunk(END, json.dumps({"meta": {}}).encode()))
    return b"".join(parts)


def _frame(result: Result, joints: int) -> bytes:
    parts = [struct.pack("<dqHH", result.frame.pts_s, result.frame.frame_id, len(result.persons), joints)]
    if joints == 28:
        world = np.full(16, np.nan) if result.world_from_camera is None else result.world_from_camera
        parts.append(struct.pack("<HH", len(BONE_NAMES), 0) + world.astype("<f4").tobytes())
    for person in result.persons:
        parts.append(struct.pack("<i4f3f", person.track_id, *person.bbox, *person.root_3d))
        rows = np.concatenate([person.pose_3d, person.confidence[:, None], person.keypoints_2d], 1)
        parts.append(rows.astype("<f4").tobytes())
        if joints == 28:
            bones, contacts = np.full((len(BONE_NAMES), 5), np.nan), np.full(4, np.nan)
            if person.body is not None:
                bones, contacts = np.c_[person.body.rotations, person.body.bone_lengths], person.body.contacts
            parts.append(bones.astype("<f4").tobytes() + contacts.astype("<f4").tobytes())
    return b"".join(parts)
