"""Runtimes that run a network file. `load_backend("openvino", path)` gives a `Backend`.

Backends are looked up by name and imported when first used, so that none of them needs the others installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rtpose.errors import ConfigError
from rtpose.types import Backend

REGISTRY: dict[str, str] = {
    "openvino": "rtpose.networks.backends.openvino:OpenVinoBackend",
    "onnxruntime": "rtpose.networks.backends.onnxruntime:OnnxRuntimeBackend",
    "torch": "rtpose.networks.backends.torch:TorchBackend",
    "tensorrt": "rtpose.networks.backends.tensorrt:TensorRtBackend",
}
PRECISIONS = ("fp32", "bf16", "fp16", "int8")


def load_backend(
    name: str,
    model: Path,
    *,
    outputs: Sequence[str] | None = None,
    threads: int | None = None,
    device: str | None = None,
    precision: str = "fp32",
) -> Backend:
    """Load the network file `model` into the runtime `name`.

    outputs: compute only these outputs (a runtime may then skip whole branches); None for all.
    threads: inference threads; None lets the runtime decide.
    device: as the runtime calls it, in lower case (`cpu`, `gpu`, `cuda` ...); None for its first choice.
    precision: of the arithmetic, one of `PRECISIONS`. `int8` needs a file that was quantised (`rtpose export`).
    Errors: `ConfigError` for an unknown name, device or precision, or one that this machine has not,
    `MissingExtraError` if the runtime is not installed,
    `ModelError` if the file is missing, damaged or of a kind that the runtime cannot read.
    """
    if name not in REGISTRY:
        raise ConfigError(f"no backend '{name}': choose one of {', '.join(REGISTRY)}")
    if precision not in PRECISIONS:
        raise ConfigError(f"no precision '{precision}': choose one of {', '.join(PRECISIONS)}")
    module_name, class_name = REGISTRY[name].split(":")
    backend_class = getattr(import_module(module_name), class_name)
    backend: Backend = backend_class(model, outputs=outputs, threads=threads, device=device, precision=precision)
    return backend
