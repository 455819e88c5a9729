"""How a network is loaded. One object, passed to everything that loads one."""

from __future__ import annotations

from dataclasses import dataclass

PRECISIONS = ("fp32", "bf16", "fp16", "int8")
AUTO = "auto"
"""In place of a precision: the fastest engine that was accepted, else fp32."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Runtime, arithmetic and outputs of a network. Values are checked where the network is loaded."""

    backend: str = "openvino"
    """One of `rtpose.networks.backends.REGISTRY`."""
    precision: str = "fp32"
    """One of `PRECISIONS`, or `AUTO`. What is not fp32 may need an engine, see `rtpose.networks.engines`."""
    device: str | None = None
    """As the backend calls it, in lower case (`cpu`, `gpu`, `cuda` ...); None: the backend's first choice."""
    threads: int | None = None
    """Inference threads; None lets the backend decide."""
    outputs: tuple[str, ...] | None = None
    """Compute only these outputs, so that a backend may skip whole branches; None: all of them."""
    rows: int | None = None
    """Every input always has this many rows, so that a backend need not recompute shapes; None: any number."""


DEFAULT_OPTIONS = LoadOptions()
"""fp32 on OpenVINO."""
