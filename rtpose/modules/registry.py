"""Networks by name, as files name their architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rtpose.errors import ModelError
from rtpose.modules.cascaded import Cascaded
from rtpose.modules.consistency import ConsistencyGenerator
from rtpose.modules.flip import FlipAveraged, FlipAveragedPicture
from rtpose.modules.svmac import DepthLifter, SvmacGenerator


def _svmac(*, flip_averaging: bool = False, **arguments: Any) -> nn.Module:
    lifter = DepthLifter(SvmacGenerator(**arguments))
    return FlipAveraged(lifter) if flip_averaging else lifter


def _martinez(*, flip_averaging: bool = False, **arguments: Any) -> nn.Module:
    lifter = ConsistencyGenerator(**arguments)
    return FlipAveraged(lifter) if flip_averaging else lifter


def _cascaded(*, flip_averaging: bool = False, **arguments: Any) -> nn.Module:
    network = Cascaded(**arguments, ordinal=False)
    return FlipAveragedPicture(network, network.heatmap_px) if flip_averaging else network


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "svmac": _svmac,
    "martinez": _martinez,
    "cascaded": _cascaded,
}


def build_network(architecture: Mapping[str, Any]) -> nn.Module:
    """`{"network": "svmac", "joint_count": 17, "width": 512}` -> the module, weights not loaded.

    Errors: `ModelError` for a network or argument that this version does not know.
    """
    arguments = dict(architecture) if isinstance(architecture, Mapping) else {}
    name = arguments.pop("network", None)
    if name not in NETWORKS:
        raise ModelError(f"unknown network '{name}' (known: {', '.join(NETWORKS)}): update rtpose")
    try:
        return NETWORKS[name](**arguments)
    except TypeError as error:
        raise ModelError(f"the network '{name}' cannot be built as the file says: {error}") from None


def inputs_and_outputs(joint_count: int) -> tuple[dict[str, Tensor], list[str]]:
    """Of the lifters among them: the names of the inputs, each with zeros for two people, and of the outputs."""
    return {"points": torch.zeros(2, 2 * joint_count)}, ["depth"]
