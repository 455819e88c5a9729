"""Generated exercises as a motion pack, in the format of `cmu17_train.npz`, to train lifters on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import OutputError
from rtpose.train.data.motion_pack import PACK_FPS, PACK_JOINTS
from rtpose.train.synth.exercises import exercise_motion, random_exercise
from rtpose.train.synth.motion import Array, JointAnglePack

CLIP_FRAMES = 75
_END_OF = {
    "rhip": "rhipjoint", "rknee": "rfemur", "rankle": "rtibia", "lhip": "lhipjoint", "lknee": "lfemur",
    "lankle": "ltibia", "spine": "lowerback", "neck_nose": "upperneck", "head": "head", "lshoulder": "lclavicle",
    "lelbow": "lhumerus", "lwrist": "lwrist", "rshoulder": "rclavicle", "relbow": "rhumerus", "rwrist": "rwrist",
}  # fmt: skip
"""Joint of the pack -> the bone that ends there. "hip" and "thorax" are in the middle of two."""
_EXTRAS = {
    "root_raw": "root", "thorax_end": "thorax", "lowerneck_end": "lowerneck", "lfoot_end": "lfoot",
    "ltoes_end": "ltoes", "rfoot_end": "rfoot", "rtoes_end": "rtoes", "lhand_end": "lhand", "rhand_end": "rhand",
}  # fmt: skip
_README = (
    "Generated exercises with skeletons of the CMU Graphics Lab Motion Capture Database. joints: int16, 0.1 mm, "
    "relative to the hip; root: float32, mm, world; extras like joints; seg: where each clip starts."
)


def write_exercise_pack(
    motions: Path, out: Path, clips: int, *, seed: int = 0, report: Callable[[int], None] = lambda done: None
) -> int:
    """Write `clips` clips of 75 frames at 30 Hz to `out`; the same for the same seed. Returns the number of frames.

    motions: a pack of joint angles, whose skeletons do the exercises. report: called with the number of finished clips.
    Errors: `InputError` for a file that is not a pack of joint angles, `OutputError` if `out` cannot be written.
    """
    pack, rng = JointAnglePack(motions), np.random.default_rng(seed)
    subjects = pack.subjects
    times_s = np.arange(CLIP_FRAMES) / PACK_FPS
    joints, extras, roots, meta = [], [], [], []
    for number in range(clips):
        subject = subjects[int(rng.integers(len(subjects)))]
        kind = random_exercise(rng)
        motion = exercise_motion(kind, pack, subject, times_s, rng)
        ends = pack.ends(motion)
        hip = (ends["lhipjoint"] + ends["rhipjoint"]) / 2
        places = {joint: ends[bone] for joint, bone in _END_OF.items()}
        places |= {"hip": hip, "thorax": (ends["thorax"] + ends["lowerneck"]) / 2}
        joints.append(_tenths(np.stack([places[joint] for joint in PACK_JOINTS], 1) - hip[:, None]))
        extras.append(_tenths(np.stack([ends[bone] for bone in _EXTRAS.values()], 1) - hip[:, None]))
        roots.append((1e3 * motion.hips).astype(np.float32))
        meta.append(
            {"clip": f"made_{number:05d}", "subject": f"made_up_{kind}", "trial": f"{number:05d}", "text": str(kind),
             "fps": PACK_FPS, "flags": "made_up"}
        )  # fmt: skip
        report(number + 1)
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as file:
            np.savez_compressed(
                file, joints=np.concatenate(joints), extras=np.concatenate(extras), root=np.concatenate(roots),
                seg=(CLIP_FRAMES * np.arange(clips + 1)).astype(np.int32), meta=np.array(json.dumps(meta)),
                joint_names=np.array(PACK_JOINTS), extra_names=np.array(list(_EXTRAS)), readme=np.array(_README),
            )  # fmt: skip
        os.replace(part, out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from None
    return clips * CLIP_FRAMES


def _tenths(metres: Array) -> NDArray[np.int16]:
    """Metres -> 0.1 mm."""
    return np.round(1e4 * metres).astype(np.int16)
