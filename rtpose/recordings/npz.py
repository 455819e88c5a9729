"""poses.npz, format 1: what `rtpose video` writes and everything else reads. numpy only.

T frames, P = most people seen at once, J joints; a person who is not seen is NaN, with id -1.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rtpose import __version__
from rtpose.errors import InputError
from rtpose.skeleton import H36M17
from rtpose.types import Camera, Float32, Person3D

FORMAT = 1
AXES = "camera: x right, y down, z away from the camera"
UNITS = "metres"


@dataclass(frozen=True, slots=True)
class PosesFile:
    """A recording. The fields are the file's keys."""

    poses_3d: Float32
    """(T, P, J, 3) metres, camera axes, relative to the root joint."""
    root_3d: Float32
    """(T, P, 3) metres, camera space."""
    confidence: Float32
    """(T, P, J) 0..1 of the 3D joint."""
    keypoints_2d: Float32
    """(T, P, J, 3) x px, y px, score 0..1, of the original picture."""
    track_ids: NDArray[np.int32]
    """(T, P), -1 where nobody is."""
    timestamps_s: NDArray[np.float64]
    """(T,) media time for files, seconds since the start for live sources."""
    frame_ids: NDArray[np.int64]
    """(T,), gaps are dropped frames."""
    joint_names: tuple[str, ...]
    parents: NDArray[np.int16]
    """(J,), -1 at the root."""
    image_size: tuple[int, int]
    """width, height as shown; (0, 0) in a recording without frames."""
    camera: Camera
    """NaN in a recording without frames."""
    meta: dict[str, Any]
    """format, rtpose, source, fps, axes, units, estimator, weights_sha256, smoothing, assumptions, …"""


# key -> (dtype, shape): a letter is a length that must be the same wherever the letter stands.
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


def recording_meta(given: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a new recording: those `given`, None for those that are not, and what every file says."""
    return {
        "source": None,
        "fps": None,
        "estimator": None,
        "weights_sha256": None,
        "smoothing": None,
        "assumptions": [],
        "drops": {},
        **given,
        "format": FORMAT,
        "rtpose": __version__,
        "axes": AXES,
        "units": UNITS,
    }


def save_poses(file: BinaryIO, poses: PosesFile) -> None:
    """Write a recording. Errors: `OSError` as the file gives it."""
    arrays: dict[str, Any] = {field.name: getattr(poses, field.name) for field in fields(poses)}
    arrays["camera"] = poses.camera.as_array()
    arrays["meta"] = json.dumps(poses.meta, default=str)
    # Not compressed: hours of poses are still small beside the video, and the page reads it as it is.
    arrays = {key: np.asarray(arrays[key], dtype=dtype) for key, (dtype, _) in _ARRAYS.items()}
    np.savez(file, **arrays)


def load_poses(path: Path) -> PosesFile:
    """Read a recording. Errors: `InputError` if there is none, or one that this version cannot read."""
    return _checked(path, _read(path))


def read_figures(path: Path) -> tuple[int, int, int]:
    """Frames, frames with people, most people at once; only that is read. Errors: `InputError` as `load_poses`."""
    arrays = _read(path, ("track_ids", "meta"))
    if set(arrays) != {"track_ids", "meta"} or arrays["track_ids"].ndim != 2:
        raise InputError(f"{path} is not a poses.npz: keys are missing")
    people = (arrays["track_ids"] >= 0).sum(axis=1)
    return len(people), int((people > 0).sum()), int(people.max(initial=0))


def persons_of(poses: PosesFile, frame: int) -> list[Person3D]:
    """The people of row `frame`. Their boxes, which the file does not hold, are those of their 2D joints."""
    persons = []
    for column in np.flatnonzero(poses.track_ids[frame] >= 0):
        keypoints = poses.keypoints_2d[frame, column]
        persons.append(
            Person3D(
                track_id=int(poses.track_ids[frame, column]),
                bbox=np.concatenate([keypoints[:, :2].min(0), keypoints[:, :2].max(0)]),
                keypoints_2d=keypoints,
                pose_3d=poses.poses_3d[frame, column],
                root_3d=poses.root_3d[frame, column],
                confidence=poses.confidence[frame, column],
            )
        )
    return persons


def _read(path: Path, keys: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """The file's arrays, or those of `keys` that it has."""
    try:
        with path.open("rb") as file:  # numpy forgets to close what it opens itself and cannot read
            npz = np.load(file, allow_pickle=False)
            if isinstance(npz, np.ndarray):
                raise InputError(f"{path} is not a poses.npz: it is a single array")
            return {key: npz[key] for key in npz.files if keys is None or key in keys}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: give a poses.npz that rtpose wrote") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, MemoryError,
            RuntimeError, SyntaxError, TypeError) as error:  # fmt: skip
        # All of these come out of numpy and zipfile for damaged files.
        raise InputError(f"{path} is not a poses.npz, or it is damaged: {error}") from None


def check_skeleton(path: Path, names: tuple[str, ...], parents: NDArray[Any]) -> None:
    """Errors: `InputError` for any but the exchange skeleton."""
    if names != H36M17.joints or not np.array_equal(parents, H36M17.parents):
        raise InputError(f"{path} has another skeleton than {H36M17.name}: {', '.join(map(str, names))}")


def _checked(path: Path, arrays: dict[str, NDArray[Any]]) -> PosesFile:
    def wrong(what: str) -> InputError:
        return InputError(f"{path} is not a poses.npz: {what}")

    # The version first: another version may well have other keys.
    if "meta" not in arrays:
        raise wrong("key meta is missing")
    try:
        meta = json.loads(str(arrays["meta"]))
        version = meta["format"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise wrong("its meta is no JSON object that names the format") from None
    if version != FORMAT:
        raise InputError(f"{path} is a recording of format {version}, this rtpose reads {FORMAT}")

    lengths: dict[str, int] = {}
    for key, (dtype, shape) in _ARRAYS.items():
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
    names = tuple(str(name) for name in arrays["joint_names"])
    check_skeleton(path, names, arrays["parents"])
    if not (np.diff(arrays["timestamps_s"]) > 0).all():
        raise wrong("its timestamps do not increase")
    if not np.isnan(arrays["poses_3d"][arrays["track_ids"] < 0]).all():
        raise wrong("it has poses of nobody: poses_3d is not NaN where track_ids is -1")
    width, height = arrays["image_size"].tolist()
    return PosesFile(
        **{
            **{key: arrays[key] for key in _ARRAYS},
            "joint_names": names,
            "image_size": (width, height),
            "camera": Camera(*arrays["camera"].tolist()),
            "meta": meta,
        }
    )
