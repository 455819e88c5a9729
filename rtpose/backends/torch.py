"""Lifters through torch: an ONNX or safetensors file's weights in the module that they were trained in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import MissingExtraError, ModelError

try:
    import onnx
    import torch
    from onnx import numpy_helper
    from safetensors import SafetensorError, safe_open
except ImportError as error:
    raise MissingExtraError("train", "the backend 'torch'") from error

from rtpose.models.registry import build_network, inputs_and_outputs


class TorchBackend:
    """A network of `rtpose.models`, named by the file's metadata `architecture`."""

    input_shapes: Mapping[str, tuple[int, ...]]
    output_names: Sequence[str]
    metadata: Mapping[str, str]

    def __init__(self, model: Path, *, outputs: Sequence[str] | None = None, threads: int | None = None) -> None:
        """See `load_backend`. `threads` is set for all of torch, which knows no other way."""
        file = _SafetensorsFile(model) if model.suffix == ".safetensors" else _OnnxFile(model)
        self.metadata = file.metadata
        if "architecture" not in self.metadata:
            raise ModelError(
                f"{model} does not name its architecture: the backend 'torch' runs rtpose's own lifters, "
                "use the backend 'openvino' for other networks"
            )
        try:
            architecture = json.loads(self.metadata["architecture"])
        except ValueError as error:
            raise ModelError(f"{model} names its architecture in no JSON: {error}") from None
        self.network = build_network(architecture)
        self.network.load_state_dict(file.state_of(self.network))
        self.network.eval().requires_grad_(False)
        self.input_shapes, self._all_outputs = file.interface_of(self.network)
        self.output_names = self._all_outputs if outputs is None else list(outputs)
        if set(self.output_names) - set(self._all_outputs):
            raise ModelError(f"{model} has the outputs {', '.join(self._all_outputs)}, not {', '.join(outputs or ())}")
        if threads is not None:
            torch.set_num_threads(threads)

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """See `Backend.run`."""
        tensors = [torch.from_numpy(np.ascontiguousarray(inputs[name])) for name in self.input_shapes]
        with torch.inference_mode():
            result = self.network(*tensors)
        results = result if isinstance(result, tuple) else (result,)
        by_name = dict(zip(self._all_outputs, results, strict=True))
        return {name: by_name[name].numpy() for name in self.output_names}


class _OnnxFile:
    """What `rtpose.train.export.export_lifter` wrote."""

    def __init__(self, model: Path) -> None:
        try:
            self._file: Any = onnx.load(str(model))
        except FileNotFoundError:
            raise ModelError(f"{model} does not exist") from None
        except Exception as error:  # onnx raises protobuf's own errors for damaged files
            raise ModelError(f"{model} cannot be read as an ONNX file: {error}") from None
        self.metadata = {p.key: p.value for p in self._file.metadata_props}

    def interface_of(self, network: torch.nn.Module) -> tuple[dict[str, tuple[int, ...]], list[str]]:
        """Shapes of the inputs by name, and the outputs' names."""
        graph = self._file.graph
        shapes = {v.name: tuple(d.dim_value or -1 for d in v.type.tensor_type.shape.dim) for v in graph.input}
        return shapes, [value.name for value in graph.output]

    def state_of(self, network: torch.nn.Module) -> dict[str, torch.Tensor]:
        """The state dict in the file: initializers keep its names, large ones with `.fp16` behind."""
        stored = {tensor.name: tensor for tensor in self._file.graph.initializer}
        state = {}
        for name, expected in network.state_dict().items():
            if not expected.dtype.is_floating_point:
                state[name] = expected  # batch normalisation's counter, not used to run
                continue
            tensor = stored.get(name, stored.get(f"{name}.fp16"))
            if tensor is None or tuple(tensor.dims) != tuple(expected.shape):
                raise _other_architecture(name)
            state[name] = torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
        return state


class _SafetensorsFile:
    """What `rtpose.train.export.export_weights` wrote."""

    def __init__(self, model: Path) -> None:
        try:
            with safe_open(str(model), framework="pt") as file:
                self.metadata: dict[str, str] = dict(file.metadata() or {})
                self._state: dict[str, torch.Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except FileNotFoundError:
            raise ModelError(f"{model} does not exist") from None
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{model} cannot be read as a safetensors file: {error}") from None

    def interface_of(self, network: torch.nn.Module) -> tuple[dict[str, tuple[int, ...]], list[str]]:
        """As of an ONNX file."""
        inputs, outputs = inputs_and_outputs(network, int(self.metadata.get("joint_count", 0)))
        return {name: (-1, *tensor.shape[1:]) for name, tensor in inputs.items()}, outputs

    def state_of(self, network: torch.nn.Module) -> dict[str, torch.Tensor]:
        """The state dict in the file."""
        for name, expected in network.state_dict().items():
            if name not in self._state or self._state[name].shape != expected.shape:
                raise _other_architecture(name)
        return {name: self._state[name] for name in network.state_dict()}


def _other_architecture(name: str) -> ModelError:
    return ModelError(f"the file's weights do not fit its architecture: {name} is missing or of another shape")
