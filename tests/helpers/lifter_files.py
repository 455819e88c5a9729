"""Small lifters for tests."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import torch

from rtpose.modules.svmac import DepthLifter, SvmacGenerator
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
    architecture = {"network": "svmac", "joint_count": 17, "width": width}
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
