"""The trained network as a self-describing file, as `rtpose.pose.lift.fusion` runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

from rtpose import __version__
from rtpose.errors import ModelError
from rtpose.modules.files import load_built
from rtpose.modules.fusion import COUNT, FusionLifterNet, FusionNet
from rtpose.pose.lift.fusion_codec import FEATURES, JOINTS, PLAIN, TWINS, mirrored_features
from rtpose.train.data.readers.cmu import ACKNOWLEDGEMENT
from rtpose.train.export import export_network, git_revision
from rtpose.train.lifters.fusion.settings import FusionSettings

OUTPUTS = ("pose", "log_error", "down", "next_hidden")


def running_form(network: FusionNet) -> FusionLifterNet:
    """The network with flip averaging."""
    index, sign = mirrored_features()
    return FusionLifterNet(network, index, sign, TWINS).eval()


def load_fusion(file: Path) -> tuple[FusionNet, dict[str, Any]]:
    """The network of a file that `export_fusion` or `export_adapted` wrote, and its facts. Errors: `ModelError` for
    another file."""

    def build(metadata: Mapping[str, str]) -> FusionLifterNet:
        if metadata.get("name") != "fusion":
            raise ModelError(
                f"{file} is not a fusion lifter: give one that `rtpose train fusion` or `rtpose adapt` wrote"
            )
        settings = json.loads(metadata["settings"])
        sizes = (settings[name] for name in ("width", "blocks", "memory", "glance"))
        return running_form(FusionNet(FEATURES, PLAIN, *sizes))

    form, metadata = load_built(file, build)
    assert isinstance(form, FusionLifterNet)
    return form.network, {key: _value(text) for key, text in metadata.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def export_adapted(network: FusionNet, facts: Mapping[str, Any], adapted: Mapping[str, Any], path: Path) -> None:
    """Write a fine-tuned network to `path`. facts: of its source file. adapted: what was done."""
    export_network(running_form(network), _example(network), OUTPUTS, {**facts, "adapted": dict(adapted)}, path)


def _example(network: FusionNet) -> dict[str, torch.Tensor]:
    return {
        "features": torch.zeros(2, FEATURES),
        "last_pose": torch.zeros(2, COUNT, 3),
        "hidden": torch.zeros(2, 2, network.memory),
    }


def export_fusion(network: FusionNet, settings: FusionSettings, packs: Mapping[Path, float], path: Path) -> None:
    """Write the network to `path` for running, with its facts. packs: training packs and their shares of people."""
    facts: dict[str, Any] = {
        "name": "fusion",
        "format": 1,
        "paper": "supervised; a perceptron over the 2D joints and the detector's own 3D of one frame, and a recurrent "
        "layer over time",
        "skeleton": "rtpose28",
        "joints": list(JOINTS),
        "normalisation": {"codec": "fusion", "features": FEATURES},
        "input": "features (N, F) of `rtpose.pose.lift.fusion_codec`; last_pose (N, 28, 3) and hidden (N, 2, M): the "
        "person's last outputs, the pose turned into this frame's axes; zero for a new person",
        "output": "pose (N, 28, 3), relative to the root; log_error (N, 28), log of the scale of a gamma distribution "
        "of shape 3; down (N, 3), gravity; next_hidden (N, 2, M)",
        "output_units": "metres of a person 1.70 m tall",
        "output_space": "virtual camera that looks at the root, rolled until the torso is upright",
        "error_factor": settings.error_factor,
        "training_data": {
            "packs": {file.name: share for file, share in packs.items()},
            "acknowledgement": ACKNOWLEDGEMENT,
        },
        "command": "rtpose train fusion, with the settings below",
        "settings": msgspec.to_builtins(settings),
        "rtpose": __version__,
        "git_revision": git_revision(),
    }
    export_network(running_form(network), _example(network), OUTPUTS, facts, path)
