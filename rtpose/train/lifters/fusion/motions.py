"""Moving people to train `fusion`: clips of a motion pack with other bodies, mirrored, at other rates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rtpose.errors import InputError
from rtpose.geometry import standing_height
from rtpose.pose.lift.fusion_codec import BODY, JOINTS, TYPICAL_HEIGHT_M
from rtpose.skeleton import H36M17, H36M17_AS_DETECTED
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.train.lifters.fusion.settings import BodySettings
from rtpose.types import Float32

_RAW = (*H36M17.joints, "left_ball", "right_ball", "left_hand", "right_hand")
"""What is taken from the pack."""
_PARENT_OF = {
    **H36M17.parent_of,
    "left_ball": "left_foot", "right_ball": "right_foot", "left_hand": "left_wrist", "right_hand": "right_wrist",
}  # fmt: skip
_KINDS = ("hip", "knee", "foot", "spine", "thorax", "neck_base", "head", "shoulder", "elbow", "wrist", "ball", "hand")
"""Bones that are scaled alike on both sides, by the joint at their end."""
_TWIN = [
    _RAW.index(n.replace("left", "right") if "left" in n else n.replace("right", "left")) for n in _RAW
]  # fmt: skip


@dataclass(frozen=True)
class _Pack:
    joints: Float32
    """(N, 21, 3) metres, relative to the hips, in the order of `_RAW`."""
    root: Float32
    """(N, 3) metres."""
    starts: NDArray[np.int64]
    subjects: list[str]


def _read(file: Path) -> _Pack:
    """Errors: `InputError` for a file that is not a motion pack with feet and hands."""
    pack = load_motion_pack(file)
    try:
        with np.load(file, allow_pickle=False) as data:
            names = [str(n) for n in data["extra_names"]]
            more = [names.index(n) for n in ("lfoot_end", "rfoot_end", "lhand_end", "rhand_end")]
            ends = data["extras"][:, more].astype(np.float32) * np.float32(1e-4)
    except (KeyError, ValueError):
        raise InputError(f"{file} has no feet and hands: make the pack again with `rtpose data prepare`") from None
    joints = np.concatenate([pack.poses_m, ends], 1)
    return _Pack(joints, pack.roots_m, pack.starts, [str(clip["subject"]) for clip in pack.clips])


def _weights(pack: _Pack) -> NDArray[np.float64]:
    """How often each clip is drawn: half by its length, half equally for all people, so that a few with hours of dance
    do not dominate."""
    lengths = np.diff(pack.starts).astype(np.float64)
    of = {s: sum(n for n, other in zip(lengths, pack.subjects, strict=True) if other == s) for s in set(pack.subjects)}
    alike = np.array([n / of[s] / len(of) for n, s in zip(lengths, pack.subjects, strict=True)])
    return np.asarray(0.5 * lengths / lengths.sum() + 0.5 * alike)


class Motions:
    """All clips of a pack, and random pieces of them."""

    def __init__(self, files: Mapping[Path, float], bodies: BodySettings | None = None) -> None:
        """files: motion packs, such as `cmu17_train.npz`, and the share of people from each."""
        self.bodies = bodies or BodySettings()
        packs = [_read(file) for file in files]
        raw = np.concatenate([pack.joints for pack in packs])
        self.fps = 30.0
        self._bones = torch.from_numpy(raw - raw[:, [_RAW.index(_PARENT_OF.get(n, "root")) for n in _RAW]])
        self._root = torch.from_numpy(np.concatenate([pack.root for pack in packs]))
        firsts = np.cumsum([0, *(len(pack.root) for pack in packs)])
        self._clips = torch.from_numpy(
            np.concatenate(
                [
                    first + np.stack([pack.starts[:-1], pack.starts[1:] - 1], 1)
                    for first, pack in zip(firsts[:-1], packs, strict=True)
                ]
            )
        )
        chain = np.zeros((len(_RAW), len(_RAW)), np.float32)
        for i, name in enumerate(_RAW):
            walk: str | None = name
            while walk is not None:
                chain[i, _RAW.index(walk)] = 1
                walk = _PARENT_OF.get(walk)
        self._chain = torch.from_numpy(chain)
        kind = [next((k for k, word in enumerate(_KINDS) if n.endswith(word)), 0) for n in _RAW]
        self._kind = torch.tensor(kind)
        self._detected = torch.from_numpy(H36M17_AS_DETECTED)
        total = sum(files.values())
        weights = [share / total * _weights(pack) for pack, share in zip(packs, files.values(), strict=True)]
        self._weights = torch.from_numpy(np.concatenate(weights))

    def draw(self, people: int, steps: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Random people. steps: (people, T) seconds from each piece's start, rising from 0.

        Returns joints (people, T, 28, 3) in world axes (y up, metres for a height of 1.70 m) and roots.
        """
        bones, root = self._pieces(people, steps, generator)
        b = self.bodies
        if b.mixed_legs:
            other, _ = self._pieces(people, steps, generator)
            legs = [i for i, n in enumerate(_RAW) if n.split("_")[-1] in ("hip", "knee", "foot", "ball")]
            chosen = torch.rand(people, generator=generator) < b.mixed_legs
            turned = _facing_as(other, bones)
            bones[:, :, legs] = torch.where(chosen[:, None, None, None], turned[:, :, legs], bones[:, :, legs])
        if b.seated:
            bones = torch.where(
                (torch.rand(people, generator=generator) < b.seated)[:, None, None, None],
                _seated(bones, generator), bones,
            )  # fmt: skip
        bones = bones * self._factors(people, generator)[:, None, :, None]
        if b.mirror:
            swapped = bones[:, :, _TWIN] * torch.tensor([-1.0, 1.0, 1.0])
            flip = torch.rand(people, generator=generator) < 0.5
            bones = torch.where(flip[:, None, None, None], swapped, bones)
            root = torch.where(flip[:, None, None], root * torch.tensor([-1.0, 1.0, 1.0]), root)
        raw = self._chain @ bones
        body = self._detected @ raw[..., :BODY, :]
        joints = torch.cat([body, _extra_joints(raw, body, generator)], -2)
        height = torch.from_numpy(standing_height(body.numpy())).mean(1)
        factor = TYPICAL_HEIGHT_M / height
        return joints * factor[:, None, None, None], root * factor[:, None, None]

    def _pieces(self, people: int, steps: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Bones (people, T, 21, 3) and roots (people, T, 3) from random places in the pack."""
        clip = torch.multinomial(self._weights, people, replacement=True, generator=generator)
        first, last = self._clips[clip].unbind(-1)
        length = (last - first).float()
        frames = steps * self.fps
        room = (length - frames[:, -1]).clamp(min=0)
        at = (torch.rand(people, generator=generator) * room)[:, None] + frames
        # A clip that is too short is played backwards from its end.
        at = torch.where(at > length[:, None], (2 * length[:, None] - at).clamp(min=0), at)
        low = at.floor()
        t = (at - low)[..., None]
        index = [(first[:, None] + low.long() + k).clamp(min=first[:, None], max=last[:, None]) for k in (-1, 0, 1, 2)]
        # Catmull-Rom, so that interpolated motion has smooth speed.
        w = [
            0.5 * (-t + 2 * t**2 - t**3), 0.5 * (2 - 5 * t**2 + 3 * t**3),
            0.5 * (t + 4 * t**2 - 3 * t**3), 0.5 * (t**3 - t**2),
        ]  # fmt: skip
        bones = torch.zeros(*at.shape, len(_RAW), 3)
        root = torch.zeros(*at.shape, 3)
        for i, weight in zip(index, w, strict=True):
            bones += self._bones[i] * weight[..., None]
            root += self._root[i] * weight
        return bones, root

    def _factors(self, people: int, generator: torch.Generator) -> Tensor:
        """(people, 21) of each bone's length."""
        b = self.bodies
        kinds = 1 + (torch.randn(people, len(_KINDS), generator=generator) * b.bone_sd).clamp(
            -2 * b.bone_sd, 2 * b.bone_sd
        )
        low, high = b.hip_width
        kinds[:, 0] = low + (high - low) * torch.rand(people, generator=generator)
        return kinds[:, self._kind]


def _rotation_y(angle: Tensor) -> Tensor:
    c, s, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([c, zero, s, zero, one, zero, -s, zero, c], -1).reshape(*angle.shape, 3, 3)


def _hips(bones: Tensor) -> Tensor:
    return bones[..., _RAW.index("left_hip"), :] - bones[..., _RAW.index("right_hip"), :]


def _facing_as(bones: Tensor, other: Tensor) -> Tensor:
    """`bones`, rotated about the vertical so that the hips are aligned with those of `other`."""
    a, b = _hips(bones), _hips(other)
    angle = torch.atan2(-b[..., 2], b[..., 0]) - torch.atan2(-a[..., 2], a[..., 0])
    return bones @ _rotation_y(angle).transpose(-1, -2)


def _seated(bones: Tensor, generator: torch.Generator) -> Tensor:
    """The same people with thighs forward and shins down throughout, a little different on each side."""
    out = bones.clone()
    across = torch.nn.functional.normalize(_hips(bones), dim=-1)
    up = torch.tensor([0.0, 1.0, 0.0]).expand_as(across)
    forward = torch.nn.functional.normalize(torch.linalg.cross(across, up), dim=-1)
    n = len(bones)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        lift = torch.rand(n, 1, 1, generator=generator) * 0.5 - 0.35
        wide = (torch.rand(n, 1, 1, generator=generator) * 0.6 - 0.05) * sign
        slide = torch.rand(n, 1, 1, generator=generator) * 0.9 - 0.6
        for joint, direction in (
            ("knee", forward + lift * up + wide * across),
            ("foot", -up + slide * forward),
            ("ball", forward - 0.4 * up + 0.3 * wide * across),
        ):
            i = _RAW.index(f"{side}_{joint}")
            out[:, :, i] = torch.nn.functional.normalize(direction, dim=-1) * bones[:, :, i].norm(dim=-1, keepdim=True)
    return out


def _extra_joints(raw: Tensor, body: Tensor, generator: torch.Generator) -> Tensor:
    """(N, T, 11, 3): face, feet and knuckles, estimated from what motion capture has of them."""
    unit = torch.nn.functional.normalize
    n = len(raw)

    def at(name: str) -> Tensor:
        return raw[..., _RAW.index(name), :]

    across = unit(at("left_shoulder") - at("right_shoulder"), dim=-1)
    up = unit(at("head") - at("thorax"), dim=-1)
    forward = unit(torch.linalg.cross(across, up), dim=-1)
    yaw = torch.randn(n, 1, 1, generator=generator) * math.radians(20)
    nod = torch.randn(n, 1, 1, generator=generator) * 0.03
    side = unit(torch.linalg.cross(up, forward), dim=-1)
    face, ear = yaw.cos() * forward + yaw.sin() * side, yaw.cos() * side - yaw.sin() * forward
    head = body[..., JOINTS.index("head"), :]
    points = {"nose": head + 0.11 * face + nod * up, "left_ear": head + 0.075 * ear, "right_ear": head - 0.075 * ear}
    for s in ("left", "right"):
        ankle, ball = at(f"{s}_foot"), at(f"{s}_ball")
        shin, foot = unit(ankle - at(f"{s}_knee"), dim=-1), ball - ankle
        back = unit(foot - (foot * shin).sum(-1, keepdim=True) * shin, dim=-1)
        points[f"{s}_heel"] = ankle + 0.055 * shin - 0.045 * back
        points[f"{s}_toe"] = ball + 0.25 * foot
        wrist, hand, elbow = at(f"{s}_wrist"), at(f"{s}_hand"), at(f"{s}_elbow")
        along = unit(wrist - elbow, dim=-1)
        thumb = torch.randn(n, 1, 3, generator=generator) + 2 * forward
        thumb = unit(thumb - (thumb * along).sum(-1, keepdim=True) * along, dim=-1)
        points[f"{s}_index"], points[f"{s}_pinky"] = hand + 0.03 * thumb, hand - 0.03 * thumb
    return torch.stack([points[joint] for joint in JOINTS[BODY:]], -2)
