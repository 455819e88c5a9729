"""Builds TensorRT engines with torch_tensorrt's dynamo front end.

Written from the documentation of torch_tensorrt 2.12 and NVIDIA ModelOpt; not yet run on a GPU. The tests check the
parts that need none: every network exports without graph breaks, and `tensorrt_operators.toml` lists how each of its
operators is handled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rtpose.errors import MissingExtraError, ModelError
from rtpose.networks.recipes import Recipe

OPERATORS_FILE = Path(__file__).with_name("tensorrt_operators.toml")


def build_tensorrt(
    recipe: Recipe,
    source: Path,
    inputs: Sequence[Mapping[str, NDArray[np.float32]]],
    engine: Path,
    say: Callable[[str], None],
) -> None:
    """Build the engine of a network file for this machine's GPU and write it.

    inputs: calibration data of an int8 engine. say: called at every step; TensorRT itself prints nothing for minutes.
    Errors: `MissingExtraError`, `ConfigError` without a GPU, `ModelError` if it cannot be built.
    """
    from rtpose.networks.backends.tensorrt import check_gpu

    say(f"TensorRT on {check_gpu()}")
    import torch
    import torch_tensorrt

    from rtpose.modules.files import load_module
    from rtpose.networks.backends.torch import DTYPES, in_precision

    network = load_module(source)
    module = network.module
    smallest, usual, largest = recipe.batch
    shapes = {name: tuple(1 if d < 0 else d for d in shape[1:]) for name, shape in network.input_shapes.items()}
    example = tuple(torch.zeros(usual + (smallest != largest), *shape).cuda() for shape in shapes.values())
    if recipe.precision == "int8":
        say(f"calibrating on {len(inputs)} inputs")
        module = _calibrated(module.cuda(), [tuple(torch.from_numpy(one[n]).cuda() for n in shapes) for one in inputs])
    elif recipe.precision in DTYPES:
        module = in_precision(module, DTYPES[recipe.precision]).cuda()
    say("exporting the graph")
    dynamic = free_batch(len(shapes), smallest, largest)
    try:
        with _export_mode(recipe.precision):
            program = torch.export.export(module, example, dynamic_shapes=dynamic)
            say("TensorRT chooses its kernels: this takes some minutes")
            # Explicit typing: layers compute in the types of the graph, where `in_precision` or ModelOpt put them.
            compiled = torch_tensorrt.dynamo.compile(
                program,
                inputs=[
                    torch_tensorrt.Input(
                        min_shape=(smallest, *shape), opt_shape=(usual, *shape), max_shape=(largest, *shape),
                        dtype=torch.float32,
                    )
                    for shape in shapes.values()
                ],
                use_explicit_typing=True,
                min_block_size=1,
                immutable_weights=True,
            )  # fmt: skip
        say("saving")
        torch_tensorrt.save(
            compiled, str(engine), output_format="exported_program", arg_inputs=example, dynamic_shapes=dynamic
        )
    except Exception as error:  # torch's, TensorRT's and ModelOpt's own kinds
        raise ModelError(f"TensorRT cannot build {engine.name}: {(str(error).splitlines() or [''])[0]}") from error


def free_batch(count: int, smallest: int, largest: int) -> Any:
    """`dynamic_shapes` for `torch.export`: one batch size for all inputs, None if it is fixed."""
    import torch

    if smallest == largest:
        return None
    return ({0: torch.export.Dim("batch", min=smallest, max=largest)},) * count


def _calibrated(module: Any, inputs: Sequence[tuple[Any, ...]]) -> Any:
    """The module with ModelOpt's quantisers, ranges from `inputs`."""
    try:
        import modelopt.torch.quantization as quantization
    except ModuleNotFoundError as error:
        raise MissingExtraError("tensorrt", "quantising for TensorRT") from error

    def show(one: Any) -> None:
        for tensors in inputs:
            one(*tensors)

    return quantization.quantize(module, quantization.INT8_DEFAULT_CFG, forward_loop=show)


def _export_mode(precision: str) -> Any:
    """ModelOpt exports its quantisers as operators only inside its own context."""
    from contextlib import nullcontext

    if precision != "int8":
        return nullcontext()
    from modelopt.torch.quantization.utils import export_torch_mode

    return export_torch_mode()


def exported_operators(module: Any, example: tuple[Any, ...], dynamic: Any) -> set[str]:
    """Names of the operators in a module's graph, exported as one piece and lowered to the core operators, as TensorRT
    is given it: `aten.convolution`."""
    import torch

    program = torch.export.export(module, example, dynamic_shapes=dynamic, strict=True).run_decompositions()
    calls = (node.target for node in program.graph.nodes if node.op == "call_function")
    return {str(target).rsplit(".", 1)[0] for target in calls if str(target).startswith("aten.")}


def known_operators() -> dict[str, str]:
    """Operator -> how torch_tensorrt handles it, from `tensorrt_operators.toml`."""
    content = msgspec.toml.decode(OPERATORS_FILE.read_bytes())
    operators: dict[str, str] = {name: how for how, names in content["operators"].items() for name in names}
    return operators
