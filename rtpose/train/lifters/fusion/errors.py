"""Simulated detector errors: 2D joints that jitter, are biased, missing or swapped, and the detector's own 3D."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rtpose.pose.lift.fusion_codec import COUNT, JOINTS, ROOT, THORAX, TWINS, features
from rtpose.train.lifters.fusion.settings import ErrorSettings
from rtpose.train.lifters.fusion.views import Seen

_TREE = {
    "right_hip": "root", "left_hip": "root", "right_knee": "right_hip", "left_knee": "left_hip",
    "right_foot": "right_knee", "left_foot": "left_knee", "spine": "root", "thorax": "spine", "neck_base": "thorax",
    "head": "neck_base", "left_shoulder": "thorax", "right_shoulder": "thorax", "left_elbow": "left_shoulder",
    "right_elbow": "right_shoulder", "left_wrist": "left_elbow", "right_wrist": "right_elbow",
    "nose": "head", "left_ear": "head", "right_ear": "head", "left_heel": "left_foot", "left_toe": "left_foot",
    "right_heel": "right_foot", "right_toe": "right_foot", "left_index": "left_wrist", "left_pinky": "left_wrist",
    "right_index": "right_wrist", "right_pinky": "right_wrist",
}  # fmt: skip
_LOOSE = {
    "hip": 1.3,
    "knee": 1.0,
    "foot": 1.2,
    "wrist": 1.3,
    "elbow": 1.1,
    "index": 1.6,
    "pinky": 1.6,
    "toe": 1.4,
    "heel": 1.4,
}


def _chain() -> Tensor:
    """(28, 28): each joint's error is the sum of the errors of the bones that lead to it."""
    out = torch.zeros(COUNT, COUNT)
    for i, joint in enumerate(JOINTS):
        walk: str | None = joint
        while walk is not None and walk != "root":
            out[i, JOINTS.index(walk)] = 1
            walk = _TREE.get(walk)
    return out


_CHAIN = _chain()
_LOOSENESS = torch.tensor([next((f for word, f in _LOOSE.items() if j.endswith(word)), 0.8) for j in JOINTS])
_LIMBS = [
    [JOINTS.index(j) for j in (f"{s}_{a}", *(f"{s}_{e}" for e in more))]
    for s in ("left", "right")
    for a, more in (
        ("knee", ("foot", "heel", "toe")), ("foot", ("heel", "toe")),
        ("elbow", ("wrist", "index", "pinky")), ("wrist", ("index", "pinky")),
    )
]  # fmt: skip
_UPPER = torch.tensor(
    [int(not any(word in joint for word in ("hip", "knee", "foot", "heel", "toe"))) for joint in JOINTS]
)
"""(28,) 1 for joints above the hips."""
_ENDS = torch.tensor([joint.split("_")[-1] in ("heel", "toe", "index", "pinky") for joint in JOINTS])
_LIMB_ROOT = [
    JOINTS.index(f"{s}_{a}") for s in ("left", "right") for a in ("hip", "knee", "shoulder", "elbow")
]  # fmt: skip


@dataclass(frozen=True)
class DetectedClips:
    """Network inputs and targets, in axes of the rolled virtual camera."""

    features: Tensor
    """(N, T, FEATURES)."""
    truth: Tensor
    """(N, T, 28, 3) metres for a height of 1.70 m, relative to the root."""
    weight: Tensor
    """(N, T, 28)."""
    roll: Tensor
    """(N, T, 3, 3): not rolled = this @ rolled."""
    gravity: Tensor
    """(N, T, 3)."""
    turn: Tensor
    """(N, T, 3, 3): axes of this frame = this @ axes of the frame before; the identity for the first."""
    dt_s: Tensor
    """(N, T)."""


def wander(shape: tuple[int, ...], dt: Tensor, tau: Tensor, generator: torch.Generator) -> Tensor:
    """Unit noise (N, T, ...) with a time constant of tau (N,) seconds. dt: (N, T) since the frame before."""
    white = torch.randn(shape, generator=generator)
    out = [white[:, 0]]
    for t in range(1, shape[1]):
        keep = torch.exp(-dt[:, t] / tau).reshape(-1, *[1] * (len(shape) - 2))
        out.append(keep * out[-1] + (1 - keep**2).clamp(min=0).sqrt() * white[:, t])
    return torch.stack(out, 1)


def _between(low: float, high: float, n: int, generator: torch.Generator) -> Tensor:
    """(n,) uniform in the logarithm."""
    return torch.exp(math.log(low) + math.log(high / low) * torch.rand(n, generator=generator))


def detect(seen: Seen, dt: Tensor, settings: ErrorSettings, generator: torch.Generator) -> DetectedClips:
    """A detector's output for people. dt: (N, T) seconds since the frame before, 0 for the first."""
    g, s = generator, settings
    n, t = seen.joints.shape[:2]
    joints = seen.joints
    points = joints[..., :2] / joints[..., 2:]
    size = (points - points[:, :, ROOT : ROOT + 1]).norm(dim=-1)[:, :, 1:].mean(-1)
    level = _between(*s.noise, n, g)
    tau = _between(0.05, 1.0, n, g)
    loose = _LOOSENESS[:, None]
    slow = wander((n, t, COUNT, 2), dt, tau, g)
    fast = torch.randn(n, t, COUNT, 2, generator=g)
    bias = torch.randn(n, 1, COUNT, 2, generator=g) * s.bias
    noise = level[:, None, None, None] * loose * (0.85 * slow + 0.35 * fast) + bias
    wild = (wander((n, t, COUNT), dt, tau, g).abs() > _quantile(s.outliers)).float()
    noise = noise * (1 + 4 * wild[..., None])
    noise = _middle_joints_follow(noise)
    points = points + noise * size[..., None, None]

    # Everything is rolled so that the detected torso is upright.
    roll = _roll(points)
    points = points @ roll[..., :2, :2]
    rolled = joints @ roll
    truth = rolled - rolled[:, :, ROOT : ROOT + 1]

    own_noise = noise @ roll[..., :2, :2]
    own = _own_3d(truth, own_noise, dt, s, g)
    strength = noise.norm(dim=-1)
    scores = torch.sigmoid(3.5 - 14 * strength + 0.8 * wander((n, t, COUNT), dt, tau, g))
    visible = torch.sigmoid(torch.logit(scores, 1e-4) + 0.5 * torch.randn(n, t, COUNT, generator=g))
    known = (wander((n, t, COUNT), dt, tau, g).abs() < _quantile(s.missing)).float()
    lacking = torch.rand(n, generator=g) < s.without_ends
    known = torch.where(lacking[:, None, None] & _ENDS, 0.0, known)
    known[:, :, [ROOT, THORAX]] = 1
    if t > 1 and s.swapped:
        swap = wander((n, t), dt, _between(0.1, 1.0, n, g), g) > math.sqrt(2) * torch.erfinv(
            torch.tensor(1 - 2 * s.swapped)
        )
        swap &= torch.arange(t) > 1
        points = torch.where(swap[..., None, None], points[:, :, TWINS], points)
        own = torch.where(swap[..., None, None], own[:, :, TWINS], own)
        scores, visible = (torch.where(swap[..., None], x[:, :, TWINS], x) for x in (scores, visible))
    has_own = ((torch.rand(n, generator=g) < s.own) & ~lacking).float()[:, None].expand(n, t)
    stretch = torch.exp(0.12 * torch.randn(n, generator=g))
    stretched = points * stretch[:, None, None, None]
    numbers = features(
        stretched.flatten(0, 1), known.flatten(0, 1), scores.flatten(0, 1), dt.flatten(), own.flatten(0, 1),
        visible.flatten(0, 1), has_own.flatten(),
    )  # fmt: skip
    weight = torch.ones(n, t, COUNT)
    weight[..., 17:] = 0.3
    gravity = (seen.gravity[..., None, :] @ roll)[..., 0, :]
    axes = roll.transpose(-1, -2) @ seen.view_from_world
    turn = torch.cat([torch.eye(3).expand(n, 1, 3, 3), axes[:, 1:] @ axes[:, :-1].transpose(-1, -2)], 1)
    return DetectedClips(numbers.reshape(n, t, -1), truth, weight, roll, gravity, turn, dt)


def _quantile(share: float) -> float:
    """|z| beyond which a unit normal is with that probability."""
    return float(math.sqrt(2) * torch.erfinv(torch.tensor(1 - share)))


def _middle_joints_follow(noise: Tensor) -> Tensor:
    """Errors of joints that are means of others follow from the errors of these."""
    out = noise.clone()
    i = {j: k for k, j in enumerate(JOINTS)}
    hips = (noise[..., i["left_hip"], :] + noise[..., i["right_hip"], :]) / 2
    shoulders = (noise[..., i["left_shoulder"], :] + noise[..., i["right_shoulder"], :]) / 2
    ears = (noise[..., i["left_ear"], :] + noise[..., i["right_ear"], :]) / 2
    out[..., i["root"], :], out[..., i["thorax"], :], out[..., i["head"], :] = hips, shoulders, ears
    out[..., i["spine"], :], out[..., i["neck_base"], :] = (hips + shoulders) / 2, (shoulders + ears) / 2
    return out


def _roll(points: Tensor) -> Tensor:
    """(N, T, 3, 3): not rolled = this @ rolled, from points (N, T, 28, 2)."""
    up = torch.nn.functional.normalize(points[..., THORAX, :] - points[..., ROOT, :], dim=-1)
    x, y = -up[..., 1], up[..., 0]
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return torch.stack([x, -y, zero, y, x, zero, zero, zero, one], -1).reshape(*x.shape, 3, 3)


def _own_3d(truth: Tensor, noise: Tensor, dt: Tensor, s: ErrorSettings, g: torch.Generator) -> Tensor:
    """The detector's own 3D (N, T, 28, 3): flattened, tilted and twisted, its limbs off in depth or reversed.

    noise: (N, T, 28, 2) of the 2D joints, which its x and y share in part.
    """
    n, t = truth.shape[:2]
    tau = _between(0.05, 4.0, n, g)
    level = _between(0.5, 2.0, n, g)[:, None, None]
    low, high = s.own_flat
    flatness = low + (high - low) * torch.rand(n, 1, 1, generator=g)
    off = _CHAIN @ (0.8 * wander((n, t, COUNT, 1), dt, tau, g) + 0.5 * torch.randn(n, 1, COUNT, 1, generator=g))
    depth = truth[..., 2] * flatness + level * s.own_depth_m * off[..., 0]
    for limb, start in zip(_LIMBS, _LIMB_ROOT, strict=True):
        reverse = wander((n, t), dt, tau, g).abs() > _quantile(s.own_flips)
        reversed_depth = 2 * depth[:, :, start : start + 1] - depth[:, :, limb]
        depth[:, :, limb] = torch.where(reverse[..., None], reversed_depth, depth[:, :, limb])
    size = truth.norm(dim=-1).mean(-1)[..., None, None]
    shake = wander((n, t, COUNT, 2), dt, tau, g)
    x, y = (truth[..., :2] + 0.7 * noise * size + s.own_plane_m * level[..., None] * shake).unbind(-1)

    def angle(deg: float, parts: int) -> Tensor:
        constant, moving = torch.randn(n, 1, parts, generator=g), wander((n, t, parts), dt, tau, g)
        return math.radians(deg) * (0.8 * constant + 0.6 * moving)

    tilt, twist = angle(s.own_tilt_deg, 1), angle(s.own_turn_deg, 2)[..., _UPPER]
    y, z = y * tilt.cos() - depth * tilt.sin(), y * tilt.sin() + depth * tilt.cos()
    x, z = x * twist.cos() + z * twist.sin(), z * twist.cos() - x * twist.sin()
    own = torch.stack([x, y, z], -1) * torch.exp(0.1 * torch.randn(n, 1, 1, 1, generator=g))
    return own - own[:, :, ROOT : ROOT + 1]
