"""MPII Human Pose: people in pictures, 2D only.

Source: http://human-pose.mpi-inf.mpg.de.
Terms: annotations under the Simplified BSD licence, given for research; the pictures belong to their authors.
Files: `mpii_human_pose_v1_u12_1.mat` (in the original release), or `train.json`, `valid.json`, `trainval.json` (the
same labels as prepared by Simple Baselines and HRNet, in a folder `annot`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.train.data.readers._matlab import read_mat
from rtpose.train.data.readers.data_set_info import DataSetInfo
from rtpose.train.data.readers.poses import Poses2D, h36m17_by_name

INFO = DataSetInfo(
    name="MPII Human Pose",
    source="http://human-pose.mpi-inf.mpg.de",
    terms="Annotations under the Simplified BSD licence, given for research; the pictures belong to their authors.",
    files=("mpii_human_pose_v1_u12_1.mat", "annot/trainval.json", "annot/train.json", "annot/valid.json"),
)

_JOINTS = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "pelvis", "thorax", "upper_neck", "head_top",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
)  # fmt: skip
_NAME_OF = {
    "root": "pelvis", "thorax": "thorax", "neck_base": "upper_neck", "head": "head_top",
    "right_hip": "right_hip", "right_knee": "right_knee", "right_foot": "right_ankle",
    "left_hip": "left_hip", "left_knee": "left_knee", "left_foot": "left_ankle",
    "left_shoulder": "left_shoulder", "left_elbow": "left_elbow", "left_wrist": "left_wrist",
    "right_shoulder": "right_shoulder", "right_elbow": "right_elbow", "right_wrist": "right_wrist",
}  # fmt: skip
_Person = tuple[str, NDArray[np.float32], NDArray[np.bool_]]
"""Picture, (16, 2) pixels with NaN where not labelled, (16,) visible."""


def load_mpii(path: Path) -> Poses2D:
    """Everyone with labelled joints; "spine" is NaN, which MPII does not have.

    path: one of the files, or a folder, in which the first existing file of `INFO.files` is read.
    Pixels count from 0 here, in the files from 1.
    Errors: `InputError` for a wrong folder, another version, the test pictures (which have no labels).
    """
    if path.is_dir():
        found = next((p for name in INFO.files if (p := path / name).is_file()), None)
        if found is None:
            raise InputError(
                f"{path} has none of {', '.join(INFO.files)}: it is not a folder of {INFO.name} ({INFO.source})"
            )
        path = found
    elif not path.is_file():
        raise InputError(f"{path} does not exist: name {INFO.files[0]} or trainval.json of {INFO.name}")
    people = list(_from_json(path) if path.suffix.lower() == ".json" else _from_mat(path))
    if not people:
        raise InputError(
            f"{path} has no labelled person: the labels of the test pictures are not public, give the other files"
        )
    joints = np.stack([pixels for _, pixels, _ in people]) - np.float32(1.0)
    visible = np.stack([seen for _, _, seen in people])
    by_name = h36m17_by_name(visible[..., None].astype(np.float32), _JOINTS, _NAME_OF)[..., 0]
    return Poses2D(
        joints_px=h36m17_by_name(joints, _JOINTS, _NAME_OF),
        visible=by_name == 1.0,
        images=[image for image, _, _ in people],
    )


def _from_json(path: Path) -> Iterator[_Person]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, list):
            raise ValueError("no list of people")
        for entry in entries:
            if "joints" not in entry:
                return
            pixels = np.array(entry["joints"], dtype=np.float32)
            seen = np.array(entry["joints_vis"], dtype=np.float32) > 0
            if pixels.shape != (len(_JOINTS), 2) or seen.shape != (len(_JOINTS),):
                raise ValueError(f"{len(pixels)} joints, not {len(_JOINTS)}")
            # Joints without a label are at (-1, -1).
            pixels[(pixels <= 0).all(-1)] = np.nan
            yield str(entry["image"]), pixels, seen & np.isfinite(pixels).all(-1)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no labels of {INFO.name} ({error}): expected its trainval.json") from None


def _from_mat(path: Path) -> Iterator[_Person]:
    release = read_mat(path, "RELEASE")["RELEASE"]
    try:
        for entry in _structs(release.annolist):
            for person in _structs(entry.annorect):
                points = list(_structs(getattr(getattr(person, "annopoints", None), "point", None)))
                if not points:
                    continue
                pixels = np.full((len(_JOINTS), 2), np.nan, dtype=np.float32)
                seen = np.zeros(len(_JOINTS), dtype=np.bool_)
                for point in points:
                    pixels[int(point.id)] = point.x, point.y
                    # Empty for the joints of the head, which are always labelled.
                    flag = np.atleast_1d(getattr(point, "is_visible", 1))
                    seen[int(point.id)] = flag.size == 0 or str(flag[0]) != "0"
                yield str(entry.image.name), pixels, seen
    except (AttributeError, ValueError, IndexError, TypeError) as error:
        raise InputError(f"{path} holds no labels of {INFO.name} ({error}): expected {INFO.files[0]}") from None


def _structs(value: Any) -> Iterable[Any]:
    """A MATLAB struct array as a sequence: none, one or several come in different shapes."""
    if value is None:
        return ()
    return [item for item in np.atleast_1d(value).ravel() if hasattr(item, "_fieldnames")]
