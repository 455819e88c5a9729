from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from lifter_files import write_lifter
from onnx import TensorProto, helper

from rtpose.errors import ConfigError, ModelError
from rtpose.networks.backends import load_backend
from rtpose.networks.backends.torch import TorchBackend
from rtpose.networks.options import LoadOptions
from rtpose.pose.lift.lifter import NetworkLifter


@pytest.fixture(scope="module")
def lifter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lifter(tmp_path_factory.mktemp("lifter") / "small.onnx", width=8)


def test_it_gives_what_openvino_gives(lifter: Path) -> None:
    points = np.random.default_rng(0).normal(size=(7, 34)).astype(np.float32)
    ours, other = (
        load_backend(lifter, LoadOptions(name)).run({"points": points})["depth"] for name in ("torch", "openvino")
    )
    np.testing.assert_allclose(ours, other, atol=1e-4)


def test_a_network_of_someone_else(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["points"], ["depth"])],
        "identity",
        [value("points", TensorProto.FLOAT, ["n", 34])],
        [value("depth", TensorProto.FLOAT, ["n", 34])],
    )
    path = tmp_path / "other.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    with pytest.raises(ModelError, match="does not name its architecture"):
        load_backend(path, LoadOptions("torch"))
    with pytest.raises(ModelError, match="lacks name, skeleton"):
        NetworkLifter(str(path))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"architecture": "not json {"}, "but not as JSON"),
        ({"architecture": {"network": "svmac", "joint_count": 17, "width": 16}}, "do not match its architecture"),
        ({"architecture": {"network": "magic"}}, "magic"),
    ],
)
def test_an_architecture_that_is_not_the_files(tmp_path: Path, facts: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        load_backend(write_lifter(tmp_path / "odd.onnx", width=8, **facts), LoadOptions("torch"))


def test_an_output_that_is_not_there(lifter: Path) -> None:
    with pytest.raises(ModelError, match=r"outputs depth, not colour"):
        load_backend(lifter, LoadOptions("torch", outputs=("colour",)))


def test_precision_and_device(lifter: Path) -> None:
    points = np.random.default_rng(0).normal(size=(7, 34)).astype(np.float32)
    whole, half = (
        load_backend(lifter, LoadOptions("torch", precision=p)).run({"points": points})["depth"]
        for p in ("fp32", "bf16")
    )
    assert half.dtype == np.float32
    assert 0 < np.abs(half - whole).mean() < 0.1 * whole.std()
    with pytest.raises(ConfigError, match="no device 'tpu'"):
        load_backend(lifter, LoadOptions("torch", device="tpu"))
    with pytest.raises(ConfigError, match="not int8"):
        load_backend(lifter, LoadOptions("torch", precision="int8"))
    with pytest.raises(ConfigError, match="no mode 'graphs'"):
        TorchBackend(lifter, mode="graphs")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="--device cpu"):
            load_backend(lifter, LoadOptions("torch", device="cuda"))
