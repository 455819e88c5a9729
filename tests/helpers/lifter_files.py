"""Small lifters for tests."""

from pathlib import Path
from typing import Any

import torch

from rtpose.lift.codec import DepthCodec
from rtpose.models.svmac import DepthLifter, SvmacGenerator
from rtpose.train.export import export_lifter


def write_lifter(path: Path, *, width: int, zero: bool = False, **facts: Any) -> Path:
    """An untrained lifter as a file. zero: it answers depth 0. facts: changed ones; None leaves one out."""
    torch.manual_seed(0)
    network = DepthLifter(SvmacGenerator(width=width))
    if zero:
        last = network.pose[-1]
        assert isinstance(last, torch.nn.Linear)
        torch.nn.init.zeros_(last.weight)
    known = {
        "name": "test",
        "format": 1,
        "skeleton": "h36m17",
        "joint_count": 17,
        "normalisation": DepthCodec().facts(),
        "architecture": {"network": "svmac", "joint_count": 17, "width": width},
        **facts,
    }
    export_lifter(network, {key: value for key, value in known.items() if value is not None}, path)
    return path
