"""An engine of a small lifter, from its recipe to a run."""

import json
from pathlib import Path

import numpy as np
import pytest
from lifter_files import write_lifter

from rtpose.engine_build.build import build_engine
from rtpose.engine_build.int8 import fold_weights, kept_in_float
from rtpose.errors import ConfigError, ModelError
from rtpose.networks import engines as engine_files
from rtpose.networks.backends import load_backend
from rtpose.networks.backends import openvino as openvino_backend
from rtpose.networks.engines import choose_engine
from rtpose.networks.options import LoadOptions
from rtpose.networks.recipes import Calibration, Limits, Recipe
from rtpose.pose.lift.lifter import NetworkLifter

pytest.importorskip("nncf", reason="needs the extra int8")
pytestmark = pytest.mark.filterwarnings("ignore")  # NNCF's own


@pytest.fixture(autouse=True)
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(engine_files.ENGINES_DIR_VARIABLE, str(tmp_path / "engines"))
    return tmp_path / "engines"


@pytest.fixture
def lifter(tmp_path: Path) -> Path:
    return write_lifter(tmp_path / "svmac.onnx", width=8)


def _recipe(limit_mm: float) -> Recipe:
    return Recipe(
        network="svmac", backend="openvino", precision="int8",
        limits=Limits(joints_3d_mm=limit_mm, speedup=0), calibration=Calibration(sets=("motions",), count=20),
    )  # fmt: skip


@pytest.mark.slow
def test_an_accepted_engine_is_run_kept_and_replaced_when_stale(lifter: Path, engines: Path) -> None:
    said: list[str] = []
    built = build_engine(_recipe(1e4), source=lifter, threads=1, report=lambda step, done, total: said.append(step))
    assert (built.accepted, built.fresh) == (True, False)
    assert "calibration: the built-in motions" in said
    name = built.key.name
    assert {file.name for file in engines.iterdir()} == {f"{name}{s}" for s in (".xml", ".bin", ".json", ".log")}
    assert "accepted" in (engines / f"{name}.log").read_text(encoding="utf-8")
    report = json.loads((engines / f"{name}.json").read_text(encoding="utf-8"))
    assert report["interface"]["outputs"] == ["depth"]
    assert report["figures"]["joints_3d_mm"] > 0

    engine = load_backend(built.key.file, LoadOptions(precision="int8"))
    assert engine.metadata["skeleton"] == "h36m17"
    whole = load_backend(lifter)
    points = np.random.default_rng(0).normal(scale=0.1, size=(3, 34)).astype(np.float32)
    distance = np.abs(engine.run({"points": points})["depth"] - whole.run({"points": points})["depth"])
    assert 0 < distance.max() < 1
    assert choose_engine(lifter, LoadOptions(precision="int8")).file == built.key.file
    assert NetworkLifter(str(lifter), options=LoadOptions(precision="int8")).facts["name"] == "test"

    assert build_engine(_recipe(1e4), source=lifter, threads=1).fresh
    write_lifter(lifter, width=16)
    again = build_engine(_recipe(1e4), source=lifter, threads=1)
    assert not again.fresh
    assert not built.key.file.exists()
    assert choose_engine(lifter, LoadOptions(precision="int8")).file == again.key.file


def test_an_engine_that_is_too_far_off_is_refused(lifter: Path, engines: Path) -> None:
    built = build_engine(_recipe(1e-6), source=lifter, threads=1)
    assert not built.accepted
    assert "limit 1e-06" in built.reason
    assert {file.suffix for file in engines.iterdir()} == {".json", ".log"}
    assert choose_engine(lifter, LoadOptions(precision="int8")).precision == "fp32"
    assert build_engine(_recipe(1e-6), source=lifter, threads=1).fresh


def test_int8_of_a_file_that_is_not_quantised(lifter: Path) -> None:
    with pytest.raises(ModelError, match="not quantised"):
        load_backend(lifter, LoadOptions(precision="int8"))


def test_a_device_that_is_not_there() -> None:
    recipe = Recipe(network="svmac", backend="openvino", precision="int8", device="npu", limits=Limits(joints_3d_mm=1))
    if "npu" in openvino_backend.devices():
        pytest.skip("there is an NPU here")
    with pytest.raises(ConfigError, match="no NPU here"):
        build_engine(recipe)
    with pytest.raises(ConfigError, match="no device 'tpu'"):
        openvino_backend.check_device("tpu", "fp32")


def test_folding_changes_no_result(lifter: Path) -> None:
    import openvino as ov

    network = openvino_backend.read_network(lifter)
    points = np.random.default_rng(0).normal(scale=0.1, size=(2, 34)).astype(np.float32)
    before = ov.Core().compile_model(network, "CPU")({"points": points})["depth"]
    fold_weights(network)
    assert not any(node.get_type_name() == "Convert" for node in network.get_ops())
    np.testing.assert_allclose(ov.Core().compile_model(network, "CPU")({"points": points})["depth"], before, atol=1e-5)
    assert kept_in_float(network, 3, 8, False) == []  # no maps in a lifter


def test_what_stays_in_float() -> None:
    import openvino as ov
    from openvino import opset13 as op

    x = op.parameter([1, 3, 16, 16], np.float32, name="x")
    first = op.convolution(x, np.ones((4, 3, 1, 1), np.float32), [2, 2], [0, 0], [0, 0], [1, 1], name="first")  # 8 x 8
    second = op.convolution(first, np.ones((4, 4, 1, 1), np.float32), [1, 1], [0, 0], [0, 0], [1, 1], name="second")
    third = op.convolution(second, np.ones((4, 4, 1, 1), np.float32), [2, 2], [0, 0], [0, 0], [1, 1], name="third")
    shares = op.softmax(third, 1, name="shares")
    network = ov.Model([op.multiply(shares, np.float32(2), name="twice")], [x], "three")
    assert kept_in_float(network, 0, 0, False) == []
    assert kept_in_float(network, 1, 0, False) == ["first"]
    assert kept_in_float(network, 0, 4, False) == ["third"]
    assert kept_in_float(network, 1, 4, False) == ["first", "third"]
    assert kept_in_float(network, 1, 0, True) == ["shares", "twice", "first"]
