"""The machine's limits, and how close each network comes to them (the roofline model of Williams et al., 2009)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import openvino as ov

from rtpose.bench.report import MachineFigures, NetworkFigures
from rtpose.config import RunSettings
from rtpose.networks import model_files
from rtpose.networks.backends.openvino import only_outputs, read_network
from rtpose.networks.choose import choose_backend
from rtpose.networks.options import LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.networks.weights import cascaded_file, lifter_file
from rtpose.pose.detect import network_files, outputs_of
from rtpose.pose.estimators import detector_precision
from rtpose.types import Backend

MATRIX_SIDE = 1536
COPY_BYTES = 2**27
MEASURE_S = 0.5
_BYTES = 4  # of a float32


@dataclass(frozen=True, slots=True)
class Network:
    """A network file to measure."""

    name: str
    file: Path
    outputs: tuple[str, ...] | None
    """The outputs in use; what only other outputs need is neither run nor counted."""
    backend: str = "openvino"
    precision: str = "fp32"
    device: str | None = None


def matrix_gflops(threads: int | None = None) -> float:
    """The best rate of a float32 product of two large square matrices, by OpenVINO and by numpy."""
    side = MATRIX_SIDE
    a, b = (np.random.default_rng(seed).normal(size=(side, side)).astype(np.float32) for seed in (0, 1))
    parameters = [ov.opset13.parameter([side, side], np.float32) for _ in range(2)]
    product = ov.Model([ov.opset13.matmul(*parameters, False, False)], parameters, "product")
    settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads
    request = ov.Core().compile_model(product, "CPU", settings).create_infer_request()
    best_s = _best_s(lambda: request.infer([a, b], share_inputs=True, share_outputs=True))
    if threads is None:  # numpy's threads cannot be set from here
        out = np.empty_like(a)
        best_s = min(best_s, _best_s(lambda: np.matmul(a, b, out=out)))
    return 2 * side**3 / best_s / 1e9


def copy_gb_s(cores: int) -> float:
    """The best rate of a copy too large for any cache, with all cores: read and written bytes together."""
    source, target = np.ones(COPY_BYTES // 8), np.zeros(COPY_BYTES // 8)
    parts = list(zip(np.array_split(target, cores), np.array_split(source, cores), strict=True))
    with ThreadPoolExecutor(cores) as pool:
        best_s = _best_s(lambda: list(pool.map(lambda part: np.copyto(*part), parts)))
    return 2 * COPY_BYTES / best_s / 1e9


def count_work(file: Path, outputs: Sequence[str] | None = None) -> tuple[float, float]:
    """(floating-point operations, bytes) of one forward pass with a batch of one.

    Operations: two for each multiplication of convolutions and matrix products; the rest is negligible.
    Bytes: weights, inputs and outputs as float32, each once.
    """
    network = read_network(file)
    if outputs is not None:
        network = only_outputs(network, outputs, file)
    network.reshape({port: [1 if d.is_dynamic else d for d in port.partial_shape] for port in network.inputs})
    flop, elements = 0.0, 0
    for node in network.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Constant" and node.get_element_type().is_real():
            elements += prod(node.get_output_shape(0))
        elif kind in _MULTIPLICATIONS:
            flop += 2 * _MULTIPLICATIONS[kind](node)
    # What has no fixed size, such as the boxes that a detector finds, is negligible.
    ports = [port for port in (*network.inputs, *network.outputs) if not port.partial_shape.is_dynamic]
    return flop, float(_BYTES * (elements + sum(prod(port.get_shape()) for port in ports)))


def measure_network(network: Network, machine: MachineFigures, *, threads: int | None = None) -> NetworkFigures:
    """Time the network on zeros, for one person, and compare it with its floor. `machine` must have its limits.

    Errors: those of `NetworkPool.load`.
    """
    assert machine.matrix_gflops is not None
    assert machine.copy_gb_s is not None
    flop, moved = count_work(network.file, network.outputs)
    options = LoadOptions(network.backend, network.precision, network.device, threads, network.outputs)
    backend = NetworkPool().load(network.file, options)
    inputs = zeros_for(backend)
    times = _times_s(lambda: backend.run(inputs))
    median_s = float(np.median(times))
    floor_s = max(flop / machine.matrix_gflops, moved / machine.copy_gb_s) / 1e9
    return NetworkFigures(
        name=network.name, backend=network.backend, precision=network.precision,
        gflop=flop / 1e9, megabytes=moved / 1e6, floor_ms=1000 * floor_s,
        ms=1000 * median_s, matrix_share=flop / median_s / 1e9 / machine.matrix_gflops,
    )  # fmt: skip


def measure_networks(machine: MachineFigures, settings: RunSettings) -> tuple[MachineFigures, list[NetworkFigures]]:
    """The machine with its limits, and the networks that the settings use."""
    finder, landmarks = map(model_files.path_of, network_files(settings.detector))
    of_finder, of_landmarks = outputs_of(settings.detector)
    precision = detector_precision(settings)
    networks = [Network("person detector", finder, of_finder, precision=precision)]
    if settings.estimator == "cascaded":
        file, name = cascaded_file(settings.cascaded), "cascaded"
    else:
        file = lifter_file(settings.lifter)
        name = f"lifter {file.stem}"
        networks.append(Network("landmarks", landmarks, of_landmarks, precision=precision))
    backend, precision, device = settings.backend, settings.precision, settings.device
    if backend == "auto":
        chosen = choose_backend(file)
        backend, precision, device = chosen.backend, chosen.precision, None
    networks.append(Network(name, file, None, backend, precision, device))
    threads = settings.threads
    measured = msgspec.structs.replace(
        machine, matrix_gflops=matrix_gflops(threads), copy_gb_s=copy_gb_s(threads or machine.cores)
    )
    return measured, [measure_network(network, measured, threads=threads) for network in networks]


def zeros_for(backend: Backend) -> dict[str, Any]:
    """Inputs of one person: free dimensions become 1."""
    return {
        name: np.zeros([1 if side < 0 else side for side in shape], np.float32)
        for name, shape in backend.input_shapes.items()
    }


def _convolution(node: Any) -> float:
    """Every output element is a sum over the filter: its inputs (of its group) times its window."""
    kernel = node.get_input_shape(1)
    grouped = node.get_type_name().startswith("Group")
    return float(prod(node.get_output_shape(0)) * prod(kernel[2 if grouped else 1 :]))


def _transposed_convolution(node: Any) -> float:
    """Every input element goes to each of the (group's) outputs times the window."""
    kernel = node.get_input_shape(1)
    grouped = node.get_type_name().startswith("Group")
    return float(prod(node.get_input_shape(0)) * prod(kernel[2 if grouped else 1 :]))


def _matrix_product(node: Any) -> float:
    shape = node.get_input_shape(0)
    inner = shape[-2] if node.get_attributes()["transpose_a"] and len(shape) > 1 else shape[-1]
    return float(prod(node.get_output_shape(0)) * inner)


_MULTIPLICATIONS: dict[str, Callable[[Any], float]] = {
    "Convolution": _convolution,
    "GroupConvolution": _convolution,
    "ConvolutionBackpropData": _transposed_convolution,
    "GroupConvolutionBackpropData": _transposed_convolution,
    "MatMul": _matrix_product,
}


def _times_s(work: Callable[[], object]) -> list[float]:
    """Runs at least 5 times and for `MEASURE_S`, after one warm-up run."""
    work()
    times: list[float] = []
    while len(times) < 5 or sum(times) < MEASURE_S:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def _best_s(work: Callable[[], object]) -> float:
    return min(_times_s(work))
