"""Straightens the knees of standing people: `fusion` learned from motions of people who bend theirs, and bends them too
much.

Even in the straightest 2 % of a person's frames in `cmu17_train.npz`, the more bent knee is at 21 degrees (median of 26
people). Real people stand at 5 to 12.
"""

from __future__ import annotations

import numpy as np

from rtpose.pose.body.balance import uprightness
from rtpose.pose.lift.fusion_codec import JOINTS
from rtpose.types import Float32

UPRIGHT = 0.5
"""From this uprightness on, knees are corrected fully, below it in proportion: a raised leg is bent."""
TRUSTED_RAD = np.radians(30.0)
"""Knees that are bent more are not changed."""
SHARE = 1 / 3
"""A knee is straightened by this share of the difference to `TRUSTED_RAD`: the largest that makes knees in the footage
no worse on average. Chosen on cameras 1 and 3."""
_HIPS, _KNEES, _FEET = (
    [JOINTS.index(f"{side}_{joint}") for side in ("left", "right")] for joint in ("hip", "knee", "foot")
)
_ENDS = [[JOINTS.index(f"{side}_{joint}") for joint in ("foot", "heel", "toe")] for side in ("left", "right")]


def with_straighter_knees(poses: Float32) -> Float32:
    """(P, 28, 3) metres -> the same poses, with straighter knees for upright people. Thighs and shins keep their
    lengths, and ankles their directions from the hips."""
    out = poses.astype(np.float32)
    thigh, shin = out[:, _KNEES] - out[:, _HIPS], out[:, _FEET] - out[:, _KNEES]
    long, short = np.linalg.norm(thigh, axis=-1), np.linalg.norm(shin, axis=-1)
    bend = np.arccos(np.clip((thigh * shin).sum(-1) / np.maximum(long * short, 1e-9), -1, 1))
    if bend.min(initial=np.inf) >= TRUSTED_RAD:
        return out
    upright = np.minimum([[uprightness(pose) / UPRIGHT] for pose in poses], 1)
    straighter = np.where(bend < TRUSTED_RAD, np.maximum(bend - SHARE * upright * (TRUSTED_RAD - bend), 0), bend)
    reach = np.linalg.norm(thigh + shin, axis=-1)
    along = (thigh + shin) / np.maximum(reach, 1e-9)[..., None]
    aside = thigh - (thigh * along).sum(-1, keepdims=True) * along
    aside /= np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 1e-9)
    farther = np.sqrt(long**2 + short**2 + 2 * long * short * np.cos(straighter))
    # The triangle of thigh, shin and `farther`: where the knee is along the line from hip to ankle, and how far off it.
    on_line = (long**2 + farther**2 - short**2) / np.maximum(2 * farther, 1e-9)
    off_line = np.sqrt(np.maximum(long**2 - on_line**2, 0))
    moved = on_line[..., None] * along + off_line[..., None] * aside - thigh
    out[:, _KNEES] += moved * (straighter < bend)[..., None]
    out[:, _ENDS] += ((farther - reach)[..., None] * along)[:, :, None]
    return out
