"""Small lifters for tests."""

from pathlib import Path
from typing import Any

import torch

from rtpose.modules.registry import build_network
from rtpose.modules.svmac import DepthLifter, SvmacGenerator
from rtpose.modules.temporal import TemporalLifter
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.export import export_lifter


def write_lifter(path: Path, *, width: int, zero: bool = False, **facts: Any) -> Path:
    """An untrained lifter as a file. zero: it answers depth 0. facts: changed ones; None leaves one out."""
    torch.manual_seed(0)
    network = DepthLifter(SvmacGenerator(width=width))
    if zero:
        last = network.pose[-1]
        assert isinstance(last, torch.nn.Linear)
        torch.nn.init.zeros_(last.weight)
    architecture = {"network": "svmac", "joint_count": 17, "width": width}
    known = {**_facts(architecture), **facts}
    export_lifter(network, {key: value for key, value in known.items() if value is not None}, path)
    return path


def write_temporal_lifter(path: Path) -> tuple[Path, TemporalLifter]:
    """A small temporal lifter with every weight of some size, as a file and as the module."""
    torch.manual_seed(0)
    architecture = {"network": "temporal", "joint_count": 17, "width": 8, "channels": 6, "dilations": [1, 3]}
    network = build_network(architecture)
    assert isinstance(network, TemporalLifter)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    export_lifter(network, _facts(architecture), path)
    return path, network.eval()


def _facts(architecture: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "test",
        "format": 1,
        "skeleton": "h36m17",
        "joint_count": 17,
        "normalisation": DepthCodec().facts(),
        "architecture": architecture,
    }
