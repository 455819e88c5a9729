"""Operations and bytes, counted by hand for small networks."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from rtmpose_files import SIDE, write_finder

from rtpose.bench.report import MachineFigures
from rtpose.bench.roofline import Network, copy_gb_s, count_work, matrix_gflops, measure_network


def write_network(path: Path) -> Path:
    """(N, 1, 4, 6) -> a convolution to 3 channels -> one in 3 groups -> a transposed one -> "picture"; and "row", a
    matrix product of another input (N, 5)."""
    weights = {"w1": (3, 1, 3, 3), "w2": (3, 1, 1, 1), "w3": (3, 2, 2, 2), "w4": (5, 7)}
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "w2"], ["b"], group=3),
        helper.make_node("ConvTranspose", ["b", "w3"], ["picture"], strides=[2, 2]),
        helper.make_node("MatMul", ["v", "w4"], ["row"]),
    ]
    graph = helper.make_graph(
        nodes, "small",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 4, 6]),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, ["N", 5]),
        ],
        [
            helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["N", 2, 8, 12]),
            helper.make_tensor_value_info("row", TensorProto.FLOAT, ["N", 7]),
        ],
        [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


CONVOLUTIONS = 2 * (3 * 24 * 9 + 3 * 24 * 1 + 3 * 24 * (2 * 4))
PRODUCT = 2 * 5 * 7


def test_a_detector_whose_boxes_have_no_number_beforehand(tmp_path: Path) -> None:
    """No convolution in it; the picture counts, the boxes do not."""
    flop, moved = count_work(write_finder(tmp_path / "finder.onnx"), ["dets"])
    assert flop == 0
    assert moved >= 4 * 3 * SIDE * SIDE


def test_operations_and_bytes_by_hand(tmp_path: Path) -> None:
    flop, moved = count_work(write_network(tmp_path / "small.onnx"))
    assert flop == CONVOLUTIONS + PRODUCT
    assert moved == 4 * ((27 + 3 + 24 + 35) + (24 + 5) + (2 * 96 + 7))


def test_what_only_other_outputs_need_does_not_count(tmp_path: Path) -> None:
    file = write_network(tmp_path / "small.onnx")
    assert count_work(file, ["row"])[0] == PRODUCT
    assert count_work(file, ["picture"])[0] == CONVOLUTIONS


def test_a_network_beside_its_floor(tmp_path: Path) -> None:
    machine = MachineFigures("p", 2, "s", "3", 0.0, matrix_gflops=1e-3, copy_gb_s=1e-6)
    file = write_network(tmp_path / "small.onnx")
    found = measure_network(Network("small", file, None), machine, threads=1)
    flop, moved = CONVOLUTIONS + PRODUCT, 4 * (89 + 29 + 199)
    assert found.floor_ms == pytest.approx(1000 * moved / 1e3)  # 1e-6 GB/s are 1000 bytes a second
    assert found.floor_ms > 1000 * flop / 1e6
    assert found.matrix_share == pytest.approx(flop / (found.ms / 1000) / 1e6)
    assert (found.gflop, found.megabytes) == pytest.approx((flop / 1e9, moved / 1e6))


def test_the_machines_rates_are_of_a_possible_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a tenth and a million GFLOP/s and GB/s: units are right, nothing is timed."""
    monkeypatch.setattr("rtpose.bench.roofline.MATRIX_SIDE", 256)
    monkeypatch.setattr("rtpose.bench.roofline.COPY_BYTES", 2**22)
    monkeypatch.setattr("rtpose.bench.roofline.MEASURE_S", 0.01)
    assert 0.1 < matrix_gflops(threads=1) < 1e6
    assert 0.1 < copy_gb_s(1) < 1e6
