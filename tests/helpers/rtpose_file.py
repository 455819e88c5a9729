"""An .rtpose recording, written from its description alone."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from rtpose.skeleton import H36M17
from rtpose.types import Result

MAGIC = b"RTPOSE1\n"
HEAD, FRAMES, END = 1, 2, 3


def chunk(kind: int, payload: bytes) -> bytes:
    """Its length, its checksum, its kind, itself."""
    return struct.pack("<IIB", len(payload), zlib.crc32(bytes([kind]) + payload), kind) + payload


def rtpose_file(results: Sequence[Result], *, per_chunk: int = 15, ended: bool = True) -> bytes:
    """The whole file."""
    first = results[0]
    head = {
        "format": 1, "joint_names": list(H36M17.joints), "parents": H36M17.parents.tolist(),
        "image_size": list(first.frame.size), "camera": first.camera.as_array().tolist(),
        "meta": {"estimator": "synthetic", "assumptions": ["height 1.70 m, assumed"]},
    }  # fmt: skip
    parts = [MAGIC, chunk(HEAD, json.dumps(head).encode())]
    for start in range(0, len(results), per_chunk):
        parts.append(chunk(FRAMES, b"".join(_frame(result) for result in results[start : start + per_chunk])))
    if ended:
        parts.append(chunk(END, json.dumps({"meta": {}}).encode()))
    return b"".join(parts)


def _frame(result: Result) -> bytes:
    joints = len(result.persons[0].pose_3d) if result.persons else 0
    parts = [struct.pack("<dqHH", result.frame.pts_s, result.frame.frame_id, len(result.persons), joints)]
    for person in result.persons:
        parts.append(struct.pack("<i4f3f", person.track_id, *person.bbox, *person.root_3d))
        rows = np.concatenate([person.pose_3d, person.confidence[:, None], person.keypoints_2d], 1)
        parts.append(rows.astype("<f4").tobytes())
    return b"".join(parts)
