"""The loop of every training: steps, weight averaging, validation, checkpoints. Methods say what a step is."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from rtpose.errors import ConfigError
from rtpose.modules.flip import DepthFunction
from rtpose.modules.temporal import TemporalLifter
from rtpose.train.data.protocols import EvaluationData, TrainingData
from rtpose.train.lifters.evaluate import MotionFunction, evaluate_depth, motion_function
from rtpose.train.lifters.method import Method
from rtpose.train.processes import share_batches, start_fabric
from rtpose.train.run_folder import RunFolder
from rtpose.train.settings import TrainSettings
from rtpose.train.speed import Speed

VALIDATION_POSES = 7500
"""About so many of the validation poses are looked at each time."""


@dataclass(frozen=True)
class Progress:
    """What the progress bar shows."""

    step: int
    steps: int
    best_p_mpjpe_mm: float
    stopped_early: bool
    """This step is the last one, `patience` having run out."""


@dataclass(frozen=True)
class Trained:
    """The outcome of a training."""

    lifter: nn.Module
    """points (N, 2 J) -> depth (N, J), with the weights that were best on the validation subjects. On the CPU."""
    step: int
    """Whose weights they are."""
    last_step: int
    """How far it went."""
    stopped_early: bool
    """`patience` ran out before the last step."""
    seconds: float
    """Spent in steps, over all resumed parts."""
    poses_per_second: float
    """In the steps since the start or the last resume; NaN without any."""
    not_matrix_share: float
    """Of the time of a step, see `Speed`; NaN for fewer than six steps."""


def train(
    method_of: Callable[[Any, TrainingData], Method],
    settings: TrainSettings,
    training: TrainingData,
    validation: EvaluationData,
    folder: Path,
    *,
    resume: bool = False,
    fabric: Fabric | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Trained:
    """Train a method until `settings.steps` or until `settings.patience` runs out, keep what is best on the validation
    subjects.

    Everything random in a step is drawn from a seed made of `settings.seed` and the step's number, so that a run
    that was killed and resumed ends at the same weights as one that was not.

    fabric: from `start_fabric`, which is called without. Of several processes, all call this with the same arguments
    and get the same outcome; the first alone writes the folder, validates and reports. Errors: `ConfigError` if they
    cannot share a batch evenly.
    """
    fabric = fabric or start_fabric()
    if settings.batch_size % fabric.world_size:
        raise ConfigError(
            f"batch_size={settings.batch_size} cannot be shared by {fabric.world_size} processes: choose a multiple of "
            f"{fabric.world_size}"
        )
    torch.manual_seed(settings.seed)
    with fabric.device:  # new tensors are made there: the data and the networks now, random numbers in each step
        method = method_of(settings, training)  # before the folder is made: it may refuse the data
    share_batches(fabric, method)
    data = f"{training.name}: {training.size}\n{validation.name}: {validation.size}"
    run = RunFolder(folder, settings, data=data, resume=resume) if fabric.is_global_zero else None
    generator = method.networks["generator"]
    averaged = copy.deepcopy(generator).eval().requires_grad_(False)
    parts: dict[str, nn.Module | torch.optim.Optimizer] = {"averaged": averaged, **method.networks}
    parts |= {f"{name}_optimiser": optimiser for name, optimiser in method.optimisers.items()}

    start, best, best_step, seconds = 0, math.inf, 0, 0.0
    # Broadcast, because other machines may not see the folder.
    if (state := fabric.broadcast(run.load("last.pt") if run else None)) is not None:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        start, best, seconds = state["step"], state["best_p_mpjpe_mm"], state["seconds"]
        # A kill between the two checkpoints leaves a best one that is ahead: it is about to be made again.
        best_step = fabric.broadcast((run.load("best.pt") or {"step": 0})["step"] if run else 0)
    if run:
        run.start_log(start)
    speed = Speed(fabric.device, settings.poses_per_step, seconds)
    temporal = isinstance(method.lifter_of(averaged), TemporalLifter)  # which is asked frame after frame
    every = 1 if temporal else max(1, len(validation) // VALIDATION_POSES)

    step = start
    while step < settings.steps and not _given_up(step, best_step, settings):
        step += 1
        for optimiser in method.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, settings)
        draw = torch.Generator(fabric.device).manual_seed(step_seed(settings.seed, step))
        torch.manual_seed(step_seed(settings.seed, step))
        with speed.step(), fabric.device:
            terms = method.step(draw)
            average_weights(averaged, generator, settings.ema_decay, step)

        if step % settings.validate_every == 0 or step == settings.steps:
            means = fabric.all_reduce({name: term.detach() for name, term in sorted(terms.items())}, reduce_op="mean")
            assert isinstance(means, dict)
            if run:
                scores = evaluate_depth(
                    _asked_on_cpu(method.lifter_of(averaged)), validation, method.codec, every=every
                ).means()
                run.log(
                    {
                        "step": step,
                        **{name: f"{float(mean):.6g}" for name, mean in means.items()},
                        "learning_rate": f"{learning_rate(step, settings):.3g}",
                        "val_mpjpe_mm": f"{scores['mpjpe_mm']:.3f}",
                        "val_p_mpjpe_mm": f"{scores['p_mpjpe_mm']:.3f}",
                        "seconds": f"{speed.seconds:.1f}",
                        "poses_per_second": f"{speed.poses_per_second(settings.validate_every):.0f}",
                        "not_matrix_share": f"{speed.not_matrix_share:.3f}",
                    }
                )
                if scores["p_mpjpe_mm"] < best:
                    best, best_step = scores["p_mpjpe_mm"], step
                    run.save("best.pt", {"step": step, "generator": averaged.state_dict(), "p_mpjpe_mm": best})
                state = {name: part.state_dict() for name, part in parts.items()}
                run.save("last.pt", {**state, "step": step, "best_p_mpjpe_mm": best, "seconds": speed.seconds})
            best_step = fabric.broadcast(best_step)
        if run:
            report(Progress(step, settings.steps, best, _given_up(step, best_step, settings)))

    best_state = fabric.broadcast(run.load("best.pt") if run else None)
    assert best_state is not None, "the last step validates"
    averaged.load_state_dict(best_state["generator"])
    lifter = method.lifter_of(averaged).eval().cpu()
    return Trained(
        lifter=lifter,
        step=best_state["step"],
        last_step=step,
        stopped_early=_given_up(step, best_step, settings),
        seconds=speed.seconds,
        poses_per_second=speed.poses_per_second(),
        not_matrix_share=speed.not_matrix_share,
    )


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Cosine decay from `learning_rate` to `final_learning_rate`."""
    share = step / settings.steps
    low, high = settings.final_learning_rate, settings.learning_rate
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * share))


def _given_up(step: int, best_step: int, settings: TrainSettings) -> bool:
    """Whether `patience` has run out before the last step: so many validations since the best one."""
    in_vain = step // settings.validate_every - best_step // settings.validate_every
    return step < settings.steps and 0 < settings.patience <= in_vain


def _asked_on_cpu(lifter: nn.Module) -> DepthFunction | MotionFunction:
    """The lifter as evaluation asks it."""
    lifter = copy.deepcopy(lifter).cpu()
    return motion_function(lifter) if isinstance(lifter, TemporalLifter) else lifter


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
