"""The training loop of `cascaded`: two stages, weight averaging, validation, checkpoints.

It is separate from `rtpose.train.lifters.loop`, which trains on 2D joints: this one has two stages, crops of pictures,
mixed precision and heatmap pictures. Both use the same run folder.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from rtpose.errors import ConfigError, InputError
from rtpose.modules.cascaded import Cascaded
from rtpose.pose.cascaded.crop_codec import CropCodec
from rtpose.train.cascaded.pictures import (
    Batch,
    Pictures,
    collate,
    everyone,
    labelled_crop,
    random_crop,
    shrunk,
)
from rtpose.train.cascaded.pretrained import Start, begin_with, convolution_parameters, load_trunk
from rtpose.train.cascaded.settings import CascadedSettings, StageSettings
from rtpose.train.cascaded.terms import stage_one_terms, stage_two_terms, weighted
from rtpose.train.cascaded.validation import heatmap_pictures, validate
from rtpose.train.run_folder import RunFolder
from rtpose.train.steps import average_weights, step_seed

TERMS = ("joints", "bones", "volume", "ordinal", "coordinates", "pose", "scale")
"""Names of the losses in the log; NaN if a stage does not have the loss."""
SEARCHED_FOR_3D = 100
"""Training people among whom at least one must have 3D labels."""
SHOWN_PEOPLE = 4
"""People in the pictures for TensorBoard."""
_Batch = TypeVar("_Batch")


@dataclass(frozen=True)
class CascadedProgress:
    """Progress of a training, for a progress bar."""

    step: int
    steps: int
    best_mpjpe_mm: float


@dataclass(frozen=True)
class TrainedCascaded:
    """A trained network and how the training went."""

    network: Cascaded
    """With the best weights on the validation people. On the CPU."""
    step: int
    """Step of these weights."""
    seconds: float
    """Time spent in steps, over all resumed parts."""
    scores: dict[str, float]
    """See `validate`."""


def train_cascaded(
    settings: CascadedSettings,
    pictures: Pictures,
    validation: Pictures,
    folder: Path,
    *,
    data: str,
    pictures_2d: Pictures | None = None,
    start: Start | None = None,
    resume: bool = False,
    report: Callable[[CascadedProgress], None] = lambda progress: None,
) -> TrainedCascaded:
    """Train on pictures with 3D labels, mixed in stage one with pictures that only have 2D labels.

    Each step has a seed of its own, made from `settings.seed` and the step's number: a run that was killed and resumed
    ends with the same weights as an uninterrupted one. data: identifies the pictures. start: initial weights.

    Errors before anything is written: those of `RunFolder` and `load_trunk`; `InputError` if the training or validation
    pictures have no 3D labels; `ConfigError` for a start from another network and for a missing device. Errors later:
    `ConfigError` if the training diverges.
    """
    RunFolder.check(folder, settings, data=data, resume=resume)
    codec = settings.codec()
    if not any(person.joints_m is not None for _, person in islice(everyone(pictures), SEARCHED_FOR_3D)):
        raise InputError(
            f"the training pictures have no 3D joints (first {SEARCHED_FOR_3D} people): give those with only 2D labels "
            "as --data-2d"
        )
    order = np.random.default_rng(0).permutation(len(validation)).tolist()  # not only people of the first video
    seen = [
        labelled_crop(picture, person, codec.roi(person.box_px), codec)
        for picture, person in islice(everyone(validation, order), settings.validation_people)
        if person.joints_m is not None
    ]
    if not seen:
        raise InputError("the validation pictures have no people with 3D joints: choose other pictures")

    device = _device(settings)
    torch.manual_seed(settings.seed)
    network = build_cascaded(settings)
    load_trunk(network.trunk, settings)
    if start is not None:
        begin_with(network, start)
    run = RunFolder(folder, settings, data=data, resume=resume)
    # Convolutions are fastest with channels last, on CPU and GPU.
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    optimisers = (stage_one_optimiser(network, settings), torch.optim.Adam(network.of_lifting()))
    parts = {"network": network, "averaged": averaged, "optimiser_1": optimisers[0], "optimiser_2": optimisers[1]}

    done, best, seconds = 0, math.inf, 0.0
    if (state := run.load("last.pt")) is not None:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        done, best, seconds = state["step"], state["best_mpjpe_mm"], state["seconds"]
    run.start_log(done)
    writer = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1)
    lengths = [stage.epochs * stage.steps_per_epoch for stage in (settings.stage_one, settings.stage_two)]
    steps = sum(lengths)
    half = _half_precision(settings, device)
    of_trunk = [p for p in convolution_parameters(network.trunk) if p.requires_grad]

    def batch_of(step: int) -> Batch:
        rng = np.random.default_rng(step_seed(settings.seed, step))
        return random_batch(pictures, None if step > lengths[0] else pictures_2d, settings, codec, rng)

    left = range(done + 1, steps + 1)
    began = time.monotonic()
    for step, batch in zip(left, prefetch(batch_of, left), strict=True):
        second = step > lengths[0]
        stage, at = (settings.stage_two, step - lengths[0]) if second else (settings.stage_one, step)
        if second and at == 1:  # the lifting block trains on the outputs of the averaged network, which is shipped
            network.load_state_dict(averaged.state_dict())
        optimiser = optimisers[second]
        for group in optimiser.param_groups:
            group["lr"] = stage_learning_rate(at, stage) * group.get("factor", 1.0)
        epoch = (at - 1) // stage.steps_per_epoch
        side = stage.picture_px(epoch, codec.input_px)
        torch.manual_seed(step_seed(settings.seed, step))
        for parameter in of_trunk:
            parameter.requires_grad_(epoch >= settings.trunk_from_epoch)
        batch = batch.to(device)
        batch = replace(batch, image=shrunk(batch.image, side))
        network.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            terms = stage_two_terms(network, batch) if second else stage_one_terms(network, batch, settings, epoch)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(weighted(terms, settings))
        optimiser.step()
        average_weights(averaged, network, settings.ema_decay, at)
        seconds += time.monotonic() - began

        if step % settings.validate_every == 0 or step == steps:
            scores = validate(averaged, seen, codec, settings.batch_size, side)
            if not math.isfinite(scores["val_mpjpe_mm"]):
                raise ConfigError(
                    f"the training diverged at step {step} or before (its errors are NaN): lower the "
                    f"learning_rate of stage_{'two' if second else 'one'}, and choose another --out"
                )
            row = {f"loss_{name}": float(terms[name].detach()) if name in terms else math.nan for name in TERMS}
            row |= {"picture_px": side, "learning_rate": stage_learning_rate(at, stage), **scores, "seconds": seconds}
            run.log({"step": step, "stage": 1 + second, **{name: f"{value:.5g}" for name, value in row.items()}})
            for name, value in row.items():
                writer.add_scalar(name.replace("_", "/", 1), value, step)
            for i, picture in enumerate(heatmap_pictures(averaged, seen[:SHOWN_PEOPLE], codec, side)):
                writer.add_image(f"person/{i}", picture, step, dataformats="HWC")
            writer.flush()
            if side == codec.input_px and (second or settings.early_lifting) and scores["val_mpjpe_mm"] < best:
                best = scores["val_mpjpe_mm"]
                run.save("best.pt", {"step": step, "network": averaged.state_dict(), "scores": scores})
            state = {name: part.state_dict() for name, part in parts.items()}
            run.save("last.pt", {**state, "step": step, "best_mpjpe_mm": best, "seconds": seconds})
        report(CascadedProgress(step, steps, best))
        began = time.monotonic()

    writer.close()
    best_state = run.load("best.pt")
    assert best_state is not None, "the last step validates at full size"
    averaged.load_state_dict(best_state["network"])
    return TrainedCascaded(averaged.to("cpu"), best_state["step"], seconds, best_state["scores"])


def build_cascaded(settings: CascadedSettings) -> Cascaded:
    """The untrained network of these settings."""
    return Cascaded(**msgspec.to_builtins(settings.network), native_picture=settings.native_pictures)


def random_batch(
    pictures: Pictures,
    pictures_2d: Pictures | None,
    settings: CascadedSettings,
    codec: CropCodec,
    rng: np.random.Generator,
) -> Batch:
    """A random batch of augmented crops, `share_2d` of them from `pictures_2d`, if given."""
    of_2d = round(settings.share_2d * settings.batch_size) if pictures_2d is not None else 0
    examples = [
        random_crop(pictures_2d if pictures_2d is not None and i < of_2d else pictures, codec, settings.augment, rng)
        for i in range(settings.batch_size)
    ]
    return collate(examples, codec)


def prefetch(make: Callable[[int], _Batch], steps: range) -> Iterator[_Batch]:
    """The batch of each step. A thread prepares the next batch during the current step."""
    with ThreadPoolExecutor(1) as thread:
        waiting = [thread.submit(make, step) for step in steps[:1]]
        for step in steps[1:]:
            ready = waiting.pop().result()
            waiting.append(thread.submit(make, step))
            yield ready
        yield from (future.result() for future in waiting)


def stage_one_optimiser(network: Cascaded, settings: CascadedSettings) -> torch.optim.Adam:
    """Optimiser of stage one. The trunk is a group of its own, with a factor on the learning rate."""
    of_trunk = {id(p) for p in network.trunk.parameters()}
    learned = [p for p in network.before_lifting() if p.requires_grad]
    trunk = [p for p in learned if id(p) in of_trunk]
    others = [p for p in learned if id(p) not in of_trunk] + (network.of_lifting() if settings.early_lifting else [])
    groups: list[dict[str, Any]] = [{"params": others}, {"params": trunk, "factor": settings.trunk_rate}]
    return torch.optim.Adam(groups)


def stage_learning_rate(step: int, stage: StageSettings) -> float:
    """Learning rate at step 1, 2, … of a stage."""
    warm = min(1.0, step / stage.warmup_steps) if stage.warmup_steps else 1.0
    if stage.schedule == "step":
        dropped = (step - 1) // stage.steps_per_epoch + 1 >= stage.drop_epoch
        return stage.learning_rate * warm * (0.1 if dropped else 1.0)
    share = step / (stage.epochs * stage.steps_per_epoch)
    return stage.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


def _device(settings: CascadedSettings) -> torch.device:
    """Errors: `ConfigError` if the GPU is missing."""
    if settings.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda, but torch finds no usable GPU: set device=auto or cpu")
    return torch.device(settings.device)


def _half_precision(settings: CascadedSettings, device: torch.device) -> bool:
    """Whether to use bfloat16. auto: on a GPU, and on CPUs with bfloat16 instructions."""
    if settings.bf16 != "auto":
        return settings.bf16 == "on"
    return device.type == "cuda" or bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
