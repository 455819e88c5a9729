"""Leeds Sports Pose (LSP) and its extended training set (LSPET): people in pictures, 2D only.

Source: https://sam.johnson.io/research/lsp.html and .../lspet.html.
Terms: given for research; the pictures are from Flickr and belong to their authors.
Files: `joints.mat`, in the folder of either set, next to `images`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from rtpose.errors import InputError
from rtpose.train.data.readers._matlab import read_mat
from rtpose.train.data.readers.data_set_info import DataSetInfo, expected_file
from rtpose.train.data.readers.poses import Poses2D, h36m17_by_name

INFO = DataSetInfo(
    name="Leeds Sports Pose",
    source="https://sam.johnson.io/research/lsp.html",
    terms="Given for research; the pictures are from Flickr and belong to their authors.",
    files=("joints.mat",),
)

_JOINTS = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    "neck", "head_top",
)  # fmt: skip
_NAME_OF = {
    "neck_base": "neck", "head": "head_top",
    "right_hip": "right_hip", "right_knee": "right_knee", "right_foot": "right_ankle",
    "left_hip": "left_hip", "left_knee": "left_knee", "left_foot": "left_ankle",
    "left_shoulder": "left_shoulder", "left_elbow": "left_elbow", "left_wrist": "left_wrist",
    "right_shoulder": "right_shoulder", "right_elbow": "right_elbow", "right_wrist": "right_wrist",
}  # fmt: skip
_LSP_PEOPLE = 2000


def load_lsp(folder: Path, *, split: Literal["train", "test", "all"] = "all") -> Poses2D:
    """LSP (2,000 people, the first half for training) or LSPET (10,000, all for training), depending on `joints.mat`.

    "root", "spine" and "thorax", which the sets lack, are NaN: `as_detected_or_nan` derives them from hips and
    shoulders. Errors: `InputError` for a wrong folder, another version, or the test half of LSPET, which has none.
    """
    path = expected_file(folder, "joints.mat", INFO)
    joints = np.asarray(read_mat(path, "joints")["joints"])
    count = len(_JOINTS)
    if joints.ndim == 2:  # one person
        joints = joints[..., None]
    if joints.ndim != 3 or joints.dtype.kind not in "fiu" or joints.shape[:2] not in {(3, count), (count, 3)}:
        raise InputError(f"{path} holds {joints.shape}, not (3, {count}, people) or ({count}, 3, people)")
    extended = joints.shape[0] == count
    labels = joints.transpose((2, 0, 1) if extended else (2, 1, 0)).astype(np.float32)
    # LSP says 1 for hidden; LSPET says 1 for visible, and where it says 0 there is no label.
    visible = labels[..., 2] == (1.0 if extended else 0.0)
    pixels = labels[..., :2]
    if extended:
        pixels[~visible] = np.nan
    digits = 5 if extended else 4
    half = len(pixels) if extended else min(len(pixels), _LSP_PEOPLE // 2)
    rows = {"train": slice(0, half), "test": slice(half, None), "all": slice(None)}[split]
    numbers = range(1, len(pixels) + 1)[rows]
    if not numbers:
        raise InputError(f"{path} has no part '{split}': LSP's test half is in the file with 2,000 people")
    seen = h36m17_by_name(visible[rows, :, None].astype(np.float32), _JOINTS, _NAME_OF)[..., 0]
    return Poses2D(
        joints_px=h36m17_by_name(pixels[rows], _JOINTS, _NAME_OF),
        visible=seen == 1.0,
        images=[f"im{number:0{digits}d}.jpg" for number in numbers],
    )
