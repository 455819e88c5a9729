"""Weights for the trunk that were learned elsewhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
import yaml
from torch import Tensor, nn

from rtpose.errors import ConfigError, InputError
from rtpose.modules.blazepose_trunk import BlazePoseTrunk
from rtpose.modules.resnet import ResNet, load_imagenet
from rtpose.networks import downloads
from rtpose.networks.backends.openvino import read_network
from rtpose.train.cascaded.settings import CascadedSettings

_LANDMARKS = "pose_landmark_full.tflite"
_CONVOLUTIONS = ("Convolution", "GroupConvolution")


def load_trunk(trunk: ResNet | BlazePoseTrunk, settings: CascadedSettings) -> None:
    """Fill the trunk as the settings say, and freeze what they say is not to learn.

    Errors: those of `load_imagenet` and `downloads.ensure`; `ModelError` for another version of BlazePose;
    `ConfigError` for a part that this trunk has not.
    """
    if isinstance(trunk, BlazePoseTrunk):
        count = sum(isinstance(module, nn.Conv2d) for module in trunk.modules())
        trunk.load(convolutions(downloads.ensure(_LANDMARKS), count))
    elif settings.imagenet is not None:
        load_imagenet(trunk, Path(settings.imagenet))
    if settings.trunk_learns == "late" and not isinstance(trunk, BlazePoseTrunk):
        raise ConfigError("trunk_learns: late is for trunk: blazepose; give all or nothing")
    if settings.trunk_learns != "all":
        for parameter in convolution_parameters(trunk):
            parameter.requires_grad_(False)
    if settings.trunk_learns == "late" and isinstance(trunk, BlazePoseTrunk):
        for layer in trunk.late():
            layer.requires_grad_(True)


@dataclass(frozen=True)
class Start:
    """An earlier training to begin where it ended."""

    network: dict[str, Tensor]
    """The weights that were best."""
    about: dict[str, Any]
    """`weights_sha256`, `step`, `settings` and `training_data`, for the facts of what is made from it."""


def open_start(folder: Path) -> Start:
    """The training in a folder, finished or stopped. Errors: `InputError` where there is none, or a damaged one."""
    file = folder / "best.pt"
    if not file.is_file():
        raise InputError(f"{file} does not exist: --start wants the --out of an earlier training of cascaded")
    try:
        best = torch.load(file, weights_only=True, map_location="cpu")
        data = json.loads((folder / "data.txt").read_text(encoding="utf-8"))
        settings = yaml.safe_load((folder / "settings.yaml").read_text(encoding="utf-8"))
        network, step = best["network"], int(best["step"])
    except Exception as error:  # torch has no error of its own for damaged files
        raise InputError(f"{folder} is no training of cascaded, or damaged: name another one by --start") from error
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    about = {"weights_sha256": sha256, "step": step, "settings": settings, "training_data": data}
    return Start(network, about)


def begin_with(network: nn.Module, start: Start) -> None:
    """Take its weights over. Errors: `ConfigError` for another network."""
    try:
        network.load_state_dict(start.network)
    except RuntimeError as error:  # torch lists every difference
        raise ConfigError("--start is of another network: give it the same settings under network") from error


def convolution_parameters(trunk: nn.Module) -> list[nn.Parameter]:
    """All weights of its convolutions, and biases where they have some."""
    return [p for module in trunk.modules() if isinstance(module, nn.Conv2d) for p in module.parameters()]


def convolutions(file: Path, count: int) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of the first `count` convolutions of a network that OpenVINO reads, in the order in which they
    are computed, shaped as torch's. Each must be followed by the addition of its bias. Errors: `ModelError`."""
    found: list[tuple[Tensor, Tensor]] = []
    for node in read_network(file).get_ordered_ops():
        if node.get_type_name() in _CONVOLUTIONS and len(found) < count:
            weight = _constant(node.input_value(1))
            if node.get_type_name() == "GroupConvolution":
                weight = weight[:, 0]  # a group has one channel
            addition = next(iter(node.output(0).get_target_inputs())).get_node()
            terms = [addition.input_value(i) for i in range(2)]
            bias = next(term for term in terms if term.get_node().get_friendly_name() != node.get_friendly_name())
            found.append((torch.from_numpy(weight), torch.from_numpy(_constant(bias).reshape(-1))))
    return found


def _constant(output: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """What an output without inputs comes to: weights are stored as fp16 and turned about."""
    part = ov.compile_model(ov.Model([output], [], "constant"), "CPU")
    return np.array(part([])[0], np.float32)
