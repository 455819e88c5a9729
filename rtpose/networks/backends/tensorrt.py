"""NVIDIA TensorRT through torch_tensorrt: engines that `rtpose export` built on this machine's GPU.

Written from the documentation of torch_tensorrt 2.12 (dynamo front end); not yet run on a GPU.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError, MissingExtraError, ModelError
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions

SUFFIX = ".ep"


class TensorRtBackend:
    """A saved engine (`NAME.ep`, its interface in `NAME.json`). See `rtpose.types.Backend`."""

    input_shapes: Mapping[str, tuple[int, ...]]
    output_names: Sequence[str]
    metadata: Mapping[str, str]

    def __init__(self, model: Path, options: LoadOptions = DEFAULT_OPTIONS) -> None:
        """See `load_backend`. The precision was chosen when the engine was built; `threads` has no effect."""
        if options.device not in (None, "cuda"):
            raise ConfigError(f"the backend tensorrt has no device '{options.device}': it runs on cuda")
        if model.suffix != SUFFIX:
            raise ModelError(
                f"the backend tensorrt runs engines ({SUFFIX}), not {model.name}: build one with "
                "`rtpose export --recipe NAME`, and name its precision (--precision fp16)"
            )
        check_gpu()
        import torch_tensorrt

        try:
            interface = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))["interface"]
            self.input_shapes = {name: tuple(shape) for name, shape in interface["inputs"].items()}
            self._all_outputs = tuple(interface["outputs"])
            self.metadata = dict(interface["metadata"])
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise ModelError(f"{model.with_suffix('.json')} does not describe an engine: build it again") from error
        self.output_names = self._all_outputs if options.outputs is None else list(options.outputs)
        if set(self.output_names) - set(self._all_outputs):
            raise ModelError(
                f"{model} has the outputs {', '.join(self._all_outputs)}, not {', '.join(options.outputs or ())}"
            )
        try:
            self._module = torch_tensorrt.load(str(model)).module()
        except Exception as error:  # TensorRT's and torch's own kinds: another GPU, driver or version
            raise ModelError(
                f"TensorRT cannot load {model}: {(str(error).splitlines() or [''])[0]}; build it again on this machine"
            ) from error

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """See `Backend.run`."""
        import torch

        tensors = [
            torch.from_numpy(np.ascontiguousarray(inputs[name], np.float32)).cuda() for name in self.input_shapes
        ]
        with torch.inference_mode():
            result = self._module(*tensors)
        results = result if isinstance(result, tuple | list) else (result,)
        by_name = dict(zip(self._all_outputs, results, strict=True))
        return {name: by_name[name].float().cpu().numpy() for name in self.output_names}


def check_gpu() -> str:
    """The GPU's name. Errors: `MissingExtraError` without torch_tensorrt, `ConfigError` without a GPU or driver."""
    try:
        import torch
        import torch_tensorrt  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("tensorrt", "the backend 'tensorrt'") from error
    except (ImportError, OSError) as error:  # its libraries do not match the driver or torch
        raise ConfigError(
            f"torch_tensorrt does not start: {error}; install the versions that match your driver"
        ) from error
    if not torch.cuda.is_available():
        reason = (
            "this torch is built without CUDA" if torch.version.cuda is None else "no NVIDIA GPU or driver is found"
        )
        raise ConfigError(f"the backend tensorrt needs an NVIDIA GPU: {reason}; use --backend openvino")
    return str(torch.cuda.get_device_name())


def version() -> str:
    """torch_tensorrt's version, as in the names of engines. Errors: as of `check_gpu`."""
    check_gpu()
    import torch_tensorrt

    return str(torch_tensorrt.__version__)
