"""rtpose's own networks through torch: eager, compiled, or recorded as CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError, MissingExtraError, ModelError
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions

try:
    import torch
    from torch import Tensor, nn

    from rtpose.modules.files import load_module
except ModuleNotFoundError as error:
    raise MissingExtraError("train", "the backend 'torch'") from error

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
DEVICES = ("cpu", "cuda", "mps")
MODES = ("eager", "compile", "graphs")
Forward = Callable[[Sequence[Tensor]], tuple[Tensor, ...]]


class TorchBackend:
    """A network of `rtpose.modules`, named by the file's metadata `architecture`."""

    input_shapes: Mapping[str, tuple[int, ...]]
    output_names: Sequence[str]
    metadata: Mapping[str, str]

    def __init__(self, model: Path, options: LoadOptions = DEFAULT_OPTIONS, *, mode: str | None = None) -> None:
        """See `load_backend`. `threads` applies to all of torch, which has no setting for one network.

        device: cpu (default), cuda or mps. mode: `eager`; `compile`, by `torch.compile` at the first run of each shape,
        some minutes; `graphs`, recorded once per shape and replayed, cuda only. None: graphs on cuda, else eager.
        """
        self._device = check_device(options.device or "cpu", options.precision)
        mode = mode or ("graphs" if self._device == "cuda" else "eager")
        if mode not in MODES or (mode == "graphs" and self._device != "cuda"):
            raise ConfigError(
                f"torch on {self._device} has no mode '{mode}': choose eager or compile (graphs needs cuda)"
            )
        network = load_module(model)
        self.metadata = network.metadata
        self.input_shapes, self._all_outputs = network.input_shapes, network.output_names
        self.output_names = self._all_outputs if options.outputs is None else list(options.outputs)
        if set(self.output_names) - set(self._all_outputs):
            raise ModelError(
                f"{model} has the outputs {', '.join(self._all_outputs)}, not {', '.join(options.outputs or ())}"
            )
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        self.network = in_precision(network.module, DTYPES[options.precision]).to(self._device)
        self._forward: Forward = _Graphs(self.network) if mode == "graphs" else _plain(self.network, mode)

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """See `Backend.run`."""
        tensors = [
            torch.from_numpy(np.ascontiguousarray(inputs[name], np.float32)).to(self._device)
            for name in self.input_shapes
        ]
        with torch.inference_mode():
            results = self._forward(tensors)
        by_name = dict(zip(self._all_outputs, results, strict=True))
        return {name: by_name[name].float().cpu().numpy() for name in self.output_names}


def check_device(device: str, precision: str) -> str:
    """Errors: `ConfigError` for a device that torch does not find here, or a precision that it does not support."""
    if device not in DEVICES:
        raise ConfigError(f"the backend torch has no device '{device}': choose one of {', '.join(DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        reason = "is built without CUDA" if torch.version.cuda is None else "finds no NVIDIA GPU or driver"
        raise ConfigError(
            f"this torch ({torch.__version__}) {reason}: use --device cpu, or install another from pytorch.org"
        )
    if device == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("torch finds no Apple GPU here: use --device cpu")
    if precision not in DTYPES:
        raise ConfigError(
            f"the backend torch computes in {', '.join(DTYPES)}, not {precision}: use openvino or tensorrt"
        )
    return device


def in_precision(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The module with its weights in `dtype`. Inputs of the layers are cast to it; parts that always compute in
    float32, such as the soft-argmax, still do."""
    if dtype == torch.float32:
        return module

    def cast(layer: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return (arguments[0].to(dtype), *arguments[1:])

    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
            layer.register_forward_pre_hook(cast)
    return module.to(dtype)


def _plain(network: nn.Module, mode: str) -> Forward:
    called = torch.compile(network) if mode == "compile" else network
    return lambda tensors: _as_tuple(called(*tensors))


class _Graphs:
    """CUDA graphs of a network, one for each set of input shapes: one call starts all kernels of a run."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._recorded: dict[tuple[torch.Size, ...], tuple[Any, list[Tensor], tuple[Tensor, ...]]] = {}

    def __call__(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        key = tuple(tensor.shape for tensor in tensors)
        if key not in self._recorded:
            self._recorded[key] = self._record(tensors)
        graph, places, results = self._recorded[key]
        for place, tensor in zip(places, tensors, strict=True):
            place.copy_(tensor)
        graph.replay()
        return results

    def _record(self, tensors: Sequence[Tensor]) -> tuple[Any, list[Tensor], tuple[Tensor, ...]]:
        places = [tensor.clone() for tensor in tensors]
        # Run it before the recording, on another stream: libraries choose algorithms and allocate in the first runs.
        stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._network(*places)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            results = _as_tuple(self._network(*places))
        return graph, places, results


def _as_tuple(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)
