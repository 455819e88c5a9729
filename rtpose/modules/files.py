"""Loads network files of `rtpose.train.export` as torch modules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors import SafetensorError, safe_open
from torch import nn

from rtpose.errors import ModelError
from rtpose.modules.registry import build_network, inputs_and_outputs


@dataclass(frozen=True)
class TorchNetwork:
    """A network loaded from a file."""

    module: nn.Module
    """In evaluation mode, without gradients, float32, on the CPU."""
    input_shapes: Mapping[str, tuple[int, ...]]
    """By name, in the order of `forward`; -1 where a dimension is free."""
    output_names: tuple[str, ...]
    metadata: Mapping[str, str]


def load_module(file: Path) -> TorchNetwork:
    """An .onnx or .safetensors file as the module that it was trained in, named by its metadata `architecture`.

    Errors: `ModelError` for a file that is missing, damaged, or not one of rtpose's networks.
    """
    opened = _SafetensorsFile(file) if file.suffix == ".safetensors" else _OnnxFile(file)
    if "architecture" not in opened.metadata:
        raise ModelError(
            f"{file} does not name its architecture: the backend 'torch' runs rtpose's own networks, "
            "use the backend 'openvino' for this one"
        )
    try:
        architecture = json.loads(opened.metadata["architecture"])
    except ValueError as error:
        raise ModelError(f"{file} names its architecture, but not as JSON: {error}") from None
    module = build_network(architecture)
    module.load_state_dict(opened.state_of(module))
    module.eval().requires_grad_(False)
    shapes, outputs = opened.interface_of(module)
    return TorchNetwork(module, shapes, tuple(outputs), opened.metadata)


def load_built(file: Path, build: Callable[[Mapping[str, str]], nn.Module]) -> tuple[nn.Module, Mapping[str, str]]:
    """An .onnx file of rtpose as the module that `build` makes of its metadata, with the file's weights.

    Errors: `ModelError` for a file that is missing, damaged or of another architecture; those of `build`.
    """
    opened = _OnnxFile(file)
    module = build(opened.metadata)
    module.load_state_dict(opened.state_of(module))
    return module, opened.metadata


class _OnnxFile:
    """What `rtpose.train.export.export_network` wrote."""

    def __init__(self, file: Path) -> None:
        try:
            self._file = onnx.load(str(file))
        except FileNotFoundError:
            raise ModelError(f"{file} does not exist") from None
        except Exception as error:  # onnx raises protobuf's own errors for damaged files
            raise ModelError(f"{file} cannot be read as an ONNX file: {error}") from None
        self.metadata = {p.key: p.value for p in self._file.metadata_props}

    def interface_of(self, module: nn.Module) -> tuple[dict[str, tuple[int, ...]], list[str]]:
        """Shapes of the inputs by name, and the outputs' names."""
        graph = self._file.graph
        shapes = {v.name: tuple(d.dim_value or -1 for d in v.type.tensor_type.shape.dim) for v in graph.input}
        return shapes, [value.name for value in graph.output]

    def state_of(self, module: nn.Module) -> dict[str, torch.Tensor]:
        """The state dict in the file: initializers keep its names, large ones with `.fp16` behind."""
        stored = {tensor.name: tensor for tensor in self._file.graph.initializer}
        state = {}
        for name, expected in module.state_dict().items():
            if not expected.dtype.is_floating_point:
                state[name] = expected  # batch normalisation's counter, not used to run
                continue
            tensor = stored.get(name, stored.get(f"{name}.fp16"))
            if tensor is None or tuple(tensor.dims) != tuple(expected.shape):
                raise _other_architecture(name)
            state[name] = torch.tensor(numpy_helper.to_array(tensor), dtype=torch.float32)
        return state


class _SafetensorsFile:
    """What `rtpose.train.export.export_weights` wrote."""

    def __init__(self, file: Path) -> None:
        try:
            with safe_open(str(file), framework="pt") as opened:
                self.metadata: dict[str, str] = dict(opened.metadata() or {})
                self._state: dict[str, torch.Tensor] = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        except FileNotFoundError:
            raise ModelError(f"{file} does not exist") from None
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{file} cannot be read as a safetensors file: {error}") from None

    def interface_of(self, module: nn.Module) -> tuple[dict[str, tuple[int, ...]], list[str]]:
        """See `_OnnxFile.interface_of`."""
        inputs, outputs = inputs_and_outputs(int(self.metadata.get("joint_count", 0)))
        return {name: (-1, *tensor.shape[1:]) for name, tensor in inputs.items()}, outputs

    def state_of(self, module: nn.Module) -> dict[str, torch.Tensor]:
        """The state dict in the file."""
        for name, expected in module.state_dict().items():
            if name not in self._state or self._state[name].shape != expected.shape:
                raise _other_architecture(name)
        return {name: self._state[name] for name in module.state_dict()}


def _other_architecture(name: str) -> ModelError:
    return ModelError(f"the file's weights do not match its architecture: {name} is missing or has another shape")
