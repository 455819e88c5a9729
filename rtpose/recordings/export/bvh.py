"""BVH, motion for animation programs: one person, centimetres, y up, at a constant rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtpose.recordings.export.motion import at_constant_rate, motion_of, nominal_fps
from rtpose.recordings.export.rig import Rig, rig_of
from rtpose.recordings.recording import Recording
from rtpose.rotations import REST_DIRECTIONS, euler_zxy
from rtpose.wording import counted

CM_PER_M = 100.0
END_CM = 5.0
"""Length of the end sites beyond wrists, ankles and head, whose real length is unknown."""


def write(path: Path, recording: Recording, ids: Sequence[int]) -> str:
    """Write a rig (see `rig`) and its motion. Where the person is absent, the last pose is repeated."""
    (track_id,) = ids
    fps = nominal_fps(recording)
    rig = rig_of(at_constant_rate(motion_of(recording, track_id), fps).in_viewer_axes())
    count = len(rig.translation)
    # Channels must have the order in which the hierarchy lists the nodes: depth first.
    order = _depth_first(rig)
    angles = [euler_zxy(rig.rotations[:, n]) for n in order]
    channels = np.concatenate([rig.translation * CM_PER_M, *angles], axis=1)
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write("HIERARCHY\n" + "\n".join(_hierarchy(rig, 0, "")) + "\n")
        file.write(f"MOTION\nFrames: {count}\nFrame Time: {1 / fps:.8f}\n")
        line = " ".join(["%.6f"] * channels.shape[1]) + "\n"
        file.writelines(line % tuple(row) for row in channels.tolist())
    absent = count - int(rig.known.sum())
    repeats = f", {counted(absent, 'frame')} repeat{'s' if absent == 1 else ''} the last pose" if absent else ""
    return f"{counted(count, 'frame')} at {fps:g} Hz, {rig.distance_text()}{repeats}"


def _children(rig: Rig, n: int) -> list[int]:
    return [child for child, node in enumerate(rig.nodes) if node.parent == n]


def _depth_first(rig: Rig, n: int = 0) -> list[int]:
    return [n] + [below for child in _children(rig, n) for below in _depth_first(rig, child)]


def _hierarchy(rig: Rig, n: int, indent: str) -> list[str]:
    node = rig.nodes[n]
    inner = indent + "\t"
    is_root = node.parent < 0
    channels = "Zrotation Xrotation Yrotation"
    lines = [
        f"{indent}{'ROOT' if is_root else 'JOINT'} {node.name}",
        f"{indent}{{",
        f"{inner}OFFSET {_numbers(node.offset * CM_PER_M)}",
        f"{inner}CHANNELS " + (f"6 Xposition Yposition Zposition {channels}" if is_root else f"3 {channels}"),
    ]
    children = _children(rig, n)
    for child in children:
        lines += _hierarchy(rig, child, inner)
    if not children:
        end = REST_DIRECTIONS[node.joint] * END_CM
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {_numbers(end)}", f"{inner}}}"]
    return [*lines, f"{indent}}}"]


def _numbers(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    return " ".join(f"{number:.6f}" for number in (values + 0.0).tolist())
