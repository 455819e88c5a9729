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
    "openvino": "rtpose.backends.openvino:OpenVinoBackend",
    "torch": "rtpose.backends.torch:TorchBackend",
}


def load_backend(
    name: str, model: Path, *, outputs: Sequence[str] | None = None, threads: int | None = None
) -> Backend:
    """Load the network file `model` into the runtime `name`.

    outputs: compute only these outputs (a runtime may then skip whole branches); None for all.
    threads: inference threads; None lets the runtime decide.
    Errors: `ConfigError` for an unknown name, `MissingExtraError` if the runtime is not installed,
    `ModelError` if the file is missing, damaged or of a kind that the runtime cannot read.
    """
    if name not in REGISTRY:
        raise ConfigError(f"no backend '{name}': choose one of {', '.join(REGISTRY)}")
    module_name, class_name = REGISTRY[name].split(":")
    backend_class = getattr(import_module(module_name), class_name)
    backend: Backend = backend_class(model, outputs=outputs, threads=threads)
    return backend
