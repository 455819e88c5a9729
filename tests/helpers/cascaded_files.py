"""Small files of `cascaded` for tests."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch

from rtpose.assets import small_pack
from rtpose.geometry import camera_from_viewer
from rtpose.modules.cascaded import Cascaded
from rtpose.train.cascaded.loop import TrainedCascaded, build_cascaded
from rtpose.train.cascaded.settings import CascadedSettings, NetworkSettings
from rtpose.train.cascaded.shipping import export_cascaded
from rtpose.train.data.motion_pack import load_motion_pack

SETTINGS = CascadedSettings(
    network=NetworkSettings(
        input_px=64, depth_channels=16, trunk="resnet18", trunk_width=0.125, width=8, lift_width=16, dropout=0.0
    )
)
RENDERED = {"train": {"rendered": {"seed": 0}}, "validation": {"rendered": {"seed": 1}}}
RECORDED = {"train": {"data_set": "Human3.6M with pictures"}, "validation": {"rendered": {"seed": 1}}}


def untrained(*, confidence: float = 0.9) -> Cascaded:
    """A network that answers everything with about the same pose, and is about so sure of everybody."""
    torch.manual_seed(0)
    network = build_cascaded(SETTINGS).eval()
    assert network.bone_joint is not None
    assert network.bone_joint.joints.bias is not None
    torch.nn.init.normal_(network.bone_joint.joints.weight, std=1e-3)
    torch.nn.init.constant_(network.bone_joint.joints.bias, confidence)
    pose = camera_from_viewer(load_motion_pack(small_pack()).poses_m[0])
    network.lifting.last.bias.data = torch.from_numpy(pose.copy()).flatten()
    return network


def write_cascaded(folder: Path, training_data: dict[str, Any] | None = None, *, confidence: float = 0.9) -> Path:
    """Write `cascaded.onnx` of an untrained network into `folder`. training_data: the fact of that name in the file."""
    path = folder / "cascaded.onnx"
    path.write_bytes(_cascaded(json.dumps(training_data or RENDERED), confidence))
    return path


@cache
def _cascaded(training_data: str, confidence: float) -> bytes:
    """The file. Exporting takes seconds, so each network is exported once."""
    trained = TrainedCascaded(untrained(confidence=confidence), 0, 0.0, {})
    with tempfile.TemporaryDirectory() as folder:
        return export_cascaded(SETTINGS, trained, json.loads(training_data), Path(folder)).read_bytes()
