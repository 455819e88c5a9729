"""CMU Graphics Lab Motion Capture Database: makes motion packs from the original files.

Source: http://mocap.cs.cmu.edu (ASF/AMC); BVH conversions are available elsewhere, e.g. at cgspeed.com.
Terms: free for all uses, also in products that are sold; the data itself may not be resold, even converted. The
authors ask for the acknowledgement in `ACKNOWLEDGEMENT`.
Files: any folder tree with `01.asf` (one for each subject) and `01_01.amc` (subject_trial), or with `01_01.bvh`.
`cmu-mocap-index-text.txt`, if present, gives each trial's text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.train.data.motion_pack import PACK_FPS, PACK_JOINTS
from rtpose.train.data.readers.cmu_joints import check_reach, read_asf_amc_joints, read_bvh_joints
from rtpose.train.data.readers.cmu_trials import find_trials, plain_number, rate_of, trial_texts
from rtpose.train.data.readers.data_set_info import DataSetInfo
from rtpose.train.data.readers.motion_files import Array, AsfSkeleton
from rtpose.train.data.readers.pack_writing import (
    SHORTEST_CLIP,
    check_pack_path,
    clips_at_pack_rate,
    resampling_flags,
    save_pack,
)

ACKNOWLEDGEMENT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)
INFO = DataSetInfo(
    name="CMU Graphics Lab Motion Capture Database",
    source="http://mocap.cs.cmu.edu",
    terms="Free for all uses, also in products that are sold; the data itself may not be resold, even converted.",
    files=("01.asf", "01_01.amc", "01_01.bvh"),
)

EXTRA_JOINTS = (
    "root_raw", "thorax_end", "lowerneck_end", "lfoot_end", "ltoes_end", "rfoot_end", "rtoes_end",
    "lhand_end", "rhand_end",
)  # fmt: skip
MISSING = -32768
"""Value in `extras` for joints that a file does not have."""


def prepare_cmu(
    folder: Path,
    out: Path,
    *,
    subjects: Iterable[str] | None = None,
    fps: Mapping[str, float] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> int:
    """Make a motion pack at 30 Hz (`motion_pack.py` reads it) and return its number of frames.

    folder: searched recursively for ASF/AMC and BVH files; AMC is preferred if a trial has both.
    out: the pack, e.g. `cmu17_train.npz`. subjects: only these, e.g. ["01", "35"]. fps: subject -> rate of its files
    in Hz, if the known ones (120; subjects 60 and 61: 60) are wrong. progress: called with the number of trials done,
    their total, and the name of the next.

    A clip ends where a joint jumps. The flags of a clip say what was approximated: `synth_thorax`, `synth_wrist` (the
    conversion dropped that bone), `synth_head` (it has none), `generic_skeleton` (bone lengths of a standard figure,
    not of the person), `rate_claimed_X` (the file says X Hz, but another rate was used), `interpolated` (the rate is
    not a multiple of 30 Hz), `id_inferred` (the file is not named subject_trial).

    Errors: `InputError` naming the file expected, for a folder without such files, a missing subject or a damaged
    file; `OutputError` if `out` exists or cannot be written.
    """
    check_pack_path(out)
    trials = find_trials(folder, subjects)
    texts = trial_texts(folder)
    given = {plain_number(subject) for subject in fps or {}}
    skeletons: dict[Path, AsfSkeleton] = {}
    clips: list[tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.float32]]] = []
    meta: list[dict[str, Any]] = []
    for done, trial in enumerate(trials):
        if progress:
            progress(done, len(trials), trial.name)
        rate = rate_of(trial, fps)
        if trial.path.suffix.lower() == ".amc":
            motion = read_asf_amc_joints(trial, rate, skeletons)
        else:
            motion = read_bvh_joints(trial, rate, trial.subject in given)
        check_reach(motion.joints, trial.path)
        for frames, joints in clips_at_pack_rate(motion.joints, motion.fps):
            clips.append(_packed(joints))
            meta.append(
                {
                    "clip": trial.name, "subject": trial.subject, "trial": trial.trial,
                    "text": texts.get(trial.name, ""), "src_fps": motion.fps, "fps": PACK_FPS,
                    "stride": round(motion.fps / PACK_FPS), "start": int(frames[0]), "n": len(joints["hip"]),
                    "source": trial.path.relative_to(folder).as_posix(), "skeleton": motion.skeleton,
                    "fmt": motion.kind, "flags": " ".join((*trial.flags, *motion.flags, *resampling_flags(motion.fps))),
                }
            )  # fmt: skip
    if progress:
        progress(len(trials), len(trials), "")
    if not clips:
        raise InputError(
            f"{folder}: every trial is shorter than {SHORTEST_CLIP / PACK_FPS:.1f} s, so there is nothing to pack"
        )
    lengths = [len(clip[0]) for clip in clips]
    save_pack(
        out,
        joints=np.concatenate([clip[0] for clip in clips]),
        extras=np.concatenate([clip[1] for clip in clips]),
        root=np.concatenate([clip[2] for clip in clips]),
        seg=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
        joint_names=np.array(PACK_JOINTS),
        extra_names=np.array(EXTRA_JOINTS),
        meta=np.array(json.dumps(meta)),
        readme=np.array(
            f"{ACKNOWLEDGEMENT} joints: int16, 0.1 mm, relative to the hip; root: float32, mm, world; extras like "
            f"joints, {MISSING} where missing; seg: where clips start; meta: JSON, one entry per clip. y up."
        ),
    )
    return sum(lengths)


def _packed(joints: dict[str, Array]) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.float32]]:
    """(n, 17, 3) and (n, 9, 3) in 0.1 mm relative to the hip, (n, 3) mm."""
    hip = joints["hip"]

    def tenths(names: tuple[str, ...]) -> NDArray[np.int16]:
        out = np.full((len(hip), len(names), 3), MISSING, dtype=np.int16)
        for i, name in enumerate(names):
            if name in joints:
                out[:, i] = np.round((joints[name] - hip) * 1e4).astype(np.int16)
        return out

    return tenths(PACK_JOINTS), tenths(EXTRA_JOINTS), (hip * 1e3).astype(np.float32)
