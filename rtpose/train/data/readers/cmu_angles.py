"""CMU Graphics Lab Motion Capture Database: makes packs of joint angles, which animate rendered bodies.

Source, terms and files: see `cmu.py`. Only ASF/AMC, because BVH conversions lack bones. `synth/motion.py` reads
the pack: `angles_cdeg` int16 (N, channels) hundredths of a degree, `root_units` float32 (N, 3) and bone lengths in the
database's unit (1 / 0.45 inch), `seg` where clips start, and as JSON `meta` (an entry per clip), `channels` (bone, its
axes) and `skeletons` (subject -> `bones`, `parent`, `order`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.train.data.readers.cmu import ACKNOWLEDGEMENT
from rtpose.train.data.readers.cmu_joints import check_reach, pack_joints, skeleton_of
from rtpose.train.data.readers.cmu_trials import find_trials, rate_of, trial_texts
from rtpose.train.data.readers.motion_files import Array, AsfSkeleton, read_amc
from rtpose.train.data.readers.pack_writing import SHORTEST_CLIP, check_pack_path, clips_at_pack_rate, save_pack

_UNIT_M = 0.0254 / 0.45
_AXES = ("rx", "ry", "rz")
Channels = list[tuple[str, list[str]]]


def prepare_cmu_angles(
    folder: Path,
    out: Path,
    *,
    subjects: Iterable[str] | None = None,
    fps: Mapping[str, float] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> int:
    """Make a pack of joint angles at 30 Hz and return its number of frames.

    Arguments and errors: as `prepare_cmu`; `InputError` also for a subject in `subjects` with BVH files only
    (without `subjects`, such subjects are left out), and for one with two skeletons. Clips are cut as in `prepare_cmu`;
    if the rate of a file is not a multiple of 30 Hz, the nearest frames are used.
    """
    check_pack_path(out)
    found = find_trials(folder, subjects)
    trials = [trial for trial in found if trial.path.suffix.lower() == ".amc"]
    without = sorted({trial.subject for trial in found} - {trial.subject for trial in trials})
    if without and (subjects is not None or not trials):
        raise InputError(
            f"{folder} has only BVH files of subject {', '.join(without)}: joint angles need ASF/AMC files, such as "
            f"{without[0]}.asf and {without[0]}_01.amc"
        )
    texts = trial_texts(folder)
    read: dict[Path, AsfSkeleton] = {}
    skeletons: dict[str, AsfSkeleton] = {}
    clips: list[dict[str, Array]] = []
    meta: list[dict[str, Any]] = []
    for done, trial in enumerate(trials):
        if progress:
            progress(done, len(trials), trial.name)
        skeleton = skeleton_of(trial, read)
        if _facts(skeletons.setdefault(trial.subject, skeleton)) != _facts(skeleton):
            raise InputError(f"{trial.path} has a different skeleton from earlier trials of {trial.subject}: keep one")
        angles = read_amc(trial.path, skeleton)
        joints = pack_joints(skeleton, angles)
        check_reach(joints, trial.path)
        for at, _ in clips_at_pack_rate(joints, rate_of(trial, fps)):
            frames = np.round(at).astype(int)
            clips.append(_by_axis(skeleton, {bone: values[frames] for bone, values in angles.items()}))
            meta.append(
                {
                    "clip": trial.name, "subject": trial.subject, "text": texts.get(trial.name, ""),
                    "start": int(frames[0]), "n": len(frames),
                }
            )  # fmt: skip
    if progress:
        progress(len(trials), len(trials), "")
    if not clips:
        raise InputError(
            f"{folder}: every trial is shorter than {SHORTEST_CLIP} frames at 30 Hz, so there is nothing to pack"
        )
    channels = _channels(clips)
    lengths = [entry["n"] for entry in meta]
    save_pack(
        out,
        angles_cdeg=np.concatenate([_hundredths(clip, channels) for clip in clips]),
        root_units=np.concatenate([_root(clip) for clip in clips]),
        seg=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
        meta=np.array(json.dumps(meta)),
        channels=np.array(json.dumps(channels)),
        skeletons=np.array(json.dumps({subject: _facts(skeleton) for subject, skeleton in skeletons.items()})),
        readme=np.array(
            f"{ACKNOWLEDGEMENT} angles: int16 hundredths of a degree; per bone R = C Rz Ry Rx C^-1 with C from "
            "axis_deg (XYZ); root and lengths in units of 1 / 0.45 inch. y up."
        ),
    )
    return sum(lengths)


def _by_axis(skeleton: AsfSkeleton, angles: dict[str, Array]) -> dict[str, Array]:
    """ "BONE rx" -> (n,) degrees; "root tx" -> (n,) units."""
    names = {"root": skeleton.root_channels, **{name: bone.channels for name, bone in skeleton.bones.items()}}
    columns = {
        f"{bone} {name.lower()}": column
        for bone, values in angles.items()
        for name, column in zip(names[bone], values.T, strict=True)
    }
    scale = skeleton.metres_per_unit / _UNIT_M
    return {name: column * scale if name.startswith("root t") else column for name, column in columns.items()}


def _channels(clips: list[dict[str, Array]]) -> Channels:
    """Every bone that rotates in any clip, the root first, and its rotation axes."""
    there = {tuple(name.split()) for clip in clips for name in clip}
    bones = sorted({bone for bone, axis in there if axis in _AXES}, key=lambda bone: (bone != "root", bone))
    return [(bone, [axis for axis in _AXES if (bone, axis) in there]) for bone in bones]


def _hundredths(clip: dict[str, Array], channels: Channels) -> NDArray[np.int16]:
    """(n, channels) int16, within half a turn; 0 for channels that the clip does not have."""
    still = np.zeros_like(clip["root tx"])
    degrees = np.stack([clip.get(f"{bone} {axis}", still) for bone, axes in channels for axis in axes], axis=1)
    return np.round(100 * ((degrees + 180) % 360 - 180)).astype(np.int16)


def _root(clip: dict[str, Array]) -> NDArray[np.float32]:
    """(n, 3) units."""
    return np.stack([clip[f"root t{axis}"] for axis in "xyz"], axis=1).astype(np.float32)


def _facts(skeleton: AsfSkeleton) -> dict[str, Any]:
    scale = skeleton.metres_per_unit / _UNIT_M
    return {
        "bones": {
            name: {
                "dir": bone.direction.tolist(), "len": bone.length * scale, "axis_deg": bone.axis_deg.tolist(),
                "dof": list(bone.channels),
            }
            for name, bone in skeleton.bones.items()
        },
        "parent": {name: bone.parent for name, bone in skeleton.bones.items()},
        "order": list(skeleton.bones),
    }  # fmt: skip
