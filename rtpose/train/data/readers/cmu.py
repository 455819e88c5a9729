"""CMU Graphics Lab Motion Capture Database: makes motion packs from the original files.

Where from: http://mocap.cs.cmu.edu (ASF/AMC); BVH conversions of it are spread by others, e.g. at cgspeed.com.
Terms: free for all uses, also in products that are sold; the data itself may not be resold, even converted. It asks
for the acknowledgement in `ACKNOWLEDGEMENT`.
Files: any folder tree with `01.asf` (one for each subject), `01_01.amc` (subject_trial) and, or instead, `01_01.bvh`;
beside them, if there, `cmu-mocap-index-text.txt`, from which each trial's text is taken.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError, OutputError
from rtpose.train.data.motion_pack import PACK_JOINTS
from rtpose.train.data.readers import DatasetInfo
from rtpose.train.data.readers.motion_files import (
    Array,
    AsfSkeleton,
    BvhMotion,
    asf_positions,
    read_amc,
    read_asf,
    read_bvh,
)

ACKNOWLEDGEMENT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)
INFO = DatasetInfo(
    name="CMU Graphics Lab Motion Capture Database",
    source="http://mocap.cs.cmu.edu",
    terms="Free for all uses, also in products that are sold; the data itself may not be resold, even converted.",
    files=("01.asf", "01_01.amc", "01_01.bvh"),
)

PACK_FPS = 30.0
EXTRA_JOINTS = (
    "root_raw", "thorax_end", "lowerneck_end", "lfoot_end", "ltoes_end", "rfoot_end", "rtoes_end",
    "lhand_end", "rhand_end",
)  # fmt: skip
MISSING = -32768
"""Stands in `extras` for what a file does not have."""

USUAL_FPS = 120.0
FPS_OF_SUBJECT = {"60": 60.0, "61": 60.0}
"""The database's trials were taken at 120 Hz, those of these subjects at 60 Hz, whatever a conversion claims."""
FASTEST_M_S = 12.0
"""Hands and feet are hardly ever faster: tells a resampled BVH file from one that claims a wrong rate."""
LONGEST_STEP_M = 0.6
"""A joint that is farther from one frame of the pack to the next has jumped (lost markers, an added T-pose)."""
SHORTEST_CLIP = 10
"""Frames; what is shorter after cutting at jumps is left out."""

# Bones whose far ends are the pack's joints, in an ASF skeleton. Two names: the middle of the two.
_ASF_JOINTS: dict[str, tuple[str, ...]] = {
    "hip": ("lhipjoint", "rhipjoint"),
    "rhip": ("rhipjoint",), "rknee": ("rfemur",), "rankle": ("rtibia",),
    "lhip": ("lhipjoint",), "lknee": ("lfemur",), "lankle": ("ltibia",),
    "spine": ("lowerback",), "thorax": ("thorax", "lowerneck"), "neck_nose": ("upperneck",), "head": ("head",),
    "lshoulder": ("lclavicle",), "lelbow": ("lhumerus",), "lwrist": ("lwrist",),
    "rshoulder": ("rclavicle",), "relbow": ("rhumerus",), "rwrist": ("rwrist",),
    "root_raw": ("root",), "thorax_end": ("thorax",), "lowerneck_end": ("lowerneck",),
    "lfoot_end": ("lfoot",), "ltoes_end": ("ltoes",), "rfoot_end": ("rfoot",), "rtoes_end": ("rtoes",),
    "lhand_end": ("lhand",), "rhand_end": ("rhand",),
}  # fmt: skip
# The same in the BVH conversion for MotionBuilder: a joint is where its parent's bone ends.
_MOTIONBUILDER_JOINTS: dict[str, tuple[str, ...]] = {
    "hip": ("LeftUpLeg", "RightUpLeg"),
    "rhip": ("RightUpLeg",), "rknee": ("RightLeg",), "rankle": ("RightFoot",),
    "lhip": ("LeftUpLeg",), "lknee": ("LeftLeg",), "lankle": ("LeftFoot",),
    "spine": ("Spine",), "thorax": ("Neck", "Neck1"), "neck_nose": ("Head",), "head": ("Head_end",),
    "lshoulder": ("LeftArm",), "lelbow": ("LeftForeArm",), "lwrist": ("LeftFingerBase",),
    "rshoulder": ("RightArm",), "relbow": ("RightForeArm",), "rwrist": ("RightFingerBase",),
    "root_raw": ("Hips",), "thorax_end": ("Neck",), "lowerneck_end": ("Neck1",),
    "lfoot_end": ("LeftToeBase",), "ltoes_end": ("LeftToeBase_end",),
    "rfoot_end": ("RightToeBase",), "rtoes_end": ("RightToeBase_end",),
    "lhand_end": ("LeftHandIndex1",), "rhand_end": ("RightHandIndex1",),
}  # fmt: skip
# And in the one for Daz and Poser, whose skeleton is a figure's, not the person's.
_DAZ_JOINTS: dict[str, tuple[str, ...]] = {
    "hip": ("lThigh", "rThigh"),
    "rhip": ("rThigh",), "rknee": ("rShin",), "rankle": ("rFoot",),
    "lhip": ("lThigh",), "lknee": ("lShin",), "lankle": ("lFoot",),
    "spine": ("abdomen", "chest"), "thorax": ("lCollar", "rCollar", "neck"),
    "neck_nose": ("head",), "head": ("head_top",),
    "lshoulder": ("lShldr",), "lelbow": ("lForeArm",), "lwrist": ("lHand",),
    "rshoulder": ("rShldr",), "relbow": ("rForeArm",), "rwrist": ("rHand",),
    "root_raw": ("hip",), "lfoot_end": ("lFoot_end",), "rfoot_end": ("rFoot_end",),
    "lhand_end": ("lMid1",), "rhand_end": ("rMid1",),
}  # fmt: skip

# Units that BVH files of this database come in: ASF units, centimetres, inches, millimetres, metres.
_METRES_PER_UNIT = (0.0254 / 0.45, 0.01, 0.0254, 0.001, 1.0)
_LEG_M = (0.6, 1.1)
"""Thigh and shin of any person: tells the unit."""
_REACH_M = 3.0
"""No joint is so far from the hips; the pack's numbers end at 3.27 m."""
_HEAD_M = 0.10
"""Length of the head bone where a file has none; the database's skeletons have 92 to 105 mm."""


@dataclass(frozen=True)
class Trial:
    """One trial's file."""

    subject: str
    trial: str
    path: Path
    flags: tuple[str, ...]
    """What is not as the database has it; see `prepare_cmu`."""

    @property
    def name(self) -> str:
        return f"{self.subject}_{self.trial}"


@dataclass(frozen=True)
class _Motion:
    """Joints of one trial at the rate of its file."""

    joints: dict[str, Array]
    """Pack's joint or extra -> (T, 3) metres, world. Extras that the file lacks are absent."""
    fps: float
    kind: str
    """"amc", "bvh" or "bvh-daz"."""
    skeleton: str
    flags: tuple[str, ...]


def prepare_cmu(
    folder: Path,
    out: Path,
    *,
    subjects: Iterable[str] | None = None,
    fps: Mapping[str, float] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> int:
    """Make a motion pack at 30 Hz (`motion_pack.py` reads it) and return its number of frames.

    folder: searched with all folders in it for ASF/AMC and BVH files; a trial that is there as both is read from AMC.
    out: the pack, e.g. `cmu17_train.npz`. subjects: only these, e.g. ["01", "35"]. fps: subject -> rate of its files
    in Hz, where the known ones (120; subjects 60 and 61: 60) are wrong. progress: called with trials done, trials in
    all, name of the next.

    A clip ends where a joint jumps. A clip's flags in the pack say what was approximated:
    `synth_thorax`, `synth_wrist` (the conversion dropped that bone), `synth_head` (it has none), `generic_skeleton`
    (bone lengths of a figure, not of the person), `rate_claimed_X` (X Hz stands in the file, another was taken),
    `interpolated` (the rate is no multiple of 30 Hz), `id_inferred` (the file is not named subject_trial).

    Errors: `InputError` naming the file expected, for a folder without such files, a subject that is not there or a
    file that is damaged; `OutputError` if `out` exists or cannot be written.
    """
    check_pack_path(out)
    trials = find_trials(folder, subjects)
    texts = trial_texts(folder)
    given = {_plain_number(subject) for subject in fps or {}}
    skeletons: dict[Path, AsfSkeleton] = {}
    clips: list[tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.float32]]] = []
    meta: list[dict[str, Any]] = []
    for done, trial in enumerate(trials):
        if progress:
            progress(done, len(trials), trial.name)
        rate = rate_of(trial, fps)
        if trial.path.suffix.lower() == ".amc":
            motion = _read_asf_amc(trial, rate, skeletons)
        else:
            motion = _read_bvh(trial, rate, trial.subject in given)
        check_reach(motion.joints, trial.path)
        for frames, joints in clips_at_pack_rate(motion.joints, motion.fps):
            clips.append(_packed(joints))
            meta.append(
                {
                    "clip": trial.name, "subject": trial.subject, "trial": trial.trial,
                    "text": texts.get(trial.name, ""), "src_fps": motion.fps, "fps": PACK_FPS,
                    "stride": round(motion.fps / PACK_FPS), "start": int(frames[0]), "n": len(joints["hip"]),
                    "source": trial.path.relative_to(folder).as_posix(), "skeleton": motion.skeleton,
                    "fmt": motion.kind, "flags": " ".join((*trial.flags, *motion.flags, *_resampled(motion.fps))),
                }
            )  # fmt: skip
    if progress:
        progress(len(trials), len(trials), "")
    if not clips:
        raise InputError(f"{folder}: every trial is shorter than {SHORTEST_CLIP / PACK_FPS:.1f} s: nothing to pack")
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


def check_pack_path(out: Path) -> None:
    """Errors: `OutputError` if it exists or its folder does not."""
    if out.exists():
        raise OutputError(f"{out} exists: name another file or remove it")
    if not out.parent.is_dir():
        raise OutputError(f"{out} cannot be written: its folder does not exist")


# Finding files.


def _plain_number(number: str) -> str:
    """ "1", "01", "001" -> "01", as the database writes subjects and trials."""
    return f"{int(number):02d}" if number.isdigit() else number


def rate_of(trial: Trial, fps: Mapping[str, float] | None) -> float:
    """The Hz at which a trial was taken; fps: see `prepare_cmu`."""
    given = {_plain_number(subject): rate for subject, rate in (fps or {}).items()}
    return given.get(trial.subject, FPS_OF_SUBJECT.get(trial.subject, USUAL_FPS))


def find_trials(folder: Path, subjects: Iterable[str] | None) -> list[Trial]:
    """All trials, or those of some subjects, one file each. Errors: `InputError`, see `prepare_cmu`."""
    wanted = None if subjects is None else {_plain_number(subject) for subject in subjects}
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name the one that holds the database, e.g. with 01.asf and 01_01.amc")
    found: dict[tuple[str, str], Trial] = {}
    for path in sorted(folder.rglob("*")):
        kind = path.suffix.lower()
        if kind not in {".amc", ".bvh"}:
            continue
        numbers = re.fullmatch(r"(\d+)_(\d+)", path.stem)
        if numbers:
            trial = Trial(_plain_number(numbers[1]), _plain_number(numbers[2]), path, ())
        else:
            trial = Trial(path.parent.name, path.stem, path, ("id_inferred",))
        known = found.get((trial.subject, trial.trial))
        if known is None or (kind == ".amc" and known.path.suffix.lower() == ".bvh"):
            found[trial.subject, trial.trial] = trial
    if not found:
        raise InputError(f"{folder} has no motions of the database: expected files such as 01_01.amc or 01_01.bvh")
    there = {subject for subject, _ in found}
    missing = sorted((wanted or set()) - there)
    if missing:
        raise InputError(
            f"{folder} has no subject {missing[0]}: expected {missing[0]}_01.amc with {missing[0]}.asf, or "
            f"{missing[0]}_01.bvh; it has {', '.join(sorted(there))}"
        )
    return [trial for (subject, _), trial in sorted(found.items()) if wanted is None or subject in wanted]


def trial_texts(folder: Path) -> dict[str, str]:
    """Trial -> what is done in it, from the index that the BVH conversions carry, if it is there."""
    texts: dict[str, str] = {}
    for path in sorted(folder.rglob("cmu-mocap-index-text.txt")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            entry = re.match(r"\s*(\d+)_(\d+)\s+(.*\S)", line)
            if entry:
                texts[f"{_plain_number(entry[1])}_{_plain_number(entry[2])}"] = entry[3]
    return texts


# Reading one trial.


def skeleton_of(trial: Trial, skeletons: dict[Path, AsfSkeleton]) -> AsfSkeleton:
    """The skeleton beside an AMC file. skeletons: those read so far. Errors: `InputError`."""
    number = trial.path.stem.split("_")[0]
    names = dict.fromkeys((f"{number}.asf", f"{trial.subject}.asf"))
    path = next((p for name in names if (p := trial.path.with_name(name)).is_file()), None)
    if path is None:
        raise InputError(
            f"{trial.path} needs its skeleton beside it: expected {trial.path.with_name(next(iter(names)))}"
        )
    if path not in skeletons:
        skeletons[path] = read_asf(path)
    skeleton = skeletons[path]
    missing = {bone for bones in _ASF_JOINTS.values() for bone in bones} - set(skeleton.bones) - {"root"}
    if missing:
        raise InputError(f"{path} has no bone {min(missing)}: it is no skeleton of this database")
    return skeleton


def pack_joints(skeleton: AsfSkeleton, angles: dict[str, Array]) -> dict[str, Array]:
    """A pack's joints and extras of an AMC file -> (T, 3) metres, world."""
    return _pick(asf_positions(skeleton, angles), _ASF_JOINTS, skeleton.metres_per_unit)


def check_reach(joints: dict[str, Array], path: Path) -> None:
    """Errors: `InputError` for a file in which a joint is nowhere near the body, or nowhere at all."""
    reach = max(float(np.abs(places - joints["hip"]).max()) for places in joints.values())
    if not reach < _REACH_M:
        raise InputError(f"{path} has a joint {reach:.1f} m from the hips: the file or its unit is damaged")


def _read_asf_amc(trial: Trial, fps: float, skeletons: dict[Path, AsfSkeleton]) -> _Motion:
    skeleton = skeleton_of(trial, skeletons)
    joints = pack_joints(skeleton, read_amc(trial.path, skeleton))
    return _Motion(joints, fps, "amc", f"asf:{trial.subject}", ())


def _read_bvh(trial: Trial, known_fps: float, fps_is_given: bool) -> _Motion:
    bvh = read_bvh(trial.path)
    flags: list[str] = []
    # The conversions add a T-pose as first frame: there the root is not turned at all.
    root, channels = next(iter(bvh.channels.items()))
    turns = bvh.columns(root)[:, [i for i, channel in enumerate(channels) if channel.endswith("rotation")]]
    if len(turns) > 1 and not turns[0].any() and turns[1].any():
        bvh.frames = bvh.frames[1:]
    if "LeftUpLeg" in bvh.offsets:
        recipe, kind, legs = _MOTIONBUILDER_JOINTS, "bvh", ("LeftLeg", "LeftFoot")
    elif "lThigh" in bvh.offsets:
        recipe, kind, legs = _DAZ_JOINTS, "bvh-daz", ("lShin", "lFoot")
        flags += ["generic_skeleton", "synth_head"]
    else:
        raise InputError(
            f"{trial.path} has the joints {', '.join(list(bvh.offsets)[:4])}…: expected a BVH conversion for "
            "MotionBuilder (Hips, LeftUpLeg …) or Daz (hip, lThigh …)"
        )
    leg = sum(float(np.linalg.norm(bvh.offsets[joint])) for joint in legs if joint in bvh.offsets)
    scale = next((m for m in _METRES_PER_UNIT if _LEG_M[0] <= leg * m <= _LEG_M[1]), None)
    if scale is None:
        raise InputError(f"{trial.path} has legs of {leg:g} units: no known unit makes that a person's")
    if kind == "bvh":
        flags += _restore_dropped_bones(bvh)
    elif "head" in bvh.offsets:
        bvh.offsets["head_top"] = np.array([0.0, _HEAD_M / scale, 0.0])
        bvh.parent_of["head_top"] = "head"
    missing = {name for joint in PACK_JOINTS for name in recipe[joint]} - set(bvh.offsets)
    if missing:
        raise InputError(f"{trial.path} has no joint {min(missing)}: it is no whole BVH conversion of this database")
    joints = _pick(bvh.positions(), recipe, scale)
    fps, rate_flags = _rate(joints, 1.0 / bvh.frame_time_s, known_fps, fps_is_given)
    return _Motion(joints, fps, kind, "generic" if kind == "bvh-daz" else f"bvh:{trial.subject}", (*flags, *rate_flags))


def _restore_dropped_bones(bvh: BvhMotion) -> list[str]:
    """Put back the thorax and the wrists, which the conversion for MotionBuilder leaves at length 0."""
    flags = []
    offsets = bvh.offsets
    chest: list[str] = [joint for joint in ("Neck", "LeftShoulder", "RightShoulder") if joint in offsets]
    if "Spine1" in offsets and not any(offsets[joint].any() for joint in chest):
        # In the database's skeletons the thorax is as long as the upper back, within 2 %, and upright at rest.
        thorax = np.array([0.0, float(np.linalg.norm(offsets["Spine1"])), 0.0])
        for joint in chest:
            offsets[joint] = thorax
        flags.append("synth_thorax")
    for side in ("Left", "Right"):
        wrist: list[str] = [joint for joint in (f"{side}FingerBase", f"{side[0]}Thumb") if joint in offsets]
        if f"{side}Hand" in offsets and not any(offsets[joint].any() for joint in wrist):
            # The wrist bone goes on where the radius points and is half as long.
            for joint in wrist:
                offsets[joint] = offsets[f"{side}Hand"] / 2
            if "synth_wrist" not in flags:
                flags.append("synth_wrist")
    return flags


def _rate(joints: dict[str, Array], claimed: float, known: float, is_given: bool) -> tuple[float, tuple[str, ...]]:
    """The true rate in Hz and flags. Conversions claim wrong rates, but some were honestly resampled."""
    if abs(claimed / known - 1) < 0.02:
        return known, ()
    if not is_given:
        ends = np.stack([joints[joint] for joint in ("lwrist", "rwrist", "lankle", "rankle")])
        steps = np.linalg.norm(np.diff(ends, axis=1), axis=-1)
        if steps.size and np.percentile(steps, 99) * known > FASTEST_M_S:
            return round(claimed, 3), ()
    return known, (f"rate_claimed_{claimed:.0f}",)


def _pick(places: dict[str, Array], recipe: dict[str, tuple[str, ...]], scale: float) -> dict[str, Array]:
    """The pack's joints and extras in metres; extras that the file lacks are left out."""
    return {
        joint: scale * np.mean([places[name] for name in names], axis=0)
        for joint, names in recipe.items()
        if all(name in places for name in names)
    }


# Clips at the pack's rate.


def _stride(fps: float) -> int | None:
    """How many frames of the file make one of the pack; None if that is no whole number."""
    stride = max(1, round(fps / PACK_FPS))
    return stride if abs(fps / PACK_FPS / stride - 1) < 0.02 else None


def _resampled(fps: float) -> tuple[str, ...]:
    return () if _stride(fps) else ("interpolated",)


def clips_at_pack_rate(joints: dict[str, Array], fps: float) -> list[tuple[Array, dict[str, Array]]]:
    """[((n,) frames of the file, joint -> (n, 3))]: resampled and cut where a joint jumps. The frames are whole numbers
    where the file's rate is a multiple of the pack's."""
    count = len(joints["hip"])
    stride = _stride(fps)
    at = np.arange(0, count, stride) if stride else np.arange(0, count - 1 + 1e-9, fps / PACK_FPS)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, count - 1)
    part = (at - low)[:, None]
    resampled = {name: (1 - part) * places[low] + part * places[high] for name, places in joints.items()}
    whole = np.stack([resampled[joint] for joint in PACK_JOINTS], axis=1)
    jumps = np.linalg.norm(np.diff(whole, axis=0), axis=-1).max(-1, initial=0.0) > LONGEST_STEP_M
    edges = [0, *(np.flatnonzero(jumps) + 1).tolist(), len(at)]
    return [
        (at[start:stop].astype(np.float64), {name: places[start:stop] for name, places in resampled.items()})
        for start, stop in pairwise(edges)
        if stop - start >= SHORTEST_CLIP
    ]


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


def save_pack(out: Path, **arrays: NDArray[Any]) -> None:
    """An `.npz`, written to a temporary name and moved into place."""
    temporary = out.with_name(f".{out.name}.part")
    try:
        with temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        os.replace(temporary, out)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{out} cannot be written: {error.strerror}") from None
