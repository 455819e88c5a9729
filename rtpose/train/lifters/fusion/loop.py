"""The training of `fusion`: first on single frames, then its memory over clips."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from rtpose.modules.fusion import FrameNet, FusionNet
from rtpose.pose.lift.fusion_codec import FEATURES, PLAIN
from rtpose.train.lifters.fusion.errors import DetectedClips, detect
from rtpose.train.lifters.fusion.motions import Motions
from rtpose.train.lifters.fusion.settings import ErrorSettings, FusionSettings, PhaseSettings
from rtpose.train.lifters.fusion.views import see
from rtpose.train.run_folder import RunFolder
from rtpose.train.steps import average_weights, step_seed

WARM_UP_STEPS = 200
FRAME_RATE_OF_WEIGHT = 30.0
"""At this frame rate, acceleration errors have the weight `FusionSettings.acceleration`; above it more, below less."""
CHECKPOINT = "last.pt"


@dataclass(frozen=True)
class FusionProgress:
    """What the progress bar shows."""

    step: int
    steps: int
    """Counted over both phases."""
    error_mm: float
    """Mean joint error of the last steps, on training data."""


class TrainingPeople:
    """An endless sequence of random people as a detector sees them."""

    def __init__(self, packs: Mapping[Path, float], settings: FusionSettings) -> None:
        """packs: motion packs and their shares. Errors: `InputError` for a file that is not a motion pack."""
        self._motions = Motions(packs, settings.bodies)
        self._settings = settings

    def draw(self, count: int, frames: int, errors: ErrorSettings, generator: torch.Generator) -> DetectedClips:
        """`count` people over that many frames, detected with those errors."""
        s = self._settings
        rates = torch.tensor(s.frame_rates_hz)
        dt = 1 / rates[torch.randint(len(rates), (count,), generator=generator)][:, None].expand(count, frames)
        late = torch.rand(count, frames, generator=generator) < s.dropped
        dt = dt * torch.where(late, 2.0, 1.0)
        dt[:, 0] = 0
        joints, root = self._motions.draw(count, dt.cumsum(1), generator)
        return detect(see(joints, root, s.views, generator), dt, errors, generator)


def frame_loss(network: FrameNet, batch: DetectedClips) -> tuple[Tensor, Tensor]:
    """For single frames: the loss, and the joint error in metres."""
    pose, log_error, _, gravity = network(batch.features.flatten(0, 1))
    distance = _distance(pose - batch.truth.flatten(0, 1))
    error = (distance * batch.weight.flatten(0, 1))[:, 1:].mean()
    down = (gravity - batch.gravity.flatten(0, 1)).pow(2).sum(-1).mean()
    return error + 0.02 * _surprise(distance, log_error) + 0.05 * down, error


def clip_loss(network: FusionNet, batch: DetectedClips, acceleration: float) -> tuple[Tensor, Tensor]:
    """For clips: the loss, and the joint error in metres."""
    poses, log_error, gravity, _ = network.sequence(batch.features, batch.turn, trunk_is_given=True)
    offset = poses - batch.truth
    distance = _distance(offset)
    error = (distance * batch.weight)[..., 1:].mean()
    # In the axes of the middle frame.
    before = offset[:, :-2] @ batch.turn[:, 1:-1].transpose(-1, -2)
    after = offset[:, 2:] @ batch.turn[:, 2:]
    pace = (1 / (FRAME_RATE_OF_WEIGHT * batch.dt_s[:, 1:-1].clamp(min=1e-3))).clamp(max=2.0)[..., None]
    shake = (_distance(before - 2 * offset[:, 1:-1] + after) * batch.weight[:, 1:-1] * pace)[..., 1:].mean()
    down = (gravity - batch.gravity).pow(2).sum(-1).mean()
    return error + acceleration * shake + 0.02 * _surprise(distance, log_error) + 0.05 * down, error


def _distance(offset: Tensor) -> Tensor:
    """(..., 3) -> (...), with a gradient at 0."""
    return offset.pow(2).sum(-1).add(1e-8).sqrt()


def _surprise(distance: Tensor, log_error: Tensor) -> Tensor:
    """How badly `log_error` predicts the distances, which follow a gamma distribution of shape 3. Trains only the
    uncertainty."""
    return (distance.detach() * torch.exp(-log_error) + 3 * log_error)[..., 1:].mean()


def train_fusion(
    settings: FusionSettings,
    packs: Mapping[Path, float],
    folder: Path,
    *,
    resume: bool = False,
    report: Callable[[FusionProgress], None] = lambda progress: None,
) -> FusionNet:
    """Train both phases. Everything random in a step comes from `settings.seed` and the step's number, so a training
    that was interrupted and resumed ends with the same weights.

    packs: motion packs and the share of people from each. folder: for the checkpoints.
    Errors: `InputError` for a pack that cannot be read; those of `RunFolder`.
    """
    torch.manual_seed(settings.seed)
    people = TrainingPeople(packs, settings)
    network = FusionNet(FEATURES, PLAIN, settings.width, settings.blocks, settings.memory, settings.glance)
    data = ", ".join(f"{file.name} {share:g}" for file, share in packs.items())
    run = RunFolder(folder, settings, data=data, resume=resume)
    state = run.load(CHECKPOINT) if resume else None
    phases: list[tuple[nn.Module, PhaseSettings, int, ErrorSettings]] = [
        (network.frame, settings.frames, 1, settings.errors),
        (network, settings.clips, settings.clip_frames, settings.clip_errors),
    ]
    total = settings.frames.steps + settings.clips.steps
    first = 0
    for number, (part, phase, frames, errors) in enumerate(phases):
        if state is not None and state["phase"] > number:
            first += phase.steps
            continue
        if part is network:
            if state is not None and state["phase"] == number:
                network.load_state_dict(state["network"])
            network.frame.requires_grad_(False)
        averaged = copy.deepcopy(part).eval().requires_grad_(False)
        optimiser = torch.optim.AdamW(
            [p for p in part.parameters() if p.requires_grad], lr=phase.learning_rate, weight_decay=0.01
        )
        done = 0
        if state is not None and state["phase"] == number:
            done = state["step"]
            part.load_state_dict(state["part"])
            averaged.load_state_dict(state["averaged"])
            optimiser.load_state_dict(state["optimiser"])
        recent: list[float] = []
        for step in range(done + 1, phase.steps + 1):
            for group in optimiser.param_groups:
                group["lr"] = _learning_rate(step, phase)
            draw = torch.Generator().manual_seed(step_seed(settings.seed, first + step))
            batch = people.draw(phase.batch_size, frames, errors, draw)
            if isinstance(part, FrameNet):
                loss, error = frame_loss(part, batch)
            else:
                loss, error = clip_loss(network, batch, settings.acceleration)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(part.parameters(), 1.0)
            optimiser.step()
            average_weights(averaged, part, phase.ema_decay, step)
            recent = [*recent[-99:], error.item()]
            report(FusionProgress(first + step, total, 1e3 * sum(recent) / len(recent)))
            if step % settings.save_every == 0 or step == phase.steps:
                run.save(
                    CHECKPOINT,
                    {
                        "phase": number, "step": step, "network": network.state_dict(), "part": part.state_dict(),
                        "averaged": averaged.state_dict(), "optimiser": optimiser.state_dict(),
                    },
                )  # fmt: skip
        part.load_state_dict(averaged.state_dict())
        first += phase.steps
    return network.eval()


def _learning_rate(step: int, phase: PhaseSettings) -> float:
    """A short rise, then a cosine to a hundredth."""
    return (
        phase.learning_rate
        * min(1.0, step / WARM_UP_STEPS)
        * (0.5 * (1 + math.cos(math.pi * step / phase.steps)) + 0.01)
    )
