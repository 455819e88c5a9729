"""Initial weights: a pretrained trunk, or an earlier training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
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
from rtpose.modules.files import load_module
from rtpose.modules.flip import FlipAveragedPicture
from rtpose.modules.resnet import ResNet, load_imagenet
from rtpose.networks import downloads
from rtpose.networks.backends.openvino import read_network
from rtpose.networks.facts import read_facts
from rtpose.networks.model_files import sha256_of
from rtpose.train.cascaded.settings import CascadedSettings

_LANDMARKS = "pose_landmark_full.tflite"
_CONVOLUTIONS = ("Convolution", "GroupConvolution")


def load_trunk(trunk: ResNet | BlazePoseTrunk, settings: CascadedSettings) -> None:
    """Load and freeze the trunk's weights as the settings say.

    Errors: those of `load_imagenet` and `downloads.ensure`; `ModelError` for another version of BlazePose;
    `ConfigError` for `trunk_learns=late` with another trunk.
    """
    if isinstance(trunk, BlazePoseTrunk):
        count = sum(isinstance(module, nn.Conv2d) for module in trunk.modules())
        trunk.load(convolutions(downloads.ensure(_LANDMARKS), count))
    elif settings.imagenet is not None:
        load_imagenet(trunk, Path(settings.imagenet))
    if settings.trunk_learns == "late" and not isinstance(trunk, BlazePoseTrunk):
        raise ConfigError("trunk_learns: late is for trunk: blazepose; set all or nothing")
    if settings.trunk_learns != "all":
        for parameter in convolution_parameters(trunk):
            parameter.requires_grad_(False)
    if settings.trunk_learns == "late" and isinstance(trunk, BlazePoseTrunk):
        for layer in trunk.late():
            layer.requires_grad_(True)


@dataclass(frozen=True)
class Start:
    """The result of an earlier training, to start from."""

    network: dict[str, Tensor]
    """Its best weights."""
    about: dict[str, Any]
    """`weights_sha256`, `step`, `settings` and `training_data`, for the metadata of networks trained from it."""


def open_start(folder: Path) -> Start:
    """Load the training in a folder, finished or not, or the .onnx file that it wrote.

    Errors: `InputError` if it is missing or damaged; `ModelError` for such a file.
    """
    if folder.suffix == ".onnx":
        return _open_file(folder)
    file = folder / "best.pt"
    if not file.is_file():
        raise InputError(f"{file} does not exist: give --start the --out of an earlier training of cascaded")
    try:
        best = torch.load(file, weights_only=True, map_location="cpu")
        data = json.loads((folder / "data.txt").read_text(encoding="utf-8"))
        settings = yaml.safe_load((folder / "settings.yaml").read_text(encoding="utf-8"))
        network, step = best["network"], int(best["step"])
    except Exception as error:  # torch has no error of its own for damaged files
        raise InputError(f"{folder} is not a training of cascaded, or is damaged: choose another --start") from error
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    about = {"weights_sha256": sha256, "step": step, "settings": settings, "training_data": data}
    return Start(network, about)


def _open_file(file: Path) -> Start:
    loaded = load_module(file)
    facts = read_facts(file, loaded.metadata, "picture network")
    module = loaded.module.network if isinstance(loaded.module, FlipAveragedPicture) else loaded.module
    kept = ("step", "settings", "training_data")
    about = {"weights_sha256": sha256_of(file), **{key: facts[key] for key in kept if key in facts}}
    return Start(module.state_dict(), about)


def begin_with(network: nn.Module, start: Start) -> None:
    """Load the weights of an earlier training. Files lack the ordinal scores, which then start from scratch.

    Errors: `ConfigError` for another network.
    """
    own = {name: value for name, value in network.state_dict().items() if name.startswith("depth_centric.ordinal.")}
    try:
        network.load_state_dict(own | start.network)
    except RuntimeError as error:  # torch lists every difference
        raise ConfigError("--start has another network: use the same settings under network") from error


def convolution_parameters(trunk: nn.Module) -> list[nn.Parameter]:
    """All weights and biases of its convolutions."""
    return [p for module in trunk.modules() if isinstance(module, nn.Conv2d) for p in module.parameters()]


def convolutions(file: Path, count: int) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of the first `count` convolutions of a network file, in the order of computation, shaped as in
    torch.

    Each convolution must be followed by the addition of its bias. Errors: `ModelError`.
    """
    outputs: list[tuple[Any, Any, bool]] = []
    for node in read_network(file).get_ordered_ops():
        if node.get_type_name() in _CONVOLUTIONS and len(outputs) < count:
            addition = next(iter(node.output(0).get_target_inputs())).get_node()
            terms = [addition.input_value(i) for i in range(2)]
            bias = next(term for term in terms if term.get_node().get_friendly_name() != node.get_friendly_name())
            outputs.append((node.input_value(1), bias, node.get_type_name() == "GroupConvolution"))
    values = iter(_constants([output for weight, bias, _ in outputs for output in (weight, bias)]))
    return [
        # A group has one channel.
        (torch.from_numpy(next(values)[:, 0] if grouped else next(values)), torch.from_numpy(next(values).reshape(-1)))
        for _, _, grouped in outputs
    ]


def _constants(outputs: Sequence[Any]) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """The values of constant outputs: weights are stored as fp16 and transposed, so OpenVINO computes them."""
    if not outputs:
        return []
    part = ov.compile_model(ov.Model(list(outputs), [], "constants"), "CPU")
    results = part([])
    return [np.array(results[i], np.float32) for i in range(len(outputs))]
