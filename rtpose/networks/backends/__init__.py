"""Runtimes that run a network file. `load_backend(path)` gives a `Backend`.

Backends are looked up by name and imported when first used, so that none of them needs the others installed.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from rtpose.errors import ConfigError
from rtpose.networks.options import DEFAULT_OPTIONS, PRECISIONS, LoadOptions
from rtpose.types import Backend

REGISTRY: dict[str, str] = {
    "openvino": "rtpose.networks.backends.openvino:OpenVinoBackend",
    "onnxruntime": "rtpose.networks.backends.onnxruntime:OnnxRuntimeBackend",
    "torch": "rtpose.networks.backends.torch:TorchBackend",
    "tensorrt": "rtpose.networks.backends.tensorrt:TensorRtBackend",
}


def load_backend(model: Path, options: LoadOptions = DEFAULT_OPTIONS) -> Backend:
    """Load the file `model` itself, whatever engines were built of it; for those see `rtpose.networks.pool`.

    Errors: `ConfigError` for an unknown backend, device or precision, or one that this machine does not have;
    `MissingExtraError` if the backend is not installed;
    `ModelError` if the file is missing, damaged or of a kind that the backend cannot read. int8 needs a file that was
    quantised (`rtpose export`).
    """
    if options.backend not in REGISTRY:
        raise ConfigError(f"no backend '{options.backend}': choose one of {', '.join(REGISTRY)}")
    if options.precision not in PRECISIONS:
        raise ConfigError(f"no precision '{options.precision}': choose one of {', '.join(PRECISIONS)}")
    module_name, class_name = REGISTRY[options.backend].split(":")
    backend: Backend = getattr(import_module(module_name), class_name)(model, options)
    return backend
