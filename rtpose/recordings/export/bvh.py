"""BVH, motion for animation programs: one person, centimetres, y up, at a constant rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_PARENTS, BONES, rotations_from_wxyz
from rtpose.recordings.export.body_motion import BodyMotion, body_at_constant_rate, body_motion_of
from rtpose.recordings.export.motion import nominal_fps, room_of, steps_at
from rtpose.recordings.recording import Recording
from rtpose.rotations import euler_zxy
from rtpose.wording import counted

CM_PER_M = 100.0


def write(path: Path, recording: Recording, ids: Sequence[int]) -> str:
    """Write a person's bones and their motion. Where the person is absent, the last pose is repeated."""
    (track_id,) = ids
    fps = nominal_fps(recording)
    body = body_motion_of(recording, track_id, room_of(recording))
    body = body_at_constant_rate(body, steps_at(recording.timestamps_s, fps))
    count = len(body.root)
    turned = rotations_from_wxyz(np.roll(body.rotations, 1, axis=-1))
    # Channels must have the order in which the hierarchy lists the bones: depth first.
    angles = [euler_zxy(turned[:, bone]) for bone in _depth_first()]
    channels = np.concatenate([body.root * CM_PER_M, *angles], axis=1)
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write("HIERARCHY\n" + "\n".join(_hierarchy(body, 0, "")) + "\n")
        file.write(f"MOTION\nFrames: {count}\nFrame Time: {1 / fps:.8f}\n")
        line = " ".join(["%.6f"] * channels.shape[1]) + "\n"
        file.writelines(line % tuple(row) for row in channels.tolist())
    absent = count - int(body.known.sum())
    repeats = f", {counted(absent, 'frame')} repeat{'s' if absent == 1 else ''} the last pose" if absent else ""
    return f"{counted(count, 'frame')} at {fps:g} Hz{repeats}"


def _children(bone: int) -> list[int]:
    return np.flatnonzero(np.equal(BONE_PARENTS, bone)).tolist()


def _depth_first(bone: int = 0) -> list[int]:
    return [bone] + [below for child in _children(bone) for below in _depth_first(child)]


def _hierarchy(body: BodyMotion, bone: int, indent: str) -> list[str]:
    inner = indent + "\t"
    is_root = BONE_PARENTS[bone] < 0
    channels = "Zrotation Xrotation Yrotation"
    lines = [
        f"{indent}{'ROOT' if is_root else 'JOINT'} {BONES[bone].name}",
        f"{indent}{{",
        f"{inner}OFFSET {_numbers(body.offsets[bone] * CM_PER_M)}",
        f"{inner}CHANNELS " + (f"6 Xposition Yposition Zposition {channels}" if is_root else f"3 {channels}"),
    ]
    children = _children(bone)
    for child in children:
        lines += _hierarchy(body, child, inner)
    if not children:
        end = np.array(BONES[bone].rest) * body.lengths[bone] * CM_PER_M
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {_numbers(end)}", f"{inner}}}"]
    return [*lines, f"{indent}}}"]


def _numbers(values: NDArray[np.float64]) -> str:
    return " ".join(f"{number:.6f}" for number in (values + 0.0).tolist())
