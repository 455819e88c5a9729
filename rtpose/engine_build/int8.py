"""INT8 with NNCF: post-training quantisation of OpenVINO networks from recorded inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openvino import opset13
from openvino.passes import ConstantFolding, Manager

from rtpose.errors import MissingExtraError, ModelError

CONVOLUTIONS = ("Convolution", "GroupConvolution")
NO_WORK = ("Parameter", "Constant", "Result")
IN_BETWEEN = (*CONVOLUTIONS, "Add", "MaxPool")
"""The operations that NNCF quantises in picture networks."""


def quantise(
    network: Any,
    inputs: Sequence[Mapping[str, NDArray[np.float32]]],
    *,
    first: int = 0,
    small_px: int = 0,
    convolutions_only: bool = False,
) -> Any:
    """An `openvino.Model` with its convolutions and matrix products in int8, ranges from `inputs`.

    first: this many convolutions at the input stay in floating point. small_px: so do those on maps up to this side,
    which are cheap, and whose errors reach the joints undamped. convolutions_only: so does everything after the last
    convolution: a soft-argmax adds up thousands of values too small for 8 bits. The given model is changed, too.
    Errors: `MissingExtraError` without NNCF, `ModelError` if it cannot quantise this network.
    """
    try:
        import nncf
    except ModuleNotFoundError as error:
        raise MissingExtraError("int8", "quantising to int8") from error
    nncf.set_log_level(40)  # errors only: it warns about intended choices
    fold_weights(network)
    kept = kept_in_float(network, first, small_px, convolutions_only)
    try:
        return nncf.quantize(
            network,
            nncf.Dataset(list(inputs)),
            subset_size=len(inputs),
            ignored_scope=nncf.IgnoredScope(names=kept, validate=False) if kept else None,
        )
    except Exception as error:  # NNCF's and OpenVINO's own kinds
        raise ModelError(f"NNCF cannot quantise this network: {(str(error).splitlines() or [''])[-1]}") from error


def kept_in_float(network: Any, first: int, small_px: int, convolutions_only: bool) -> list[str]:
    """Names of the operations that `quantise` leaves alone. A recipe cannot list them: OpenVINO's TFLite reader numbers
    them differently each time."""
    names = []
    nodes = [node for node in network.get_ordered_ops() if node.get_type_name() not in NO_WORK]
    if convolutions_only:
        last = max((i for i, node in enumerate(nodes) if node.get_type_name() in CONVOLUTIONS), default=-1)
        nodes, behind = nodes[: last + 1], nodes[last + 1 :]
        names += [node.get_friendly_name() for node in behind]
    convolutions = 0
    for node in nodes:
        kind = node.get_type_name()
        convolutions += kind in CONVOLUTIONS
        if kind in IN_BETWEEN and node.get_output_partial_shape(0).rank.get_length() == 4:
            side = node.get_output_partial_shape(0)[2]  # height or width, whichever layout
            if convolutions <= first or (side.is_static and side.get_length() <= small_px):
                names.append(node.get_friendly_name())
    return names


def fold_weights(network: Any) -> None:
    """Replace weights that are stored as halves, or rearranged when read, by plain float32 constants, in place.

    TFLite's depthwise weights are transposed and reshaped in the graph. NNCF quantises a weight where it is stored;
    OpenVINO then runs the layer after such a reshape in float32, and NNCF's bias correction does not find it.
    """
    for node in network.get_ops():
        if node.get_type_name() == "Convert":
            stored = node.input_value(0).get_node()
            if stored.get_type_name() == "Constant" and stored.get_element_type().is_real():
                plain = opset13.constant(stored.get_data().astype(np.float32))
                node.output(0).replace(plain.output(0))
    manager = Manager()
    manager.register_pass(ConstantFolding())
    manager.run_passes(network)
