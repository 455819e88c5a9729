"""Small lifters for tests."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import torch

from rtpose.modules.registry import build_network
from rtpose.modules.svmac import DepthLifter, SvmacGenerator
from rtpose.modules.temporal import TemporalLifter
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.export import export_lifter


def write_lifter(path: Path, *, width: int, zero: bool = False, **facts: Any) -> Path:
    """Write an untrained lifter to a file. zero: it outputs depth 0. facts: changed facts; None removes one."""
    model = onnx.load_from_string(_lifter(width, zero))
    known: dict[str, str | None] = {p.key: p.value for p in model.metadata_props}
    known |= {
        key: value if isinstance(value, str) or value is None else json.dumps(value) for key, value in facts.items()
    }
    del model.metadata_props[:]
    for key, value in known.items():
        if value is not None:
            model.metadata_props.add(key=key, value=value)
    onnx.save(model, path)
    return path


@cache
def _lifter(width: int, zero: bool) -> bytes:
    """The file with all facts. Exporting takes seconds, so each network is exported once."""
    torch.manual_seed(0)
    network = DepthLifter(SvmacGenerator(width=width))
    if zero:
        last = network.pose[-1]
        assert isinstance(last, torch.nn.Linear)
        torch.nn.init.zeros_(last.weight)
    return _exported(network, {"network": "svmac", "joint_count": 17, "width": width})


def write_temporal_lifter(path: Path) -> tuple[Path, TemporalLifter]:
    """Write a small temporal lifter with random weights to a file, and return it as a module, too."""
    data, network = _temporal_lifter()
    path.write_bytes(data)
    return path, network


@cache
def _temporal_lifter() -> tuple[bytes, TemporalLifter]:
    torch.manual_seed(0)
    architecture = {"network": "temporal", "joint_count": 17, "width": 8, "channels": 6, "dilations": [1, 3]}
    network = build_network(architecture)
    assert isinstance(network, TemporalLifter)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return _exported(network, architecture), network.eval()


def _exported(network: torch.nn.Module, architecture: dict[str, Any]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lifter.onnx"
        export_lifter(network, _facts(architecture), path)
        return path.read_bytes()


def _facts(architecture: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "test",
        "format": 1,
        "skeleton": "h36m17",
        "joint_count": 17,
        "normalisation": DepthCodec().facts(),
        "architecture": architecture,
    }
