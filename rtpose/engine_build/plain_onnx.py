"""Writes networks as plain ONNX files, which other programs can run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, numpy_helper

from rtpose.errors import ConfigError, ModelError, OutputError
from rtpose.networks import model_files
from rtpose.networks.weights import cascaded_file, lifter_file
from rtpose.recordings.output_file import OutputFile


def write_plain(network: str, out: Path, *, overwrite: bool = False) -> str:
    """Write a shipped lifter, `cascaded` or an .onnx file from rtpose with float32 weights, and check the result.

    The shipped files store large weights as halves followed by a cast, which some programs do not fold. The metadata
    is kept: it says how inputs are normalised and what the outputs mean. Returns a one-line summary.
    Errors: `ConfigError` for BlazePose, which is TFLite, and other unknown names; `ModelError`; `OutputError`.
    """
    if network.removesuffix(".tflite") + ".tflite" in model_files.FILES:
        raise ConfigError(
            f"{network} is one of Google's TFLite files, which rtpose does not convert: `rtpose models path "
            f"{network.removesuffix('.tflite')}.tflite` prints its path, and tf2onnx can convert it"
        )
    source = cascaded_file() if network == "cascaded" else lifter_file(network)
    if source.suffix != ".onnx":
        raise ConfigError(f"{source} is not an ONNX file: give the .onnx next to it")
    if out.suffix != ".onnx":
        raise OutputError(f"{out}: give a name that ends in .onnx")
    output = OutputFile(out, overwrite=overwrite)
    try:
        model = onnx.load(str(source))
    except Exception as error:  # protobuf's own kinds
        raise ModelError(f"{source} cannot be read as an ONNX file: {error}") from None
    _with_whole_weights(model)
    onnx.checker.check_model(model, full_check=True)
    with output.writing():
        output.part.write_bytes(model.SerializeToString())
    output.commit()
    graph = model.graph
    inputs = ", ".join(_interface(value) for value in graph.input)
    outputs = ", ".join(_interface(value) for value in graph.output)
    return f"{out}: opset {model.opset_import[0].version}, {inputs} -> {outputs}"


def _with_whole_weights(model: Any) -> None:
    """Constants that are cast to float32 become float32, without the cast; inverse of `rtpose.train.export`."""
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in list(graph.node):
        if node.op_type != "Cast" or node.input[0] not in stored or node.attribute[0].i != TensorProto.FLOAT:
            continue
        half = stored[node.input[0]]
        whole = numpy_helper.from_array(numpy_helper.to_array(half).astype("float32"), name=node.output[0])
        graph.initializer.remove(half)
        graph.initializer.append(whole)
        graph.node.remove(node)


def _interface(value: Any) -> str:
    shape = ", ".join(str(d.dim_value or "N") for d in value.type.tensor_type.shape.dim)
    return f"{value.name} ({shape})"
