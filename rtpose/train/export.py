"""Writes trained networks with their facts as metadata: ONNX to run, safetensors to continue with in torch."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import nn

from rtpose.modules.registry import inputs_and_outputs

logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns about every optional part that is missing

LARGE = 1024
"""Constants with at least this many numbers are stored in half precision."""


def export_lifter(lifter: nn.Module, facts: Mapping[str, Any], path: Path) -> None:
    """Write `lifter` to ONNX with `facts` as its metadata. Weights are stored as fp16, computations are in fp32.

    Input `points` (N, 2 J) float32, output `depth` (N, J) float32, N free.
    """
    inputs, outputs = inputs_and_outputs(int(facts["joint_count"]))
    export_network(lifter, inputs, outputs, facts, path)


def export_network(
    network: nn.Module,
    example: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    facts: Mapping[str, Any],
    path: Path,
) -> None:
    """Write any network to ONNX with `facts` as its metadata. Weights are stored as fp16, computations are in fp32.

    example: its inputs by name, in batches of 2; the file takes any batch size. Initializers keep the names of the
    module's state dict, so the file can be loaded back into the torch module.
    """
    network = network.eval()
    people = {0: torch.export.Dim("people")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            network, tuple(example.values()), dynamo=True, optimize=False, verbose=False,
            input_names=list(example), output_names=list(outputs), dynamic_shapes=(people,) * len(example),
        )  # fmt: skip
    assert program is not None
    model = _with_half_weights(program.model_proto)
    del model.metadata_props[:]
    for key, value in _as_text(facts).items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    part = path.with_name(path.name + ".part")
    onnx.save(model, part)
    os.replace(part, path)


def export_weights(lifter: nn.Module, facts: Mapping[str, Any], path: Path) -> None:
    """Write the module's state dict as safetensors in full precision, with `facts` as its metadata."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in lifter.state_dict().items()}
    part = path.with_name(path.name + ".part")
    save_file(state, part, metadata=_as_text(facts))
    os.replace(part, path)


def _as_text(facts: Mapping[str, Any]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}


def _with_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 constants as float16, followed by a cast: half the file size, the same arithmetic."""
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LARGE:
            continue
        name = tensor.name
        half = numpy_helper.from_array(values.astype(np.float16), name=f"{name}.fp16")
        graph.initializer.remove(tensor)
        graph.initializer.append(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT, name=f"{name}.cast"))
    nodes = list(graph.node)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(casts + nodes)
    for node in graph.node:  # the exporter's notes contain file paths of this machine
        del node.metadata_props[:]
        node.doc_string = ""
    return model


def git_revision() -> str:
    """The git revision of this checkout; "unknown" for an installed package."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
