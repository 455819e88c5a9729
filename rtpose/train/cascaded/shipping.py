"""Writes a trained `cascaded` to ONNX, with its facts as metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

from rtpose import __version__
from rtpose.modules.flip import FlipAveragedPicture
from rtpose.modules.registry import build_network
from rtpose.skeleton import H36M17
from rtpose.train.cascaded.loop import TrainedCascaded
from rtpose.train.cascaded.settings import CascadedSettings
from rtpose.train.data.readers.cmu import ACKNOWLEDGEMENT
from rtpose.train.export import export_network, git_revision

PAPER = "Deep Monocular 3D Human Pose Estimation via Cascaded Dimension-Lifting (Zhang et al., AAAI 2021)"


def export_cascaded(
    settings: CascadedSettings, trained: TrainedCascaded, training_data: Mapping[str, Any], folder: Path
) -> Path:
    """Write `cascaded.onnx` into `folder`, weights stored as fp16. Returns its path.

    Input `image` (N, 3, S, S), outputs `joints`, `pose` and `confidence` as in `Cascaded.forward`; N is free.
    """
    codec = settings.codec()
    size = codec.input_px
    shipped = {"native_picture": settings.native_pictures, "flip_averaging": settings.flip_averaging}
    architecture = {"network": "cascaded", **msgspec.to_builtins(settings.network), **shipped}
    network = build_network(architecture)
    inner = network.network if isinstance(network, FlipAveragedPicture) else network
    inner.load_state_dict(trained.network.state_dict(), strict=False)  # without the ordinal scores
    facts: dict[str, Any] = {
        "name": "cascaded",
        "format": 1,
        "paper": PAPER,
        "architecture": architecture,
        "skeleton": H36M17.name,
        "joints": list(H36M17.joints),
        "input": f"image (N, 3, {size}, {size}) float32: RGB crop of one person, normalised",
        "output": "joints (N, J, 3) voxels; pose (N, J, 3) relative to the root; confidence (N, J) 0..1",
        "output_space": "x right, y down, z away from a camera that looks at the centre of the crop",
        "output_units": "metres, at the size that the crop suggests",
        "normalisation": codec.facts(),
        "training_data": {**training_data, "acknowledgement": ACKNOWLEDGEMENT},
        "command": "rtpose train cascaded, with the settings below",
        "settings": msgspec.to_builtins(settings),
        "step": trained.step,
        "training_seconds": round(trained.seconds),
        "metrics": {"on": "the validation people", **{k: round(v, 3) for k, v in trained.scores.items()}},
        "rtpose": __version__,
        "git_revision": git_revision(),
    }
    path = folder / "cascaded.onnx"
    export_network(network, {"image": torch.zeros(2, 3, size, size)}, ("joints", "pose", "confidence"), facts, path)
    return path
