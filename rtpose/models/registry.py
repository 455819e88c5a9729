"""Networks by name, so that a file can say which one it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from rtpose.errors import ModelError
from rtpose.models.cascaded import Cascaded
from rtpose.models.consistency import ConsistencyGenerator
from rtpose.models.svmac import DepthLifter, SvmacGenerator


def _svmac(joint_count: int, width: int) -> nn.Module:
    return DepthLifter(SvmacGenerator(joint_count=joint_count, width=width))


def _cascaded(**arguments: Any) -> nn.Module:
    return Cascaded(**arguments, ordinal=False)


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "svmac": _svmac,
    "martinez": ConsistencyGenerator,
    "cascaded": _cascaded,
}


def build_network(architecture: Mapping[str, Any]) -> nn.Module:
    """`{"network": "svmac", "joint_count": 17, "width": 512}` -> the module, weights not loaded.

    Errors: `ModelError` for a network or argument that this version does not know.
    """
    arguments = dict(architecture) if isinstance(architecture, Mapping) else {}
    name = arguments.pop("network", None)
    if name not in NETWORKS:
        raise ModelError(f"the network '{name}' is not known here (known: {', '.join(NETWORKS)}): update rtpose")
    try:
        return NETWORKS[name](**arguments)
    except TypeError as error:
        raise ModelError(f"the network '{name}' cannot be built as the file says: {error}") from None
