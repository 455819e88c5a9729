"""The default runtime: Intel OpenVINO on the CPU. Reads ONNX and TFLite files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.frontend import FrontEndManager

from rtpose.errors import ModelError

READABLE_SUFFIXES = (".onnx", ".tflite")


@cache
def _core() -> Any:
    """One for the process: it holds the plugins, and making it costs tens of milliseconds."""
    return ov.Core()


class OpenVinoBackend:
    """A network on OpenVINO. See `rtpose.types.Backend`.

    Computes in float32 on every machine: left to itself OpenVINO takes bfloat16 where the processor has it,
    which moves BlazePose's landmarks by half a crop pixel and more.
    `run` may be called from one thread at a time.
    """

    input_shapes: Mapping[str, tuple[int, ...]]
    output_names: Sequence[str]
    metadata: Mapping[str, str]

    def __init__(self, model: Path, *, outputs: Sequence[str] | None = None, threads: int | None = None) -> None:
        """Load the file `model`; arguments and errors as in `rtpose.backends.load_backend`."""
        network = read_network(model)
        self.metadata = _metadata(network)
        if outputs is not None:
            network = only_outputs(network, outputs, model)
        self.input_shapes = {
            port.get_any_name(): tuple(-1 if d.is_dynamic else d.get_length() for d in port.partial_shape)
            for port in network.inputs
        }
        self.output_names = [port.get_any_name() for port in network.outputs]
        settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            self._request = _core().compile_model(network, "CPU", settings).create_infer_request()
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot run the network {model}: {_last_line(error)}") from error

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """One forward pass. Contiguous float32 inputs are read in place; the outputs are copies."""
        arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in inputs.items()}
        results = self._request.infer(arrays, share_inputs=True, share_outputs=False)
        return dict(zip(self.output_names, results.to_tuple(), strict=True))


def read_network(model: Path) -> Any:
    """The file as an `openvino.Model`. Errors: `ModelError`."""
    if not model.is_file():
        raise ModelError(f"no network file at {model}")
    if model.suffix.lower() not in READABLE_SUFFIXES:
        raise ModelError(
            f"the openvino backend reads {' and '.join(READABLE_SUFFIXES)}, not '{model.suffix}': {model}"
            + (" (the backend 'torch' does)" if model.suffix == ".safetensors" else "")
        )
    # The reader is named: left to itself OpenVINO tries them all, and that of TensorFlow then talks on stderr.
    reader = FrontEndManager().load_by_framework(model.suffix.lower().removeprefix("."))
    try:
        network = reader.convert(reader.load(str(model)))
    except Exception as error:  # the readers' own kinds, which have no common base
        raise ModelError(f"{model} is damaged or not a network that OpenVINO can read; get the file again") from error
    if not network.outputs:  # what an empty file is taken for
        raise ModelError(f"{model} is damaged: no network is in it; get the file again")
    return network


def only_outputs(network: Any, wanted: Sequence[str], model: Path) -> Any:
    """The part of the network that the wanted outputs need, in their order."""
    by_name = {name: port for port in network.outputs for name in port.get_names()}
    missing = [name for name in wanted if name not in by_name]
    if missing:
        raise ModelError(
            f"{model} has no output {', '.join(missing)} (it has {', '.join(sorted(by_name))}): "
            "it is another network or another version"
        )
    return ov.Model([by_name[name].get_node() for name in wanted], network.get_parameters(), model.stem)


def _metadata(network: Any) -> dict[str, str]:
    """ONNX `metadata_props`, which OpenVINO keeps under "framework"; empty for TFLite."""
    if not network.has_rt_info(["framework"]):
        return {}
    return {key: str(value) for key, value in network.get_rt_info(["framework"]).value.items()}


def _last_line(error: Exception) -> str:
    """OpenVINO's errors begin with places in its sources; the reason stands last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
