"""Several seeds of one training in one process: small networks are stacked, so a step costs one set of calls."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from rtpose.errors import ConfigError
from rtpose.train.data.sets import EvaluationSet, TrainingSet
from rtpose.train.lifters.evaluate import evaluate_depth
from rtpose.train.lifters.loop import VALIDATION_POSES, LifterProgress, TrainedLifter, set_learning_rates
from rtpose.train.lifters.method import Method
from rtpose.train.lifters.settings import TrainSettings
from rtpose.train.run_folder import RunFolder
from rtpose.train.speed import StepTimer
from rtpose.train.steps import average_weights, step_seed


class SeedStack(nn.Module):
    """S networks of one architecture as one. Rows come seed after seed: (S N, …) -> (S N, …); each network sees its own
    N rows, also for its batch statistics."""

    _one: nn.Module

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        parameters, buffers = torch.func.stack_module_state(list(members))
        self._names = {name: name.replace(".", "/") for name in (*parameters, *buffers)}
        for name, value in parameters.items():
            self.register_parameter(self._names[name], nn.Parameter(value.detach()))
        for name, value in buffers.items():
            self.register_buffer(self._names[name], value)
        self._parameter_names = list(parameters)
        self._buffer_names = list(buffers)
        self.count = len(members)
        object.__setattr__(self, "_one", copy.deepcopy(members[0]).to("meta"))  # not a part: it has no weights

    def train(self, mode: bool = True) -> SeedStack:
        """As `nn.Module.train`."""
        self._one.train(mode)
        return super().train(mode)

    def forward(self, *inputs: Tensor) -> Any:
        """Each input (S N, …) -> the networks' output, rows seed after seed."""

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], *rows: Tensor) -> Any:
            return torch.func.functional_call(self._one, (parameters, buffers), rows)

        own: dict[str, Tensor] = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        parameters, buffers = (
            {name: own[self._names[name]] for name in names} for names in (self._parameter_names, self._buffer_names)
        )
        apart = [rows.reshape(self.count, -1, *rows.shape[1:]) for rows in inputs]
        out = torch.vmap(one, randomness="different")(parameters, buffers, *apart)
        return torch.utils._pytree.tree_map(lambda rows: rows.flatten(0, 1), out)

    def member(self, index: int, like: nn.Module) -> nn.Module:
        """A copy of `like` with the weights of network number `index`, in evaluation mode."""
        network = copy.deepcopy(like)
        state = self.state_dict()
        network.load_state_dict(
            {name: state[stacked][index] for name, stacked in self._names.items() if stacked in state}
        )
        return network.eval()


def stack_seeds(methods: Sequence[Method]) -> Method:
    """The first method, changed to train the networks of all seeds: its batches hold the rows of each seed in turn."""
    method: Any = methods[0]
    stacks = {name: SeedStack([one.networks[name] for one in methods]) for name in method.networks}
    for attribute, value in vars(method).items():
        for name, network in method.networks.items():
            if value is network:
                setattr(method, attribute, stacks[name])
    for name, optimiser in method.optimisers.items():
        (group,) = optimiser.param_groups
        kept = {key: group[key] for key in ("lr", "betas", "rate") if key in group}
        method.optimisers[name] = torch.optim.Adam([{"params": list(stacks[name].parameters()), **kept}])
    method.networks = stacks
    method.settings = msgspec.structs.replace(method.settings, batch_size=len(methods) * method.settings.batch_size)
    return method  # type: ignore[no-any-return]


def train_seeds(
    method_of: Callable[[Any, TrainingSet], Method],
    settings: TrainSettings,
    seeds: Sequence[int],
    training: TrainingSet,
    validation: EvaluationSet,
    folder: Path,
    *,
    resume: bool = False,
    report: Callable[[LifterProgress], None] = lambda progress: None,
) -> list[TrainedLifter]:
    """Train a single-frame lifter with each of the seeds at once, always until `settings.steps`; see
    `rtpose.train.lifters.loop.train`.

    A seed sets the initial weights. Two trainings with the same seeds and batch size see the same frames, cameras and
    rotations in the same order: they are paired. The first seed draws these for all.
    `log.csv` has a column for each seed's error. Errors: `ConfigError` if `settings.networks` is not 1.
    """
    if settings.networks != 1:
        raise ConfigError(f"several seeds are compared one by one: networks={settings.networks} must be 1")
    methods = []
    for seed in seeds:
        torch.manual_seed(seed)
        methods.append(method_of(msgspec.structs.replace(settings, seed=seed), training))
    single = copy.deepcopy(methods[0].networks["generator"])
    method = stack_seeds(methods)
    generator = method.networks["generator"]
    averaged = copy.deepcopy(generator).requires_grad_(False)
    assert isinstance(averaged, SeedStack)
    run = RunFolder(
        folder, settings, data=f"{training.name}: {training.size}\n{validation.name}: {validation.size}\n{seeds}",
        resume=resume,
    )  # fmt: skip
    parts: dict[str, Any] = {"averaged": averaged, **method.networks}
    parts |= {f"{name}_optimiser": optimiser for name, optimiser in method.optimisers.items()}
    best: dict[str, Any] = {"mm": [math.inf] * len(seeds), "step": [0] * len(seeds), "generators": [{}] * len(seeds)}
    start, seconds = 0, 0.0
    if (state := run.load("last.pt")) is not None:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        start, seconds, best = state["step"], state["seconds"], state["best"]
    run.start_log(start)
    speed = StepTimer(torch.device("cpu"), len(seeds) * settings.batch_size, seconds)
    every = max(1, len(validation) // VALIDATION_POSES)
    for step in range(start + 1, settings.steps + 1):
        set_learning_rates(method.optimisers.values(), step, settings)
        draw = torch.Generator().manual_seed(step_seed(seeds[0], step))
        torch.manual_seed(step_seed(seeds[0], step))
        with speed.step():
            terms = method.step(step, draw)
            average_weights(averaged, generator, settings.ema_decay, step)
        if step % settings.validate_every == 0 or step == settings.steps:
            errors = {}
            for i, seed in enumerate(seeds):
                network = averaged.member(i, single)
                scores = evaluate_depth(method.lifter_of(network), validation, method.codec, every=every).means()
                errors[f"seed{seed}_{settings.choose_by}"] = scores[settings.choose_by]
                if scores[settings.choose_by] < best["mm"][i]:
                    best["mm"][i], best["step"][i] = scores[settings.choose_by], step
                    best["generators"][i] = network.state_dict()
            row = {name: float(term.detach()) for name, term in sorted(terms.items())} | errors
            run.log({"step": step, **{name: f"{value:.6g}" for name, value in row.items()}})
            states = {name: part.state_dict() for name, part in parts.items()}
            run.save("last.pt", {**states, "step": step, "seconds": speed.seconds, "best": best})
        report(LifterProgress(step, settings.steps, min(best["mm"]), False))
    trained = []
    for i in range(len(seeds)):
        single.load_state_dict(best["generators"][i])
        lifter = method.lifter_of(copy.deepcopy(single)).eval()
        trained.append(
            TrainedLifter(
                lifter, (best["step"][i],), settings.steps, False, speed.seconds / len(seeds),
                speed.poses_per_second(), speed.not_matrix_share,
            )
        )  # fmt: skip
    return trained
