"""The loop of `rtpose train cascaded`: two stages, weight averaging, validation, checkpoints.

This loop is separate from `rtpose.train.lifters.loop`, which trains lifters on motion packs and measures depth alone.
Here there are two stages, crops of pictures, mixed precision and pictures of heatmaps. They share the run's folder.
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

import cv2
import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from rtpose import metrics
from rtpose.errors import ConfigError, InputError
from rtpose.modules.cascaded import Cascaded, resized_places
from rtpose.pose.cascaded.crop_codec import CropCodec
from rtpose.train.cascaded.losses import (
    coordinate_loss,
    heatmap_loss,
    normalised_size,
    ordinal_loss,
    pose_loss,
)
from rtpose.train.cascaded.pictures import Batch, Example, Pictures, collate, everyone, example, random_example
from rtpose.train.cascaded.pretrained import Start, begin_with, convolution_parameters, load_trunk
from rtpose.train.cascaded.settings import CascadedSettings, StageSettings
from rtpose.train.cascaded.targets import (
    bone_heatmaps,
    bone_sigma,
    bones_labelled,
    depth_bins,
    depth_volumes,
    joint_heatmaps,
    pixel_depths,
)
from rtpose.train.lifters.loop import average_weights, step_seed
from rtpose.train.run_folder import RunFolder
from rtpose.types import Float32, Image

TERMS = ("joints", "bones", "volume", "ordinal", "coordinates", "pose", "scale")
"""Of the losses; one that a stage does not have is NaN in the log."""
ASKED_FOR_3D = 100
"""People to train on who are asked whether any has 3D labels."""
SHOWN_PEOPLE = 4
"""In TensorBoard's pictures."""
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Progress:
    """What the progress bar shows."""

    step: int
    steps: int
    best_mpjpe_mm: float


@dataclass(frozen=True)
class Trained:
    """The outcome of a training."""

    network: Cascaded
    """With the weights that were best on the validation people, on the CPU."""
    step: int
    """Whose weights they are."""
    seconds: float
    """Spent in steps, over all resumed parts."""
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
    report: Callable[[Progress], None] = lambda progress: None,
) -> Trained:
    """Train on pictures with 3D labels, in stage one mixed with pictures that have 2D labels alone.

    Everything random in a step is drawn from a seed made of `settings.seed` and the step's number: a run that was
    killed and resumed ends as one that was not. data: what tells the pictures apart from others. start: the weights
    to begin with. Errors, before anything is written: as `RunFolder`; `InputError` for pictures without 3D labels, to
    train on or to validate on; those of `load_trunk`; `ConfigError` for a start of another network and for a device
    that is not there. Later: `ConfigError` for a training that came to nothing.
    """
    RunFolder.check(folder, settings, data=data, resume=resume)
    codec = settings.codec()
    if not any(person.joints_m is not None for _, person in islice(everyone(pictures), ASKED_FOR_3D)):
        raise InputError(
            f"the pictures to train on have no 3D joints (of the first {ASKED_FOR_3D} people): 2D labels alone go into "
            "--data-2d, beside others"
        )
    order = np.random.default_rng(0).permutation(len(validation)).tolist()  # not the first video's people alone
    seen = [
        example(picture, person, codec.roi(person.box_px), codec)
        for picture, person in islice(everyone(validation, order), settings.validation_people)
        if person.joints_m is not None
    ]
    if not seen:
        raise InputError("the validation pictures have nobody with 3D joints: give other pictures")

    device = _device(settings)
    torch.manual_seed(settings.seed)
    network = build(settings)
    load_trunk(network.trunk, settings)
    if start is not None:
        begin_with(network, start)
    run = RunFolder(folder, settings, data=data, resume=resume)
    # Channels last is how the convolutions of CPUs and GPUs want their pictures.
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
    for step, batch in zip(left, made_ahead(batch_of, left), strict=True):
        second = step > lengths[0]
        stage, at = (settings.stage_two, step - lengths[0]) if second else (settings.stage_one, step)
        if second and at == 1:  # the lifting block is to be taught by the network that is shipped
            network.load_state_dict(averaged.state_dict())
        optimiser = optimisers[second]
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(at, stage) * group.get("factor", 1.0)
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
                    f"the training came to nothing in step {step} or before, its errors are no numbers: lower the "
                    f"learning_rate of stage_{'two' if second else 'one'}, and name another --out"
                )
            row = {f"loss_{name}": float(terms[name].detach()) if name in terms else math.nan for name in TERMS}
            row |= {"picture_px": side, "learning_rate": learning_rate(at, stage), **scores, "seconds": seconds}
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
        report(Progress(step, steps, best))
        began = time.monotonic()

    writer.close()
    best_state = run.load("best.pt")
    assert best_state is not None, "the last step validates, at full size"
    averaged.load_state_dict(best_state["network"])
    return Trained(averaged.to("cpu"), best_state["step"], seconds, best_state["scores"])


def build(settings: CascadedSettings) -> Cascaded:
    """The network that the settings name, untrained."""
    return Cascaded(**msgspec.to_builtins(settings.network))


def random_batch(
    pictures: Pictures,
    pictures_2d: Pictures | None,
    settings: CascadedSettings,
    codec: CropCodec,
    rng: np.random.Generator,
) -> Batch:
    """`share_2d` of the batch from the pictures with 2D labels, if there are any."""
    of_2d = round(settings.share_2d * settings.batch_size) if pictures_2d is not None else 0
    examples = [
        random_example(pictures_2d if pictures_2d is not None and i < of_2d else pictures, codec, settings.augment, rng)
        for i in range(settings.batch_size)
    ]
    return collate(examples, codec)


def made_ahead(make: Callable[[int], _Made], steps: range) -> Iterator[_Made]:
    """What is made for each step, a batch; the next one is made in a thread while the network learns from this one."""
    with ThreadPoolExecutor(1) as thread:
        waiting = [thread.submit(make, step) for step in steps[:1]]
        for step in steps[1:]:
            made = waiting.pop().result()
            waiting.append(thread.submit(make, step))
            yield made
        yield from (future.result() for future in waiting)


def stage_one_optimiser(network: Cascaded, settings: CascadedSettings) -> torch.optim.Adam:
    """The trunk has a group of its own, with a factor on the learning rate."""
    of_trunk = {id(p) for p in network.trunk.parameters()}
    learned = [p for p in network.before_lifting() if p.requires_grad]
    trunk = [p for p in learned if id(p) in of_trunk]
    others = [p for p in learned if id(p) not in of_trunk] + (network.of_lifting() if settings.early_lifting else [])
    groups: list[dict[str, Any]] = [{"params": others}, {"params": trunk, "factor": settings.trunk_rate}]
    return torch.optim.Adam(groups)


def shrunk(images: Tensor, side: int) -> Tensor:
    """(N, 3, S, S) -> (N, 3, side, side); side is at most S."""
    if side == images.shape[-1]:
        return images
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True)


def stage_one_terms(network: Cascaded, batch: Batch, settings: CascadedSettings, epoch: int) -> dict[str, Tensor]:
    """The losses of all blocks before the lifting block, and of that on 2.5D joints without gradient."""
    stages = network.stages(batch.image)
    terms = {}
    size, targets = batch.image.shape[-1] // 4, settings.targets
    plane = resized_places(batch.joints[..., :2], settings.network.input_px // 4, size)
    if stages.heatmaps is not None:
        heatmaps = joint_heatmaps(plane, size, targets.joint_sigma_px)
        terms["joints"] = heatmap_loss(stages.heatmaps, heatmaps, batch.labelled)
        if stages.bones is not None:
            bones = bone_heatmaps(plane, size, bone_sigma(epoch, targets))
            terms["bones"] = heatmap_loss(stages.bones, bones, bones_labelled(batch.labelled))
        if stages.volume is not None and stages.ordinal is not None:
            count = settings.network.depth_channels
            bins = depth_bins(batch.joints[..., 2], count)
            volume = depth_volumes(heatmaps, bins, count)
            terms["volume"] = heatmap_loss(stages.volume, volume, batch.has_depth[:, None].expand(-1, count))
            depth, where = pixel_depths(heatmaps, bins, targets.ordinal_from)
            terms["ordinal"] = ordinal_loss(stages.ordinal, depth, where & batch.has_depth[:, None, None])
    terms["coordinates"] = coordinate_loss(stages.joints, batch.joints, batch.inside, batch.has_depth)
    if settings.early_lifting and int(batch.has_depth.sum()) > 1:  # batch normalisation needs two
        terms |= lifting_terms(network, stages.joints.detach(), stages.pooled.detach(), batch)
    return terms


def stage_two_terms(network: Cascaded, batch: Batch) -> dict[str, Tensor]:
    """The lifting block's losses; all before it stays as it is, batch statistics too."""
    network.eval()
    with torch.no_grad():
        stages = network.stages(batch.image)
    network.lifting.train()
    return lifting_terms(network, stages.joints, stages.pooled, batch)


def lifting_terms(network: Cascaded, joints: Tensor, pooled: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Eq. 9, and the scale's error where the network has that branch. On the pictures with 3D labels alone, so that
    batch normalisation sees no others."""
    rows = batch.has_depth
    pose, log_scale = network.lift(joints[rows], pooled[rows])
    target = batch.pose[rows]
    if log_scale is None:
        return {"pose": pose_loss(pose.float(), target)}
    target, size = normalised_size(target)
    return {"pose": pose_loss(pose.float(), target), "scale": (log_scale.float() - size).abs().mean()}


def weighted(terms: dict[str, Tensor], settings: CascadedSettings) -> Tensor:
    """The sum that is minimised. Pose and scale share no weight with the rest: nothing to balance."""
    weights = msgspec.to_builtins(settings.weights)
    return torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()


def learning_rate(step: int, stage: StageSettings) -> float:
    """Of step 1, 2, … of a stage."""
    warm = min(1.0, step / stage.warmup_steps) if stage.warmup_steps else 1.0
    if stage.schedule == "step":
        dropped = (step - 1) // stage.steps_per_epoch + 1 >= stage.drop_epoch
        return stage.learning_rate * warm * (0.1 if dropped else 1.0)
    share = step / (stage.epochs * stage.steps_per_epoch)
    return stage.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


@torch.no_grad()
def estimated(
    network: Cascaded, people: list[Example], codec: CropCodec, batch_size: int, side: int
) -> tuple[Float32, Float32]:
    """What the network says of people who were cut out by their true boxes, in full precision: 2.5D joints (N, 17, 3)
    in voxels, poses (N, 17, 3) in millimetres. side: of the pictures, in pixels."""
    network.eval()
    device = next(network.parameters()).device
    joints, poses = [], []
    for i in range(0, len(people), batch_size):
        image = collate(people[i : i + batch_size], codec).image.to(device)
        out_joints, out_pose, _ = network(shrunk(image, side))
        joints.append(out_joints.cpu().numpy())
        poses.append(1000 * out_pose.cpu().numpy())
    return np.concatenate(joints), np.concatenate(poses)


def validate(
    network: Cascaded, people: list[Example], codec: CropCodec, batch_size: int, side: int
) -> dict[str, float]:
    """Errors of `estimated`. MPJPE is root-relative and of the network's own size: nothing true is told to it. NaN for
    a network that has diverged."""
    joints, estimate_mm = estimated(network, people, codec, batch_size, side)
    truth_mm = 1000 * np.stack([one.pose for one in people])
    voxels = np.abs(joints - np.stack([one.joints for one in people]))
    aligned = metrics.p_mpjpe if np.isfinite(estimate_mm).all() else metrics.mpjpe  # NaN has no alignment
    return {
        "val_mpjpe_mm": float(metrics.mpjpe(estimate_mm, truth_mm).mean()),
        "val_p_mpjpe_mm": float(aligned(estimate_mm, truth_mm).mean()),
        "val_x_y_voxels": float(voxels[..., :2].mean()),
        "val_z_voxels": float(voxels[..., 2].mean()),
    }


@torch.no_grad()
def heatmap_pictures(network: Cascaded, people: list[Example], codec: CropCodec, side: int) -> list[Image]:
    """For each person (S, K S, 3): the crop with the 2.5D joints, and beside it the strongest bone and joint heatmap
    of each pixel, where the network has them."""
    network.eval()
    image = collate(people, codec).image.to(next(network.parameters()).device)
    stages = network.stages(shrunk(image, side))
    return [
        _heatmap_picture(
            one.crop, stages.joints[i], [maps[i] for maps in (stages.bones, stages.heatmaps) if maps is not None]
        )
        for i, one in enumerate(people)
    ]


def _heatmap_picture(crop: Image, joints: Tensor, heatmaps: list[Tensor]) -> Image:
    size = len(crop)
    drawn = crop.copy()
    for x, y in joints[:, :2].tolist():
        cv2.circle(drawn, (round(4 * x + 1.5), round(4 * y + 1.5)), 2, (255, 255, 0), -1)  # a voxel covers four pixels
    panels = [drawn]
    for maps in heatmaps:
        strength = (255 * maps.amax(0)).clamp(0, 255).to(torch.uint8).cpu().numpy()
        coloured = cv2.cvtColor(cv2.applyColorMap(strength, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
        panels.append(cv2.resize(coloured, (size, size), interpolation=cv2.INTER_NEAREST).astype(np.uint8))
    return np.concatenate(panels, 1)


def _device(settings: CascadedSettings) -> torch.device:
    """Errors: `ConfigError` for a GPU that is not there."""
    if settings.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda, but torch finds no GPU it can use: take device=auto or cpu")
    return torch.device(settings.device)


def _half_precision(settings: CascadedSettings, device: torch.device) -> bool:
    """Whether bfloat16 pays: always on a GPU, on a processor only where it has instructions for it."""
    if settings.bf16 != "auto":
        return settings.bf16 == "on"
    return device.type == "cuda" or bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
