"""The default runtime: Intel OpenVINO. Reads ONNX and TFLite files, and its own .xml (what `rtpose export` builds)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.frontend import FrontEndManager

from rtpose.errors import ConfigError, ModelError
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions

READABLE_SUFFIXES = (".onnx", ".tflite", ".xml")
DEVICES = ("cpu", "gpu", "npu")
HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
"""OpenVINO's names. The parts of an int8 file that stay in floating point run in bf16 where the device supports it."""
NEEDED = {"fp32": "FP32", "bf16": "BF16", "fp16": "FP16", "int8": "INT8"}
"""The capability that a device must report for each precision."""


@cache
def _core() -> Any:
    """One for the process: it loads the plugins, which takes tens of milliseconds."""
    return ov.Core()


class OpenVinoBackend:
    """A network on OpenVINO. See `rtpose.types.Backend`.

    Computes in float32 by default. OpenVINO's own default is bfloat16 on CPUs that support it, which moves
    BlazePose's landmarks by half a crop pixel and more.
    `run` may be called from one thread at a time.
    """

    input_shapes: Mapping[str, tuple[int, ...]]
    output_names: Sequence[str]
    metadata: Mapping[str, str]

    def __init__(self, model: Path, options: LoadOptions = DEFAULT_OPTIONS) -> None:
        """Load the file `model`; arguments and errors as in `rtpose.networks.backends.load_backend`.

        device: cpu (default), gpu or npu. int8: an .xml file that was quantised, on any device.
        """
        device = options.device or "cpu"
        check_device(device, options.precision)
        network = read_network(model)
        if options.precision == "int8" and not is_quantised(network):
            raise ModelError(
                f"{model} is not quantised: `rtpose export --recipe NAME` makes the int8 file of a network"
            )
        self.metadata = metadata_of(network)
        if options.outputs is not None:
            network = only_outputs(network, options.outputs, model)
        if options.rows is not None:
            network.reshape({port: [options.rows, *port.partial_shape[1:]] for port in network.inputs})
        self.input_shapes = {
            port.get_any_name(): tuple(-1 if d.is_dynamic else d.get_length() for d in port.partial_shape)
            for port in network.inputs
        }
        self.output_names = [port.get_any_name() for port in network.outputs]
        settings: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _hint(device, options.precision),
        }
        if device == "cpu":
            # Pinned, the threads of all networks would begin at the first core: those that run at once would take turns
            # on it while others are idle.
            settings["ENABLE_CPU_PINNING"] = False
            if options.threads is not None:
                settings["INFERENCE_NUM_THREADS"] = options.threads
        try:
            self._request = _core().compile_model(network, device.upper(), settings).create_infer_request()
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot run the network {model} on {device}: {_last_line(error)}") from error
        self._given: dict[str, NDArray[np.float32]] = {}
        """The inputs that the request reads."""

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """One forward pass. Contiguous float32 inputs are read in place; the outputs are copies.

        The array of the last run, filled anew, costs less than another one: OpenVINO has it already.
        """
        for name, array in inputs.items():
            if self._given.get(name) is not array:
                array = np.require(array, np.float32, ("C", "W"))
                self._request.set_tensor(name, ov.Tensor(array, shared_memory=True))
                self._given[name] = array
        views = self._request.infer(share_outputs=True).to_tuple()
        return {name: view.copy() for name, view in zip(self.output_names, views, strict=True)}


def check_device(device: str, precision: str) -> None:
    """Errors: `ConfigError` for a device that OpenVINO does not find here, or a precision that it does not support."""
    if device not in DEVICES:
        raise ConfigError(f"the backend openvino has no device '{device}': choose one of {', '.join(DEVICES)}")
    name = device.upper()
    seen = [str(one) for one in _core().available_devices]
    if not any(one.split(".")[0] == name for one in seen):
        raise ConfigError(
            f"OpenVINO finds no {name} here (only {', '.join(seen)}): install its driver, or use --device cpu"
        )
    if precision == "fp32":  # every device accepts it; some compute in halves
        return
    able = _core().get_property(name, "OPTIMIZATION_CAPABILITIES")
    if NEEDED[precision] not in able:
        raise ConfigError(f"this {name} does not support {precision}: use --precision fp32 or int8")


def _hint(device: str, precision: str) -> str:
    if precision != "int8":
        return HINTS[precision]
    return "bf16" if "BF16" in _core().get_property(device.upper(), "OPTIMIZATION_CAPABILITIES") else "f32"


def devices() -> dict[str, tuple[str, tuple[str, ...]]]:
    """The devices that OpenVINO finds: name -> full name and supported precisions."""
    found = {}
    for name in _core().available_devices:
        able = _core().get_property(name, "OPTIMIZATION_CAPABILITIES")
        precisions = tuple(precision for precision, word in NEEDED.items() if word in able)
        found[str(name).lower()] = (str(_core().get_property(name, "FULL_DEVICE_NAME")), precisions)
    return found


def version() -> str:
    """OpenVINO's version, as in the names of engines."""
    return str(ov.__version__).split("-")[0]


def read_network(model: Path) -> Any:
    """The file as an `openvino.Model`. Errors: `ModelError`."""
    if not model.is_file():
        raise ModelError(f"no network file at {model}")
    if model.suffix.lower() not in READABLE_SUFFIXES:
        raise ModelError(
            f"the openvino backend reads {' and '.join(READABLE_SUFFIXES)}, not '{model.suffix}': {model}"
            + (" (the backend 'torch' does)" if model.suffix == ".safetensors" else "")
        )
    if model.suffix.lower() == ".xml":
        return _read_own(model)
    # Name the reader: by default OpenVINO tries them all, and TensorFlow's then writes to stderr.
    reader = FrontEndManager().load_by_framework(model.suffix.lower().removeprefix("."))
    try:
        network = reader.convert(reader.load(str(model)))
    except Exception as error:  # the readers' own kinds, which have no common base
        raise ModelError(f"{model} is damaged or not a network that OpenVINO can read; get the file again") from error
    if not network.outputs:  # an empty file is read as such a network
        raise ModelError(f"{model} is damaged: it contains no network; get the file again")
    return network


def _read_own(model: Path) -> Any:
    if not model.with_suffix(".bin").is_file():
        raise ModelError(
            f"{model} has no {model.with_suffix('.bin').name} next to it, which holds its weights; build it again"
        )
    try:
        return _core().read_model(model)
    except RuntimeError as error:
        raise ModelError(f"{model} is damaged or was built by another version of OpenVINO; build it again") from error


def is_quantised(network: Any) -> bool:
    """Whether parts of a network compute in int8."""
    return any(node.get_type_name() == "FakeQuantize" for node in network.get_ops())


def only_outputs(network: Any, wanted: Sequence[str], model: Path) -> Any:
    """The part of the network that computes the wanted outputs, in their order."""
    by_name = {name: port for port in network.outputs for name in port.get_names()}
    missing = [name for name in wanted if name not in by_name]
    if missing:
        raise ModelError(
            f"{model} has no output {', '.join(missing)} (it has {', '.join(sorted(by_name))}): "
            "it is another network or another version"
        )
    part = ov.Model([by_name[name].get_node() for name in wanted], network.get_parameters(), model.stem)
    for key, value in metadata_of(network).items():
        part.set_rt_info(value, ["framework", key])
    return part


def metadata_of(network: Any) -> dict[str, str]:
    """ONNX `metadata_props`, which OpenVINO keeps under "framework"; empty for TFLite."""
    if not network.has_rt_info(["framework"]):
        return {}
    return {key: str(value) for key, value in network.get_rt_info(["framework"]).value.items()}


def _last_line(error: Exception) -> str:
    """OpenVINO's errors begin with source locations; the reason comes last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
