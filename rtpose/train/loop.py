"""`rtpose train svmac`: the loop, from the data to the exported network."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from rtpose.lift.codec import DepthCodec
from rtpose.models.svmac import Critic, SvmacGenerator
from rtpose.train.evaluate import evaluate_depth
from rtpose.train.joints_2d import Joints2D
from rtpose.train.motion_pack import MotionPack
from rtpose.train.run_folder import RunFolder
from rtpose.train.settings import SvmacSettings
from rtpose.train.svmac import SvmacStep

VALIDATION_POSES = 1500
"""About so many frames of the validation pack are looked at each time, from five cameras."""


@dataclass(frozen=True)
class Progress:
    """What the progress bar shows."""

    step: int
    steps: int
    loss: float
    best_p_mpjpe_mm: float


def train_svmac(
    settings: SvmacSettings,
    train_pack: MotionPack,
    validation_pack: MotionPack,
    folder: Path,
    *,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> SvmacGenerator:
    """Train, and return the generator with the weights that were best on the validation subjects.

    Everything random in a step is drawn from a seed made of `settings.seed` and the step's number, so that a run
    that was killed and resumed ends at the same weights as one that was not.
    """
    run = RunFolder(folder, settings, resume=resume)
    codec = DepthCodec(settings.distance)
    data = Joints2D(train_pack, codec, settings.cameras, settings.noise)

    torch.manual_seed(settings.seed)
    generator = SvmacGenerator(width=settings.width, dropout=settings.dropout, distance=settings.distance)
    averaged = copy.deepcopy(generator).eval().requires_grad_(False)
    critic = Critic(width=settings.width)
    step_losses = SvmacStep(generator, critic, settings)
    generator_optimiser = torch.optim.Adam(generator.parameters(), settings.learning_rate, settings.betas)
    critic_optimiser = torch.optim.Adam(critic.parameters(), settings.learning_rate, settings.betas)

    parts: dict[str, nn.Module | torch.optim.Optimizer] = {
        "generator": generator, "averaged": averaged, "critic": critic,
        "generator_optimiser": generator_optimiser, "critic_optimiser": critic_optimiser,
    }  # fmt: skip
    start, best = 0, math.inf
    if (state := run.load("last.pt")) is not None:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        start, best = state["step"], state["best_p_mpjpe_mm"]
    run.start_log(start)
    every = max(1, len(validation_pack.poses_m) // VALIDATION_POSES)

    since, last_step = time.monotonic(), start
    for step in range(start + 1, settings.steps + 1):
        for optimiser in (generator_optimiser, critic_optimiser):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, settings)
        draw = torch.Generator().manual_seed(_seed(settings.seed, step))
        torch.manual_seed(_seed(settings.seed, step))

        generator.train()
        critic.requires_grad_(False)
        loss, terms, fake = step_losses.generator_loss(data.batch(settings.batch_size, draw))
        generator_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        generator_optimiser.step()
        _average(averaged, generator, settings.ema_decay, step)

        if settings.discriminator:
            critic.requires_grad_(True)
            for _ in range(settings.critic_steps):
                critic_loss = step_losses.critic_loss(data.batch(settings.batch_size, draw), fake)
                critic_optimiser.zero_grad(set_to_none=True)
                torch.autograd.backward(critic_loss)
                critic_optimiser.step()

        if step % settings.validate_every == 0 or step == settings.steps:
            scores = evaluate_depth(averaged.depth, validation_pack, codec, every=every).means()
            row = {
                "step": step,
                **{name: f"{float(term.detach()):.6g}" for name, term in sorted(terms.items())},
                "learning_rate": f"{learning_rate(step, settings):.3g}",
                "val_mpjpe_mm": f"{scores['mpjpe_mm']:.3f}",
                "val_p_mpjpe_mm": f"{scores['p_mpjpe_mm']:.3f}",
                "poses_per_s": f"{(step - last_step) * settings.batch_size / (time.monotonic() - since):.0f}",
            }
            since, last_step = time.monotonic(), step
            run.log(row)
            if scores["p_mpjpe_mm"] < best:
                best = scores["p_mpjpe_mm"]
                run.save("best.pt", {"step": step, "generator": averaged.state_dict(), "p_mpjpe_mm": best})
            state = {name: part.state_dict() for name, part in parts.items()}
            run.save("last.pt", {**state, "step": step, "best_p_mpjpe_mm": best})
        report(Progress(step, settings.steps, float(loss.detach()), best))

    best_state = run.load("best.pt")
    assert best_state is not None, "the last step validates"
    averaged.load_state_dict(best_state["generator"])
    return averaged


def learning_rate(step: int, settings: SvmacSettings) -> float:
    """Cosine decay from `learning_rate` to `final_learning_rate`."""
    share = step / settings.steps
    low, high = settings.final_learning_rate, settings.learning_rate
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * share))


def _seed(seed: int, step: int) -> int:
    return seed * 1_000_003 + step


@torch.no_grad()
def _average(averaged: nn.Module, current: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average, with a shorter memory at the start so that the initial weights are forgotten."""
    decay = min(decay, step / (step + 10))
    for old, new in zip(averaged.state_dict().values(), current.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - decay)
        else:
            old.copy_(new)
