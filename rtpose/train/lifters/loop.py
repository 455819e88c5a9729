"""The training loop of all lifters: steps, weight averaging, validation, checkpoints. The method defines a step."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from lightning_fabric import Fabric
from torch import nn

from rtpose.errors import ConfigError
from rtpose.modules.ensemble import Ensemble
from rtpose.train.data.sets import EvaluationSet, TrainingSet
from rtpose.train.distributed import share_batches, start_fabric
from rtpose.train.lifters.evaluate import evaluate_depth
from rtpose.train.lifters.method import Method
from rtpose.train.lifters.settings import TrainSettings
from rtpose.train.run_folder import RunFolder
from rtpose.train.speed import StepTimer
from rtpose.train.steps import average_weights, step_seed

VALIDATION_POSES = 7500
"""Approximate number of poses in each validation."""


@dataclass(frozen=True)
class LifterProgress:
    """Progress of a training, for a progress bar."""

    step: int
    steps: int
    best_mm: float
    """Best error on the validation subjects so far, by `choose_by`."""
    stopped_early: bool
    """This is the last step because `patience` ran out."""


@dataclass(frozen=True)
class TrainedLifter:
    """A trained lifter and how the training went."""

    lifter: nn.Module
    """points (N, 2 J) -> depth (N, J), with the best weights on the validation subjects. On the CPU."""
    steps: tuple[int, ...]
    """Step of the weights of each network."""
    last_step: int
    """Last step of the training; of the last network's."""
    stopped_early: bool
    """`patience` ran out before the last step."""
    seconds: float
    """Time spent in steps, over all resumed parts."""
    poses_per_second: float
    """Mean since the start or the last resume; NaN without steps."""
    not_matrix_share: float
    """See `StepTimer`; NaN for fewer than six steps."""


def train(
    method_of: Callable[[Any, TrainingSet], Method],
    settings: TrainSettings,
    training: TrainingSet,
    validation: EvaluationSet,
    folder: Path,
    *,
    resume: bool = False,
    fabric: Fabric | None = None,
    report: Callable[[LifterProgress], None] = lambda progress: None,
) -> TrainedLifter:
    """Train a method until `settings.steps`, or until `settings.patience` runs out; keep the best weights.

    Several networks (`settings.networks`) are trained one after the other, in folders of their own: `folder`/network1,
    …. The trained lifter is their mean.

    Each step has a seed of its own, made from `settings.seed` and the step's number: a run that was killed and resumed
    ends with the same weights as an uninterrupted one.

    fabric: from `start_fabric`, which is called if it is None. All processes call this with the same arguments and get
    the same result; only the first one writes the folder, validates and reports. Errors: `ConfigError` if the processes
    cannot share a batch evenly.
    """
    fabric = fabric or start_fabric()
    if settings.networks == 1:
        return _train_network(method_of, settings, training, validation, folder, resume, fabric, report)
    trained = []
    for i in range(settings.networks):
        one = msgspec.structs.replace(settings, networks=1, seed=settings.seed + i)
        own = folder / f"network{i + 1}"

        def report_all(progress: LifterProgress, before: int = i * settings.steps) -> None:
            steps = settings.networks * settings.steps
            report(dataclasses.replace(progress, step=before + progress.step, steps=steps))

        trained.append(
            _train_network(method_of, one, training, validation, own, resume and own.exists(), fabric, report_all)
        )
    return TrainedLifter(
        lifter=Ensemble([one.lifter for one in trained]).eval(),
        steps=tuple(one.steps[0] for one in trained),
        last_step=trained[-1].last_step,
        stopped_early=trained[-1].stopped_early,
        seconds=sum(one.seconds for one in trained),
        poses_per_second=trained[-1].poses_per_second,
        not_matrix_share=trained[-1].not_matrix_share,
    )


def _train_network(
    method_of: Callable[[Any, TrainingSet], Method],
    settings: TrainSettings,
    training: TrainingSet,
    validation: EvaluationSet,
    folder: Path,
    resume: bool,
    fabric: Fabric,
    report: Callable[[LifterProgress], None],
) -> TrainedLifter:
    """See `train`."""
    if settings.batch_size % fabric.world_size:
        raise ConfigError(
            f"batch_size={settings.batch_size} cannot be shared by {fabric.world_size} processes: choose a multiple of "
            f"{fabric.world_size}"
        )
    torch.manual_seed(settings.seed)
    with fabric.device:  # creates data, networks and later random numbers on the device
        method = method_of(settings, training)  # before creating the folder: the method may refuse the data
    share_batches(fabric, method.networks.values(), method.optimisers.values())
    data = f"{training.name}: {training.size}\n{validation.name}: {validation.size}"
    run = RunFolder(folder, settings, data=data, resume=resume) if fabric.is_global_zero else None
    generator = method.networks["generator"]
    averaged = copy.deepcopy(generator).eval().requires_grad_(False)
    parts: dict[str, nn.Module | torch.optim.Optimizer] = {"averaged": averaged, **method.networks}
    parts |= {f"{name}_optimiser": optimiser for name, optimiser in method.optimisers.items()}

    start, best, best_step, seconds = 0, math.inf, 0, 0.0
    # Broadcast because other machines may not have the folder.
    if (state := fabric.broadcast(run.load("last.pt") if run else None)) is not None:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        start, best, seconds = state["step"], state["best_mm"], state["seconds"]
        # If killed between the two checkpoints, best.pt is ahead of last.pt; the next steps write it again.
        best_step = fabric.broadcast((run.load("best.pt") or {"step": 0})["step"] if run else 0)
    if run:
        run.start_log(start)
    speed = StepTimer(fabric.device, settings.batch_size, seconds)
    every = max(1, len(validation) // VALIDATION_POSES)

    step = start
    while step < settings.steps and not _out_of_patience(step, best_step, settings):
        step += 1
        set_learning_rates(method.optimisers.values(), step, settings)
        draw = torch.Generator(fabric.device).manual_seed(step_seed(settings.seed, step))
        torch.manual_seed(step_seed(settings.seed, step))
        with speed.step(), fabric.device:
            terms = method.step(step, draw)
            average_weights(averaged, generator, settings.ema_decay, step)

        if step % settings.validate_every == 0 or step == settings.steps:
            means = fabric.all_reduce({name: term.detach() for name, term in sorted(terms.items())}, reduce_op="mean")
            assert isinstance(means, dict)
            if run:
                on_cpu = copy.deepcopy(method.lifter_of(averaged)).cpu()
                scores = evaluate_depth(on_cpu, validation, method.codec, every=every).means()
                run.log(
                    {
                        "step": step,
                        **{name: f"{float(mean):.6g}" for name, mean in means.items()},
                        "learning_rate": f"{cosine_learning_rate(step, settings):.3g}",
                        "val_mpjpe_mm": f"{scores['mpjpe_mm']:.3f}",
                        "val_p_mpjpe_mm": f"{scores['p_mpjpe_mm']:.3f}",
                        "seconds": f"{speed.seconds:.1f}",
                        "poses_per_second": f"{speed.poses_per_second(settings.validate_every):.0f}",
                        "not_matrix_share": f"{speed.not_matrix_share:.3f}",
                    }
                )
                if scores[settings.choose_by] < best:
                    best, best_step = scores[settings.choose_by], step
                    run.save("best.pt", {"step": step, "generator": averaged.state_dict(), settings.choose_by: best})
                state = {name: part.state_dict() for name, part in parts.items()}
                run.save("last.pt", {**state, "step": step, "best_mm": best, "seconds": speed.seconds})
            best_step = fabric.broadcast(best_step)
        if run:
            report(LifterProgress(step, settings.steps, best, _out_of_patience(step, best_step, settings)))

    best_state = fabric.broadcast(run.load("best.pt") if run else None)
    assert best_state is not None, "the last step validates"
    averaged.load_state_dict(best_state["generator"])
    lifter = method.lifter_of(averaged).eval().cpu()
    return TrainedLifter(
        lifter=lifter,
        steps=(best_state["step"],),
        last_step=step,
        stopped_early=_out_of_patience(step, best_step, settings),
        seconds=speed.seconds,
        poses_per_second=speed.poses_per_second(),
        not_matrix_share=speed.not_matrix_share,
    )


def cosine_learning_rate(step: int, settings: TrainSettings) -> float:
    """Cosine decay from `learning_rate` to `final_learning_rate`."""
    share = step / settings.steps
    low, high = settings.final_learning_rate, settings.learning_rate
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * share))


def set_learning_rates(optimisers: Iterable[torch.optim.Optimizer], step: int, settings: TrainSettings) -> None:
    """`cosine_learning_rate`, times a group's own "rate" if it has one."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = cosine_learning_rate(step, settings) * group.get("rate", 1.0)


def _out_of_patience(step: int, best_step: int, settings: TrainSettings) -> bool:
    """Whether `patience` validations have passed since the best one, before the last step."""
    since_best = step // settings.validate_every - best_step // settings.validate_every
    return step < settings.steps and 0 < settings.patience <= since_best
