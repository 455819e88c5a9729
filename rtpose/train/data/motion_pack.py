"""Motion packs: files of real motions in h36m17 (17 joints, 30 Hz, y up).

Format: `joints` int16 (N, 17, 3) in 0.1 mm relative to the hip; `root` float32 (N, 3) mm in the world; `seg` int32
(S + 1,) start of each clip; `meta` JSON with one entry per clip (subject, trial, text, fps, flags).
Right-handed, y up; left is +x for a person who faces +z.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.npz_files import read_arrays
from rtpose.train.clip_lists import check_clips

PACK_FPS = 30.0
"""Frame rate of all motion packs."""
PACK_JOINTS = (
    "hip", "rhip", "rknee", "rankle", "lhip", "lknee", "lankle", "spine", "thorax", "neck_nose", "head",
    "lshoulder", "lelbow", "lwrist", "rshoulder", "relbow", "rwrist",
)  # fmt: skip
"""Joint names in the packs, in the order of h36m17."""


@dataclass(frozen=True)
class MotionPack:
    """All motions of a pack."""

    path: Path
    poses_m: NDArray[np.float32]
    """(N, 17, 3) metres, world axes (y up), relative to the root."""
    roots_m: NDArray[np.float32]
    """(N, 3) metres, world."""
    starts: NDArray[np.int64]
    """(S + 1,): clip s is frames starts[s] .. starts[s + 1]."""
    clips: list[dict[str, Any]]
    """One entry per clip: subject, trial, text, fps, flags."""

    def clip_of_frame(self) -> NDArray[np.int64]:
        """(N,) index of each frame's clip."""
        return np.repeat(np.arange(len(self.clips)), np.diff(self.starts))

    @property
    def subjects(self) -> list[str]:
        """Subjects in the pack, sorted."""
        return sorted({str(clip["subject"]) for clip in self.clips})


def of_subjects(pack: MotionPack, subjects: Collection[str]) -> MotionPack:
    """The clips of some subjects. Errors: `InputError` if a subject is not in the pack."""
    if missing := set(subjects) - set(pack.subjects):
        raise InputError(f"{pack.path} has no subject {', '.join(sorted(missing))} (it has {', '.join(pack.subjects)})")
    chosen = [i for i, clip in enumerate(pack.clips) if str(clip["subject"]) in subjects]
    rows = np.concatenate([np.arange(pack.starts[i], pack.starts[i + 1]) for i in chosen])
    lengths = [pack.starts[i + 1] - pack.starts[i] for i in chosen]
    return MotionPack(
        path=pack.path,
        poses_m=pack.poses_m[rows],
        roots_m=pack.roots_m[rows],
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        clips=[pack.clips[i] for i in chosen],
    )


def load_motion_pack(path: Path) -> MotionPack:
    """Read a pack. Errors: `InputError` naming the file and what was expected of it."""
    keys = ("joints", "root", "seg", "meta", "joint_names")
    data = read_arrays(path, keys, "a motion pack such as cmu17_train.npz")
    if missing := set(keys) - set(data):
        raise InputError(
            f"{path} is not a motion pack: it lacks {', '.join(sorted(missing))} (expected a file such as "
            "cmu17_train.npz)"
        )
    names = tuple(str(n) for n in data["joint_names"].ravel())
    if names != PACK_JOINTS:
        raise InputError(f"{path} has the joints {' '.join(names)}; expected {' '.join(PACK_JOINTS)}")
    joints, root = data["joints"], data["root"]
    if joints.dtype != np.int16 or joints.shape[1:] != (17, 3) or root.shape != (len(joints), 3):
        raise InputError(f"{path} is damaged: its joints are not whole numbers of shape (N, 17, 3) with a root each")
    clips = check_clips(path, data["seg"], data["meta"], len(joints))
    return MotionPack(
        path=path,
        poses_m=joints.astype(np.float32) * np.float32(1e-4),
        roots_m=root.astype(np.float32) * np.float32(1e-3),
        starts=data["seg"].astype(np.int64),
        clips=clips,
    )


def find_pack(folder_or_file: Path, split: str) -> Path:
    """The pack of a split: the file itself, or `cmu17_{split}.npz` in a folder. Errors: `InputError`."""
    if folder_or_file.is_dir():
        path = folder_or_file / f"cmu17_{split}.npz"
        if not path.is_file():
            raise InputError(f"{folder_or_file} has no {path.name}: give the folder with the motion packs")
        return path
    return folder_or_file
