"""Reads files of joint angles, ASF/AMC and BVH, and turns them into joint positions by forward kinematics.

Positions come out in the file's own axes (both formats: right-handed, y up) and in the file's own unit of length.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError

Array = NDArray[np.float64]
_AXES = {"X": 0, "Y": 1, "Z": 2}


def axis_rotation(axis: str, angles_deg: Array) -> Array:
    """(...,) degrees about "X", "Y" or "Z" -> (..., 3, 3) for column vectors."""
    angle = np.radians(angles_deg)
    c, s = np.cos(angle), np.sin(angle)
    i = _AXES[axis]
    j, k = (i + 1) % 3, (i + 2) % 3
    out = np.zeros((*angle.shape, 3, 3))
    out[..., i, i] = 1.0
    out[..., j, j] = out[..., k, k] = c
    out[..., k, j], out[..., j, k] = s, -s
    return out


@dataclass
class AsfBone:
    """One bone of an ASF skeleton. Lengths in the file's unit."""

    direction: Array
    """(3,) at rest, length 1, global axes."""
    length: float
    axis_deg: Array
    """(3,) degrees about x, y, z: the bone's own axes, in which its angles are given."""
    channels: tuple[str, ...] = ()
    """Some of "rx", "ry", "rz", in the order of the AMC file's columns."""
    parent: str = "root"


@dataclass
class AsfSkeleton:
    """An ASF file."""

    metres_per_unit: float
    root_channels: tuple[str, ...]
    """The six of the root, e.g. "TX" ... "RZ", in the order of the AMC file's columns."""
    bones: dict[str, AsfBone] = field(default_factory=dict)
    """Bone name -> bone, parents first."""


def read_asf(path: Path) -> AsfSkeleton:
    """A skeleton. Errors: `InputError` naming the file and what is wrong with it."""
    sections: dict[str, list[str]] = {}
    section: list[str] = []
    for line in _text(path).splitlines():
        if line.startswith(":"):
            section = sections.setdefault(line[1:].split()[0].lower(), [])
        elif line.strip() and not line.lstrip().startswith("#"):
            section.append(line)
    try:
        units = dict(line.split()[:2] for line in sections["units"])
        root = {words[0].lower(): words[1:] for words in map(str.split, sections["root"])}
        found = _asf_bones(sections["bonedata"])
        skeleton = AsfSkeleton(
            # The database's unit is 1 / length inches.
            metres_per_unit=0.0254 / float(units["length"]),
            root_channels=tuple(name.upper() for name in root["order"]),
        )
        for line in sections["hierarchy"]:
            parent, *children = line.split()
            for child in children:
                if parent not in {"root", *skeleton.bones}:
                    raise ValueError(f"{parent} is not joined to the root")
                found[child].parent = parent
                skeleton.bones[child] = found[child]
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(
            f"{path} is not a complete ASF skeleton ({error}): download the subject's .asf file again"
        ) from None
    if units.get("angle", "deg") != "deg" or root.get("axis", ["XYZ"])[0].upper() != "XYZ":
        raise InputError(f"{path} uses different angles from the database's (degrees, axis XYZ): it cannot be read")
    return skeleton


def _asf_bones(lines: list[str]) -> dict[str, AsfBone]:
    """The section `:bonedata`."""
    bones: dict[str, AsfBone] = {}
    facts: dict[str, list[str]] = {}
    for line in lines:
        word, *rest = line.split()
        if word == "begin":
            facts = {}
        elif word == "end":
            if facts["axis"][3:] not in ([], ["XYZ"]) or not set(facts.get("dof", ())) <= {"rx", "ry", "rz"}:
                raise ValueError(f"bone {facts['name'][0]} rotates about axes other than x, y, z")
            bones[facts["name"][0]] = AsfBone(
                direction=np.array(facts["direction"], dtype=np.float64),
                length=float(facts["length"][0]),
                axis_deg=np.array(facts["axis"][:3], dtype=np.float64),
                channels=tuple(facts.get("dof", ())),
            )
        else:
            facts.setdefault(word, rest)
    return bones


def read_amc(path: Path, skeleton: AsfSkeleton) -> dict[str, Array]:
    """Bone -> (T, channels) in the order of the skeleton's channels, degrees; "root" with its position.

    Errors: `InputError` for a file that is damaged, empty or belongs to another skeleton.
    """
    body = [line for line in _text(path).splitlines() if line.strip() and not line.lstrip().startswith(("#", ":"))]
    tokens = " ".join(body).split()
    widths = {
        "root": len(skeleton.root_channels),
        **{name: len(bone.channels) for name, bone in skeleton.bones.items()},
    }
    # Every frame has the same lines: its number, then a line for each bone that moves.
    first = body[1 : next((i for i, line in enumerate(body) if i and line.strip().isdigit()), len(body))]
    names = [line.split()[0] for line in first]
    unknown = [name for name in names if name not in widths]
    if unknown:
        raise InputError(f"{path} moves {unknown[0]}, which its skeleton lacks: it belongs to another .asf file")
    wrong = [line.split()[0] for line in first if len(line.split()) - 1 != widths[line.split()[0]]]
    if wrong:
        raise InputError(
            f"{path} has different channels for {wrong[0]} than its skeleton: it belongs to another .asf file"
        )
    per_frame = 1 + sum(1 + widths[name] for name in names)
    if "root" not in names or len(tokens) % per_frame:
        raise InputError(f"{path} is not a complete AMC motion: download it again")
    table = np.array(tokens, dtype=object).reshape(-1, per_frame)
    out: dict[str, Array] = {}
    column = 1
    for name in names:
        if (table[:, column] != name).any():
            raise InputError(f"{path} is not a complete AMC motion (a frame lacks {name}): download it again")
        try:
            out[name] = table[:, column + 1 : column + 1 + widths[name]].astype(np.float64)
        except ValueError as error:
            raise InputError(f"{path} is not a complete AMC motion ({error}): download it again") from None
        column += 1 + widths[name]
    return out


def asf_positions(skeleton: AsfSkeleton, motion: dict[str, Array]) -> dict[str, Array]:
    """Bone -> (T, 3): where its far end is; "root" the root. In the file's unit."""
    channels = {"root": skeleton.root_channels, **{name: bone.channels for name, bone in skeleton.bones.items()}}

    def turned(name: str) -> Array:
        # Rz Ry Rx, whatever the order of the columns.
        columns = dict(zip((c.upper() for c in channels[name]), motion[name].T, strict=True))
        zero = np.zeros(len(motion["root"]))
        x, y, z = (axis_rotation(axis, columns.get(f"R{axis}", zero)) for axis in "XYZ")
        return np.asarray(z @ y @ x)

    place = [[c.upper() for c in skeleton.root_channels].index(f"T{axis}") for axis in "XYZ"]
    rotations = {"root": turned("root")}
    ends = {"root": motion["root"][:, place]}
    for name, bone in skeleton.bones.items():
        rotation = rotations[bone.parent]
        if name in motion:
            own = axis_rotation("Z", bone.axis_deg[2]) @ axis_rotation("Y", bone.axis_deg[1])
            own = own @ axis_rotation("X", bone.axis_deg[0])
            rotation = rotation @ own @ turned(name) @ own.T
        rotations[name] = rotation
        ends[name] = ends[bone.parent] + rotation @ (bone.direction * bone.length)
    return ends


@dataclass
class BvhMotion:
    """A BVH file."""

    offsets: dict[str, Array]
    """Joint -> (3,) from its parent, parents first. The far end of a last joint is "NAME_end"."""
    parent_of: dict[str, str]
    channels: dict[str, tuple[str, ...]]
    """Joint -> e.g. ("Zrotation", "Yrotation", "Xrotation"), in the order of the columns."""
    frames: Array
    """(T, columns)."""
    frame_time_s: float

    def columns(self, joint: str) -> Array:
        """(T, channels) of a joint."""
        start = 0
        for name, channels in self.channels.items():
            if name == joint:
                return self.frames[:, start : start + len(channels)]
            start += len(channels)
        return np.zeros((len(self.frames), 0))

    def positions(self) -> dict[str, Array]:
        """Joint -> (T, 3): where it is. In the file's unit."""
        places: dict[str, Array] = {}
        rotations: dict[str, Array] = {}
        for joint, offset in self.offsets.items():
            local = np.broadcast_to(np.eye(3), (len(self.frames), 3, 3))
            place = np.tile(offset, (len(self.frames), 1))
            moved = np.zeros_like(place)
            has_position = False
            for channel, values in zip(self.channels.get(joint, ()), self.columns(joint).T, strict=True):
                if channel.endswith("rotation"):
                    local = local @ axis_rotation(channel[0].upper(), values)
                else:
                    moved[:, _AXES[channel[0].upper()]] = values
                    has_position = True
            if joint in self.parent_of:
                parent = self.parent_of[joint]
                # Where a joint below the root has a position, it stands in for the offset (MotionBuilder's exports).
                offset_now = moved if has_position else place
                places[joint] = places[parent] + (rotations[parent] @ offset_now[..., None])[..., 0]
                rotations[joint] = rotations[parent] @ local
            else:
                places[joint], rotations[joint] = place + moved, local
        return places


def read_bvh(path: Path) -> BvhMotion:
    """A motion. Errors: `InputError` naming the file and what is wrong with it."""
    head, keyword, body = _text(path).partition("MOTION")
    words = head.split()
    if not keyword or words[:2] != ["HIERARCHY", "ROOT"]:
        raise InputError(f"{path} is not a BVH file: it must begin with HIERARCHY and ROOT and have a section MOTION")
    motion = BvhMotion({}, {}, {}, np.zeros((0, 0)), 0.0)
    stack: list[str] = []
    try:
        at = 1
        name = ""
        while at < len(words):
            word = words[at]
            if word in {"ROOT", "JOINT"}:
                name, at = words[at + 1], at + 2
            elif word == "End":
                name, at = f"{stack[-1]}_end", at + 2
            elif word == "{":
                if stack:
                    motion.parent_of[name] = stack[-1]
                stack.append(name)
                at += 1
            elif word == "}":
                stack.pop()
                at += 1
            elif word == "OFFSET":
                motion.offsets[stack[-1]] = np.array(words[at + 1 : at + 4], dtype=np.float64)
                at += 4
            elif word == "CHANNELS":
                count = int(words[at + 1])
                motion.channels[stack[-1]] = tuple(words[at + 2 : at + 2 + count])
                at += 2 + count
            else:
                raise ValueError(f"'{word}' is not part of a hierarchy")
        numbers = body.replace("Frame Time:", "").replace("Frames:", "").split()
        count, motion.frame_time_s = int(numbers[0]), float(numbers[1])
        width = sum(map(len, motion.channels.values()))
        motion.frames = np.array(numbers[2:], dtype=np.float64).reshape(count, width)
    except (ValueError, IndexError) as error:
        raise InputError(f"{path} is not a complete BVH file ({error}): download it again") from None
    if not motion.frames.size or motion.frame_time_s <= 0:
        raise InputError(f"{path} holds no frames or no frame time: download it again")
    return motion


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
