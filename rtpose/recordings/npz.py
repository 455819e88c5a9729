"""poses.npz, format 2: the file that `rtpose video` writes; format 1 is still read. numpy only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_NAMES
from rtpose.errors import InputError
from rtpose.npz_files import read_arrays
from rtpose.recordings.recording import (
    SKELETON_OF,
    Recording,
    check_format,
    check_names,
    check_numbers,
    checked_meta,
    format_of,
    no_bodies,
)
from rtpose.types import Camera

# key -> (dtype, shape). A letter is a length: equal letters are equal lengths.
_ARRAYS: dict[str, tuple[type[np.generic], tuple[str | int, ...]]] = {
    "poses_3d": (np.float32, ("T", "P", "J", 3)),
    "root_3d": (np.float32, ("T", "P", 3)),
    "confidence": (np.float32, ("T", "P", "J")),
    "keypoints_2d": (np.float32, ("T", "P", "J", 3)),
    "track_ids": (np.int32, ("T", "P")),
    "timestamps_s": (np.float64, ("T",)),
    "frame_ids": (np.int64, ("T",)),
    "joint_names": (np.str_, ("J",)),
    "parents": (np.int16, ("J",)),
    "image_size": (np.int32, (2,)),
    "camera": (np.float64, (4,)),
    "meta": (np.str_, ()),
}
_BODY_ARRAYS: dict[str, tuple[type[np.generic], tuple[str | int, ...]]] = {
    "rotations": (np.float32, ("T", "P", "B", 4)),
    "bone_lengths": (np.float32, ("P", "B")),
    "contacts": (np.float32, ("T", "P", 4)),
    "world_from_camera": (np.float32, ("T", 4, 4)),
    "bone_names": (np.str_, ("B",)),
    "bone_parents": (np.int16, ("B",)),
}
"""Since format 2."""
_ALL_ARRAYS = {**_ARRAYS, **_BODY_ARRAYS}


def write_npz(file: BinaryIO, recording: Recording) -> None:
    """Write a whole recording, one of `h36m17` as format 1. Errors: `OSError` from the file."""
    version = format_of(recording)
    arrays: dict[str, Any] = {field.name: getattr(recording, field.name) for field in fields(recording)}
    arrays["camera"] = recording.camera.as_array()
    arrays["meta"] = json.dumps({**recording.meta, "format": version}, default=str)
    # Not compressed: hours of poses are still small next to the video, and the page reads the file directly.
    arrays = {key: np.asarray(arrays[key], dtype=dtype) for key, (dtype, _) in _keys(version).items()}
    np.savez(file, **arrays)


def _keys(version: int) -> dict[str, tuple[type[np.generic], tuple[str | int, ...]]]:
    return _ARRAYS if version == 1 else _ALL_ARRAYS


def read_npz(path: Path) -> Recording:
    """Read a poses.npz. Errors: `InputError` if it is missing, damaged, or of a version that is not supported."""
    return _checked(path, _read(path))


def read_counts(path: Path) -> tuple[int, int, int]:
    """(frames, frames with people, most people at once), without reading the poses. Errors: as `read_npz`."""
    arrays = _read(path, ("track_ids", "meta"))
    if set(arrays) != {"track_ids", "meta"} or arrays["track_ids"].ndim != 2:
        raise InputError(f"{path} is not a poses.npz: keys are missing")
    people = (arrays["track_ids"] >= 0).sum(axis=1)
    return len(people), int((people > 0).sum()), int(people.max(initial=0))


def _read(path: Path, keys: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """All arrays of the file, or those named in `keys` that it has."""
    return read_arrays(path, _ALL_ARRAYS if keys is None else keys, "a poses.npz")


def _checked(path: Path, arrays: dict[str, NDArray[Any]]) -> Recording:
    def wrong(what: str) -> InputError:
        return InputError(f"{path} is not a poses.npz: {what}")

    # The version first: another version may have other keys.
    if "meta" not in arrays:
        raise wrong("key meta is missing")
    try:
        meta = json.loads(str(arrays["meta"]))
        version = meta["format"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise wrong("its meta is not a JSON object with a format") from None
    check_format(path, version)

    lengths: dict[str, int] = {}
    for key, (dtype, shape) in _keys(version).items():
        if key not in arrays:
            raise wrong(f"key {key} is missing")
        array = arrays[key]
        if not np.issubdtype(array.dtype, dtype):
            raise wrong(f"{key} is {array.dtype}, not {dtype.__name__}")
        expected = tuple(
            lengths.setdefault(length, size) if isinstance(length, str) else length
            for length, size in zip(shape, array.shape, strict=False)
        )
        if array.ndim != len(shape) or array.shape != expected:
            wanted = ", ".join(str(length) for length in shape)
            raise wrong(f"{key} has shape {array.shape}, which does not fit ({wanted})")
    check_names(path, version, arrays)
    if not np.isfinite(arrays["timestamps_s"]).all() or not (np.diff(arrays["timestamps_s"]) > 0).all():
        raise wrong("its timestamps do not increase")
    if not np.isnan(arrays["poses_3d"][arrays["track_ids"] < 0]).all():
        raise wrong("poses_3d is not NaN where track_ids is -1")
    ids = np.sort(arrays["track_ids"], axis=1)
    if ((ids[:, 1:] == ids[:, :-1]) & (ids[:, 1:] >= 0)).any():
        raise wrong("two people in a frame have the same id")
    width, height = arrays["image_size"].tolist()
    check_numbers(path, (width, height), Camera(*arrays["camera"].tolist()), len(ids))
    bodies = no_bodies(*arrays["track_ids"].shape)
    if version != 1:
        bodies = {**{key: arrays[key] for key in _BODY_ARRAYS}, "bone_names": BONE_NAMES}
    values: dict[str, Any] = {
        **{key: arrays[key] for key in _ARRAYS},
        **bodies,
        "joint_names": SKELETON_OF[version].joints,
        "image_size": (width, height),
        "camera": Camera(*arrays["camera"].tolist()),
        "meta": checked_meta(path, meta),
    }
    return Recording(**values)
