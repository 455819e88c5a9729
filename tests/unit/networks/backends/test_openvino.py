from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import ModelError
from rtpose.networks.backends import load_backend
from rtpose.networks.backends.openvino import OpenVinoBackend
from rtpose.networks.options import LoadOptions

onnx = pytest.importorskip("onnx", reason="writes its networks with onnx: pip install 'rtpose[train]'")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """x (N, 3) -> "double" = x + x, "plus" = x + y, with facts in its metadata."""
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT

    def value(name: str) -> object:
        return helper.make_tensor_value_info(name, float32, ["N", 3])

    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["double"]), helper.make_node("Add", ["x", "y"], ["plus"])],
        "sums",
        [value("x"), value("y")],
        [value("double"), value("plus")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(model, {"name": "sums", "input size": "N x 3"})
    path = tmp_path / "sums.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_runs_named_arrays(network: Path) -> None:
    backend = load_backend(network, LoadOptions(threads=1))
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    result = backend.run({"y": np.ones((2, 3), np.float32), "x": x})
    assert list(result) == ["double", "plus"]
    np.testing.assert_array_equal(result["double"], 2 * x)
    np.testing.assert_array_equal(result["plus"], x + 1)


def test_takes_strided_and_float64_input(network: Path) -> None:
    backend = OpenVinoBackend(network)
    x = np.arange(12.0).reshape(2, 6)[:, ::2]
    result = backend.run({"x": x, "y": np.zeros((2, 3))})
    np.testing.assert_array_equal(result["double"], (2 * x).astype(np.float32))


def test_results_belong_to_the_caller(network: Path) -> None:
    backend = OpenVinoBackend(network)
    zeros = np.zeros((1, 3), np.float32)
    first = backend.run({"x": zeros, "y": zeros})["plus"]
    first += 7  # writable
    second = backend.run({"x": zeros, "y": zeros})["plus"]
    np.testing.assert_array_equal(first, 7)
    np.testing.assert_array_equal(second, 0)


def test_computes_only_wanted_outputs_in_their_order(network: Path) -> None:
    both = OpenVinoBackend(network, LoadOptions(outputs=("plus", "double")))
    ones = np.ones((1, 3), np.float32)
    assert list(both.run({"x": ones, "y": ones})) == ["plus", "double"]
    one = OpenVinoBackend(network, LoadOptions(outputs=("double",)))
    assert list(one.run({"x": ones, "y": ones})) == ["double"]


def test_computes_in_float32_on_every_processor(network: Path) -> None:
    compiled = OpenVinoBackend(network)._request.get_compiled_model()
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"


def test_knows_shapes_and_facts(network: Path) -> None:
    backend = OpenVinoBackend(network, LoadOptions(outputs=("plus",)))
    assert backend.input_shapes == {"x": (-1, 3), "y": (-1, 3)}
    assert backend.metadata == {"name": "sums", "input size": "N x 3"}


def test_unknown_output_is_named(network: Path) -> None:
    with pytest.raises(ModelError, match=r"no output triple \(it has double, plus\)"):
        OpenVinoBackend(network, LoadOptions(outputs=("triple",)))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no network file"):
        OpenVinoBackend(tmp_path / "none.onnx")


def test_other_kind_of_file(tmp_path: Path) -> None:
    other = tmp_path / "weights.pt"
    other.write_bytes(b"x")
    with pytest.raises(ModelError, match=r"reads \.onnx and \.tflite"):
        OpenVinoBackend(other)


@pytest.mark.parametrize("name", ["damaged.onnx", "damaged.tflite"])
@pytest.mark.parametrize("content", [b"", b"not a network", bytes(4096)])
def test_damaged_file_is_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    damaged = tmp_path / name
    damaged.write_bytes(content)
    with pytest.raises(ModelError, match="damaged") as error:
        OpenVinoBackend(damaged)
    assert "\n" not in str(error.value)


def test_cut_off_file(network: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(network.read_bytes()[:40])
    with pytest.raises(ModelError, match="damaged"):
        OpenVinoBackend(cut)
