"""Tiny ASF/AMC files, and those of a clip of the real data."""

import json
from pathlib import Path
from typing import Any

import numpy as np

# Bone: (parent, direction, length); the right side is the left mirrored.
BODY: dict[str, tuple[str, tuple[float, float, float], float]] = {
    "lhipjoint": ("root", (1, 0, 0), 2), "lfemur": ("lhipjoint", (0, -1, 0), 7), "ltibia": ("lfemur", (0, -1, 0), 8),
    "lfoot": ("ltibia", (0, 0, 1), 2), "ltoes": ("lfoot", (0, 0, 1), 1),
    "lowerback": ("root", (0, 1, 0), 2), "upperback": ("lowerback", (0, 1, 0), 2.5),
    "thorax": ("upperback", (0, 1, 0), 2.5),
    "lowerneck": ("thorax", (0, 1, 0), 1), "upperneck": ("lowerneck", (0, 1, 0), 1),
    "head": ("upperneck", (0, 1, 0), 2), "lclavicle": ("thorax", (1, 0, 0), 3),
    "lhumerus": ("lclavicle", (1, 0, 0), 5), "lradius": ("lhumerus", (1, 0, 0), 4),
    "lwrist": ("lradius", (1, 0, 0), 2), "lhand": ("lwrist", (1, 0, 0), 1),
}  # fmt: skip


def mirrored(name: str) -> str:
    return "r" + name[1:] if name.startswith("l") and name not in {"lowerback", "lowerneck"} else name


def asf_text(axis_of: dict[str, str] | None = None, dof_of: dict[str, str] | None = None) -> str:
    bones = {**BODY}
    for name, (parent, (x, y, z), length) in BODY.items():
        bones[mirrored(name)] = (mirrored(parent), (-x if mirrored(name) != name else x, y, z), length)
    lines = [
        ":version 1.10",
        ":name T",
        ":units",
        "  mass 1.0",
        "  length 0.45",
        "  angle deg",
        ":documentation",
        "  x",
    ]
    lines += [
        ":root",
        "  order TX TY TZ RX RY RZ",
        "  axis XYZ",
        "  position 0 0 0",
        "  orientation 0 0 0",
        ":bonedata",
    ]
    for i, (name, (_, direction, length)) in enumerate(bones.items()):
        lines += ["  begin", f"    id {i + 1}", f"    name {name}", f"    direction {' '.join(map(str, direction))}"]
        lines += [f"    length {length}", f"    axis {(axis_of or {}).get(name, '0 0 0')}  XYZ"]
        if name in (dof_of or {}):
            channels = (dof_of or {})[name]
            lines += [f"    dof {channels}", "    limits (-160.0 20.0)"]
            lines += ["           (-70.0 70.0)"] * (len(channels.split()) - 1)
        lines += ["  end"]
    lines += [":hierarchy", "  begin"]
    for parent in dict.fromkeys(parent for parent, _, _ in bones.values()):
        lines += [f"    {parent} " + " ".join(name for name, bone in bones.items() if bone[0] == parent)]
    return "\n".join([*lines, "  end", ""])


def amc_text(frames: list[dict[str, str]]) -> str:
    lines = ["#!OML:ASF", ":FULLY-SPECIFIED", ":DEGREES"]
    for i, frame in enumerate(frames):
        lines += [str(i + 1), *(f"{bone} {values}" for bone, values in frame.items())]
    return "\n".join([*lines, ""])


def write_walker(folder: Path) -> Path:
    """Subject 07, one trial of someone who moves along x for a second (120 Hz)."""
    place = folder / "subjects" / "07"
    place.mkdir(parents=True)
    (place / "07.asf").write_text(asf_text())
    (place / "07_03.amc").write_text(amc_text([{"root": f"{i / 20} 17 0 0 0 0"} for i in range(120)]))
    return folder


def write_real_clip(pack: Path, folder: Path, frames: int) -> dict[str, Any]:
    """The first clip of a pack of joint angles as ASF and AMC in a new folder, 30 Hz; its entry in the pack."""
    with np.load(pack) as angles:
        clip: dict[str, Any] = json.loads(str(angles["meta"]))[0]
        skeleton = json.loads(str(angles["skeletons"]))[clip["subject"]]
        degrees, root = angles["angles_cdeg"][:frames] / 100.0, angles["root_units"][:frames]
        channels = json.loads(str(angles["channels"]))
    asf = [":units", "length 0.45", "angle deg", ":root", "order TX TY TZ RX RY RZ", "axis XYZ", ":bonedata"]
    for name, bone in skeleton["bones"].items():
        direction, axis = (" ".join(map(str, bone[key])) for key in ("dir", "axis_deg"))
        asf += ["begin", f"name {name}", f"direction {direction}", f"length {bone['len']}", f"axis {axis} XYZ"]
        asf += [f"dof {' '.join(bone['dof'])}"] if bone["dof"] else []
        asf += ["end"]
    asf += [":hierarchy", "begin", *(f"{skeleton['parent'][bone]} {bone}" for bone in skeleton["order"]), "end"]
    motion = []
    for i in range(len(degrees)):
        values = iter(degrees[i])
        frame = {bone: " ".join(f"{next(values):.2f}" for _ in axes) for bone, axes in channels}
        frame["root"] = f"{' '.join(map(str, root[i]))} {frame['root']}"
        motion.append(frame)
    folder.mkdir()
    (folder / f"{clip['subject']}.asf").write_text("\n".join(asf))
    (folder / f"{clip['clip']}.amc").write_text(amc_text(motion))
    return clip
