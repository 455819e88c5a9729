"""The loop of every training: steps, weight averaging, validation, checkpoints. Methods say what a step is."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rtpose.train.evaluate import evaluate_depth
from rtpose.train.method import Method
from rtpose.train.motion_pack import MotionPack
from rtpose.train.run_folder import RunFolder
from rtpose.train.settings import TrainSettings

VALIDATION_POSES = 1500
"""About so many frames of the validation pack are looked at each time, from five cameras."""


@dataclass(frozen=True)
class Progress:
    """What the progress bar shows."""

    step: int
    steps: int
    best_p_mpjpe_mm: float


@dataclass(frozen=True)
class Trained:
    """The outcome of a training."""

    lifter: nn.Module
    """points (N, 2 J) -> depth (N, J), with the weights that were best on the validation subjects."""
    step: int
    """Whose weights they are."""
    seconds: float
    """Spent in steps, over all resumed parts."""


def train(
    method_of: Callable[[Any, MotionPack], Method],
    settings: TrainSettings,
    train_pack: MotionPack,
    validation_pack: MotionPack,
    folder: Path,
    *,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Trained:
    """Train a method on a pack; stop for good at `settings.steps`, keep what is best on the validation subjects.

    Everything random in a step is drawn from a seed made of `settings.seed` and the step's number, so that a run
    that was killed and resumed ends at the same weights as one that was not.
    """
    data = "\n".join(
        f"{p.path.name}: {len(p.clips)} clips, {len(p.poses_m)} frames" for p in (train_pack, validation_pack)
    )
    run = RunFolder(folder, settings, data=data, resume=resume)
    torch.manual_seed(settings.seed)
    method = method_of(settings, train_pack)
    generator = method.networks["generator"]
    averaged = copy.deepcopy(generator).eval().requires_grad_(False)
    parts: dict[str, nn.Module | torch.optim.Optimizer] = {"averaged": averaged, **method.networks}
    parts |= {f"{name}_optimiser": optimiser for name, optimiser in method.optimisers.items()}

    start, best, seconds = 0, math.inf, 0.0
    if (state := run.load("last.pt")) is not None:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        start, best, seconds = state["step"], state["best_p_mpjpe_mm"], state["seconds"]
    run.start_log(start)
    every = max(1, len(validation_pack.poses_m) // VALIDATION_POSES)

    for step in range(start + 1, settings.steps + 1):
        began = time.monotonic()
        for optimiser in method.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, settings)
        draw = torch.Generator().manual_seed(step_seed(settings.seed, step))
        torch.manual_seed(step_seed(settings.seed, step))
        terms = method.step(draw)
        average_weights(averaged, generator, settings.ema_decay, step)
        seconds += time.monotonic() - began

        if step % settings.validate_every == 0 or step == settings.steps:
            scores = evaluate_depth(method.lifter_of(averaged), validation_pack, method.codec, every=every).means()
            run.log(
                {
                    "step": step,
                    **{name: f"{float(term.detach()):.6g}" for name, term in sorted(terms.items())},
                    "learning_rate": f"{learning_rate(step, settings):.3g}",
                    "val_mpjpe_mm": f"{scores['mpjpe_mm']:.3f}",
                    "val_p_mpjpe_mm": f"{scores['p_mpjpe_mm']:.3f}",
                    "seconds": f"{seconds:.1f}",
                }
            )
            if scores["p_mpjpe_mm"] < best:
                best = scores["p_mpjpe_mm"]
                run.save("best.pt", {"step": step, "generator": averaged.state_dict(), "p_mpjpe_mm": best})
            state = {name: part.state_dict() for name, part in parts.items()}
            run.save("last.pt", {**state, "step": step, "best_p_mpjpe_mm": best, "seconds": seconds})
        report(Progress(step, settings.steps, best))

    best_state = run.load("best.pt")
    assert best_state is not None, "the last step validates"
    averaged.load_state_dict(best_state["generator"])
    return Trained(method.lifter_of(averaged).eval(), best_state["step"], seconds)


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Cosine decay from `learning_rate` to `final_learning_rate`."""
    share = step / settings.steps
    low, high = settings.final_learning_rate, settings.learning_rate
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * share))


def step_seed(seed: int, step: int) -> int:
    """The seed of everything random in a step."""
    return seed * 1_000_003 + step


@torch.no_grad()
def average_weights(averaged: nn.Module, current: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average, with a shorter memory at the start so that the initial weights are forgotten."""
    decay = min(decay, step / (step + 10))
    for old, new in zip(averaged.state_dict().values(), current.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - decay)
        else:
            old.copy_(new)
