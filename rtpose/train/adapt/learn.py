"""Fine-tunes `fusion` on takes, and decides on held-out parts whether it improved."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rtpose.modules.fusion import FusionNet
from rtpose.pose.lift.fusion_codec import PLAIN, TWINS, mirrored_features
from rtpose.skeleton import RTPOSE28
from rtpose.train.adapt.takes import Take
from rtpose.train.steps import average_weights

HELD_OUT = 0.25
"""Share of each take, at its end, that is held out and decides."""
FRAMES, BATCH = 24, 16
"""Length of the pieces that a step trains on."""
LEARNING_RATE = 2e-4
EMA_DECAY = 0.98
FRAME_WEIGHT, BONE_WEIGHT, KEEP_WEIGHT = 0.5, 0.2, 1e-3
"""Weights of single frames, of constant bones, and of staying near the old weights, relative to the pose's 1."""
LEAST_GAIN = 0.03
"""Share by which the distance from the teacher has to fall on the held-out parts."""
_SIDE = (-1.0, 1.0, 1.0)
_CHILDREN = [RTPOSE28.index_of[child] for child, _ in RTPOSE28.bones]
_PARENTS = [RTPOSE28.index_of[parent] for _, parent in RTPOSE28.bones]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Before and after, on the held-out parts."""

    before_mm: float
    """Mean distance of the joints from the teacher's, weighted by its confidence."""
    after_mm: float
    limbs_before: float
    """Standard deviation of limb lengths, percent."""
    limbs_after: float

    @property
    def better(self) -> bool:
        """Closer to the teacher by `LEAST_GAIN`, and limbs no less constant."""
        return self.after_mm <= (1 - LEAST_GAIN) * self.before_mm and self.limbs_after <= 1.05 * self.limbs_before


def adapted(
    network: FusionNet, takes: Sequence[Take], *, steps: int, seed: int = 0, report: Callable[[int], None]
) -> tuple[FusionNet, HeldOut]:
    """A copy of `network` fine-tuned on the first part of each take, and its results on the rest.

    report: called with the number of finished steps.
    """
    cuts = [round((1 - HELD_OUT) * len(take)) for take in takes]
    learned = _learn(network, [t.part(0, cut) for t, cut in zip(takes, cuts, strict=True)], steps, seed, report)
    (before_mm, limbs_before), (after_mm, limbs_after) = (_judge(n, takes, cuts) for n in (network, learned))
    return learned, HeldOut(before_mm, after_mm, limbs_before, limbs_after)


def _learn(
    network: FusionNet, takes: Sequence[Take], steps: int, seed: int, report: Callable[[int], None]
) -> FusionNet:
    draw = torch.Generator().manual_seed(seed)
    net = copy.deepcopy(network).train().requires_grad_(True)
    averaged = copy.deepcopy(network).eval()
    old = [p.detach().clone() for p in network.parameters()]
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps + 1)
    lengths = torch.tensor([float(len(take)) for take in takes])
    bones = [_bones(torch.from_numpy(take.pose)).median(0).values for take in takes]
    for step in range(1, steps + 1):
        chosen = torch.multinomial(lengths, BATCH, replacement=True, generator=draw).tolist()
        features, turn, pose, weight = (
            torch.stack(parts) for parts in zip(*(_piece(takes[c], draw) for c in chosen), strict=True)
        )
        poses, _, _, own = net.sequence(features, turn)
        near = torch.minimum(weight[..., _CHILDREN], weight[..., _PARENTS])
        long = (_bones(poses) - torch.stack([bones[c] for c in chosen])[:, None]).abs()
        away = sum((p - q).pow(2).sum() for p, q in zip(net.parameters(), old, strict=True))
        loss = (
            (_distance(poses - pose) * weight)[..., 1:].mean()
            + FRAME_WEIGHT * (_distance(own - pose) * weight)[..., 1:].mean()
            + BONE_WEIGHT * (long * near).mean()
            + KEEP_WEIGHT * away
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average_weights(averaged, net, EMA_DECAY, step)
        report(step)
    return averaged.eval().requires_grad_(False)


def _piece(take: Take, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A random piece of `FRAMES` frames, half of them mirrored; a short take is padded."""
    count = min(FRAMES, len(take))
    start = int(torch.randint(0, len(take) - count + 1, (1,), generator=draw))
    piece = [torch.from_numpy(np.ascontiguousarray(a[start : start + count])) for a in _arrays(take)]
    features, turn, pose, weight = piece
    features = _as_first(features)
    if torch.rand(1, generator=draw) < 0.5:
        features, turn = _mirrored(features, turn)
        pose, weight = pose[:, TWINS] * torch.tensor(_SIDE), weight[:, TWINS]
    missing = FRAMES - count
    return (
        torch.cat([features, features[-1:].expand(missing, -1)]),
        torch.cat([turn, torch.eye(3).expand(missing, 3, 3)]),
        torch.cat([pose, pose[-1:].expand(missing, -1, -1)]),
        torch.cat([weight, torch.zeros(missing, weight.shape[1])]),
    )


def _arrays(take: Take) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return take.features, take.turn, take.pose, take.weight


def _as_first(features: Tensor) -> Tensor:
    """The same frames, as if the person was new in the first."""
    out = features.clone()
    out[0, PLAIN - 1] = 0
    return out


def _mirrored(features: Tensor, turn: Tensor) -> tuple[Tensor, Tensor]:
    index, sign = mirrored_features()
    mirror = torch.diag(torch.tensor(_SIDE))
    return features[:, index] * torch.tensor(sign), mirror @ turn @ mirror


def _judge(network: FusionNet, takes: Sequence[Take], cuts: Sequence[int]) -> tuple[float, float]:
    """(distance from the teacher in mm, limbs in percent) behind the cuts, as the network runs: with flip averaging."""
    apart, total, limbs = 0.0, 0.0, []
    with torch.no_grad():
        for take, cut in zip(takes, cuts, strict=True):
            features, turn, pose, weight = (torch.from_numpy(a) for a in _arrays(take))
            features = _as_first(features)
            plain, _, _, _ = network.sequence(features[None], turn[None])
            mirrored = (part[None] for part in _mirrored(features, turn))
            flipped = network.sequence(*mirrored)[0][0, :, TWINS] * torch.tensor(_SIDE)
            poses = ((plain[0] + flipped) / 2)[cut:]
            apart += float((_distance(poses - pose[cut:]) * weight[cut:])[:, 1:].sum())
            total += float(weight[cut:, 1:].sum())
            lengths = _bones(poses)
            limbs.append(float((lengths.std(0) / lengths.mean(0)).mean()))
    return 1e3 * apart / max(total, 1e-6), 100 * float(np.mean(limbs))


def _bones(pose: Tensor) -> Tensor:
    """(..., 28, 3) -> lengths (..., B)."""
    lengths: Tensor = torch.linalg.vector_norm(pose[..., _CHILDREN, :] - pose[..., _PARENTS, :], dim=-1)
    return lengths


def _distance(offset: Tensor) -> Tensor:
    """(..., 3) -> (...), with a gradient at 0."""
    return offset.pow(2).sum(-1).add(1e-8).sqrt()
