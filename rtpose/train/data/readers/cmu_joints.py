"""The joints of one CMU trial, from ASF/AMC or from one of the BVH conversions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtpose.errors import InputError
from rtpose.train.data.motion_pack import PACK_JOINTS
from rtpose.train.data.readers.cmu_trials import Trial
from rtpose.train.data.readers.motion_files import (
    Array,
    AsfSkeleton,
    BvhMotion,
    asf_positions,
    read_amc,
    read_asf,
    read_bvh,
)

FASTEST_M_S = 12.0
"""Hands and feet hardly ever move faster. Tells a resampled BVH file from one that states a wrong rate."""

# ASF: bones whose far ends are the pack's joints. With several names: their mean.
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
# The same in the BVH conversion for MotionBuilder, where a joint is at the end of its parent's bone.
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
# And in the one for Daz and Poser, which has the skeleton of a standard figure, not of the person.
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

# Units of BVH files of this database: ASF units, centimetres, inches, millimetres, metres.
_METRES_PER_UNIT = (0.0254 / 0.45, 0.01, 0.0254, 0.001, 1.0)
_LEG_M = (0.6, 1.1)
"""Thigh and shin of any person. Identifies the unit."""
_REACH_M = 3.0
"""No joint is this far from the hips; the pack can store up to 3.27 m."""
_HEAD_M = 0.10
"""Length of the head bone if a file has none; the database's skeletons have 92 to 105 mm."""


@dataclass(frozen=True)
class TrialJoints:
    """Joints of one trial at the rate of its file."""

    joints: dict[str, Array]
    """Joint or extra of the pack -> (T, 3) metres, world. Extras that the file lacks are absent."""
    fps: float
    kind: str
    """"amc", "bvh" or "bvh-daz"."""
    skeleton: str
    flags: tuple[str, ...]


def skeleton_of(trial: Trial, skeletons: dict[Path, AsfSkeleton]) -> AsfSkeleton:
    """The skeleton of an AMC file. skeletons: cache of those read so far. Errors: `InputError`."""
    number = trial.path.stem.split("_")[0]
    names = dict.fromkeys((f"{number}.asf", f"{trial.subject}.asf"))
    path = next((p for name in names if (p := trial.path.with_name(name)).is_file()), None)
    if path is None:
        raise InputError(
            f"{trial.path} needs its skeleton next to it: expected {trial.path.with_name(next(iter(names)))}"
        )
    if path not in skeletons:
        skeletons[path] = read_asf(path)
    skeleton = skeletons[path]
    missing = {bone for bones in _ASF_JOINTS.values() for bone in bones} - set(skeleton.bones) - {"root"}
    if missing:
        raise InputError(f"{path} has no bone {min(missing)}: it is not a skeleton of this database")
    return skeleton


def pack_joints(skeleton: AsfSkeleton, angles: dict[str, Array]) -> dict[str, Array]:
    """Joints and extras of the pack from the angles of an AMC file -> (T, 3) metres, world."""
    return _pick(asf_positions(skeleton, angles), _ASF_JOINTS, skeleton.metres_per_unit)


def check_reach(joints: dict[str, Array], path: Path) -> None:
    """Errors: `InputError` if a joint is far away from the body, or NaN."""
    reach = max(float(np.abs(places - joints["hip"]).max()) for places in joints.values())
    if not reach < _REACH_M:
        raise InputError(f"{path} has a joint {reach:.1f} m from the hips: the file or its unit is damaged")


def read_asf_amc_joints(trial: Trial, fps: float, skeletons: dict[Path, AsfSkeleton]) -> TrialJoints:
    skeleton = skeleton_of(trial, skeletons)
    joints = pack_joints(skeleton, read_amc(trial.path, skeleton))
    return TrialJoints(joints, fps, "amc", f"asf:{trial.subject}", ())


def read_bvh_joints(trial: Trial, known_fps: float, fps_is_given: bool) -> TrialJoints:
    bvh = read_bvh(trial.path)
    flags: list[str] = []
    # The conversions add a T-pose as the first frame, with no rotation of the root.
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
        raise InputError(f"{trial.path} has legs of {leg:g} units, which is not a person's size in any known unit")
    if kind == "bvh":
        flags += _restore_dropped_bones(bvh)
    elif "head" in bvh.offsets:
        bvh.offsets["head_top"] = np.array([0.0, _HEAD_M / scale, 0.0])
        bvh.parent_of["head_top"] = "head"
    missing = {name for joint in PACK_JOINTS for name in recipe[joint]} - set(bvh.offsets)
    if missing:
        raise InputError(
            f"{trial.path} has no joint {min(missing)}: it is not a complete BVH conversion of this database"
        )
    joints = _pick(bvh.positions(), recipe, scale)
    fps, rate_flags = _rate(joints, 1.0 / bvh.frame_time_s, known_fps, fps_is_given)
    return TrialJoints(
        joints, fps, kind, "generic" if kind == "bvh-daz" else f"bvh:{trial.subject}", (*flags, *rate_flags)
    )


def _restore_dropped_bones(bvh: BvhMotion) -> list[str]:
    """Restore thorax and wrists, which have length 0 in the conversion for MotionBuilder. Returns flags."""
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
            # The wrist bone has the direction of the radius and half its length.
            for joint in wrist:
                offsets[joint] = offsets[f"{side}Hand"] / 2
            if "synth_wrist" not in flags:
                flags.append("synth_wrist")
    return flags


def _rate(joints: dict[str, Array], claimed: float, known: float, is_given: bool) -> tuple[float, tuple[str, ...]]:
    """The true rate in Hz, and flags. Some conversions claim a wrong rate; others were resampled."""
    if abs(claimed / known - 1) < 0.02:
        return known, ()
    if not is_given:
        ends = np.stack([joints[joint] for joint in ("lwrist", "rwrist", "lankle", "rankle")])
        steps = np.linalg.norm(np.diff(ends, axis=1), axis=-1)
        if steps.size and np.percentile(steps, 99) * known > FASTEST_M_S:
            return round(claimed, 3), ()
    return known, (f"rate_claimed_{claimed:.0f}",)


def _pick(places: dict[str, Array], recipe: dict[str, tuple[str, ...]], scale: float) -> dict[str, Array]:
    """Joints and extras of the pack in metres; extras that the file lacks are left out."""
    return {
        joint: scale * np.mean([places[name] for name in names], axis=0)
        for joint, names in recipe.items()
        if all(name in places for name in names)
    }
