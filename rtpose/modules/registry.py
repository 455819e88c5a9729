"""Networks by name, as files name their architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from rtpose.errors import ModelError
from rtpose.modules.cascaded import Cascaded
from rtpose.modules.consistency import ConsistencyGenerator
from rtpose.modules.ensemble import Ensemble
from rtpose.modules.flip import FlipAveraged, FlipAveragedPicture
from rtpose.modules.svmac import DepthLifter, SvmacGenerator


def _lifter(
    one: Callable[..., nn.Module], *, flip_averaging: bool = False, networks: int = 1, **arguments: Any
) -> nn.Module:
    lifters = [FlipAveraged(one(**arguments)) if flip_averaging else one(**arguments) for _ in range(networks)]
    return Ensemble(lifters) if networks > 1 else lifters[0]


def _svmac(**arguments: Any) -> nn.Module:
    return DepthLifter(SvmacGenerator(**arguments))


def _cascaded(*, flip_averaging: bool = False, **arguments: Any) -> nn.Module:
    network = Cascaded(**arguments, ordinal=False)
    return FlipAveragedPicture(network, network.heatmap_px) if flip_averaging else network


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "svmac": partial(_lifter, _svmac),
    "martinez": partial(_lifter, ConsistencyGenerator),
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
