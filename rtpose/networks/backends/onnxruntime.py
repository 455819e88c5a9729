"""Microsoft's ONNX Runtime: the CPU, and the GPUs and chips that the installed wheel has providers for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError, MissingExtraError, ModelError
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions

try:
    import onnxruntime
except ModuleNotFoundError as error:
    raise MissingExtraError("onnx", "the backend 'onnxruntime'") from error

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
WHEELS = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu and tensorrt",
    "coreml": "onnxruntime, on macOS",
    "directml": "onnxruntime-directml, on Windows",
}
"""The wheel that brings a provider."""
WARNING = 3
"""ONNX Runtime's number for errors only: its warnings name nodes that users do not know."""


class OnnxRuntimeBackend:
    """A network on ONNX Runtime. See `rtpose.types.Backend`. Computes in float32; on tensorrt in fp16 if asked."""

    input_shapes: Mapping[str, tuple[int, ...]]
    output_names: Sequence[str]
    metadata: Mapping[str, str]

    def __init__(self, model: Path, options: LoadOptions = DEFAULT_OPTIONS) -> None:
        """Load the .onnx file `model`; arguments and errors as in `rtpose.networks.backends.load_backend`.

        device: cpu (default), cuda, tensorrt, coreml or directml.
        """
        device = options.device or "cpu"
        check_device(device, options.precision)
        if not model.is_file():
            raise ModelError(f"no network file at {model}")
        if model.suffix.lower() != ".onnx":
            raise ModelError(f"the backend onnxruntime reads .onnx, not '{model.suffix}': {model}")
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = WARNING
        if options.threads is not None:
            settings.intra_op_num_threads = options.threads
        provider: Any = PROVIDERS[device]
        if options.precision == "fp16":
            provider = (provider, {"trt_fp16_enable": True})
        try:
            self._session = onnxruntime.InferenceSession(str(model), settings, providers=[provider])
        except Exception as error:  # its own kinds, which have no common base
            raise ModelError(f"ONNX Runtime cannot run {model} on {device}: {str(error).splitlines()[0]}") from error
        if self._session.get_providers()[0] != PROVIDERS[device]:  # it falls back to the CPU silently
            raise ConfigError(
                f"ONNX Runtime cannot start {device}: its driver or libraries are missing; use --device cpu"
            )
        known = [value.name for value in self._session.get_outputs()]
        self.output_names = known if options.outputs is None else list(options.outputs)
        if set(self.output_names) - set(known):
            raise ModelError(f"{model} has the outputs {', '.join(known)}, not {', '.join(options.outputs or ())}")
        self.input_shapes = {
            value.name: tuple(d if isinstance(d, int) else -1 for d in value.shape)
            for value in self._session.get_inputs()
        }
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """See `Backend.run`."""
        arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in inputs.items()}
        return dict(zip(self.output_names, self._session.run(list(self.output_names), arrays), strict=True))


def check_device(device: str, precision: str) -> None:
    """Errors: `ConfigError` for a device that the installed wheel does not support, or a precision that the device
    does not support."""
    if device not in PROVIDERS:
        raise ConfigError(f"the backend onnxruntime has no device '{device}': choose one of {', '.join(PROVIDERS)}")
    if PROVIDERS[device] not in onnxruntime.get_available_providers():
        raise ConfigError(
            f"the installed onnxruntime {onnxruntime.__version__} does not support {device}, "
            f"only {', '.join(devices())}: install {WHEELS[device]}, or use --device cpu"
        )
    if precision != "fp32" and (precision, device) != ("fp16", "tensorrt"):
        raise ConfigError(f"onnxruntime on {device} computes in fp32, not {precision}: use the backend openvino")


def devices() -> list[str]:
    """The devices that the installed wheel supports."""
    available = onnxruntime.get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider in available]
